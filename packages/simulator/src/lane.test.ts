// A process that dies or hangs is a failure of the seed that was under way, and the seeds behind it are run all the same.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { runLane, runWorker } from './lane.ts';
import { addSeries, noSeries } from './series.ts';

const worker = new URL('./lane.fixture.ts', import.meta.url);
// A busy machine takes its time to start processes.
const slow = { timeout: 60_000 };

test('seeds that throw or end their process are told, and the others run', slow, async () => {
  const total = noSeries();
  const cpuMs = await runLane(
    { first: 1, step: 1, count: 5, stopAtFailure: false },
    { worker, stop: new AbortController().signal, ended: (result) => addSeries(total, result) },
  );
  expect(total.seeds).toBe(5);
  expect(cpuMs).toBe(30);
  expect(total.failures).toEqual([
    {
      seed: 2,
      atMs: 0,
      invariant: 'process',
      message: expect.stringContaining('exit code 1. Error: Planted.'),
    },
    { seed: 4, atMs: 0, invariant: 'process', message: 'Its process ended with exit code 3.' },
  ]);
});

test(
  'a failure is told whole, also when its words hold characters that end a line for some readers',
  slow,
  async () => {
    const total = noSeries();
    await runLane(
      { first: 8, step: 1, count: 1, stopAtFailure: false },
      { worker, stop: new AbortController().signal, ended: (result) => addSeries(total, result) },
    );
    expect(total.failures).toEqual([
      { seed: 8, atMs: 1, invariant: 'planted', message: 'a\u2028b\u2029c\nd' },
    ]);
  },
);

test('what a process says at last is heard, also when it is more than a pipe holds', slow, async () => {
  const total = noSeries();
  await runLane(
    { first: 10, step: 1, count: 1, stopAtFailure: false },
    { worker, stop: new AbortController().signal, ended: (result) => addSeries(total, result) },
  );
  expect(total.failures.map(({ message }) => message.length)).toEqual([3_000_000]);
});

test('a seed that says nothing for long is ended', slow, async () => {
  let expire: () => void = () => undefined;
  const timer = {
    after(_: number, run: () => void) {
      expire = run;
      return { cancel: () => undefined };
    },
  };
  const task = { type: 'series', first: 5, step: 1, count: 3, stopAtFailure: false } as const;
  const stop = new AbortController().signal;
  const outcome = await runWorker(task, { worker, stop, timer }, (message) => {
    if (message.type === 'begun' && message.seed === 6) expire();
  });
  expect(outcome).toEqual({
    seed: 6,
    end: { invariant: 'ends', message: 'It was still at work after 300 s of real time.' },
  });
});

test('one that is to stop at a failure does', slow, async () => {
  const total = noSeries();
  await runLane(
    { first: 1, step: 1, count: 7, stopAtFailure: true },
    { worker, stop: new AbortController().signal, ended: (result) => addSeries(total, result) },
  );
  expect(total.seeds).toBe(2);
});

test('one that is asked to stop begins nothing', slow, async () => {
  const stop = AbortSignal.abort();
  const seen: number[] = [];
  const ended = ({ seeds }: { seeds: number }): void => void seen.push(seeds);
  expect(await runLane({ first: 1, step: 1, count: 7, stopAtFailure: false }, { worker, stop, ended })).toBe(
    0,
  );
  expect(seen).toEqual([]);
});

test('a process that cannot even begin is no failure of a seed', slow, async () => {
  const missing = pathToFileURL(join(import.meta.dirname, 'nowhere.ts'));
  const options = { worker: missing, stop: new AbortController().signal, ended: () => undefined };
  await expect(runLane({ first: 1, step: 1, count: 1, stopAtFailure: false }, options)).rejects.toThrow(
    'did not begin',
  );
});
