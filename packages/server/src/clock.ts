// The server's only place that reads time, draws random bytes or sets timers. Everything else takes them as arguments.

import { randomBytes } from 'node:crypto';
import type { Clock, Random, Timer } from '@holdfast/core';
import { v7 } from 'uuid';

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
};

export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  fraction: () => Math.random(),
};

// Node runs a timer with a longer delay at once.
const delayMsMax = 2 ** 31 - 1;

export const systemTimer: Timer = {
  after(delayMs, run) {
    let left = Math.max(0, delayMs);
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const step = Math.min(left, delayMsMax);
      left -= step;
      handle = setTimeout(() => (left > 0 ? arm() : run()), step);
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Looks again and again, as long as the process has something else to do. */
export function lookEvery(everyMs: number, look: () => void): void {
  setInterval(look, everyMs).unref();
}

/** Resolves at the end of this turn of the event loop: what has arrived together is then there together. */
export const systemTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A mutation's id: a UUID of version 7, lower case, ordered by the time at which it was made. */
export function createMutationId({ clock, random }: { clock: Clock; random: Random }): string {
  return v7({ msecs: Math.max(0, Math.trunc(clock.wallMs())), random: random.bytes(16) });
}
