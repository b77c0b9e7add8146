// What a page has and Node has not: IndexedDB, written in JavaScript, and news of the network.

import 'fake-indexeddb/auto';

export const page = new EventTarget();
let online = true;

Object.assign(globalThis, {
  addEventListener: page.addEventListener.bind(page),
  removeEventListener: page.removeEventListener.bind(page),
});
Object.defineProperty(navigator, 'onLine', { get: () => online });

export function setNetwork(there: boolean): void {
  online = there;
  page.dispatchEvent(new Event(there ? 'online' : 'offline'));
}
