// How often a wrong enrolment code may be tried: a few times a minute from one address, and not often in all. The bound over
// all addresses also bounds what is remembered.

import { type Clock, RequestError } from '@holdfast/core';

export interface GuessBounds {
  perAddressMax: number;
  inAllMax: number;
  windowMs: number;
}

export const guessBounds: GuessBounds = { perAddressMax: 5, inAllMax: 60, windowMs: 60_000 };

export interface Guesses {
  /**
   * Counts a try before its outcome is known, so that many at once do not slip by. Throws RequestError `too_many` when there
   * were enough. Call what it answers when the code was right or never looked at: then it was no guess.
   */
  begin(address: string): () => void;
}

export function createGuesses(clock: Pick<Clock, 'monoMs'>, bounds: GuessBounds = guessBounds): Guesses {
  let tries: { address: string; atMs: number }[] = [];
  return {
    begin(address) {
      const nowMs = clock.monoMs();
      tries = tries.filter(({ atMs }) => atMs > nowMs - bounds.windowMs);
      const own = tries.filter((other) => other.address === address);
      const full = own.length >= bounds.perAddressMax ? own : tries.length >= bounds.inAllMax ? tries : [];
      const oldest = full[0];
      if (oldest) {
        const retryAfter = Math.max(1, Math.ceil((oldest.atMs + bounds.windowMs - nowMs) / 1_000));
        throw new RequestError('too_many', {
          field: 'code',
          message: 'Too many wrong codes were tried.',
          details: { retryAfter },
        });
      }
      const one = { address, atMs: nowMs };
      tries.push(one);
      return () => {
        tries = tries.filter((other) => other !== one);
      };
    },
  };
}
