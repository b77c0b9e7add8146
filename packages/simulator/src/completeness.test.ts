// When a run must have met everything, and what it has not.

import { expect, test } from 'vitest';
import { completenessOf } from './completeness.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import { noSeries } from './series.ts';

const coverage: Coverage[] = [
  { kind: 'delay', state: 'pull', struck: 3 },
  { kind: 'met', state: 'merged', struck: 0 },
];

test('a short run says what it has not met, a long one or one of which it is demanded must have met it', () => {
  const { seedsMin } = completenessOf(coverage, { seeds: 1, demanded: false });
  const unmet = [{ kind: 'met', state: 'merged' }];
  expect(completenessOf(coverage, { seeds: seedsMin - 1, demanded: false })).toEqual({
    unmet,
    seedsMin,
    required: false,
  });
  expect(completenessOf(coverage, { seeds: seedsMin, demanded: false }).required).toBe(true);
  expect(completenessOf(coverage, { seeds: 1, demanded: true })).toEqual({ unmet, seedsMin, required: true });
});

test('the more there is to meet, the longer a run must be', () => {
  const seedsMin = (pairs: readonly Coverage[]): number =>
    completenessOf(pairs, { seeds: 1, demanded: false }).seedsMin;
  expect(seedsMin(coverageOf(noSeries()))).toBeGreaterThan(seedsMin(coverage));
});
