// What terminals read, and what the server says of how far each is.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { allStatusAnswer, statusAnswer } from './answers.ts';
import { create, remove, startTerminals, Terminal, type TestTerminals, update } from './terminal.fixture.ts';

let server: TestTerminals;
let a: Terminal;
let b: Terminal;
beforeEach(async () => {
  server = await startTerminals();
  a = new Terminal(server, 'a');
  b = new Terminal(server, 'b');
});
afterEach(() => server.stop());

const status = async (terminalId: string) =>
  statusAnswer.strict().parse((await server.send(`/api/sync/status?terminalId=${terminalId}`)).body);
const table = async (terminalId: string, type: string) => (await status(terminalId)).tables[type];

test('a page has the highest priority first, its own changes too, and a DELETE carries no data', async () => {
  await a.push(
    create('Brand', 'brand', { n: 1 }),
    create('Product', 'product', { n: 1, updatedAt: '2023-12-31T00:00:00Z' }),
    create('Note', 'note', { n: 1 }),
    create('SaleOrder', 'open', { status: 'open' }),
    create('Customer', 'customer', { name: 'x' }),
    create('SaleOrder', 'done', { status: 'completed' }),
    create('Payment', 'payment', { id: 'an id of its own', _id: 2 }),
  );
  await a.push(update(['Product', 'product'], 2, { n: 2 }), remove(['Brand', 'brand'], 2));
  const changes = await a.pull();
  expect(changes.map(({ entityType, entityId }) => `${entityType} ${entityId}`)).toEqual([
    'SaleOrder done',
    'Payment payment',
    'SaleOrder open',
    'Customer customer',
    'Product product',
    'Brand brand',
    'Note note',
  ]);
  expect(changes.at(-2)).toEqual({
    ...{ entityType: 'Brand', entityId: 'brand', operation: 'DELETE', syncVersion: 3 },
    updatedAt: '2024-01-01T00:00:00.000Z',
  });
  expect(changes[4]).toMatchObject({ operation: 'UPDATE', syncVersion: 3, data: { n: 2 } });
  expect(changes[1]).toMatchObject({ operation: 'CREATE', data: { id: 'an id of its own', _id: 2 } });
});

test('pages follow each other by their time, cut at a limit, by type and for all', async () => {
  await a.push(...Array.from({ length: 25 }, (_, n) => create(n % 2 ? 'Product' : 'Brand', `r${n}`, { n })));
  const products = await b.pull({ entityType: 'Product', limit: '5' });
  expect(new Set(products.map(({ entityId }) => entityId)).size).toBe(12);
  const other = new Terminal(server, 'c');
  expect((await other.page({ limit: '10' })).changes).toHaveLength(10);
  expect(await other.pull({ limit: '10' })).toHaveLength(15);
  expect(await other.pull()).toEqual([]);
  await a.push(update(['Brand', 'r0'], 2, { n: 9 }));
  expect(await other.pull()).toMatchObject([{ entityId: 'r0', data: { n: 9 } }]);
});

test.each([
  ['', 'terminalId'],
  ['terminalId=', 'terminalId'],
  ['terminalId=a&entityType=1x', 'entityType'],
  ['terminalId=a&lastSync=yesterday', 'lastSync'],
  ['terminalId=a&limit=0', 'limit'],
  ['terminalId=a&limit=ten', 'limit'],
  ['terminalId=a&terminalId=b', 'terminalId'],
])('a pull with ?%s is told what is wrong', async (query, field) => {
  const { status: code, body } = await server.send(`/api/sync/pull?${query}`);
  expect([code, body]).toEqual([400, { success: false, error: expect.stringContaining(field) }]);
});

test('limits beyond the largest are the largest, and an empty lastSync is the beginning', async () => {
  await a.push(create('Brand', 'b', { n: 1 }));
  const { body } = await server.send('/api/sync/pull?terminalId=b&lastSync=&limit=999999');
  expect(body.changes).toHaveLength(1);
});

test('how far a terminal is: what others wrote and it has not pulled, and what it said of its outbox', async () => {
  await a.push(create('Product', 'p1', {}), create('Product', 'p2', {}), create('Brand', 'b1', {}));
  await b.push(create('Product', 'p3', {}));
  expect(await table('b', 'Product')).toEqual({ pending: 2, failed: 0, synced: 1, conflicts: 0 });
  expect(await table('a', 'Product')).toEqual({ pending: 1, failed: 0, synced: 2, conflicts: 0 });
  expect(await table('stranger', 'Product')).toEqual({ pending: 3, failed: 0, synced: 0, conflicts: 0 });
  const outbox = { Product: { pending: 10, failed: 2 }, Note: { pending: 1 } };
  expect(
    (await server.send('/api/sync/heartbeat', { terminalId: 'b', status: 'ONLINE', outbox })).body,
  ).toEqual({ success: true, terminalId: 'b', status: 'ONLINE', serverTime: '2024-01-01T00:00:00.000Z' });
  expect(await table('b', 'Product')).toEqual({ pending: 12, failed: 2, synced: 1, conflicts: 0 });
  const { tables, totals, summary } = await status('b');
  expect(Object.keys(tables)).toEqual([
    ...['SaleOrder', 'Payment', 'InventoryItem', 'Customer', 'Product', 'Category', 'Brand'],
    'Note',
  ]);
  expect(totals).toEqual({ pending: 14, failed: 2, synced: 1, conflicts: 0 });
  expect(summary).toEqual({
    ...{ totalTables: 8, tablesWithPending: 3, tablesWithFailed: 1, tablesWithSynced: 1 },
    tablesWithConflicts: 0,
  });
});

test('a page counts as pulled when nothing came behind it, or when its time comes back', async () => {
  await a.push(create('Product', 'p1', {}), create('Product', 'p2', {}), create('Product', 'p3', {}));
  const pending = async () => (await table('b', 'Product'))?.pending;
  await b.page({ entityType: 'Product', limit: '2' });
  expect(await pending()).toBe(3);
  await b.page({ entityType: 'Product', limit: '1' });
  expect(await pending()).toBe(0);
  await a.push(update(['Product', 'p1'], 2, { n: 2 }), remove(['Product', 'p2'], 2));
  expect(await table('b', 'Product')).toEqual({ pending: 2, failed: 0, synced: 1, conflicts: 0 });
  // Of all types together it is read as well.
  await new Terminal(server, 'b').pull();
  expect(await table('b', 'Product')).toEqual({ pending: 0, failed: 0, synced: 2, conflicts: 0 });
  await server.restart();
  expect(await pending()).toBe(0);
});

test('a terminal that was silent for three intervals is OFFLINE; what it said stays known after a restart', async () => {
  const beat = { terminalId: 'b', status: 'SYNCING', outbox: { Brand: { pending: 4, failed: 1 } } };
  await server.send('/api/sync/heartbeat', beat);
  const said = async () => {
    const { status: word, lastSeen } = await status('b');
    return [word, lastSeen];
  };
  const heard = '2024-01-01T00:00:00.000Z';
  expect(await said()).toEqual(['SYNCING', heard]);
  await server.restart({ HEARTBEAT_INTERVAL: '20' });
  server.clock.wall += 60_000;
  expect(await said()).toEqual(['SYNCING', heard]);
  server.clock.wall += 1;
  expect(await said()).toEqual(['OFFLINE', heard]);
  expect(await table('b', 'Brand')).toMatchObject({ pending: 4, failed: 1 });
  await b.pull();
  expect((await said())[0]).toBe('SYNCING');
  expect(await status('nobody')).toMatchObject({ terminalId: 'nobody', status: 'OFFLINE', lastSeen: null });
});

test('without a terminal: all together, and each in a line', async () => {
  await a.push(create('Product', 'p1', {}), create('Brand', 'b1', {}));
  await b.pull({ entityType: 'Product' });
  const answer = allStatusAnswer.strict().parse((await server.send('/api/sync/status')).body);
  expect(answer.tables.Product).toEqual({ pending: 0, failed: 0, synced: 2, conflicts: 0 });
  expect(answer.tables.Brand).toEqual({ pending: 1, failed: 0, synced: 1, conflicts: 0 });
  expect(answer.terminals).toEqual([
    {
      ...{ terminalId: 'a', status: 'ONLINE', lastSeen: '2024-01-01T00:00:00.000Z' },
      totals: { pending: 0, failed: 0, synced: 2, conflicts: 0 },
    },
    {
      ...{ terminalId: 'b', status: 'ONLINE', lastSeen: '2024-01-01T00:00:00.000Z' },
      totals: { pending: 1, failed: 0, synced: 1, conflicts: 0 },
    },
  ]);
});

test('an urgent change is told to the other terminals at once, whoever wrote it; what is not urgent is not', async () => {
  const [one, two] = [server.socket(), server.socket()];
  await one.register('a');
  await two.register('b');
  // Also where it is much at once.
  await a.push(
    ...Array.from({ length: 600 }, (_, n) => create('Product', `p${n}`, { text: 'x'.repeat(300) })),
  );
  await a.push(create('SaleOrder', 'o1', { status: 'open' }));
  expect(await two.next()).toMatchObject({ type: 'INCREMENTAL', reason: 'CHANGE', terminalId: 'b' });
  expect(one.told).toEqual([]);
  await b.push(create('InventoryItem', 'i', {}));
  expect(await one.next()).toMatchObject({ type: 'INCREMENTAL', reason: 'CHANGE', terminalId: 'a' });
});

test.each([
  ['/api/sync/heartbeat', { terminalId: 'a' }, 'status'],
  ['/api/sync/heartbeat', { status: 'ONLINE' }, 'terminalId'],
  [
    '/api/sync/heartbeat',
    { terminalId: 'a', status: 'ONLINE', outbox: { Product: { pending: -1 } } },
    'outbox',
  ],
  ['/api/sync/heartbeat', { terminalId: 'a', status: 'ONLINE', outbox: { '1x': { pending: 1 } } }, 'outbox'],
  ['/api/sync/all', {}, 'terminalId'],
  ['/api/sync/all', { terminalId: 7 }, 'terminalId'],
])('%s with %j is told what is wrong', async (path, body, field) => {
  const answer = await server.send(path, body);
  expect([answer.status, answer.body]).toEqual([
    400,
    { success: false, error: expect.stringContaining(field) },
  ]);
});
