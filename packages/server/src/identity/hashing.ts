// A hash takes 19 MiB and a part of a second on purpose: only a few run at once, and of those that wait there is an end.

import { RequestError } from '@holdfast/core';

export interface HashingBounds {
  atOnceMax: number;
  waitingMax: number;
}

export const hashingBounds: HashingBounds = { atOnceMax: 2, waitingMax: 64 };

/** Runs work in its turn. Throws RequestError `overloaded` when too much waits. */
export type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>;

export function createTurns(bounds: HashingBounds = hashingBounds): InTurn {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running < bounds.atOnceMax) running += 1;
    else if (waiting.length < bounds.waitingMax) await new Promise<void>((go) => waiting.push(go));
    else throw new RequestError('overloaded', { message: 'Too many passwords wait to be checked.' });
    try {
      return await work();
    } finally {
      // Whoever is next takes the place as it is.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
