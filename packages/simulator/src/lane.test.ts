// A process that dies or hangs is a failure of the seed that was under way, and the seeds behind it are run all the same.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { runLane } from './lane.ts';
import { addSeries, noSeries } from './series.ts';

const worker = new URL('./lane.fixture.ts', import.meta.url);

test('seeds that throw, hang or end their process are told, and the others run', {
  timeout: 60_000,
}, async () => {
  const total = noSeries();
  const cpuMs = await runLane(
    { first: 1, step: 1, count: 7, stopAtFailure: false },
    {
      worker,
      stop: new AbortController().signal,
      silenceMsMax: 3_000,
      ended: (result) => addSeries(total, result),
    },
  );
  expect(total.seeds).toBe(7);
  expect(cpuMs).toBe(40);
  expect(total.failures).toEqual([
    {
      seed: 2,
      atMs: 0,
      invariant: 'process',
      message: expect.stringContaining('exit code 1. Error: Planted.'),
    },
    { seed: 4, atMs: 0, invariant: 'ends', message: 'It was still at work after 3 s of real time.' },
    { seed: 6, atMs: 0, invariant: 'process', message: 'Its process ended with exit code 3.' },
  ]);
});

test('one that is to stop at a failure does', { timeout: 60_000 }, async () => {
  const total = noSeries();
  await runLane(
    { first: 1, step: 1, count: 7, stopAtFailure: true },
    { worker, stop: new AbortController().signal, ended: (result) => addSeries(total, result) },
  );
  expect(total.seeds).toBe(2);
});

test('one that is asked to stop begins nothing', { timeout: 60_000 }, async () => {
  const stop = AbortSignal.abort();
  const seen: number[] = [];
  const ended = ({ seeds }: { seeds: number }): void => void seen.push(seeds);
  expect(await runLane({ first: 1, step: 1, count: 7, stopAtFailure: false }, { worker, stop, ended })).toBe(
    0,
  );
  expect(seen).toEqual([]);
});

test('a process that cannot even begin is no failure of a seed', { timeout: 60_000 }, async () => {
  const missing = pathToFileURL(join(import.meta.dirname, 'nowhere.ts'));
  const options = { worker: missing, stop: new AbortController().signal, ended: () => undefined };
  await expect(runLane({ first: 1, step: 1, count: 1, stopAtFailure: false }, options)).rejects.toThrow(
    'did not begin',
  );
});
