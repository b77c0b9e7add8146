// How many requests one peer may make in a second. Only the second that runs is counted, so that what is kept of peers does not grow.

import { type Clock, RequestError } from '@holdfast/core';

export interface Rates {
  /** Throws RequestError `too_many` for the first that is beyond the bound. */
  count(peer: string): void;
}

export function createRates(
  clock: Clock,
  { perSecondMax, field }: { perSecondMax: number; field: string },
): Rates {
  const counts = new Map<string, number>();
  let second = Number.NEGATIVE_INFINITY;
  return {
    count(peer) {
      const now = Math.floor(clock.monoMs() / 1_000);
      if (now !== second) counts.clear();
      second = now;
      const count = (counts.get(peer) ?? 0) + 1;
      counts.set(peer, count);
      if (count > perSecondMax) {
        const message = `More than ${perSecondMax} requests a second.`;
        throw new RequestError('too_many', { field, message, details: { retryAfter: 1 } });
      }
    },
  };
}
