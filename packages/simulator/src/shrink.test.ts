// A failure is shortened to the few steps that it needs, and what is told of it plays the very same steps again.

import { describe, expect, test, vi } from 'vitest';
import type { Checker, Watched } from './checker.ts';
import { type ExcerptFlags, readExcerpt } from './excerpt-flags.ts';
import { runSeed } from './run.ts';
import { type Shrunk, shrink } from './shrink.ts';
import { storyOf } from './story.ts';

const seam = vi.hoisted(() => ({ breaks: true }));

/** Breaks when a note is written after some device has come back from a crash: one strike and one act are enough. */
function artificial({ fail }: Watched): Checker {
  const starts = new Map<string, number>();
  return {
    invariant: 'artificial',
    restarted: ({ name }) => void starts.set(name, (starts.get(name) ?? 0) + 1),
    committed({ writes }) {
      const crashed = [...starts.values()].some((count) => count > 1);
      if (crashed && writes.records.some(({ collection }) => collection === 'notes'))
        fail('artificial', 'A note was written after a crash.');
    },
  };
}

vi.mock('./checkers/create-checkers.ts', async (importOriginal) => {
  const { createCheckers } = await importOriginal<typeof import('./checkers/create-checkers.ts')>();
  return {
    createCheckers: (...args: Parameters<typeof createCheckers>) => [
      ...createCheckers(...args),
      ...(seam.breaks ? [artificial(args[0])] : []),
    ],
  };
});

/** The first seed that breaks it. */
async function found(runsMax: number): Promise<Shrunk> {
  for (let seed = 1; seed < 50; seed += 1) {
    let runs = 0;
    const goesOn = (): boolean => {
      runs += 1;
      return runs <= runsMax;
    };
    const shrunk = await shrink({ seed }, { runsMax: 500, goesOn });
    if (shrunk?.whole.failure?.invariant === 'artificial') return shrunk;
  }
  throw new Error('No seed broke it.');
}

/** What a shell would hand over. */
function flagsIn(command: string): ExcerptFlags {
  const words = command.split(' ');
  const pairs = words.flatMap((word, at) =>
    word.startsWith('--') ? [[word.slice(2), words[at + 1] ?? '']] : [],
  );
  const { until, servers, seed: _, seeds: __, ...rest } = Object.fromEntries(pairs);
  const numbers = {
    ...(until ? { until: Number(until) } : {}),
    ...(servers ? { servers: Number(servers) } : {}),
  };
  return { ...rest, ...numbers };
}

describe('a failing seed', () => {
  test('is shortened, and its command plays the same again', { timeout: 120_000 }, async () => {
    const shrunk = await found(500);
    const { whole, result, excerpt, finished } = shrunk;
    expect(finished).toBe(true);
    expect(result.failure?.invariant).toBe('artificial');
    expect(result.acts.length).toBeLessThanOrEqual(3);
    expect(result.strikes.length).toBeLessThanOrEqual(2);
    expect(result.profile.devices.length).toBeLessThanOrEqual(2);
    expect(result.profile.servers).toBe(1);
    expect(result.events).toBeLessThan(whole.events);
    const { command, hash, steps, text } = storyOf(shrunk);
    expect(steps.join('\n')).toMatch(/\[act d\d:\d+\]/);
    expect(steps.join('\n')).toMatch(/\[fault \w+:[\w.]+:\d+\]/);
    expect(text).toContain('BROKEN: artificial: A note was written after a crash.');
    expect(text).toContain(command);
    const again = await runSeed({
      seed: result.seed,
      excerpt: readExcerpt(flagsIn(command)),
      lines: Number.POSITIVE_INFINITY,
    });
    expect(again.hash).toBe(hash);
    expect(again.failure).toEqual(result.failure);
    expect(again.lines).toEqual(steps);
    expect(excerpt.untilMs).toBe(Math.ceil(again.failure?.atMs ?? 0));
  });

  test('is told as far as it was shortened when the time is up', { timeout: 120_000 }, async () => {
    const { whole, result, finished } = await found(1);
    expect(finished).toBe(false);
    expect(result.failure).toEqual(whole.failure);
    expect(result.hash).toBe(whole.hash);
  });
});

test('a seed that does not fail is no story', { timeout: 60_000 }, async () => {
  seam.breaks = false;
  expect(await shrink({ seed: 1 }, { runsMax: 9, goesOn: () => true })).toBeUndefined();
});
