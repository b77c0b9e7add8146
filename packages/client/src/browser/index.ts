// The public face of the replica in browsers.

export { browserClock, browserRandom, browserTimer } from '../clock.ts';
export { openIndexedDbStorage } from '../storage/indexeddb.ts';
export { type OpenOptions, openReplica } from './open.ts';
