// How a device stands.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { at, Browser, customer, deletedCustomer, noon, startCrm, type TestCrm } from './crm.fixture.ts';

let crm: TestCrm;
let a: Browser;
let b: Browser;
beforeEach(async () => {
  crm = await startCrm();
  [a, b] = [new Browser(crm, 'browser-a'), new Browser(crm, 'browser-b')];
});
afterEach(() => crm.stop());

test('a device that never came has pulled nothing', async () => {
  await a.push([customer('c', 0), customer('d', 0), deletedCustomer('e', 0)]);
  expect(await b.status()).toEqual({
    success: true,
    deviceId: 'browser-b',
    lastSync: null,
    pendingChanges: 3,
    conflicts: 0,
    totals: { customers: 2, orders: 0, payments: 0, projects: 0 },
    history: [],
  });
});

test('what others wrote is pending until it was pulled; what the device wrote itself is not', async () => {
  await a.push([customer('c', 0), customer('d', 0)]);
  await b.push([customer('e', 0)]);
  expect((await b.status()).pendingChanges).toBe(2);
  await b.page();
  expect((await b.status()).pendingChanges).toBe(0);
  await a.push([customer('c', 5, { name: 'Ada' }), deletedCustomer('d', 5)]);
  expect((await b.status()).pendingChanges).toBe(2);
  expect((await a.status()).pendingChanges).toBe(1);
});

test('of pages that were cut, those count that their timestamp came back for', async () => {
  await a.push(Array.from({ length: 1_000 }, (_, n) => customer(`c${n}`, 0)));
  await a.push([customer('d', 0)]);
  expect(await b.page()).toMatchObject({ hasMore: true });
  expect((await b.status()).pendingChanges).toBe(1_001);
  const half = b.timestamp;
  expect(await b.page()).toMatchObject({ hasMore: false });
  expect((await b.status()).pendingChanges).toBe(0);
  const other = new Browser(crm, 'browser-c');
  other.timestamp = half;
  await crm.send('/api/sync/push', { deviceId: 'browser-c', changes: {}, lastSyncTimestamp: half });
  expect((await other.status()).pendingChanges).toBe(1);
});

test('conflicts are those that the device ever had, its history holds its syncs, the newest first', async () => {
  crm.clock.wall = noon;
  await a.push([customer('c', 0, { name: 'Ada' }), customer('c2', 0, { name: 'Al' })]);
  const work = [
    () => b.push([customer('c', 100, { name: 'Bea' }), { customer_id: 'bad' }]),
    () => b.pull(),
    () => b.full([customer('d', 0), customer('c2', 50, { name: 'Bo' })]),
    () => b.resolve({ uniqueId: 'c', resolution: 'server_wins' }),
  ];
  for (const step of work) {
    crm.clock.wall += 10_000;
    await step();
  }
  crm.clock.wall += 10_000;
  await crm.send('/api/sync/push', { deviceId: 'browser-b', changes: [] });
  const { conflicts, lastSync, history } = await b.status();
  expect({ conflicts, lastSync }).toEqual({ conflicts: 1, lastSync: at(30) });
  const of = (seconds: number) => ({ startedAt: at(seconds), finishedAt: at(seconds) });
  const nothing = { pushed: 0, pulled: 0, conflicts: 0, errors: 0 };
  expect(history).toEqual([
    { ...of(50), kind: 'push', ...nothing, errors: 1 },
    { ...of(40), kind: 'resolve', ...nothing, conflicts: 1 },
    { ...of(30), kind: 'full', ...nothing, pushed: 2 },
    { ...of(20), kind: 'pull', ...nothing },
    { ...of(20), kind: 'pull', ...nothing, pulled: 2 },
    { ...of(10), kind: 'push', ...nothing, pushed: 1, conflicts: 1, errors: 1 },
  ]);
  expect((await a.status()).conflicts).toBe(0);
});

test('the last sync is found behind however many that failed', async () => {
  await b.pull();
  for (let n = 0; n < 45; n += 1) await crm.send('/api/sync/push', { deviceId: 'browser-b', changes: 5 });
  const { lastSync, history } = await b.status();
  expect([lastSync, history.length, history[19]?.errors]).toEqual([at(0), 20, 1]);
});

test('a name that no JSON could hold is no device', async () => {
  for (const name of ['%00', 'x'.repeat(201)])
    expect(await crm.send(`/api/sync/status/${name}`)).toMatchObject({
      status: 400,
      body: { success: false, details: [{ path: 'deviceId' }] },
    });
});
