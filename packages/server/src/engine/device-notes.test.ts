// Notes of devices on the real store, in memory, with a timer that the test runs.

import { createHash } from 'node:crypto';
import { defaultLimits, type Timer } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Store, StoreError } from '../store/port.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createDeviceNotes } from './device-notes.ts';
import { testSchema } from './engine.fixture.ts';

const limits = { ...defaultLimits, readersPerScopeMax: 3 };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

let nowMs: number;
let store: Store;
let notes: ReturnType<typeof createDeviceNotes>;
let commits: number;
let fault: StoreError | undefined;
let failures: unknown[];
let due: { delayMs: number; run: () => void }[];

beforeEach(async () => {
  nowMs = 1_000;
  commits = 0;
  failures = [];
  fault = undefined;
  due = [];
  store = await openSqliteStore({
    ...{ file: null, life: { id: 'l1', startedAt: 0 }, schema: testSchema, limits, sha256 },
  });
  notes = create();
});
afterEach(async () => {
  await notes.stop();
  await store.close();
});

function create(): ReturnType<typeof createDeviceNotes> {
  const timer: Timer = {
    after(delayMs, run) {
      const one = { delayMs, run };
      due.push(one);
      return { cancel: () => (due = due.filter((other) => other !== one)) };
    },
  };
  return createDeviceNotes({
    store: {
      read: (work) => store.read(work),
      async commit(work) {
        commits += 1;
        if (fault) throw fault;
        return store.commit(work);
      },
    },
    timer,
    limits,
    nowMs: () => nowMs,
    failed: (error) => failures.push(error),
  });
}

const heartbeat = { protocol: 'terminal', scope: 'main', name: 'heartbeat' };
const put = (device: string, value: string | null) => notes.put({ ...heartbeat, device, value });
const list = async (from = notes) =>
  (await from.list({ protocol: 'terminal', scope: 'main' })).map(({ device, value, at }) => [
    device,
    value,
    at,
  ]);

test('what was put is read at once, and is durable a second later, in one commit', async () => {
  put('a', 'ONLINE');
  put('b', 'ONLINE');
  nowMs = 2_000;
  put('a', 'OFFLINE');
  expect(await list()).toEqual([
    ['a', 'OFFLINE', 2_000],
    ['b', 'ONLINE', 1_000],
  ]);
  expect([commits, due.map(({ delayMs }) => delayMs)]).toEqual([0, [1_000]]);
  due.shift()?.run();
  await notes.written();
  expect(commits).toBe(1);
  expect(await list(create())).toEqual(await list());
});

test('what was forgotten is gone, before it is written and after', async () => {
  put('a', 'ONLINE');
  await notes.written();
  nowMs = 2_000;
  put('a', null);
  expect(await list()).toEqual([]);
  await notes.written();
  expect(await list(create())).toEqual([]);
});

test('the newest stay', async () => {
  for (const device of ['a', 'b', 'c', 'd']) {
    nowMs += 1;
    put(device, 'ONLINE');
    await notes.written();
  }
  expect((await list()).map(([device]) => device)).toEqual(['b', 'c', 'd']);
});

test('what could not be written is read all the same, and written later; the later word stands', async () => {
  fault = new StoreError('full', 'No room.');
  put('a', 'ONLINE');
  await expect(notes.written()).rejects.toThrow('No room.');
  nowMs = 2_000;
  put('a', 'OFFLINE');
  due.shift()?.run();
  await notes.written().catch(() => undefined);
  expect(failures).toHaveLength(1);
  expect(await list()).toEqual([['a', 'OFFLINE', 2_000]]);
  fault = undefined;
  await notes.stop();
  expect(await list(create())).toEqual([['a', 'OFFLINE', 2_000]]);
});
