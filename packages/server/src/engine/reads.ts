// How far devices have read, kept in memory until the next commit writes it along. Bookkeeping: losing a little of it to a
// crash shows a device as further behind than it is. A device that asks for a page while it stores the one before, and dies, is shown
// one page ahead until it comes again.

import type { ReadPosition } from '../store/port.ts';

// The native protocol reads all collections of a scope together.
const everyCollection = '*';

/** Seqs up to which a device was sent a scope, and with which it came back. */
export interface Reading {
  sent: number;
  confirmed: number;
}

export interface Reads {
  /** `as`: which of the device's ways of reading it is. */
  note(scope: string, device: string, position: Reading, as?: string): void;
  /** What was noted since the take before the last; zeros when nothing was. */
  get(scope: string, device: string, as: string): Reading;
  /** Hands over what was noted since the last call. */
  take(): readonly ReadPosition[];
  size(): number;
}

/** Keeps at most `readersMax` positions between two commits; more are dropped until then. */
export function createReads(readersMax: number): Reads {
  let noted = new Map<string, ReadPosition>();
  // Perhaps not durable yet, and so read by nobody.
  let taken: ReadonlyMap<string, ReadPosition> = new Map();
  return {
    note(scope, device, { sent, confirmed }, as = everyCollection) {
      // Who only writes has read nothing.
      if (sent === 0 && confirmed === 0) return;
      const key = JSON.stringify([scope, device, as]);
      const before = noted.get(key);
      if (!before && noted.size >= readersMax) return;
      noted.set(key, {
        scope,
        device,
        collection: as,
        sent: Math.max(sent, before?.sent ?? 0),
        confirmed: Math.max(confirmed, before?.confirmed ?? 0),
      });
    },
    take() {
      taken = noted;
      noted = new Map();
      return [...taken.values()];
    },
    get(scope, device, as) {
      const key = JSON.stringify([scope, device, as]);
      return furthest([noted.get(key), taken.get(key)]);
    },
    size: () => noted.size,
  };
}

/** Of several notes about one way of reading. */
export function furthest(readings: readonly (Reading | undefined)[]): Reading {
  return {
    sent: Math.max(0, ...readings.map((reading) => reading?.sent ?? 0)),
    confirmed: Math.max(0, ...readings.map((reading) => reading?.confirmed ?? 0)),
  };
}
