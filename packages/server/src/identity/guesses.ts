// How often what is secret may be guessed: each try counts for whoever made it, at several bounds at once, such as its address and
// everybody together. The widest bound also bounds what is remembered.

import { type Clock, RequestError } from '@holdfast/core';

export interface GuessBounds {
  /** How many tries in the window, for each of the places in the keys of a try. */
  triesMax: readonly number[];
  windowMs: number;
  /** What a refusal says. */
  field: string;
  message: string;
}

export interface Guesses {
  /** Throws RequestError `too_many` when there were enough tries with one of these keys. */
  check(keys: readonly string[]): void;
  /**
   * The same, and counts a try before its outcome is known, so that many at once do not slip by. Call what it answers when the guess was
   * right or never looked at: then it was none.
   */
  begin(keys: readonly string[]): () => void;
}

interface Try {
  keys: readonly string[];
  atMs: number;
}

export function createGuesses(clock: Pick<Clock, 'monoMs'>, bounds: GuessBounds): Guesses {
  let tries: readonly Try[] = [];
  const check = (keys: readonly string[]): number => {
    const nowMs = clock.monoMs();
    tries = tries.filter(({ atMs }) => atMs > nowMs - bounds.windowMs);
    for (const [place, max] of bounds.triesMax.entries()) {
      const own = tries.filter((other) => other.keys[place] === keys[place]);
      const oldest = own.length >= max ? own[0] : undefined;
      if (!oldest) continue;
      const retryAfter = Math.max(1, Math.ceil((oldest.atMs + bounds.windowMs - nowMs) / 1_000));
      const { field, message } = bounds;
      throw new RequestError('too_many', { field, message, details: { retryAfter } });
    }
    return nowMs;
  };
  return {
    check: (keys) => void check(keys),
    begin(keys) {
      const one = { keys, atMs: check(keys) };
      tries = [...tries, one];
      return () => {
        tries = tries.filter((other) => other !== one);
      };
    },
  };
}
