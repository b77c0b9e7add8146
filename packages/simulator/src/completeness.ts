// Whether a run has met everything that it must have met. A pair of fault and state that no long run reaches was never checked.

import type { Coverage } from './coverage.ts';

/** Measured: the rarest pair of all is met in one of so many seeds. */
const rarestInSeeds = 150;
/** A run that is long enough misses a pair by bad luck no oftener than this. */
const missProbability = 1e-6;

export interface Completeness {
  /** Pairs that were never met. */
  unmet: readonly Pick<Coverage, 'kind' | 'state'>[];
  /** From so many seeds on, a pair that was not met fails the run. */
  seedsMin: number;
  /** Whether it must have met all. */
  required: boolean;
}

/**
 * A pair that one of r seeds meets is missed by n seeds with probability (1 - 1/r)^n, about e^(-n/r); any of k pairs by no more
 * than k times as much. `demanded`: the run must have met all, however short it is.
 */
export function completenessOf(
  coverage: readonly Coverage[],
  { seeds, demanded }: { seeds: number; demanded: boolean },
): Completeness {
  const unmet = coverage.filter(({ struck }) => struck === 0).map(({ kind, state }) => ({ kind, state }));
  const seedsMin = Math.ceil(rarestInSeeds * Math.log(Math.max(1, coverage.length) / missProbability));
  return { unmet, seedsMin, required: demanded || seeds >= seedsMin };
}
