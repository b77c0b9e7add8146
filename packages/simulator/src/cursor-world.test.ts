// Clients that page by a time miss nothing, whatever is pushed meanwhile and whatever the servers' clocks do.

import { expect, test } from 'vitest';
import { type CursorRun, runCursorWorld } from './cursor-world.fixture.ts';

const fixed = 60;
const fresh = 20;

test('no reader misses a change', async () => {
  const from = 1_000_000 + Math.floor(Math.random() * 1e9);
  const seeds = [...Array(fixed).keys(), ...Array.from({ length: fresh }, (_, nth) => from + nth)];
  const runs: CursorRun[] = [];
  for (const seed of seeds) runs.push(await runCursorWorld(seed));
  expect(runs.filter(({ missed }) => missed.length > 0)).toEqual([]);
  const total = (what: 'pushes' | 'pages' | 'cut'): number => runs.reduce((sum, run) => sum + run[what], 0);
  expect(total('pushes')).toBeGreaterThan(10_000);
  expect(total('cut')).toBeGreaterThan(2_000);
});

test('the same seed gives the same run', async () => {
  expect(await runCursorWorld(7)).toEqual(await runCursorWorld(7));
});
