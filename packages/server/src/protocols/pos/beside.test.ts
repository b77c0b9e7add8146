// pos beside others on the same records: the native protocol, other mounts, and plain SQL.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { canonicalJson, defineSchema, type JsonObject } from '@holdfast/core';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { sha256 } from '../../digest.ts';
import { order, said, startPos, type TestPos, Till, transaction } from './pos.fixture.ts';

let pos: TestPos | undefined;
afterEach(async () => {
  await pos?.stop();
  pos = undefined;
});

let ids = 0;

/** What a native replica changes, and then reads. */
async function exchange(server: TestPos, changes: readonly JsonObject[] = []) {
  ids += 1;
  const made = { wall: server.clock.wall, mono: 1, session: 's', offset: 0, seen: 0 };
  const id = `018f0000-0000-7000-8000-${String(ids).padStart(12, '0')}`;
  const { status, body } = await server.send('/v1/exchange', {
    protocol: 'holdfast/1',
    device: 'office',
    replica: 'office-1',
    scope: 'main',
    checkpoint: null,
    schema: 1,
    clock: { wall: server.clock.wall, mono: 2, session: 's' },
    verdictsSeen: 0,
    seqSeen: 0,
    ...(changes.length === 0 ? {} : { batch: { n: ids, mutations: [{ id, schema: 1, made, changes }] } }),
  });
  expect(status).toBe(200);
  return body;
}

test('what a native replica writes, tills get with every field; what tills write, it gets', async () => {
  pos = await startPos();
  const till = new Till(pos, 'till-a');
  const put = { type: 'put', collection: 'orders', id: 'n1', body: { orderNumber: 'N-1', total: 3 } };
  await exchange(pos, [put]);
  const { body } = await pos.send('/api/sync/updates?deviceId=till-a&since=0');
  expect(body.orders).toEqual([
    {
      order: { orderNumber: 'N-1', total: 3 },
      localId: 'n1',
      syncStatus: 'SYNCED',
      syncVersion: 1,
      deviceId: 'office-1',
      serverId: 1,
      serverHash: sha256(canonicalJson({ orderNumber: 'N-1', total: 3 })),
    },
  ]);
  expect(said(await till.one(order('n1', { orderNumber: 'N-1', total: 4, id: 9 }, { version: 2 })))).toBe(2);
  const { records } = await exchange(pos);
  expect(records).toMatchObject([{ id: 'n1', version: 2, body: { orderNumber: 'N-1', total: 4 } }]);
  await exchange(pos, [{ type: 'patch', collection: 'orders', id: 'n1', base: 2, set: { total: 5 } }]);
  await till.pages();
  expect(till.orders.get('n1')).toEqual({ orderNumber: 'N-1', total: 5, id: 9 });
  // The other protocol has made a version, too.
  expect(said(await till.one(order('n1', { total: 6 }, { version: 3 })))).toBe('CONCURRENT_MODIFICATION');
  expect(said(await till.one(order('n1', { total: 6 }, { version: 4 })))).toBe(4);
  await exchange(pos, [{ type: 'delete', collection: 'orders', id: 'n1', base: 4 }]);
  await till.pages();
  expect(till.orders.size).toBe(0);
});

test('what clients of hims write, tills get and change, and the other way round', async () => {
  const orders = { kind: 'request', fields: z.looseObject({}), policy: 'newest' } as const;
  pos = await startPos({
    schema: defineSchema({ version: 1, collections: { orders } }),
    views: [],
    protocols: { pos: '', hims: { prefix: '/hims', collections: { orders: 'orders' } } },
  });
  const till = new Till(pos, 'till-a');
  const push = async (fields: JsonObject) => {
    const last_modified = new Date(pos?.clock.wall ?? 0).toISOString();
    const orders = [{ uuid: 'o1', last_modified, ...fields }];
    return (await pos?.send('/hims/sync/push', { deviceUuid: 'tablet', data: { orders } }))?.body.processed;
  };
  const pulled = async () =>
    (await pos?.send('/hims/sync/pull', { deviceUuid: 'tablet', since: '1970-01-01T00:00:00Z' }))?.body.data
      .orders[0];
  expect(await push({ orderNumber: 'H-1', total: 1, id: 4 })).toMatchObject({ inserted: 1 });
  const { body } = await pos.send('/api/sync/updates?deviceId=till-a&since=0');
  expect(body.orders).toMatchObject([
    { localId: 'o1', syncVersion: 1, deviceId: 'tablet', order: { id: 4 } },
  ]);
  expect(body.orders[0].serverHash).toBe(sha256(canonicalJson(body.orders[0].order)));
  await till.pages();
  pos.clock.wall += 1_000;
  expect(said(await till.one(order('o1', { ...till.orders.get('o1'), total: 2 }, { version: 2 })))).toBe(2);
  expect(await pulled()).toMatchObject({ uuid: 'o1', total: 2, id: 4, source_device: 'till-a' });
  pos.clock.wall += 1_000;
  expect(await push({ total: 3 })).toMatchObject({ updated: 1 });
  await till.pages();
  expect(till.orders.get('o1')).toMatchObject({ orderNumber: 'H-1', total: 3, id: 4 });
  expect(said(await till.one(order('o1', {}, { version: 4, deleted: true })))).toBe(4);
  expect(await pulled()).toMatchObject({ uuid: 'o1', is_deleted: 1 });
});

test('a conflict that an operator decides otherwise reaches every till', async () => {
  pos = await startPos();
  const [a, b] = [new Till(pos, 'till-a'), new Till(pos, 'till-b')];
  await a.push(order('o1', { total: 1 }));
  await b.push(order('o1', { total: 2 }));
  const { engine } = pos.started;
  const [conflict] = await engine.inspect.conflicts('main', { max: 1 });
  const seen = { seenVersion: 1, seenOpen: false };
  const operator = { key: null, device: '', actor: 'operator' };
  await engine.resolve(operator, 'main', conflict?.id ?? 0, seen, { type: 'undo' });
  await Promise.all([a.pages(), b.pages()]);
  expect(a.orders.get('o1')).toEqual({ total: 2 });
  expect(b.orders.get('o1')).toEqual({ total: 2 });
  expect(said(await a.one(order('o1', { total: 3 }, { version: 3 })))).toBe(3);
});

test('two mounts share a scope, or have one each; one that maps no transactions takes none', async () => {
  pos = await startPos({
    protocols: {
      pos: { prefix: '/shop', scope: 'shop-2', collections: { orders: { collection: 'orders' } } },
    },
  });
  const item = {
    deviceId: 'till-a',
    orders: [order('o1', { total: 1 })],
    transactions: [transaction('t1', {})],
  };
  const { body } = await pos.send('/shop/api/sync/batch', item);
  expect(body.syncedOrders).toMatchObject([{ success: true }]);
  expect(body.syncedTransactions).toEqual([
    { success: false, localId: 't1', message: 'This server keeps no transactions.', conflicts: [] },
  ]);
  expect((await exchange(pos)).records).toEqual([]);
  expect((await pos.send('/shop/api/sync/stats')).body).toMatchObject({
    syncedOrders: 1,
    syncedTransactions: 0,
  });
  expect((await pos.send('/api/sync/stats')).status).toBe(404);
});

test('reports read orders and transactions with plain SQL while the server runs', async () => {
  pos = await startPos();
  const [a, b] = [new Till(pos, 'till-a'), new Till(pos, 'till-b')];
  const content = { id: 5, orderNumber: 'A-1', total: 12.5 };
  const paid = { referenceNumber: 'R-1', amount: 12.5 };
  await a.sync({
    orders: [order('o1', { total: 1 }), order('o2', {})],
    transactions: [transaction('t1', paid)],
  });
  pos.clock.wall += 1_000;
  await b.push(order('o1', content, { version: 4, creator: 'till-a' }));
  await b.push(order('o2', {}, { version: 2, deleted: true }));
  const database = new DatabaseSync(join(pos.data, 'holdfast.db'), { readOnly: true });
  const read = (sql: string) => database.prepare(sql).all();
  const created_at = '2024-01-01T00:00:00.000Z';
  expect(read('SELECT * FROM sync_orders')).toEqual([
    {
      id: 1,
      local_id: 'o1',
      order_number: 'A-1',
      total: 12.5,
      device_id: 'till-a',
      sync_version: 4,
      server_hash: sha256(canonicalJson(content)),
      created_at,
      updated_at: '2024-01-01T00:00:01.000Z',
    },
  ]);
  expect(read('SELECT * FROM transactions')).toEqual([
    {
      id: 3,
      local_id: 't1',
      reference_number: 'R-1',
      amount: 12.5,
      device_id: 'till-a',
      sync_version: 1,
      server_hash: sha256(canonicalJson(paid)),
      created_at,
    },
  ]);
  database.close();
});

test('a thousand orders with their lines fit into one batch', async () => {
  pos = await startPos();
  const line = { name: 'A name of some length', quantity: 1, price: 9.99, tax: 'standard', note: null };
  const orders = Array.from({ length: 1_000 }, (_, n) =>
    order(`o${n}`, { orderNumber: `N-${n}`, lines: Array.from({ length: 40 }, () => line) }),
  );
  const results = await new Till(pos, 'till-a').push(...orders);
  expect(results.filter(({ success }) => success)).toHaveLength(1_000);
});
