// The sync log on the real store, in memory, with a timer that the test runs.

import { createHash } from 'node:crypto';
import { defaultLimits, type Timer } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Store, StoreError } from '../store/port.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { testSchema } from './engine.fixture.ts';
import { createSyncLog, type SyncLog } from './sync-log.ts';

const limits = { ...defaultLimits, syncLogMax: 3 };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

let nowMs: number;
let store: Store;
let log: SyncLog;
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
  const timer: Timer = {
    after(delayMs, run) {
      const one = { delayMs, run };
      due.push(one);
      return { cancel: () => (due = due.filter((other) => other !== one)) };
    },
  };
  log = createSyncLog({
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
});
afterEach(async () => {
  await log.stop();
  await store.close();
});

const push = {
  protocol: 'hims',
  device: 'till',
  scope: 'main',
  kind: 'push',
  ok: true,
  facts: { inserted: 2 },
};
const kept = () => store.read((snapshot) => snapshot.syncs({ max: 9 }));
/** Runs the timers, and waits for what they began: the store takes one after the other. */
async function runDue(): Promise<void> {
  for (const { run } of due.splice(0)) run();
  await new Promise((resolve) => setImmediate(resolve));
}

test('what was noted is counted and listed, however little of it was written before', async () => {
  log.note(push);
  nowMs = 2_000;
  log.note({ ...push, kind: 'pull', ok: false });
  log.note({ ...push, protocol: 'pos' });
  expect(await kept()).toEqual([]);
  expect(await log.stats('hims')).toEqual({ total: 2, ok: 1, failed: 1, lastAt: 2_000 });
  expect(await log.stats('hims', ['push', 'none'])).toEqual({ total: 1, ok: 1, failed: 0, lastAt: 1_000 });
  expect(await log.stats('none')).toEqual({ total: 0, ok: 0, failed: 0, lastAt: null });
  nowMs = 3_000;
  log.note(push);
  expect(await log.list({ protocol: 'hims', max: 1 })).toMatchObject([{ ...push, at: 3_000 }]);
  expect(commits).toBe(2);
});

test('nobody waits for a write: one a second takes whatever was noted in it', async () => {
  for (let n = 0; n < 100; n += 1) log.note(push);
  expect(commits).toBe(0);
  expect(due.map(({ delayMs }) => delayMs)).toEqual([1_000]);
  await runDue();
  expect(commits).toBe(1);
  expect(due).toEqual([]);
  log.note(push);
  expect(due).toHaveLength(1);
  expect(await log.stats('hims')).toMatchObject({ total: 101 });
});

test('of many entries the newest stay, and every one is counted, also of a flood between two writes', async () => {
  for (let n = 0; n < 5_500; n += 1) log.note({ ...push, ok: n % 2 === 0, facts: { n } });
  expect(await log.stats('hims')).toEqual({ total: 5_500, ok: 2_750, failed: 2_750, lastAt: 1_000 });
  for (let n = 0; n < 2; n += 1) log.note({ ...push, facts: { late: n } });
  const entries = await log.list({ max: 9 });
  expect(entries.map(({ facts }) => facts)).toEqual([{ late: 1 }, { late: 0 }, { n: 4_999 }]);
  expect(await log.stats('hims')).toMatchObject({ total: 5_502 });
});

test('what a full disk did not take is counted once, when there is room again', async () => {
  fault = new StoreError('full', 'no room');
  log.note(push);
  await runDue();
  await expect(log.list({ max: 9 })).rejects.toBe(fault);
  expect(failures).toEqual([fault]);
  expect(due.map(({ delayMs }) => delayMs)).toEqual([30_000]);
  nowMs = 5_000;
  log.note({ ...push, ok: false });
  expect(due).toHaveLength(1);
  fault = undefined;
  expect(await log.stats('hims')).toEqual({ total: 2, ok: 1, failed: 1, lastAt: 5_000 });
  expect((await kept()).map(({ at }) => at)).toEqual([5_000, 1_000]);
});

test('the end writes what is left, and a failure does not hold it up', async () => {
  log.note(push);
  await log.stop();
  expect(due).toEqual([]);
  expect(await kept()).toHaveLength(1);
  fault = new StoreError('full', 'no room');
  log.note(push);
  await log.stop();
  expect(failures).toEqual([fault]);
});

test('what a peer named itself is kept short', async () => {
  log.note({ ...push, device: 'x'.repeat(9_999), scope: 'y'.repeat(9_999) });
  const [entry] = await log.list({ max: 1 });
  expect([entry?.device.length, entry?.scope.length]).toEqual([200, 200]);
});
