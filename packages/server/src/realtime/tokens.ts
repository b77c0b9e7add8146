// So many at once, and then so many a second.

export interface Tokens {
  /** Takes one; false when there is none. */
  take(nowMs: number): boolean;
  /** Seconds until one is there for the next who was refused, if all who were come back in their turn. */
  waitSeconds(): number;
}

const waitSecondsMax = 60;

export function createTokens(bounds: { perSecond: number; atOnce: number }): Tokens {
  let left = bounds.atOnce;
  let refused = 0;
  let lastMs: number | undefined;
  return {
    take(nowMs) {
      const grown = ((nowMs - (lastMs ?? nowMs)) / 1_000) * bounds.perSecond;
      lastMs = nowMs;
      left = Math.min(bounds.atOnce, left + grown);
      refused = Math.max(0, refused - grown);
      if (left >= 1) {
        left -= 1;
        return true;
      }
      refused += 1;
      return false;
    },
    waitSeconds: () => Math.min(waitSecondsMax, Math.ceil(refused / bounds.perSecond) || 1),
  };
}
