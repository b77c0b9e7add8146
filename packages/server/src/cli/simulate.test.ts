// The command runs the simulator as a process of its own and says what came of it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorkplace, type Workplace } from './commands.fixture.ts';

let place: Workplace;
beforeAll(async () => {
  place = await createWorkplace();
});
afterAll(() => place.close());

test('two seeds are run, and what came of them is said', { timeout: 120_000 }, async () => {
  const answer = await place.json(['simulate', '--seed', '2', '--seeds', '2', '--store', 'memory']);
  expect(answer).toMatchObject({ firstSeed: 2, seeds: 2, failures: [] });
  expect(answer.operations).toBeGreaterThan(100);
  const { made, judged, requests, answers } = answer.operationsByKind;
  expect(made + judged + requests + answers).toBe(answer.operations);
  expect(answer.operationsPerMinute).toBeGreaterThan(0);
  expect(answer.operationsPerCpuMinute).toBeGreaterThan(0);
  expect(answer.coverage.length).toBeGreaterThan(50);
});

test('a store that is none is refused', async () => {
  const { exit, err } = await place.run(['simulate', '--store', 'paper']);
  expect(exit).toBe(2);
  expect(err).toContain('memory or sqlite');
});
