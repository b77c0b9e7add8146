// The pass of `npm test`: every seed that ever failed, then fresh ones for a few seconds. A failure prints the shortened history.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createStream } from './random.ts';
import { type RunOptions, runSeed } from './run.ts';
import { shrink } from './shrink.ts';
import { storyOf } from './story.ts';
import { Timeline } from './timeline.ts';

const freshMs = 12_000;
const kept = readFileSync(join(import.meta.dirname, 'seeds.txt'), 'utf8')
  .split('\n')
  .filter((line) => /^\d/.test(line))
  .map((line) => Number(line.split(/\s/)[0]));

async function complaintOf(options: RunOptions): Promise<string> {
  const result = await runSeed(options);
  if (!result.failure) return '';
  const shrunk = await shrink(options, { runsMax: 100, goesOn: () => true });
  return shrunk ? storyOf(shrunk).text : 'It failed, and then it did not.';
}

describe('no seed breaks a promise', () => {
  test.each(kept)('seed %i, which once did', { timeout: 60_000 }, async (seed) => {
    expect(await complaintOf({ seed })).toBe('');
  });

  // SIMULATOR_SEED=1234 begins there, and runs for a while instead of these few.
  const first = Number(process.env.SIMULATOR_SEED ?? 1);
  const seedsMax = process.env.SIMULATOR_SEED === undefined ? 12 : Number.POSITIVE_INFINITY;
  test(`seeds from ${first}`, { timeout: 90_000 }, async () => {
    const end = Date.now() + freshMs;
    for (let seed = first; seed < first + seedsMax && Date.now() < end; seed += 1)
      expect(await complaintOf({ seed })).toBe('');
  });

  test('a seed on SQLite', { timeout: 30_000 }, async () => {
    expect(await complaintOf({ seed: first, store: 'sqlite' })).toBe('');
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
