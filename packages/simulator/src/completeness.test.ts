// When a run must have met everything, and what it has not.

import { expect, test } from 'vitest';
import { completenessOf } from './completeness.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import { noSeries } from './series.ts';

const short = { seeds: 1, oneStore: false, demanded: false };
const coverage: Coverage[] = [
  { kind: 'delay', state: 'pull', struck: 3 },
  { kind: 'met', state: 'merged', struck: 0 },
];

test('a short run says what it has not met, a long one or one of which it is demanded must have met it', () => {
  const { seedsMin } = completenessOf(coverage, short);
  const unmet = [{ kind: 'met', state: 'merged' }];
  expect(completenessOf(coverage, { ...short, seeds: seedsMin - 1 })).toEqual({
    unmet,
    seedsMin,
    required: false,
  });
  expect(completenessOf(coverage, { ...short, seeds: seedsMin }).required).toBe(true);
  expect(completenessOf(coverage, { ...short, demanded: true })).toEqual({ unmet, seedsMin, required: true });
});

test('a run on one store need not meet what another store does', () => {
  const run = { ...short, seeds: 1_000_000, oneStore: true };
  expect(completenessOf(coverage, run).required).toBe(false);
  expect(completenessOf(coverage, { ...run, demanded: true }).required).toBe(true);
});

test('the more there is to meet, the longer a run must be', () => {
  const seedsMin = (pairs: readonly Coverage[]): number => completenessOf(pairs, short).seedsMin;
  expect(seedsMin(coverageOf(noSeries()))).toBeGreaterThan(seedsMin(coverage));
});
