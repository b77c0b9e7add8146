// Push, pull and full of crm: what a device has read decides what is a conflict, and the strategy who wins.

import type { JsonObject } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  all,
  at,
  Browser,
  customer,
  deletedCustomer,
  noon,
  said,
  startCrm,
  type TestCrm,
} from './crm.fixture.ts';

let crm: TestCrm;
let a: Browser;
let b: Browser;
beforeEach(async () => {
  crm = await startCrm();
  crm.clock.wall = noon + 3_600_000;
  [a, b] = [new Browser(crm, 'browser-a'), new Browser(crm, 'browser-b')];
});
afterEach(() => crm.stop());

test('what one device pushes, all others pull: as it was sent, with what the server knows of it', async () => {
  const ada = { ...customer('CUST_001', 0, { name: 'Ada', tags: ['vip'], id: 7 }), sync_status: 'UNSYNCED' };
  const answer = await a.pushAll({
    customers: [ada, { ...customer('CUST_002', 1, { name: 'Bob' }), last_synced_at: null }],
    orders: [{ order_id: 'O-1', customer_id: 'CUST_001', total: 12.5, updated_at: at(2) }],
  });
  expect(answer).toEqual({
    success: true,
    applied: [
      { entityType: 'customers', entityId: 1, action: 'CREATE', uniqueId: 'CUST_001' },
      { entityType: 'customers', entityId: 2, action: 'CREATE', uniqueId: 'CUST_002' },
      { entityType: 'orders', entityId: 3, action: 'CREATE', uniqueId: 'O-1' },
    ],
    conflicts: [],
    errors: [],
  });
  const synced = { sync_status: 'SYNCED', last_synced_at: expect.stringMatching(/^2026-11-22T13:00:00/) };
  const expected = {
    customers: [
      { customer_id: 'CUST_001', name: 'Ada', tags: ['vip'], id: 7, updated_at: at(0), ...synced },
      { customer_id: 'CUST_002', name: 'Bob', updated_at: at(1), ...synced },
    ],
    orders: [{ order_id: 'O-1', customer_id: 'CUST_001', total: 12.5, updated_at: at(2), ...synced }],
    payments: [],
    projects: [],
  };
  for (const reader of [b, a]) {
    const page = await reader.page();
    expect(page).toMatchObject({ changes: expected, conflicts: [], hasMore: false });
    expect(Object.keys(page.changes)).toEqual(['customers', 'orders', 'payments', 'projects']);
    expect(await reader.page()).toMatchObject({ timestamp: page.timestamp, changes: { customers: [] } });
  }
});

test('a device that read a record changes it without a conflict, whatever its clock says', async () => {
  await a.push([customer('c', 100, { name: 'Ada', city: 'Rome' })]);
  await b.pull();
  expect(said(await b.push([customer('c', 10, { name: 'Bea' })]))).toEqual({ c: 'UPDATE' });
  expect(await all(crm)).toEqual({ c: { name: 'Bea', city: 'Rome', updated_at: at(10) } });
});

test('a timestamp that comes along with a push says what was read', async () => {
  await a.push([customer('c', 0, { name: 'Ada' })]);
  const { timestamp } = await b.page();
  const push = { deviceId: 'browser-b', changes: { customers: [customer('c', 60, { name: 'Bea' })] } };
  const { body } = await crm.send('/api/sync/push', { ...push, lastSyncTimestamp: timestamp });
  expect(said(body)).toEqual({ c: 'UPDATE' });
});

describe('two devices change what neither has read of the other', () => {
  const base = { name: 'Ada', city: 'Rome', phone: '1' };
  const mine = { name: 'Bea', phone: '2' };
  const theirs = { name: 'Cleo', city: 'Oslo' };
  beforeEach(async () => {
    await a.push([customer('c', 0, base)]);
    await a.pull();
    await b.pull();
    await a.push([customer('c', 100, theirs)]);
  });

  const later = customer('c', 200, mine);
  const earlier = customer('c', 50, mine);
  const server = { ...base, ...theirs };
  test.each<[string, JsonObject, string, JsonObject]>([
    ['server_wins', later, 'server', { ...server, updated_at: at(100) }],
    ['client_wins', earlier, 'client', { ...server, ...mine, updated_at: at(50) }],
    ['newest_wins', later, 'client', { ...server, ...mine, updated_at: at(200) }],
    ['newest_wins', earlier, 'server', { ...server, updated_at: at(100) }],
    ['merge', later, 'merged', { ...server, ...mine, updated_at: at(200) }],
    ['merge', earlier, 'merged', { ...server, phone: '2', updated_at: at(100) }],
  ])('%s, %j: the %s', async (strategy, record, winner, stands) => {
    const answer = await b.push([record], strategy);
    expect(answer.conflicts).toEqual([
      {
        ...{ entityType: 'customers', entityId: 1, uniqueId: 'c', resolution: strategy, winner },
        serverVersion: { customer_id: 'c', ...server, updated_at: at(100), sync_status: 'SYNCED' },
        clientVersion: record,
        conflictId: 1,
      },
    ]);
    expect(answer).toMatchObject({ applied: [], errors: [] });
    expect(await all(crm)).toEqual({ c: stands });
    const [logged] = await crm.started.engine.inspect.conflicts('main', { max: 9 });
    expect(logged).toMatchObject({
      state: 'settled',
      policy: { newest_wins: 'newest', merge: 'merge', server_wins: 'server', client_wins: 'client' }[
        strategy
      ],
    });
    // What the strategy made of it comes back with the next page.
    await b.pull();
    expect(b.customers.get('c')).toEqual(stands);
  });

  test('without a strategy in the request that of the config counts', async () => {
    expect((await b.push([later])).conflicts).toMatchObject([
      { resolution: 'newest_wins', winner: 'client' },
    ]);
  });

  test.each([1, -1])('a second apart they are merged, and nobody is told of a conflict', async (seconds) => {
    const answer = await b.push([customer('c', 100 + seconds, mine)], 'server_wins');
    expect(answer).toMatchObject({ applied: [{ action: 'UPDATE', uniqueId: 'c' }], conflicts: [] });
    const name = seconds > 0 ? 'Bea' : 'Cleo';
    expect(await all(crm)).toEqual({
      c: { name, city: 'Oslo', phone: '2', updated_at: at(Math.max(100, 100 + seconds)) },
    });
    expect(await crm.started.engine.inspect.conflicts('main', { max: 9 })).toMatchObject([
      { policy: 'merge', state: 'settled' },
    ]);
    expect((await b.push([customer('c', 103, { phone: '3' })])).conflicts).toEqual([]);
  });

  test('a field to which both give one value is no conflict', async () => {
    expect(said(await b.push([customer('c', 300, theirs)], 'server_wins'))).toEqual({ c: 'UPDATE' });
    expect(await crm.started.engine.inspect.conflicts('main', { max: 9 })).toEqual([]);
  });

  test('what the device pushed before is its base until it reads further', async () => {
    await b.push([customer('c', 200, mine)]);
    expect(said(await b.push([customer('c', 300, { name: 'Dee' })]))).toEqual({ c: 'UPDATE' });
    await a.push([customer('c', 400, { city: 'Nice' })], 'merge');
    const answer = await b.push([customer('c', 390, { name: 'Eve' })], 'merge');
    expect(answer.conflicts).toMatchObject([{ winner: 'merged' }]);
    expect(await all(crm)).toMatchObject({ c: { name: 'Eve', city: 'Nice' } });
  });
});

test.each([
  ['server_wins', 0],
  ['newest_wins', 0],
  ['merge', 200],
])(
  'a delete wins under %s, and an older update does not bring the record back',
  async (strategy, seconds) => {
    await a.push([customer('c', 100, { name: 'Ada' })]);
    await a.pull();
    const answer = await b.push([deletedCustomer('c', seconds)], strategy);
    expect(answer.conflicts).toMatchObject([{ winner: 'client', serverVersion: { name: 'Ada' } }]);
    expect(said(await a.push([customer('c', seconds - 10, { name: 'Bea' })], strategy))).toEqual({
      c: 'server',
    });
    const page = await a.page();
    expect(page.changes.customers).toEqual([deletedCustomer('c', seconds)]);
    expect(await all(crm)).toEqual({});
  },
);

test('a delete is answered as one, also of what is gone or never was', async () => {
  await a.push([customer('c', 0, { name: 'Ada' })]);
  for (const id of ['c', 'none'])
    for (let n = 0; n < 3; n += 1)
      expect((await a.push([deletedCustomer(id, 10 + n)])).applied).toMatchObject([
        { action: 'DELETE', uniqueId: id },
      ]);
  expect(said(await b.push([customer('none', 5, { name: 'late' })]))).toEqual({ none: 'server' });
  expect(said(await b.push([customer('none', 500, { name: 'anew' })]))).toEqual({ none: 'CREATE' });
  expect(await all(crm)).toEqual({ none: { name: 'anew', updated_at: at(500) } });
});

describe('full', () => {
  test('is a push and then a page, on which what was just pushed does not come back', async () => {
    await a.push([customer('a1', 0, { name: 'Ada' })]);
    const first = await b.full([customer('b1', 1, { name: 'Bob' }), customer('b2', 2, { name: 'Bo' })]);
    expect(said(first.push)).toEqual({ b1: 'CREATE', b2: 'CREATE' });
    expect(first.pull.changes.customers).toMatchObject([{ customer_id: 'a1' }]);
    const parts = [
      customer('b1', 5, { city: 'Rome' }),
      deletedCustomer('b2', 6),
      customer('a1', 7, { name: 'A' }),
    ];
    const second = await b.full(parts);
    expect(said(second.push)).toEqual({ b1: 'UPDATE', b2: 'DELETE', a1: 'UPDATE' });
    expect(second.pull.changes.customers).toEqual([]);
    expect((await b.full()).pull.changes.customers).toEqual([]);
    expect(await all(crm)).toEqual({
      a1: { name: 'A', updated_at: at(7) },
      b1: { name: 'Bob', city: 'Rome', updated_at: at(5) },
    });
  });

  test('brings what a conflict changed, and what was merged without one', async () => {
    await a.push([customer('c', 0, { name: 'Ada' }), customer('d', 0, { name: 'Dan', city: 'Bonn' })]);
    const { push, pull } = await b.full([
      customer('c', 50, { name: 'Bea' }),
      customer('d', 1, { name: 'Dee' }),
    ]);
    expect([said(push), pull.changes.customers]).toMatchObject([
      { c: 'client', d: 'UPDATE' },
      [
        { customer_id: 'c', name: 'Bea' },
        { customer_id: 'd', name: 'Dee', city: 'Bonn' },
      ],
    ]);
  });

  test('brings the fields of others that the device never read, also of a record that it wrote last', async () => {
    await a.push([customer('c', 0, { name: 'Ada', city: 'Rome' })]);
    await b.push([customer('c', 50, { name: 'Bea' })]);
    await b.full([customer('c', 60, { name: 'Bo' })]);
    expect(b.customers.get('c')).toEqual({ name: 'Bo', city: 'Rome', updated_at: at(60) });
    const again = new Browser(crm, 'browser-c');
    await again.full([customer('c', 60, { name: 'Bo' })]);
    expect(again.customers.get('c')).toMatchObject({ city: 'Rome' });
  });

  test('without changes it is a page', async () => {
    await a.push([customer('c', 0)]);
    const { status, body } = await crm.send('/api/sync/full', { deviceId: 'browser-b' });
    expect([status, body.push.applied, body.pull.changes.customers.length]).toEqual([200, [], 1]);
  });
});

test('what a live record says of being deleted comes back with it, and is no change', async () => {
  await a.push([customer('c', 0, { name: 'Ada', deleted: 0 }), customer('d', 0, { name: 'Dan' })]);
  const other = [customer('c', 50, { name: 'Ada', deleted: false }), customer('d', 50, { deleted: false })];
  expect(said(await b.push(other, 'server_wins'))).toEqual({ c: 'UPDATE', d: 'UPDATE' });
  expect(await all(crm)).toMatchObject({ c: { name: 'Ada', deleted: false }, d: { deleted: false } });
});

test('one bad record does not stop the others, and its reason names the field', async () => {
  const answer = await a.push([
    customer('good', 0, { name: 'Ada' }),
    'no object',
    { name: 'no id', updated_at: at(0) },
    { customer_id: 7, updated_at: at(0) },
    { customer_id: 'x'.repeat(201), updated_at: at(0) },
    { customer_id: 'no time' },
    { customer_id: 'bad time', updated_at: 'yesterday' },
    { customer_id: 'bad flag', updated_at: at(0), deleted: 'yes' },
    customer('deep', 0, { note: JSON.parse('['.repeat(33) + ']'.repeat(33)) }),
    customer('also good', 0),
  ]);
  expect(answer.applied.map(({ uniqueId }) => uniqueId)).toEqual(['good', 'also good']);
  expect(answer.errors.map(({ uniqueId, error }) => [uniqueId.slice(0, 9), error.split(':')[0]])).toEqual([
    ['', 'A record is a JSON object.'],
    ['', 'customer_id'],
    ['7', 'customer_id'],
    ['xxxxxxxxx', 'customer_id'],
    ['no time', 'updated_at'],
    ['bad time', 'updated_at'],
    ['bad flag', 'deleted'],
    ['deep', expect.stringContaining('note')],
  ]);
  expect(Object.keys(await all(crm)).sort()).toEqual(['also good', 'good']);
});

test('what no store could hold refuses itself, and nothing beside it', async () => {
  const [good, late] = [JSON.stringify(customer('good', 0)), JSON.stringify(customer('late', 0))];
  const bad = ['{"customer_id":"n","n":1e400}', '{"customer_id":7,"__proto__":{}}', '{"x":"\\u0000"}'];
  for (const path of ['push', 'full']) {
    const text = `{"deviceId":"browser-a","changes":{"customers":[${[good, ...bad, late].join()}]}}`;
    const { body } = await crm.send(`/api/sync/${path}`, text);
    const { applied, errors } = path === 'full' ? body.push : body;
    expect(applied.map(({ uniqueId }: { uniqueId: string }) => uniqueId)).toEqual(['good', 'late']);
    expect(errors).toEqual([
      { entityType: 'customers', uniqueId: 'n', error: expect.stringMatching(/^n: /) },
      { entityType: 'customers', uniqueId: '7', error: expect.stringMatching(/^__proto__: /) },
      { entityType: 'customers', uniqueId: '', error: expect.stringMatching(/^x: /) },
    ]);
  }
});

test('times may be texts of any offset, or milliseconds; without an offset they are in UTC', async () => {
  const given = { iso: at(0), utc: '2026-11-22T12:00:00', ahead: '2026-11-22 14:00+02:00', number: noon };
  await a.push(Object.entries(given).map(([customer_id, updated_at]) => ({ customer_id, updated_at })));
  const { records } = await crm.started.engine.pull({ key: null, device: '', actor: '' }, 'main', {
    after: null,
  });
  expect(records.map(({ madeAt }) => madeAt)).toEqual([noon, noon, noon, noon]);
  expect(await all(crm)).toEqual(
    Object.fromEntries(Object.entries(given).map(([id, updated_at]) => [id, { updated_at }])),
  );
});

test('a thousand records are a request and a page; one more is refused, and nothing of it is taken', async () => {
  const some = (count: number) => Array.from({ length: count }, (_, n) => customer(`c${n}`, n));
  const orders = [{ order_id: 'o', updated_at: at(0) }];
  const { status, body } = await crm.send('/api/sync/push', {
    deviceId: 'browser-a',
    changes: { customers: some(1_000), orders },
  });
  const error = 'changes: A request has at most 1000 records, and this one has 1001.';
  expect({ status, body }).toMatchObject({ status: 413, body: { success: false, error } });
  expect(await all(crm)).toEqual({});
  expect((await a.push(some(1_000))).applied).toHaveLength(1_000);
  await a.pushAll({ orders });
  const page = await b.page();
  expect([page.changes.customers?.length, page.changes.orders?.length, page.hasMore]).toEqual([
    1_000,
    0,
    true,
  ]);
  const next = await b.page();
  expect([next.changes.customers?.length, next.changes.orders?.length, next.hasMore]).toEqual([0, 1, false]);
});

test('a clock that is far ahead wins no longer than the server’s own time', async () => {
  crm.clock.wall = noon;
  const far = { customer_id: 'c', name: 'Far', updated_at: '2099-01-01T00:00:00Z' };
  await a.push([far]);
  expect(await all(crm)).toEqual({ c: { name: 'Far', updated_at: far.updated_at } });
  crm.clock.wall = noon + 60_000;
  expect((await b.push([customer('c', 60, { name: 'Now' })])).conflicts).toMatchObject([
    { winner: 'client' },
  ]);
  expect(said(await a.push([far]))).toEqual({ c: 'CREATE' });
  expect(await all(crm)).toEqual({ c: { name: 'Now', updated_at: at(60) } });
});

test('a timestamp of another server, from before anything is stored here, loses nothing', async () => {
  b.timestamp = '2099-01-01T00:00:00Z';
  expect((await b.page()).timestamp).toBe('1970-01-01T00:00:00.000Z');
  b.timestamp = at(0);
  expect((await b.page()).timestamp).toBe(at(0));
  await a.push([customer('c', 0)]);
  expect(await b.pull()).toEqual(['c']);
  b.timestamp = '2099-01-01T00:00:00Z';
  await b.page();
  await a.push([customer('d', 0)]);
  expect(await b.pull()).toEqual(['d']);
});
