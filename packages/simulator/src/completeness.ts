// Whether a run has met everything that it must have met. A pair of fault and state that no long run reaches was never checked.

import type { Coverage } from './coverage.ts';

/** The rarest pair of all is met in one of so many seeds: measured over 200 it was met once, which leaves room for chance. */
const rarestInSeeds = 400;
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

interface Run {
  seeds: number;
  /** All its seeds have one store, and so they need not meet what another does. */
  oneStore: boolean;
  /** It must have met all, however short it is. */
  demanded: boolean;
}

/**
 * A pair that one of r seeds meets is missed by n seeds with probability (1 - 1/r)^n, about e^(-n/r); any of k pairs by no more
 * than k times as much.
 */
export function completenessOf(
  coverage: readonly Coverage[],
  { seeds, oneStore, demanded }: Run,
): Completeness {
  const unmet = coverage.filter(({ struck }) => struck === 0).map(({ kind, state }) => ({ kind, state }));
  const seedsMin = Math.ceil(rarestInSeeds * Math.log(Math.max(1, coverage.length) / missProbability));
  return { unmet, seedsMin, required: demanded || (seeds >= seedsMin && !oneStore) };
}
