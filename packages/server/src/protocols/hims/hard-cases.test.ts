// What happens in the field: pages cut while others push, clocks that lie, answers that are lost, restarts in between.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addKey, createEnrolment, revokeDevice } from '../../identity/keys.ts';
import { at, item, noon, startHims, type TestHims } from './hims.fixture.ts';

let hims: TestHims;
beforeEach(async () => {
  hims = await startHims();
});
afterEach(() => hims.close());

const some = (name: string, count: number, more: JsonObject = {}): JsonObject[] =>
  Array.from({ length: count }, (_, n) => item(`${name}${n}`, n, more));

const names = (records: readonly JsonObject[]): string[] => records.map(({ uuid }) => String(uuid)).sort();

test('a page cut at its limit, while four others push, misses nothing', async () => {
  await hims.close();
  hims = await startHims({ maxSyncRecords: 7 });
  await hims.push('till-0', { stock_items: some('first', 7), purchases: [] });
  const seen = new Map<string, JsonObject>();
  let since: string | undefined;
  let round = 0;
  for (let more = true; more; round += 1) {
    const pushes =
      round < 6
        ? [1, 2, 3, 4].map((till) => {
            const table = till % 2 === 0 ? 'stock_items' : 'purchases';
            // Some change what is on a page already.
            const records = [...some(`r${round}t${till}n`, 3), item('first3', 100 * round + till)];
            return hims.push(`till-${till}`, { [table]: records });
          })
        : [];
    const [page] = await Promise.all([hims.pull('reader', since === undefined ? {} : { since }), ...pushes]);
    for (const record of Object.values(page.data).flat() as JsonObject[])
      seen.set(String(record.uuid), record);
    expect(page.totalRecords).toBeLessThanOrEqual(7);
    since = page.timestamp;
    more = page.hasMore === true || round < 6;
  }
  const all = (await hims.pullAll()).records;
  expect([...seen.keys()].sort()).toEqual([...new Set(names(all))]);
  expect(all.length).toBeGreaterThan(70);
});

test('a page of some tables goes on behind what it left out of others', async () => {
  await hims.close();
  hims = await startHims({ maxSyncRecords: 3 });
  for (let n = 0; n < 4; n += 1)
    await hims.push('till-1', { stock_items: [item(`s${n}`, n)], purchases: [item(`p${n}`, n)] });
  const found: JsonObject[] = [];
  let since: string | undefined;
  for (let more = true; more; ) {
    const page = await hims.pull('t', { tables: ['purchases'], ...(since ? { since } : {}) });
    found.push(...((page.data.purchases ?? []) as JsonObject[]));
    since = page.timestamp;
    more = page.hasMore === true;
  }
  expect(names(found)).toEqual(['p0', 'p1', 'p2', 'p3']);
  const [later] = [await hims.pull('t', { since: since ?? '' })];
  expect(later?.totalRecords).toBe(0);
});

test('of the limit exactly a page is whole; of one more it is cut', async () => {
  await hims.close();
  hims = await startHims({ maxSyncRecords: 5 });
  await hims.push('till-1', { stock_items: some('a', 5) });
  expect(await hims.pull('t')).not.toHaveProperty('hasMore');
  await hims.push('till-1', { stock_items: some('b', 1) });
  expect(await hims.pull('t')).toMatchObject({ hasMore: true, totalRecords: 5 });
});

test('a thousand changes in one millisecond are paged one by one', async () => {
  const whole = some('i', 1_000);
  for (let n = 0; n < 1_000; n += 200) await hims.push('till-1', { stock_items: whole.slice(n, n + 200) });
  const { records, since } = await hims.pullAll();
  expect(names(records)).toEqual(names(whole));
  expect((await hims.pullAll(since)).records).toEqual([]);
});

test('the server’s clock stepping back hides nothing', async () => {
  await hims.push('till-1', { stock_items: [item('a', 0)] });
  const { since } = await hims.pullAll();
  hims.clock.wall = noon - 3_600_000;
  await hims.push('till-1', { stock_items: [item('b', 0)] });
  const next = await hims.pullAll(since);
  expect(names(next.records)).toEqual(['b']);
  expect((await hims.pullAll(next.since)).records).toEqual([]);
});

test('a record pushed late, with yesterday’s time, reaches who pulled meanwhile', async () => {
  await hims.push('till-1', { stock_items: [item('a', 0)] });
  const { since } = await hims.pullAll();
  await hims.push('till-2', { stock_items: [item('late', -86_400_000)] });
  expect((await hims.pullAll(since)).records).toMatchObject([
    { uuid: 'late', last_modified: at(-86_400_000) },
  ]);
});

test('the same push ten times is one, and is answered as the first time, whatever others wrote since', async () => {
  await hims.push('till-1', { stock_items: [item('c', 50)] });
  const request = {
    stock_items: [item('a', 0), item('c', 40, { item_name: 'Old' }), { uuid: 'x' }],
    purchases: [{ uuid: 'p', last_modified: at(3), is_deleted: 1 }],
  };
  const first = await hims.push('till-2', request);
  expect(first.processed).toEqual({ inserted: 1, updated: 1, conflicts: 1, errors: 1 });
  await hims.push('till-3', { stock_items: [item('a', 100, { item_name: 'Newer' })] });
  const before = await hims.pullAll();
  for (let n = 0; n < 10; n += 1) {
    hims.clock.wall += 1_000;
    const again = await hims.push('till-2', request);
    expect(again).toEqual({ ...first, timestamp: at(1_000 * (n + 1)) });
  }
  expect((await hims.pullAll(before.since)).records).toEqual([]);
  expect(await hims.pullAll()).toEqual(before);
  expect(await hims.conflicts()).toHaveLength(1);
});

test('a device clock in 2099 counts as the arrival, does not win for ever, and a retry is a repeat', async () => {
  const ahead = '2099-06-01T00:00:00.000Z';
  const record = { uuid: 'a', item_name: 'Ahead', last_modified: ahead };
  await hims.push('till-1', { purchases: [record] });
  hims.clock.wall += 60_000;
  const retried = await hims.push('till-1', { purchases: [record] });
  expect(retried.processed).toMatchObject({ inserted: 1 });
  expect((await hims.pullAll()).records).toMatchObject([{ item_name: 'Ahead', last_modified: ahead }]);
  const later = await hims.push('till-2', {
    purchases: [{ ...record, item_name: 'Real', last_modified: at(30_000) }],
  });
  expect(later.processed).toMatchObject({ updated: 1 });
  await hims.push('till-1', { purchases: [record] });
  expect((await hims.pullAll()).records).toMatchObject([{ item_name: 'Real', last_modified: at(30_000) }]);
});

test('a clock that is a little ahead is believed', async () => {
  await hims.push('till-1', { purchases: [item('a', 299_000)] });
  const behind = await hims.push('till-2', { purchases: [item('a', 1_000, { item_name: 'Real' })] });
  expect(behind.processed).toMatchObject({ conflicts: 1 });
});

test('two devices that edit from one version: the later edit stays, the other is kept in the conflict', async () => {
  await hims.push('till-1', { stock_items: [item('a', 0)] });
  await hims.push('till-1', { stock_items: [item('a', 20, { item_name: 'One' })] });
  await hims.push('till-2', { stock_items: [item('a', 10, { item_name: 'Two' })] });
  expect((await hims.pullAll()).records).toMatchObject([{ item_name: 'One' }]);
  const [conflict] = await hims.conflicts();
  expect(JSON.parse(conflict?.device_payload ?? '')).toMatchObject({ item_name: 'Two' });
});

test('a push whose answer was lost is told again after a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-hims-'));
  try {
    const file = join(folder, 'hims_master.db');
    const request = { stock_items: [item('a', 0), item('b', 0)] };
    const first = await startHims({ file });
    await first.push('till-0', { stock_items: [item('b', 50)] });
    const answer = await first.push('till-1', request);
    const { since } = await first.pullAll();
    await first.close();
    const second = await startHims({ file });
    try {
      second.clock.wall = noon - 60_000;
      expect((await second.push('till-1', request)).processed).toEqual(answer.processed);
      expect((await second.pullAll(since)).records).toEqual([]);
      await second.push('till-2', { stock_items: [item('c', 0)] });
      expect(names((await second.pullAll(since)).records)).toEqual(['c']);
      expect(await second.conflicts('till-1')).toHaveLength(1);
      expect((await second.ask('GET', '/devices')).body.data).toHaveLength(3);
      expect((await second.ask('GET', '/stats')).body.data.sync.total_syncs).toBeGreaterThan(3);
    } finally {
      await second.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test.each([
  '__proto__',
  'constructor',
  "x'; DROP TABLE hf_records; --",
  '%00%27',
  '🧺',
  'a/b',
  ' ',
  '"',
  'x'.repeat(200),
])('the id %.40s is an id like any other', async (uuid) => {
  const record = item(uuid, 1);
  await hims.push(uuid === ' ' ? 'a b' : uuid, { stock_items: [record] });
  expect((await hims.pullAll()).records).toMatchObject([
    { uuid, source_device: uuid === ' ' ? 'a b' : uuid },
  ]);
  await hims.push('till-2', { stock_items: [item(uuid, 0)] });
  expect(await hims.conflicts('till-2')).toMatchObject([{ record_uuid: uuid }]);
  expect(({} as JsonObject).polluted).toBeUndefined();
});

test.each([
  ['NUL', 'a\0b'],
  ['half a pair', '\ud800'],
])('text with %s refuses its record, and in the envelope the whole', async (_what, bad) => {
  const push = (deviceUuid: string) =>
    hims.ask('POST', '/sync/push', { deviceUuid, data: { stock_items: [item(bad, 0)] } });
  expect(await push('t')).toMatchObject({ status: 200, body: { processed: { inserted: 0, errors: 1 } } });
  expect(await push(bad)).toMatchObject({ status: 400, body: { success: false } });
});

test('with keys nobody asks without one, and a key speaks for its own device and scope alone', async () => {
  await hims.close();
  hims = await startHims({ auth: 'keys' });
  const grants = (scope: string, right: 'read' | 'write' = 'write') => [{ scope, right }];
  const key = async (scope: string, right?: 'read' | 'write') =>
    (await addKey(hims.keys, { name: 'k', grants: grants(scope, right), actor: 'operator' })).text;
  const [writes, reads, elsewhere] = [await key('main'), await key('main', 'read'), await key('other')];
  const { code } = await createEnrolment(hims.keys, {
    name: 'till',
    grants: grants('main'),
    actor: 'operator',
  });
  const enrolled = await hims.identity.enrol({ code, device: 'till-1', name: 'Bar', address: '' });
  const push = { deviceUuid: 'till-1', data: { stock_items: [item('a', 0)] } };
  const status = async (method: 'GET' | 'POST', path: string, body?: unknown, text?: string) =>
    (await hims.ask(method, path, body, text)).status;

  expect(await status('GET', '/ping')).toBe(200);
  for (const path of ['/info', '/devices', '/devices/till-1', '/conflicts', '/conflicts/till-1', '/stats'])
    expect([
      path,
      await status('GET', path),
      await status('GET', path, undefined, 'nonsense'),
      await status('GET', path, undefined, reads),
    ]).toEqual([path, 401, 401, 200]);
  for (const path of ['/info', '/devices', '/devices/till-1', '/conflicts', '/conflicts/till-1', '/stats'])
    expect([path, await status('GET', path, undefined, elsewhere)]).toEqual([path, 403]);

  expect(await status('POST', '/sync/push', push)).toBe(401);
  // The device has a key of its own: no other speaks for it.
  expect(await status('POST', '/sync/push', push, writes)).toBe(403);
  expect(await status('POST', '/sync/push', push, enrolled.key)).toBe(200);
  expect(await status('POST', '/sync/push', { ...push, deviceUuid: 'till-2' }, enrolled.key)).toBe(403);
  expect(await status('POST', '/sync/push', { ...push, deviceUuid: 'till-2' }, writes)).toBe(200);
  expect(await status('POST', '/sync/push', { ...push, deviceUuid: 'till-3' }, reads)).toBe(403);
  expect(await status('POST', '/sync/push', { ...push, deviceUuid: 'till-3' }, elsewhere)).toBe(403);
  expect(await status('POST', '/sync/pull', { deviceUuid: 'till-3' }, elsewhere)).toBe(403);
  expect(await status('POST', '/sync/pull', { deviceUuid: 'till-3' }, reads)).toBe(200);
  expect(await status('POST', '/devices/register', { uuid: 'till-1', name: 'x' }, writes)).toBe(403);
  expect(await status('POST', '/devices/register', { uuid: 'till-4', name: 'x' }, elsewhere)).toBe(403);
  expect(await status('POST', '/devices/register', { uuid: 'till-4', name: 'x' }, enrolled.key)).toBe(403);
  expect(await status('POST', '/devices/register', { uuid: 'till-1', name: 'x' }, enrolled.key)).toBe(200);

  await hims.ask(
    'POST',
    '/sync/push',
    { deviceUuid: 'till-2', data: { stock_items: [item('a', -5)] } },
    writes,
  );
  const resolution = { resolution: 'use_server' };
  expect(await status('POST', '/conflicts/1/resolve', resolution)).toBe(401);
  expect(await status('POST', '/conflicts/1/resolve', resolution, elsewhere)).toBe(403);
  expect(await status('POST', '/conflicts/1/resolve', resolution, reads)).toBe(404);
  expect(await status('POST', '/conflicts/1/resolve', resolution, enrolled.key)).toBe(200);

  const { data } = (await hims.ask('GET', '/stats', undefined, reads)).body;
  expect(data.sync).toMatchObject({ failed_syncs: 0 });
});

test('a revoked device is refused, and shown as not active', async () => {
  await hims.push('till-1', { stock_items: [item('a', 0)] });
  await revokeDevice(hims.keys, { device: 'till-1', actor: 'operator' });
  const push = { deviceUuid: 'till-1', data: { stock_items: [item('b', 0)] } };
  expect(await hims.ask('POST', '/sync/push', push)).toMatchObject({ status: 403, body: { success: false } });
  expect(await hims.ask('POST', '/sync/pull', { deviceUuid: 'till-1' })).toMatchObject({ status: 403 });
  expect(await hims.ask('POST', '/devices/register', { uuid: 'till-1', name: 'x' })).toMatchObject({
    status: 403,
  });
  expect((await hims.ask('GET', '/devices/till-1')).body.data).toMatchObject({ is_active: 0 });
  expect((await hims.ask('GET', '/devices')).body.data).toEqual([]);
});
