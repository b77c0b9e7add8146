// The command runs the simulator as a process of its own and says what came of it.

import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkplace, type Workplace } from './commands.fixture.ts';
import { runCommand } from './program.ts';
import { jsonOf, type Result, summaryOf } from './simulate-result.ts';

let place: Workplace;
beforeAll(async () => {
  place = await createWorkplace();
});
afterAll(() => place.close());

// A busy machine takes its time to start processes.
const slow = { timeout: 120_000 };

interface Told {
  operations: number;
  operationsByKind: Record<'made' | 'refused' | 'judged' | 'requests' | 'answers', number>;
  operationsPerMinute: number;
  operationsPerCpuMinute: number;
  coverage: readonly unknown[];
  unmet: readonly unknown[];
  story: { hash: string; steps: readonly string[]; flags: readonly string[]; command: string };
}

test('two seeds are run, and what came of them is said', slow, async () => {
  const args = ['simulate', '--seed', '2', '--seeds', '2', '--store', 'memory'];
  const answer = await place.json<Told>(args);
  expect(answer).toMatchObject({ firstSeed: 2, seeds: 2, failures: [], story: null, interrupted: false });
  expect(answer.operations).toBeGreaterThan(100);
  const kinds: Record<string, number> = answer.operationsByKind;
  expect(Object.values(kinds).reduce((sum, count) => sum + count, 0)).toBe(answer.operations);
  expect(answer.operationsPerMinute).toBeGreaterThan(0);
  expect(answer.operationsPerCpuMinute).toBeGreaterThan(0);
  expect(answer.coverage.length).toBeGreaterThan(50);
  expect(answer.unmet.length).toBeGreaterThan(0);
  expect(answer).toMatchObject({ unmetFails: false, unmetFailsFromSeeds: expect.any(Number) });
});

test('a run that must be complete fails when something was never met', slow, async () => {
  const { exit, out } = await place.run(['simulate', '--seeds', '1', '--complete']);
  expect(exit).toBe(1);
  expect(out).toContain('must have met every fault and state');
});

test('a part of a seed is told step by step, twice the same', slow, async () => {
  const part = [
    'simulate',
    '--seed',
    '2',
    '--until',
    '6000',
    '--devices',
    'd0',
    '--faults',
    'delay,duplicate',
  ];
  const { exit, out } = await place.run(part);
  expect(exit).toBe(0);
  expect(out).toContain('World: devices d0; ');
  expect(out).toContain('all is settled, and nothing is broken');
  const { story } = await place.json<Told>(part);
  expect(out).toContain(`Trace ${story.hash}.`);
  expect(out).toContain(story.steps.at(-1));
  expect(story.flags).toEqual(['--until', '6000', '--devices', 'd0', '--faults', 'delay,duplicate']);
  expect(story.command).toBe(
    'npx holdfast simulate --seed 2 --seeds 1 --until 6000 --devices d0 --faults delay,duplicate',
  );
});

test('Ctrl-C ends it with what it has done', slow, async () => {
  const interrupt = new AbortController();
  const [out, lines]: [string[], string[]] = [[], []];
  const exit = await runCommand(['simulate', '--minutes', '30'], {
    input: Readable.from([]),
    print: (text) => out.push(text),
    write: async (text) => void out.push(text),
    note: (line) => out.push(line),
    // The first seed is done.
    progress(line) {
      lines.push(line);
      interrupt.abort();
    },
    catchInterrupt: () => interrupt.signal,
    confirm: async () => true,
    asks: false,
    secret: async () => undefined,
    columns: undefined,
    cwd: place.folder,
  });
  expect(exit).toBe(130);
  expect(lines[0]).toMatch(/^1 seed, .* operations, 0 failures$/);
  expect(out.join('')).toContain('It was interrupted; this is what it had done.');
  expect(out.join('')).toMatch(/^seeds +[1-9]/);
});

test.each([
  [['--store', 'paper'], 'Say memory, sqlite or file.'],
  [['--minutes', '0'], 'Give a whole number from 1'],
  [['--acts', 'd0:1'], '--acts is about one seed.'],
  [['--seed', '2', '--seeds', '3', '--until', '5'], 'which is played once'],
  [['--seed', '2', '--faults', 'rain'], 'There is no fault “rain”.'],
  [['--seed', '2', '--devices', 'd9'], 'This seed has no device d9'],
])('%j is refused', slow, async (flags, message) => {
  const { exit, err } = await place.run(['simulate', ...flags]);
  expect(exit).toBe(2);
  expect(err).toContain(message);
});

describe('what is said', () => {
  const result: Result = {
    seeds: 4_000,
    operations: { made: 10, judged: 20 },
    cpuMs: 30_000,
    virtualMs: 3_600_000,
    struck: { 'delay pull': 3 },
    met: {},
    failures: [],
    coverage: [
      { kind: 'delay', state: 'pull', struck: 3 },
      { kind: 'met', state: 'merged', struck: 0 },
    ],
    completeness: { unmet: [{ kind: 'met', state: 'merged' }], seedsMin: 3_000, required: true },
    story: null,
    interrupted: false,
    failuresMax: null,
  };
  const run = { firstSeed: 1, ms: 60_000 };
  const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

  test('a long run names what it never met, and that it had to', () => {
    const text = plain(summaryOf(result, run));
    expect(text).toContain('never met     1 of 2: met (merged)');
    expect(text).toContain(
      'A run of 4 000 seeds must have met every fault and state: with --complete, or from 3 000 on.',
    );
    expect(jsonOf(result, run)).toMatchObject({
      unmet: [{ kind: 'met', state: 'merged' }],
      unmetFails: true,
    });
  });

  test('many failures: each with its seed and invariant; without a story, how to see the first', () => {
    const failures = [7, 9].map((seed) => ({ seed, invariant: 'process', message: 'Gone.', atMs: 0 }));
    const text = summaryOf({ ...result, failures, failuresMax: 2 }, { ...run, store: 'file' });
    expect(text).toContain('failures      7: process, 9: process');
    expect(text).toContain('It ended early, with 2 failures.');
    expect(text).toContain('Seed 7: Gone.\nAgain: npx holdfast simulate --seed 7 --seeds 1 --store file');
    expect(summaryOf({ ...result, interrupted: true }, run)).toContain('It was interrupted');
  });
});
