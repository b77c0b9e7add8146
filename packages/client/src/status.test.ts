// The status, watched: what it tells, and that it tells nothing twice.

import { expect, test } from 'vitest';
import { FakeServer, refusal } from './fake-server.fixture.ts';
import { openBench, settle, shopSchema } from './replica.fixture.ts';
import type { ReplicaStatus, ScopeStatus } from './status.ts';
import { countingStorage } from './storage/counting.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';

test('work that is written, sent and settled, and why it was not sent before', async () => {
  const { shop, server, time } = await openBench();
  const seen: ScopeStatus[] = [];
  const stop = shop.status.subscribe((status) => seen.push(status));
  await settle();
  expect(seen).toMatchObject([{ state: 'idle', pending: 0, bootstrapping: true }]);
  await time.pass(5_000);
  await shop.items.put({ id: 'a', name: 'Apple' });
  await settle();
  expect(seen.slice(1)).toMatchObject([{ state: 'idle', pending: 1, oldestAt: time.wallMs(), oldestMs: 0 }]);
  server.hooks = [() => refusal(503, 'busy')];
  await shop.sync();
  await settle();
  expect(seen.at(-1)).toMatchObject({ state: 'waiting', reason: { code: 'busy' }, pending: 1 });
  await shop.sync();
  await settle();
  expect(seen.some(({ state }) => state === 'syncing')).toBe(true);
  expect(seen.at(-1)).toMatchObject({
    state: 'idle',
    pending: 0,
    seq: 1,
    head: 1,
    bootstrapping: false,
    lastVerdict: { verdict: 'applied' },
    clockOffsetMs: server.nowMs - time.wallMs(),
  });
  expect(seen.at(-1)?.reason).toBeUndefined();
  stop();
  const told = seen.length;
  await shop.items.patch('a', { price: 1 });
  await settle();
  expect(seen).toHaveLength(told);
});

test('neither time that passes nor a sync that finds nothing is a change', async () => {
  const { shop, server, time } = await openBench();
  await shop.items.put({ id: 'a', name: 'Apple' });
  server.hooks = [() => refusal(401, 'unauthenticated')];
  await shop.sync();
  const seen: ScopeStatus[] = [];
  shop.status.subscribe((status) => seen.push(status));
  await settle();
  await time.pass(3_600_000);
  await shop.items.get('a');
  await shop.items.put({ id: 'a', name: 'Apple' });
  await settle();
  expect(seen).toMatchObject([{ state: 'paused', oldestMs: 0, pending: 1 }]);
});

test('the first sync, page by page', async () => {
  const server = new FakeServer(shopSchema);
  server.pageRecords = 2;
  for (let n = 0; n < 5; n += 1) server.write('items', `i${n}`, { name: 'x' });
  const { shop } = await openBench({ server });
  const staged: number[] = [];
  server.hooks = Array.from({ length: 3 }, () => async (_, serve) => {
    await settle();
    return { status: 200, body: JSON.stringify(serve()) };
  });
  shop.status.subscribe((status) => {
    if (status.state === 'syncing' && staged.at(-1) !== status.staged) staged.push(status.staged);
    expect(status.bootstrapping).toBe(status.seq === 0);
  });
  await shop.sync();
  await settle();
  expect(staged).toEqual([0, 2, 4, 0]);
});

test('what is only counted is not read, however much lies in the quarantine', async () => {
  const storage = countingStorage(createMemoryStorage());
  const { shop, server } = await openBench({ storage });
  server.judge = () => ({ verdict: 'rejected', code: 'unique_taken' });
  for (let n = 0; n < 50; n += 1) await shop.items.put({ id: `i${n}`, name: 'Apple' });
  await shop.sync();
  storage.reset();
  expect(await shop.status()).toMatchObject({ quarantined: 50, conflicts: 0, pending: 0 });
  expect(storage.counts('quarantine').read).toBe(0);
});

test('a conflict, the quarantine and a grant that ends', async () => {
  const { shop, server } = await openBench();
  const seen: ScopeStatus[] = [];
  shop.status.subscribe((status) => seen.push(status));
  server.judge = () => ({ verdict: 'rejected', code: 'unique_taken' });
  await shop.items.put({ id: 'a', name: 'Apple' });
  await shop.sync();
  await settle();
  expect(seen.at(-1)).toMatchObject({ quarantined: 1, pending: 0 });
  const [item] = await shop.quarantine.list();
  await shop.quarantine.discard(item?.place ?? 0, 'wrong');
  await settle();
  expect(seen.at(-1)).toMatchObject({ quarantined: 0 });
  server.grants = [];
  await shop.sync();
  await settle();
  expect(seen.at(-1)).toMatchObject({ state: 'ended' });
});

test('of the replica: all of its scopes, also those that come later', async () => {
  const { replica, shop } = await openBench();
  const seen: ReplicaStatus[] = [];
  replica.status.subscribe((status) => seen.push(status));
  await settle();
  await replica.scope('shop-2').items.put({ name: 'Apple' });
  await shop.items.put({ name: 'Apple' });
  await settle();
  expect(seen.at(0)?.scopes.map(({ scope }) => scope)).toEqual(['shop-1']);
  expect(seen.at(-1)).toMatchObject({ pending: 2, scopes: [{ scope: 'shop-1' }, { scope: 'shop-2' }] });
  expect(seen.at(-1)).toEqual(await replica.status());
});

test('as a loop, until the replica is closed', async () => {
  const { replica, shop } = await openBench();
  const pending: number[] = [];
  for await (const status of shop.status.subscribe()) {
    pending.push(status.pending);
    if (status.pending < 2) await shop.items.put({ name: 'Apple' });
    else await replica.close();
  }
  expect(pending).toEqual([0, 1, 2]);
});
