// The endpoints of pos from outside, one after the other, and the table by which they decide.

import { canonicalJson, type JsonObject } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../digest.ts';
import { statsAnswer } from './answers.ts';
import { order, said, startPos, type TestPos, Till, transaction } from './pos.fixture.ts';

let pos: TestPos;
let a: Till;
let b: Till;
beforeEach(async () => {
  pos = await startPos();
  [a, b] = [new Till(pos, 'till-a'), new Till(pos, 'till-b')];
});
afterEach(() => pos.stop());

const tea: JsonObject = { orderNumber: 'A-1', total: 10.5, items: [{ name: 'Tea', price: 10.5 }] };
const hash = (content: JsonObject) => sha256(canonicalJson(content));

test('a batch answers each item in order, with what is stored of it', async () => {
  const oil = { orderNumber: 'A-2', total: 4 };
  const paid = { referenceNumber: 'R-1', amount: 14.5 };
  const answer = await a.sync({
    orders: [order('o1', tea), order('o2', oil, { version: 3 })],
    transactions: [transaction('t1', paid)],
  });
  const syncedAt = expect.any(Number);
  const base = { success: true, serverHash: hash(tea), syncedAt };
  expect(answer.syncedOrders).toEqual([
    { ...base, localId: 'o1', serverId: 1, syncVersion: 1 },
    { ...base, localId: 'o2', serverId: 2, syncVersion: 3, serverHash: hash(oil) },
  ]);
  expect(answer.syncedTransactions).toEqual([
    { ...base, localId: 't1', serverId: 3, syncVersion: 1, serverHash: hash(paid) },
  ]);
  expect(answer.serverUpdates).toEqual({
    orders: [],
    transactions: [],
    deletedOrderIds: [],
    deletedTransactionIds: [],
  });
  expect(Number(answer.nextSyncToken)).toBe(answer.syncedTransactions[0]?.success ? pos.clock.wall + 2 : 0);
});

test('a device whose token lies ahead of an empty server misses nothing that comes', async () => {
  const since = pos.clock.wall + 60_000;
  const { body } = await pos.send(`/api/sync/updates?deviceId=till-b&since=${since}`);
  await a.push(order('o1', tea));
  const next = await pos.send(`/api/sync/updates?deviceId=till-b&since=${body.nextSyncToken}`);
  expect(next.body.orders).toMatchObject([{ localId: 'o1' }]);
  const early = await pos.send(`/api/sync/updates?deviceId=till-b&since=5`);
  expect(early.body.orders).toMatchObject([{ localId: 'o1' }]);
});

test('items that no store could hold refuse themselves alone', async () => {
  const good = JSON.stringify(order('o1', tea));
  const bad = ['{"localId":"o2","order":{"total":1e400}}', '{"localId":3,"order":{"prototype":1}}'];
  const text = `{"deviceId":"till-a","orders":[${[...bad, good].join()}],"transactions":[{"x":"\\ud800"}]}`;
  const { status, body } = await pos.send('/api/sync/batch', text);
  expect(status).toBe(200);
  const refused = (localId: string, message: RegExp) => ({
    ...{ success: false, localId, conflicts: [] },
    message: expect.stringMatching(message),
  });
  expect(body.syncedOrders).toEqual([
    refused('o2', /^order\.total: /),
    refused('3', /^order\.prototype: /),
    expect.objectContaining({ success: true, localId: 'o1' }),
  ]);
  expect(body.syncedTransactions).toEqual([refused('', /^x: /)]);
});

test('other devices get what was sent, in the envelope that it was sent in', async () => {
  const whole = { ...tea, id: 77, localId: 'o1', note: null };
  await a.sync({
    orders: [order('o1', whole, { version: 4, creator: 'maker' }), order('o2', {}), order('o3', {})],
    transactions: [transaction('t1', { amount: 1 }), transaction('t2', {})],
  });
  await a.sync({
    orders: [order('o2', {}, { version: 2, deleted: true })],
    transactions: [transaction('t2', {}, { version: 2, deleted: true })],
  });
  const updates = {
    orders: [
      {
        order: whole,
        localId: 'o1',
        syncStatus: 'SYNCED',
        syncVersion: 4,
        deviceId: 'maker',
        serverId: 1,
        serverHash: hash(whole),
      },
      expect.objectContaining({ localId: 'o3', deviceId: 'till-a' }),
    ],
    transactions: [expect.objectContaining({ localId: 't1', transaction: { amount: 1 } })],
    deletedOrderIds: ['o2'],
    deletedTransactionIds: ['t2'],
  };
  const { body } = await pos.send('/api/sync/updates?deviceId=till-b&since=0');
  expect(body).toEqual({ ...updates, nextSyncToken: expect.any(String), hasMore: false });
  const answer = await b.sync();
  expect(answer).toMatchObject({ serverUpdates: updates, nextSyncToken: body.nextSyncToken, hasMore: false });
  expect((await a.sync()).serverUpdates.orders).toEqual([]);
  expect((await b.sync()).serverUpdates.orders).toEqual([]);
});

describe('deciding', () => {
  const stored = { orderNumber: 'A-1', total: 1 };
  const other = { orderNumber: 'A-1', total: 2 };
  test.each<[string, JsonObject, string | number, JsonObject]>([
    ['the same content', order('o1', stored, { version: 2 }), 2, stored],
    ['the same content of an older version', order('o1', stored, { version: 1 }), 2, stored],
    ['the same content of a higher version', order('o1', stored, { version: 9 }), 9, stored],
    ['a higher version', order('o1', other, { version: 3 }), 3, other],
    ['the same version', order('o1', other, { version: 2 }), 'HASH_MISMATCH', stored],
    ['a lower version', order('o1', other, { version: 1 }), 'VERSION_MISMATCH', stored],
    [
      'a delete of a lower version',
      order('o1', other, { version: 1, deleted: true }),
      'VERSION_MISMATCH',
      stored,
    ],
    [
      'a delete of the same version',
      order('o1', other, { version: 2, deleted: true }),
      'HASH_MISMATCH',
      stored,
    ],
  ])('%s', async (_what, item, answer, stands) => {
    await a.push(order('o1', stored, { version: 2 }));
    const [result] = await a.push(item);
    expect(said(result)).toBe(answer);
    if (result && !result.success)
      expect(result.conflicts).toEqual([
        {
          type: answer,
          localId: 'o1',
          clientVersion: item.syncVersion,
          serverVersion: 2,
          serverData: stored,
          serverLocalId: 'o1',
          serverId: 1,
          serverHash: hash(stored),
        },
      ]);
    await b.sync();
    expect(b.orders.get('o1')).toEqual(stands);
  });

  test('who made a record is stored, and makes no other record of it', async () => {
    await a.push(order('o1', stored, { creator: 'maker' }));
    expect(said(await b.one(order('o1', stored)))).toBe(1);
    expect(said((await b.push(order('o1', stored, { version: 2, creator: 'thief' })))[0])).toBe(2);
    const { body } = await pos.send('/api/sync/updates?deviceId=till-c&since=0');
    expect(body.orders).toMatchObject([{ deviceId: 'maker', syncVersion: 2 }]);
    for (const name of ['pos:deviceId', 'pos:hash'])
      expect(said(await a.one(order('o2', { [name]: 'mine' })))).toBe(
        `order.${name}: Such a name is the server's own.`,
      );
  });

  test('a client that leaves out what is a default has made version 1, and is the maker', async () => {
    await pos.send('/api/sync/batch', { deviceId: 'till-a', orders: [{ localId: 'o1', order: stored }] });
    const again = { deviceId: 'till-a', orders: [{ localId: 'o1', order: other }] };
    const { body } = await pos.send('/api/sync/batch', again);
    expect(body.syncedOrders).toMatchObject([{ conflicts: [{ type: 'HASH_MISMATCH', clientVersion: 1 }] }]);
    expect((await b.sync()).serverUpdates.orders).toMatchObject([{ deviceId: 'till-a', syncVersion: 1 }]);
  });

  test('a version that is behind is told in the words that clients know', async () => {
    await a.push(order('o1', stored, { version: 2 }));
    expect(await a.one(order('o1', other, { version: 1 }))).toMatchObject({
      success: false,
      message: 'Conflict: server version is newer',
    });
  });

  test('a delete takes a record away, a second one is a success, and nothing brings it back', async () => {
    await a.push(order('o1', stored));
    const [gone] = await a.push(order('o1', {}, { version: 2, deleted: true }));
    expect(gone).toMatchObject({ success: true, syncVersion: 2, serverHash: '', serverId: 1 });
    expect(said(await b.one(order('o1', {}, { version: 7, deleted: true })))).toBe(2);
    const back = await b.one(order('o1', other, { version: 9 }));
    expect(back).toMatchObject({
      success: false,
      conflicts: [{ type: 'DELETED_ITEM', serverVersion: 2, serverData: {}, serverHash: '' }],
    });
    expect(said(await a.one(order('o9', {}, { deleted: true })))).toBe(1);
    expect(said(await a.one(order('o9', stored, { version: 2 })))).toBe('DELETED_ITEM');
  });

  test('a number that another record has is a conflict with both; the sale is kept in the quarantine', async () => {
    await a.push(order('o1', stored, { version: 5 }));
    const taken = order('o2', other, { version: 1 });
    for (let n = 0; n < 3; n += 1) {
      const { success, ...result } = await b.one(taken);
      expect({ success, ...result }).toMatchObject({
        success: false,
        conflicts: [
          {
            type: 'DUPLICATE_NUMBER',
            localId: 'o2',
            serverLocalId: 'o1',
            serverVersion: 5,
            serverData: stored,
          },
        ],
      });
    }
    const { engine } = pos.started;
    expect(await engine.inspect.quarantine({ scope: 'main', max: 9 })).toMatchObject([
      { device: 'till-b', code: 'unique_taken', payload: { changes: [{ id: 'o2', body: other }] } },
    ]);
    expect(await pos.send('/api/sync/stats')).toMatchObject({ body: { syncedOrders: 1, failedOrders: 1 } });
    await a.push(order('o1', { ...stored, orderNumber: 'A-9' }, { version: 6 }));
    expect(said(await b.one(taken))).toBe(1);
    expect(await pos.send('/api/sync/stats')).toMatchObject({ body: { syncedOrders: 2, failedOrders: 0 } });
  });

  test('numbers of orders and of transactions are apart, and who has none takes none', async () => {
    const { syncedOrders, syncedTransactions } = await a.sync({
      orders: [order('o1', { total: 1 }), order('o2', { total: 2, orderNumber: null })],
      transactions: [
        transaction('t1', { referenceNumber: 'A-1' }),
        transaction('t2', { referenceNumber: 'A-1' }),
        transaction('t3', {}),
        transaction('t4', {}),
      ],
    });
    expect(syncedOrders.map(said)).toEqual([1, 1]);
    expect(syncedTransactions.map(said)).toEqual([1, 'DUPLICATE_NUMBER', 1, 1]);
  });

  test('what another device has made of the same version is told as concurrent', async () => {
    await a.push(order('o1', stored));
    await b.sync();
    expect(said(await a.one(order('o1', { total: 2 }, { version: 2 })))).toBe(2);
    expect(said(await b.one(order('o1', { total: 3 }, { version: 2 })))).toBe('CONCURRENT_MODIFICATION');
    expect(said(await a.one(order('o1', { total: 4 }, { version: 2 })))).toBe('HASH_MISMATCH');
  });

  test('what overwrites a version that its device was not sent is logged with both', async () => {
    const logged = () => pos.started.engine.inspect.conflicts('main', { state: 'settled', max: 9 });
    await a.push(order('o1', stored));
    await b.sync();
    expect(said(await b.one(order('o1', other, { version: 2 })))).toBe(2);
    expect(await logged()).toEqual([]);
    expect(said(await a.one(order('o1', { total: 3 }, { version: 3 })))).toBe(3);
    expect(await logged()).toMatchObject([
      { device: 'till-a', server: other, changes: [{ body: { total: 3 } }] },
    ]);
  });
});

describe('one item alone', () => {
  test.each([
    ['order', order],
    ['transaction', transaction],
  ] as const)('%s', async (_kind, make) => {
    const first = await a.one(make('x1', { total: 1 }));
    expect(first).toEqual({
      success: true,
      localId: 'x1',
      serverId: 1,
      syncVersion: 1,
      serverHash: hash({ total: 1 }),
      syncedAt: pos.clock.wall,
    });
    expect(said(await b.one(make('x1', { total: 2 })))).toBe('CONCURRENT_MODIFICATION');
  });
});

test('stats count what is stored, and what was refused', async () => {
  const empty = {
    pendingOrders: 0,
    syncedOrders: 0,
    failedOrders: 0,
    pendingTransactions: 0,
    syncedTransactions: 0,
    failedTransactions: 0,
    lastSyncTimestamp: 0,
  };
  expect((await pos.send('/api/sync/stats')).body).toEqual(empty);
  const { nextSyncToken } = await a.sync({
    orders: [order('o1', {}), order('o2', {}), order('o2', {}, { version: 2, deleted: true })],
    transactions: [
      transaction('t1', { referenceNumber: 1 }),
      transaction('t2', { referenceNumber: 1 }),
      transaction('t3', { referenceNumber: 1 }),
    ],
  });
  const { body } = await pos.send('/api/sync/stats');
  expect(statsAnswer.strict().parse(body)).toEqual({
    ...empty,
    syncedOrders: 1,
    syncedTransactions: 1,
    failedTransactions: 2,
    lastSyncTimestamp: Number(nextSyncToken),
  });
});

test('/api-docs describes what is read and answered, an item of a batch as well', async () => {
  const { body } = await pos.send('/api-docs/json');
  const paths = ['batch', 'order', 'transaction', 'updates', 'stats'].map((name) => `/api/sync/${name}`);
  expect(Object.keys(body.paths)).toEqual(expect.arrayContaining(paths));
  const { requestBody, responses } = body.paths['/api/sync/batch'].post;
  const text = JSON.stringify(requestBody);
  for (const field of ['orders', 'lastSyncTimestamp', 'localId', 'syncVersion'])
    expect(text).toContain(field);
  expect(Object.keys(responses)).toEqual(['200', '4XX']);
});
