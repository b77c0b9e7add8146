// A failure is shortened to the few steps that it needs, and what is told of it plays the very same steps again.

import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Checker, Watched } from './checker.ts';
import { type ExcerptFlags, readExcerpt } from './excerpt-flags.ts';
import { type RunResult, runSeed } from './run.ts';
import { type Shrunk, shrink } from './shrink.ts';
import { storyOf } from './story.ts';
import type { Failure } from './world.ts';

const seam = vi.hoisted(() => ({ breaks: true }));

/** Breaks when a note is written after a server failed once: one fault of its store and one act are enough. */
function artificial({ fail }: Watched): Checker {
  let failed = false;
  return {
    invariant: 'artificial',
    answered({ status }) {
      failed ||= status >= 500;
    },
    committed({ writes }) {
      if (failed && writes.records.some(({ collection }) => collection === 'notes'))
        fail('artificial', 'A note was written after a failure.');
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

/** The first that breaks it soon. */
let broken = 0;
beforeAll(async () => {
  for (let failure: Failure | undefined; failure?.invariant !== 'artificial'; ) {
    broken += 1;
    const excerpt = { untilMs: 7_000 };
    ({ failure } = await runSeed({ seed: broken, excerpt, actOneOnly: true }));
  }
}, 120_000);

async function shrunkIn(triesMax: number): Promise<Shrunk> {
  let tries = 0;
  const goesOn = (): boolean => {
    tries += 1;
    return tries <= triesMax;
  };
  const shrunk = await shrink({ seed: broken }, { runsMax: 2_000, goesOn });
  if (!shrunk) throw new Error('It does not fail.');
  return shrunk;
}

function sizeOf({ acts, strikes, profile }: RunResult): number {
  return acts.length + strikes.length + profile.devices.length + profile.servers;
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
    const shrunk = await shrunkIn(80);
    const { whole, result, excerpt } = shrunk;
    expect(result.failure?.invariant).toBe('artificial');
    // How little is left depends on the seed: strikes count what a device does, so that they need some acts to come in time.
    expect(sizeOf(result)).toBeLessThan(sizeOf(whole) / 2);
    expect(result.events).toBeLessThan(whole.events);
    const { command, hash, steps, text } = storyOf(shrunk);
    expect(steps.join('\n')).toMatch(/\[act d\d:\d+\]/);
    expect(steps.join('\n')).toMatch(/\[fault \w+:[\w.]+@[\d.+]+\]/);
    expect(text).toContain('BROKEN: artificial: A note was written after a failure.');
    expect(text).toContain(command);
    const again = await runSeed({
      seed: result.seed,
      excerpt: readExcerpt(flagsIn(command)),
      lines: Number.POSITIVE_INFINITY,
    });
    expect(again.hash).toBe(hash);
    expect(again.failure).toEqual(result.failure);
    expect(again.lines).toEqual(steps);
    expect(excerpt.untilMs).toBe(Math.floor(again.failure?.atMs ?? 0) + 1);
  });

  test('is told as far as it was shortened when the time is up', { timeout: 120_000 }, async () => {
    const { whole, result, finished } = await shrunkIn(0);
    expect(finished).toBe(false);
    expect(result.failure).toEqual(whole.failure);
    expect(result.hash).toBe(whole.hash);
  });
});

test('a seed that does not fail is no story', { timeout: 60_000 }, async () => {
  seam.breaks = false;
  expect(await shrink({ seed: 1 }, { runsMax: 9, goesOn: () => true })).toBeUndefined();
});
