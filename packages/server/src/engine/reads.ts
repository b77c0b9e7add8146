// How far devices have read, kept in memory until the next commit writes it along. Bookkeeping: losing a little of it to a
// crash shows a device as further behind than it is. A device that asks for a page while it stores the one before, and dies, is shown
// one page ahead until it comes again.

import type { ReadPosition } from '../store/port.ts';

// The native protocol reads all collections of a scope together.
const everyCollection = '*';

export interface Reads {
  note(scope: string, device: string, position: { sent: number; confirmed: number }): void;
  /** Hands over what was noted since the last call. */
  take(): readonly ReadPosition[];
  size(): number;
}

/** Keeps at most `readersMax` positions between two commits; more are dropped until then. */
export function createReads(readersMax: number): Reads {
  let noted = new Map<string, ReadPosition>();
  return {
    note(scope, device, { sent, confirmed }) {
      // Who only writes has read nothing.
      if (sent === 0) return;
      const key = JSON.stringify([scope, device]);
      const before = noted.get(key);
      if (!before && noted.size >= readersMax) return;
      noted.set(key, {
        scope,
        device,
        collection: everyCollection,
        sent: Math.max(sent, before?.sent ?? 0),
        confirmed: Math.max(confirmed, before?.confirmed ?? 0),
      });
    },
    take() {
      const taken = [...noted.values()];
      noted = new Map();
      return taken;
    },
    size: () => noted.size,
  };
}
