// What goes wrong between tills and server, and must not show.

import type { JsonObject } from '@holdfast/core';
import { afterEach, expect, test } from 'vitest';
import type { ConfigOptions } from '../../config.ts';
import { order, said, startPos, type TestPos, Till, transaction } from './pos.fixture.ts';

let pos: TestPos | undefined;
afterEach(async () => {
  await pos?.stop();
  pos = undefined;
});

async function open(options: Partial<ConfigOptions> = {}): Promise<{ pos: TestPos; a: Till; b: Till }> {
  pos = await startPos(options);
  return { pos, a: new Till(pos, 'till-a'), b: new Till(pos, 'till-b') };
}

const pages = (records: number) => ({ limits: { pageRecordsDefault: records, pageRecordsMax: records } });

/** Everything that the server has of orders: a till that was never there before. */
async function all(server: TestPos): Promise<Record<string, JsonObject>> {
  const fresh = new Till(server, 'auditor');
  await fresh.pages();
  return Object.fromEntries([...fresh.orders].sort(([x], [y]) => (x < y ? -1 : 1)));
}

async function facts({ started }: TestPos) {
  const { mutations, commits, conflicts, quarantine, collections } = await started.engine.inspect.counts();
  return { mutations, commits, conflicts, quarantine, collections };
}

test('pages that are cut at their limit while four others push miss nothing', async () => {
  const server = (await open(pages(7))).pos;
  const reader = new Till(server, 'reader');
  const others = [1, 2, 3, 4].map((n) => new Till(server, `other-${n}`));
  let pushing = others.length;
  const push = async (till: Till, n: number): Promise<void> => {
    for (let round = 0; round < 12; round += 1) {
      const versions = { version: round + 1 };
      await till.push(
        order(`mine-${n}-${round}`, { n, round }),
        order(`every-${n}`, { n, round }, versions),
        order(`brief-${n}-${round}`, { n }),
        order(`brief-${n}-${round}`, {}, { version: 2, deleted: true }),
      );
    }
    pushing -= 1;
  };
  const read = async (): Promise<void> => {
    do await reader.page();
    while (pushing > 0);
    await reader.pages();
  };
  await Promise.all([read(), ...others.map((till, n) => push(till, n))]);
  const stored = await all(server);
  expect(Object.keys(stored)).toHaveLength(4 * 13);
  expect(Object.fromEntries([...reader.orders].sort(([x], [y]) => (x < y ? -1 : 1)))).toEqual(stored);
});

test('a till that only sends gets all of the others in its batches', async () => {
  const { a, b } = await open(pages(3));
  await a.push(...Array.from({ length: 10 }, (_, n) => order(`o${n}`, { n })));
  let rounds = 1;
  while ((await b.sync({ orders: [order(`b${rounds}`, {})] })).hasMore) rounds += 1;
  expect(rounds).toBeGreaterThan(3);
  expect(b.orders.size).toBe(10);
});

test('a thousand changes in one millisecond are told apart', async () => {
  const { pos: server, a, b } = await open(pages(90));
  const items = Array.from({ length: 1_000 }, (_, n) => order(`o${n}`, { n }));
  expect((await a.push(...items)).every(({ success }) => success)).toBe(true);
  expect(await b.pages()).toBe(12);
  expect(b.orders.size).toBe(1_000);
  expect(await b.page()).toBe(false);
  expect(Number(b.token)).toBeGreaterThan(server.clock.wall);
});

test('the server’s clock steps back, and it starts again: tokens go on', async () => {
  const { pos: server, a, b } = await open();
  await a.push(order('o1', { n: 1 }));
  await b.pages();
  const before = Number(b.token);
  server.clock.wall -= 86_400_000;
  await a.push(order('o2', { n: 2 }));
  await server.restart();
  await a.push(order('o3', { n: 3 }));
  await b.pages();
  expect([...b.orders.keys()]).toEqual(['o1', 'o2', 'o3']);
  expect(Number(b.token)).toBeGreaterThan(before);
});

test('what is pushed late, with an old time of its device, reaches who has read beyond that time', async () => {
  const { a, b } = await open();
  await a.push(order('o1', { createdAt: 1_704_067_200_000 }));
  await b.pages();
  await a.push(order('o2', { createdAt: 1_600_000_000_000 }));
  await b.pages();
  expect(b.orders.get('o2')).toEqual({ createdAt: 1_600_000_000_000 });
});

test('the same push ten times is one push', async () => {
  const { pos: server, a, b } = await open();
  await b.push(order('o0', { orderNumber: 'taken' }), order('o3', { x: 1 }, { version: 5 }));
  const items = {
    orders: [
      order('o1', { total: 1 }),
      order('o1', { total: 2 }, { version: 2 }),
      order('o1', { total: 2 }, { version: 2 }),
      order('o2', { orderNumber: 'taken' }),
      order('o3', { x: 2 }, { version: 5 }),
      order('o4', {}, { version: 2, deleted: true }),
      order('o4', { late: true }, { version: 1 }),
    ],
    transactions: [transaction('t1', { amount: 1 })],
  };
  const first = await a.sync(items);
  const before = await facts(server);
  const words = [1, 2, 2, 'DUPLICATE_NUMBER', 'CONCURRENT_MODIFICATION', 2, 'DELETED_ITEM'];
  // The first of three writes of one record is answered as then, although the others came after it.
  expect(first.syncedOrders.map(said)).toEqual(words);
  for (let n = 0; n < 9; n += 1) {
    server.clock.wall += 1_000;
    if (n === 4) await server.restart();
    const again = await a.sync(items);
    expect(again.syncedOrders.map(said)).toEqual(words);
    expect(again.syncedTransactions).toEqual(first.syncedTransactions);
  }
  expect(await facts(server)).toEqual(before);
});

test('a repeat after another device has written is answered as the first time, and changes nothing', async () => {
  const { pos: server, a, b } = await open();
  const mine = order('o1', { total: 1 });
  const [first] = await a.push(mine);
  await b.pages();
  await b.push(order('o1', { total: 2 }, { version: 2 }));
  const before = await facts(server);
  const again = await a.one(mine);
  expect(again).toEqual({ ...first, syncedAt: expect.any(Number) });
  await b.push(order('o1', {}, { version: 3, deleted: true }));
  expect(await a.one(mine)).toEqual({ ...first, syncedAt: expect.any(Number) });
  expect(await all(server)).toEqual({});
  expect((await facts(server)).conflicts).toBe(before.conflicts);
});

test('a push whose reply was lost is sent again with newer work, also to another life of the server', async () => {
  const { pos: server, a } = await open();
  await a.push(order('o1', { total: 1 }), order('o2', { total: 1 }));
  await server.restart();
  const [one, two, three] = await a.push(
    order('o1', { total: 1 }),
    order('o2', { total: 2 }, { version: 2 }),
    order('o3', { total: 3 }),
  );
  expect([one, two, three].map(said)).toEqual([1, 2, 1]);
  expect(await all(server)).toEqual({ o1: { total: 1 }, o2: { total: 2 }, o3: { total: 3 } });
});

test('a delete stands against an older update, from whomever and however often it comes', async () => {
  const { pos: server, a, b } = await open();
  await a.push(order('o1', { total: 1 }));
  await b.pages();
  await b.push(order('o1', {}, { version: 2, deleted: true }));
  for (const version of [1, 2, 3, 1])
    expect(said(await a.one(order('o1', { total: 5 }, { version })))).toBe('DELETED_ITEM');
  await a.pages();
  expect(a.orders.has('o1')).toBe(false);
  expect(await all(server)).toEqual({});
});

test('a device whose clock is in 2099 neither wins nor loses anything by it', async () => {
  const { pos: server, a, b } = await open();
  const far = 4_070_908_800_000;
  const late = order('o1', { createdAt: far, total: 1 });
  a.token = far;
  expect(said(await a.one(late))).toBe(1);
  expect(said(await a.one(late))).toBe(1);
  await b.pages();
  expect(b.orders.get('o1')).toEqual({ createdAt: far, total: 1 });
  expect(said(await b.one(order('o1', { createdAt: 5, total: 2 }, { version: 2 })))).toBe(2);
  expect(said(await a.one(late))).toBe(1);
  // It asked since 2099: that is read as now, and what comes after reaches it.
  await a.sync();
  expect(Number(a.token)).toBeLessThan(far);
  await b.push(order('o2', { total: 3 }));
  await a.pages();
  expect(a.orders.get('o2')).toEqual({ total: 3 });
  expect(await all(server)).toEqual({ o1: { createdAt: 5, total: 2 }, o2: { total: 3 } });
});

test('a token of another server, from before anything is stored here, loses nothing', async () => {
  const { a, b } = await open();
  b.token = '99999999999999999999';
  await b.pages();
  expect(b.token).toBe('0');
  b.token = 1_700_000_000_000;
  await b.pages();
  expect(b.token).toBe('1700000000000');
  await a.push(order('o1', { total: 1 }));
  await b.pages();
  expect(b.orders.size).toBe(1);
});

test('equal versions and times with other content: the first stands, and each is told so', async () => {
  const { pos: server, a, b } = await open();
  const time = { createdAt: 1_704_067_200_000 };
  await a.push(order('o1', { ...time, total: 1 }));
  const mine = await b.one(order('o1', { ...time, total: 2 }));
  expect(said(mine)).toBe('CONCURRENT_MODIFICATION');
  expect(await b.one(order('o1', { ...time, total: 2 }))).toEqual(mine);
  expect(said(await a.one(order('o1', { ...time, total: 3 })))).toBe('HASH_MISMATCH');
  expect(await all(server)).toEqual({ o1: { ...time, total: 1 } });
  expect((await facts(server)).conflicts).toBe(2);
});

test.each([
  '__proto__',
  'constructor',
  "'; DROP TABLE hf_records; --",
  '../../etc/passwd',
  '🧾 №1',
  ' ',
  'a/b?c=d&e#f',
  'x'.repeat(200),
])('the name %j is one like any other', async (name) => {
  const { pos: server } = await open();
  const a = new Till(server, name);
  const b = new Till(server, `${name.slice(0, 199)}b`);
  expect(said(await a.one(order(name, { orderNumber: name, [`f-${name}`]: name })))).toBe(1);
  await b.pages();
  expect(b.orders.get(name)).toEqual({ orderNumber: name, [`f-${name}`]: name });
  expect(said(await b.one(order('other', { orderNumber: name })))).toBe('DUPLICATE_NUMBER');
  expect(said(await b.one(order(name, {}, { version: 2, deleted: true })))).toBe(2);
  expect(await all(server)).toEqual({});
});

test('an id that is too long is refused alone, a device that is too long with its request', async () => {
  const { pos: server, a } = await open();
  const [long, good] = await a.push(order('x'.repeat(100_000), {}), order('o1', {}));
  expect(long).toMatchObject({ success: false, message: expect.stringMatching(/^localId: /) });
  expect(said(good)).toBe(1);
  const { status, body } = await server.send('/api/sync/batch', { deviceId: 'x'.repeat(201), orders: [] });
  expect({ status, body }).toMatchObject({ status: 400, body: { success: false } });
  expect(body.message).toMatch(/^deviceId: /);
  for (const bad of ['%00', '', 'x'.repeat(201)])
    expect((await server.send(`/api/sync/updates?deviceId=${bad}`)).status).toBe(400);
});

test('a thousand items are a batch and a page; one more is refused, and nothing of it is taken', async () => {
  const { pos: server, a } = await open();
  const some = (count: number, from: number) =>
    Array.from({ length: count }, (_, n) => order(`o${from + n}`, { n }));
  const sent = await a.sync({ orders: some(600, 0), transactions: [transaction('t', {})] });
  expect(sent.syncedOrders).toHaveLength(600);
  const before = await facts(server);
  const { status, body } = await server.send('/api/sync/batch', {
    deviceId: 'till-a',
    orders: some(1_000, 1_000),
    transactions: [{ localId: 't2', transaction: {} }],
  });
  expect({ status, body }).toEqual({
    status: 413,
    body: { success: false, message: 'A batch has at most 1000 orders and transactions together.' },
  });
  expect(await facts(server)).toEqual(before);
  expect(await a.push(...some(1_000, 1_000))).toHaveLength(1_000);
  const b = new Till(server, 'till-b');
  expect(await b.page()).toBe(true);
  // The transaction was one of the thousand.
  expect(b.orders.size).toBe(999);
  expect(await b.page()).toBe(false);
  expect(b.orders.size).toBe(1_600);
});

test('a record that is too large is refused alone', async () => {
  const { pos: server, a } = await open({ limits: { recordCharsMax: 1_000 } });
  const results = await a.push(
    order('o1', { note: 'x'.repeat(2_000) }),
    order('o2', { orderNumber: 'A-1' }),
    order('o3', Object.fromEntries(Array.from({ length: 3 }, (_, n) => [`f${n}`, n]))),
  );
  expect(results.map(said)).toEqual(['order: A record has at most 1000 characters of JSON.', 1, 1]);
  expect(await all(server)).toEqual({ o2: { orderNumber: 'A-1' }, o3: { f0: 0, f1: 1, f2: 2 } });
});
