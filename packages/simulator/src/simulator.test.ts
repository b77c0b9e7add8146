// The pass of `npm test`: every seed that ever failed, then fresh ones, other ones each time. Their number bounds it, so that it also
// ends on a slow machine. A failure prints the shortened history and the command that plays it again.

import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { realMs } from './clock.ts';
import { createStream } from './random.ts';
import { type RunOptions, runSeed } from './run.ts';
import { shrink } from './shrink.ts';
import { commandOf, storyOf } from './story.ts';
import { Timeline } from './timeline.ts';

const freshCount = 32;
const sqliteCount = 2;
const kept = readFileSync(join(import.meta.dirname, 'seeds.txt'), 'utf8')
  .split('\n')
  .filter((line) => /^\d/.test(line))
  .map((line) => Number(line.split(/\s/)[0]));

const repeats = process.env.SIMULATOR_SEED;
const first = repeats === undefined ? randomInt(2 ** 31) : Number(repeats);
if (!(first >= 0 && first < 2 ** 32)) throw new Error(`SIMULATOR_SEED=${repeats} is no seed.`);
const seedsFrom = (count: number): number[] => Array.from({ length: count }, (_, n) => first + n);
process.stdout.write(
  `${freshCount} fresh seeds from ${first}. Again: SIMULATOR_SEED=${first} npx vitest run simulator/src/simulator.test.ts\n`,
);

// A busy machine takes its time, and a failure is shortened for a minute.
const slow = { timeout: 180_000 };
let isTold = false;

/** The first failure is told step by step, others by their invariant. */
async function complaintOf(options: RunOptions): Promise<string> {
  const { failure, ...run } = await runSeed(options);
  if (!failure) return '';
  const short = `${failure.invariant}: ${failure.message}\nAgain: ${commandOf(run)}`;
  if (isTold) return short;
  isTold = true;
  const endMs = realMs() + 60_000;
  const shrunk = await shrink(options, { runsMax: 1_000, goesOn: () => realMs() < endMs });
  return shrunk ? storyOf(shrunk).text : `${short}\nThe next time it did not fail.`;
}

describe('no seed breaks a promise', () => {
  test.each(kept)('seed %i, which once did', slow, async (seed) => {
    expect(await complaintOf({ seed })).toBe('');
  });

  test.each(seedsFrom(freshCount))('fresh seed %i', slow, async (seed) => {
    expect(await complaintOf({ seed })).toBe('');
  });

  test.each(seedsFrom(sqliteCount))('fresh seed %i on SQLite', slow, async (seed) => {
    expect(await complaintOf({ seed, store: 'sqlite' })).toBe('');
  });
});

describe('a seed is one history', () => {
  test('twice the same seed is twice the same, also with the portable drain', {
    timeout: 60_000,
  }, async () => {
    for (const seed of [1, 5, 11]) {
      const options = { seed, excerpt: { untilMs: 8_000 } };
      const [once, again, portable] = [
        await runSeed(options),
        await runSeed(options),
        await runSeed({ ...options, drain: 'portable' }),
      ];
      expect(again.hash).toBe(once.hash);
      expect(portable.hash).toBe(once.hash);
      expect(once.events).toBeGreaterThan(50);
    }
  });

  test('another seed is another history', async () => {
    const excerpt = { untilMs: 3_000 };
    const hashes = [await runSeed({ seed: 5, excerpt }), await runSeed({ seed: 6, excerpt })];
    expect(hashes[0]?.hash).not.toBe(hashes[1]?.hash);
  });
});

describe('streams', () => {
  test('labels are independent, and a label is one stream', () => {
    const draws = (label: string) => {
      const stream = createStream(7, label);
      return Array.from({ length: 5 }, () => stream.u32());
    };
    expect(draws('a')).toEqual(draws('a'));
    expect(draws('a')).not.toEqual(draws('b'));
  });
});

describe('the timeline', () => {
  test('runs events in the order of their times, and equal ones in a seeded order', () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const timeline = new Timeline(createStream(seed, 'ties'));
      const seen: string[] = [];
      for (const [at, name] of [
        [5, 'late'],
        [1, 'a'],
        [1, 'b'],
        [0, 'first'],
      ] as const)
        timeline.after(at, () => seen.push(name));
      timeline.after(2, () => seen.push('never')).cancel();
      while (timeline.step(4));
      expect(seen.at(0)).toBe('first');
      expect(seen).toHaveLength(3);
      while (timeline.step(10));
      expect(seen.at(-1)).toBe('late');
      orders.add(seen.join());
    }
    expect(orders.size).toBe(2);
  });
});
