// What becomes of changes: versions, strategies, added-up fields, repeats. Every word of the contract about a push.

import type { JsonObject } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  create,
  remove,
  said,
  startTerminals,
  Terminal,
  type TestTerminals,
  update,
} from './terminal.fixture.ts';

let server: TestTerminals;
let a: Terminal;
let b: Terminal;
beforeEach(async () => {
  server = await startTerminals();
  a = new Terminal(server, 'a');
  b = new Terminal(server, 'b');
});
afterEach(() => server.stop());

const at = (seconds: number): string => new Date(server.clock.wall - 60_000 + seconds * 1_000).toISOString();

async function words(terminal: Terminal, ...changes: JsonObject[]): Promise<string[]> {
  return (await terminal.push(...changes)).map(said);
}

async function stored(type: string, id: string): Promise<JsonObject | null | undefined> {
  const reader = new Terminal(server, 'reader');
  await reader.pull();
  return reader.held.get(`${type}/${id}`)?.data;
}

const conflicts = async (): Promise<number> =>
  (await server.started.engine.inspect.conflictCounts('main')).all;

test('versions grow by one with each change; an UPDATE changes what it names', async () => {
  const order: [string, string] = ['SaleOrder', 'o1'];
  expect(await words(a, create(...order, { total: 5, status: 'open' }))).toEqual(['SYNCED 2']);
  expect(await words(a, update(order, 2, { status: 'completed' }))).toEqual(['SYNCED 3']);
  expect(await stored(...order)).toEqual({ total: 5, status: 'completed' });
  expect(await words(a, remove(order, 3))).toEqual(['SYNCED 4']);
  expect(await stored(...order)).toBeNull();
  expect(await conflicts()).toBe(0);
});

test('an UPDATE of an unknown record creates it; a version above the server’s counts as current', async () => {
  expect(await words(a, update(['SaleOrder', 'o1'], 7, { n: 1 }))).toEqual(['SYNCED 2']);
  expect(await words(b, update(['SaleOrder', 'o1'], 99, { n: 2 }))).toEqual(['SYNCED 3']);
  expect(await conflicts()).toBe(0);
});

test('two offline edits on one version both apply, in one push or in two', async () => {
  await words(a, create('Payment', 'p', { amount: 5 }));
  const first = update(['Payment', 'p'], 2, { amount: 6, note: 'x' });
  expect(await words(a, first, update(['Payment', 'p'], 2, { amount: 7 }))).toEqual(['SYNCED 3', 'SYNCED 4']);
  expect(await words(a, update(['Payment', 'p'], 2, { tip: 1 }))).toEqual(['SYNCED 5']);
  expect(await stored('Payment', 'p')).toEqual({ amount: 7, note: 'x', tip: 1 });
  expect(
    await words(a, create('Payment', 'q', { amount: 1 }), update(['Payment', 'q'], 1, { amount: 2 })),
  ).toEqual(['SYNCED 2', 'SYNCED 3']);
  expect(await conflicts()).toBe(0);
});

test('a CREATE of a record that exists is a conflict', async () => {
  await words(a, create('Payment', 'p', { amount: 5 }));
  expect(await words(b, create('Payment', 'p', { amount: 6 }))).toEqual(['SYNCED 3 {"amount":6}']);
  await words(a, create('Category', 'c', { name: 'Tea' }));
  expect(await words(b, create('Category', 'c', { name: 'Oil' }))).toEqual(['SYNCED 2 {"name":"Tea"}']);
  expect(await conflicts()).toBe(2);
});

/** Both make a change on version 2; b comes second. */
async function collide(
  type: string,
  from: JsonObject,
  mine: JsonObject,
  theirs: JsonObject,
): Promise<string> {
  const key: [string, string] = [type, 'r'];
  await words(a, create(...key, { ...from, updatedAt: at(0) }));
  expect(await words(a, update(key, 2, theirs))).toEqual(['SYNCED 3']);
  const [result] = await b.push(update(key, 2, mine));
  const { status, syncVersion, data } = result ?? {};
  const { updatedAt: _, ...rest } = data ?? {};
  expect(await stored(...key)).toEqual(data);
  return `${status} ${syncVersion} ${JSON.stringify(rest)}`;
}

test('the terminal wins for orders and payments', async () => {
  expect(
    await collide('SaleOrder', { n: 1, m: 1 }, { n: 3, updatedAt: at(1) }, { n: 2, updatedAt: at(9) }),
  ).toBe('SYNCED 4 {"n":3,"m":1}');
});

test('the centre wins for inventory, categories and brands; on the current version a terminal writes them', async () => {
  expect(await collide('InventoryItem', { stock: 9 }, { stock: 1 }, { stock: 8 })).toBe(
    'SYNCED 3 {"stock":8}',
  );
  expect(await words(b, update(['InventoryItem', 'r'], 3, { stock: 7 }))).toEqual(['SYNCED 4']);
});

test('products are merged: price and cost from the centre, of all else the newest', async () => {
  const from = { name: 'Tea', price: 1, costPrice: 1, unit: 'kg' };
  const theirs = { name: 'Green tea', price: 2, updatedAt: at(5) };
  const older = { name: 'Old tea', price: 9, costPrice: 9, unit: 'g', updatedAt: at(4) };
  expect(await collide('Product', from, older, theirs)).toBe(
    'SYNCED 4 {"name":"Green tea","price":2,"costPrice":1,"unit":"g"}',
  );
});

test('a newer field of a product wins', async () => {
  expect(
    await collide(
      'Product',
      { name: 'Tea' },
      { name: 'New', updatedAt: at(9) },
      { name: 'Old', updatedAt: at(5) },
    ),
  ).toBe('SYNCED 4 {"name":"New"}');
});

test('points and spendings of customers are added up from both sides, exactly', async () => {
  const from = { name: 'Ann', loyaltyPoints: 40, totalSpent: 0.1 };
  const mine = { loyaltyPoints: 45, totalSpent: 0.3, name: 'Anna', updatedAt: at(9) };
  const theirs = { loyaltyPoints: 50, totalSpent: 20.1, updatedAt: at(5) };
  expect(await collide('Customer', from, mine, theirs)).toBe(
    'SYNCED 4 {"name":"Anna","loyaltyPoints":55,"totalSpent":20.3}',
  );
});

test('added-up fields: from what is named as base, from the version, and from the terminal’s own last value', async () => {
  const key: [string, string] = ['Customer', 'c'];
  await words(a, create(...key, { loyaltyPoints: 40 }));
  await words(a, update(key, 2, { loyaltyPoints: 50 }));
  // Two offline edits on version 2: 5 more, then 2 more.
  const edits = [update(key, 2, { loyaltyPoints: 45 }), update(key, 2, { loyaltyPoints: 47 })];
  await words(b, ...edits);
  expect(await stored(...key)).toEqual({ loyaltyPoints: 57 });
  await words(b, ...edits);
  expect(await stored(...key)).toEqual({ loyaltyPoints: 57 });
  // On no version that it names does it rely where it says what it started from.
  await words(new Terminal(server, 'c'), update(key, 2, { loyaltyPoints: 13, base: { loyaltyPoints: 10 } }));
  expect(await stored(...key)).toEqual({ loyaltyPoints: 60 });
  expect(await words(a, update(key, 99, { loyaltyPoints: 1, base: { loyaltyPoints: 'x' } }))).toEqual([
    'data.base.loyaltyPoints: It is a number.',
  ]);
  // Elsewhere `base` is a field like any other.
  await words(a, create('Note', 'n', { base: 'blue' }));
  expect(await stored('Note', 'n')).toEqual({ base: 'blue' });
});

test('MANUAL_MERGE leaves the conflict open, the record as it was, and a person settles it, once', async () => {
  await server.restart({ CONFLICT_STRATEGY: 'MANUAL_MERGE' });
  const key: [string, string] = ['Supplier', 's'];
  await words(a, create(...key, { name: 'Tea Co', city: 'Kyiv' }));
  await words(a, update(key, 2, { name: 'Tea Ltd' }));
  const [result] = await b.push(update(key, 2, { name: 'Tea Inc' }));
  expect(result).toEqual({
    ...{ entityType: 'Supplier', entityId: 's', status: 'CONFLICT', syncVersion: 3 },
    ...{ conflictId: '1', data: { name: 'Tea Ltd', city: 'Kyiv' } },
  });
  const { body: before } = await server.send('/api/sync/status?terminalId=b');
  expect(before.tables.Supplier.conflicts).toBe(1);
  const resolve = (body: object) => server.send('/api/sync/resolve', body);
  const merge = { conflictId: '1', resolution: 'MANUAL_MERGE' };
  for (const bad of [
    merge,
    { ...merge, resolution: 'COIN' },
    { resolution: 'MANUAL_MERGE' },
    { ...merge, resolvedData: [] },
  ])
    expect(await resolve(bad)).toMatchObject({ status: 400, body: { success: false } });
  expect(await resolve({ ...merge, resolvedData: { name: 'Tea & Co' } })).toMatchObject({
    status: 200,
    body: {
      success: true,
      ...{ conflictId: '1', resolution: 'MANUAL_MERGE', syncVersion: 4 },
      data: { name: 'Tea & Co', city: 'Kyiv' },
    },
  });
  for (const [body, status] of [
    [{ ...merge, resolvedData: {} }, 409],
    [{ conflictId: 1, resolution: 'TERMINAL_WINS' }, 409],
    [{ conflictId: '99', resolution: 'TERMINAL_WINS' }, 404],
    [{ conflictId: 'x', resolution: 'TERMINAL_WINS' }, 404],
  ] as const)
    expect(await resolve(body)).toMatchObject({
      status,
      body: { success: false, error: expect.any(String) },
    });
  expect((await server.send('/api/sync/status?terminalId=b')).body.tables.Supplier.conflicts).toBe(0);
});

test.each([
  ['TERMINAL_WINS', 'Inc', 4],
  ['CENTRAL_WINS', 'Ltd', 3],
])('a conflict settled by %s', async (resolution, name, syncVersion) => {
  await server.restart({ CONFLICT_STRATEGY: 'MANUAL_MERGE' });
  const key: [string, string] = ['Supplier', 's'];
  await words(a, create(...key, { name: 'Co' }));
  await words(a, update(key, 2, { name: 'Ltd' }));
  const [{ conflictId = '' } = {}] = await b.push(update(key, 2, { name: 'Inc' }));
  const { body } = await server.send('/api/sync/resolve', { conflictId, resolution, resolvedData: {} });
  expect(body).toMatchObject({ success: true, data: { name }, syncVersion });
});

test.each([
  ['TERMINAL_WINS', 'SYNCED 4 {"name":"Inc"}'],
  ['CENTRAL_WINS', 'SYNCED 3 {"name":"Ltd"}'],
])('CONFLICT_STRATEGY=%s is for types that name none', async (CONFLICT_STRATEGY, answer) => {
  await server.restart({ CONFLICT_STRATEGY });
  expect(await collide('Supplier', { name: 'Co' }, { name: 'Inc' }, { name: 'Ltd' })).toBe(answer);
});

test('a delete stands against what was made before it was seen, under every strategy', async () => {
  for (const type of ['SaleOrder', 'Category', 'Product', 'Supplier']) {
    const key: [string, string] = [type, 'd'];
    await words(a, create(...key, { n: 1, updatedAt: at(0) }));
    await words(b, remove(key, 2));
    expect(await words(a, update(key, 2, { n: 2, updatedAt: at(1) }))).toEqual(['SYNCED 3 null']);
    expect(await stored(...key)).toBeNull();
    // One who has seen it makes it anew.
    expect(await words(a, update(key, 3, { n: 3 }))).toEqual(['SYNCED 4']);
  }
});

test('a delete wins over a change that it has not seen; and a CREATE that is later than a delete makes it anew', async () => {
  const key: [string, string] = ['Category', 'd'];
  await words(a, create(...key, { n: 1 }));
  await words(a, update(key, 2, { n: 2 }));
  expect(await words(b, remove(key, 2))).toEqual(['SYNCED 4 null']);
  expect(await words(b, create(...key, { n: 4, updatedAt: at(-9_000) }))).toEqual(['SYNCED 4 null']);
  server.clock.wall += 5_000;
  expect(await words(b, create(...key, { n: 5 }))).toEqual(['SYNCED 5']);
});

test('what was sent before is answered as then, whatever others wrote since, and changes nothing', async () => {
  const key: [string, string] = ['Payment', 'p'];
  const pushes = [
    [create(...key, { amount: 1 })],
    [update(key, 2, { amount: 2 }), update(key, 2, { amount: 3, updatedAt: at(3) })],
  ];
  const first: unknown[] = [];
  for (const changes of pushes) first.push(await a.push(...changes));
  expect(await words(b, update(key, 4, { amount: 9 }))).toEqual(['SYNCED 5']);
  const before = await conflicts();
  for (let n = 0; n < 5; n += 1)
    for (const [nth, changes] of pushes.entries()) expect(await a.push(...changes)).toEqual(first[nth]);
  expect(await stored(...key)).toMatchObject({ amount: 9 });
  expect(await conflicts()).toBe(before);
  // It does not pass for one who has seen version 5.
  const [seen] = await a.push(update(key, 4, { amount: 10 }));
  expect(seen).toMatchObject({ syncVersion: 6, data: { amount: 10 } });
  expect(await conflicts()).toBe(before + 1);
});

test('a change that was no news on an older version brings along what was written since', async () => {
  const key: [string, string] = ['Product', 'p'];
  await words(a, create(...key, { name: 'Tea', unit: 'g' }));
  await words(a, update(key, 2, { name: 'Oil', unit: 'kg' }));
  expect(await words(b, update(key, 2, { name: 'Oil' }))).toEqual(['SYNCED 3 {"name":"Oil","unit":"kg"}']);
  expect(await conflicts()).toBe(0);
});

test('one bad change stops no good one, and is told by its field', async () => {
  const good = create('Brand', 'b', { name: 'x' });
  const results = await a.push(
    good,
    { ...good, entityType: '1x' },
    { ...good, entityId: '' },
    { ...good, entityId: 'x'.repeat(201) },
    { ...good, operation: 'MERGE' },
    { ...good, data: null },
    { ...good, syncVersion: 1.5 },
    { ...good, entityId: 'b2', data: { name: 'x'.repeat(300_000) } },
    create('Customer', 'c', { loyaltyPoints: 'many' }),
    { ...good, entityType: 'hf_x' },
    7 as never,
    create('Brand', 'b3', { name: 'y' }),
  );
  expect(results.map((result) => said(result).split(':')[0])).toEqual([
    'SYNCED 2',
    'entityType',
    'entityId',
    'entityId',
    'operation',
    'data',
    'syncVersion',
    'data',
    'data.loyaltyPoints',
    'entityType',
    expect.any(String),
    'SYNCED 2',
  ]);
  expect(results.slice(1, 11).every(({ status }) => status === 'FAILED')).toBe(true);
});

test('a request that is wrong as a whole changes nothing', async () => {
  const changes = [create('Brand', 'b', { name: 'x' })];
  for (const [body, field] of [
    [{ changes }, 'terminalId'],
    [{ terminalId: 7, changes }, 'terminalId'],
    [{ terminalId: 'a' }, 'changes'],
    [{ terminalId: 'a', changes: {} }, 'changes'],
    ['{"terminalId":"a",', 'body'],
  ] as const) {
    const { status, body: answer } = await server.send('/api/sync/push', body);
    expect([status, answer]).toEqual([400, { success: false, error: expect.stringContaining(field) }]);
  }
  const many = Array.from({ length: 1_001 }, (_, n) => create('Brand', `b${n}`, {}));
  expect(await server.send('/api/sync/push', { terminalId: 'a', changes: many })).toMatchObject({
    status: 413,
    body: { success: false, error: expect.stringContaining('changes') },
  });
  expect(await new Terminal(server, 'r').pull()).toEqual([]);
});

test('types that nobody declared are taken, a hundred of them', async () => {
  const changes = Array.from({ length: 101 }, (_, n) => create(`Type${n}`, 'x', { n }));
  const results = await a.push(...changes);
  expect(results.filter(({ status }) => status === 'SYNCED')).toHaveLength(100);
  expect(results[100]).toMatchObject({ status: 'FAILED', error: expect.any(String) });
  expect(await b.pull()).toHaveLength(100);
});

test('a clock that is far ahead does not win for ever', async () => {
  const far = { name: 'Far', updatedAt: '2099-01-01T00:00:00Z' };
  await words(a, create('Product', 'p', { name: 'Tea' }));
  await words(a, update(['Product', 'p'], 2, far));
  server.clock.wall += 60_000;
  await words(
    b,
    update(['Product', 'p'], 2, { name: 'Oil', updatedAt: new Date(server.clock.wall).toISOString() }),
  );
  expect(await stored('Product', 'p')).toMatchObject({ name: 'Oil' });
});
