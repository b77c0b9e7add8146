// The history of a scope's syncs.

import { expect, test } from 'vitest';
import { bare, refusal } from './fake-server.fixture.ts';
import { openBench, settle } from './replica.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import { type Storage, StorageError } from './storage/port.ts';
import { listSyncs } from './sync-log.ts';

test('each sync says when it was, what it moved, and why it ended as it did; newest first, also after a restart', async () => {
  const bench = await openBench();
  const { shop, server, time } = bench;
  server.pageRecords = 2;
  for (const id of ['a', 'b', 'c']) server.write('items', id, { name: id });
  const began = time.wallMs();
  await shop.sync();
  await time.pass(1_000);
  await shop.items.put({ id: 'x', name: 'x' });
  await shop.items.put({ id: 'y', name: 'y' });
  server.judge = (mutation) =>
    mutation.changes[0]?.id === 'y' ? { verdict: 'rejected', code: 'unique_taken' } : { verdict: 'applied' };
  server.hooks = [() => refusal(503, 'busy')];
  await shop.sync();
  await time.pass(1_000);
  await shop.sync();
  const expected = [
    {
      place: 3,
      begunAt: began + 2_000,
      ok: true,
      sent: 2,
      pushed: 2,
      pulled: 1,
      pages: 1,
      verdicts: { applied: 1, rejected: 1 },
    },
    {
      place: 2,
      begunAt: began + 1_000,
      endedAt: began + 1_000,
      ok: false,
      sent: 2,
      pushed: 0,
      reason: { code: 'busy' },
    },
    { place: 1, begunAt: began, ok: true, sent: 0, pulled: 3, pages: 2, times: 1 },
  ];
  expect(await shop.syncs()).toMatchObject(expected);
  expect(await shop.syncs({ limit: 1, after: 3 })).toMatchObject([expected[1]]);
  const { shop: again } = await bench.reopen();
  expect(await again.syncs()).toMatchObject(expected);
});

test('syncs in a row that move nothing and end alike are one entry with a count', async () => {
  const { shop, server, time } = await openBench();
  await shop.items.put({ id: 'x', name: 'x' });
  server.hooks = [1, 2, 3].map(() => () => {
    throw new Error('no network');
  });
  for (let n = 0; n < 3; n += 1) {
    await shop.sync();
    await time.pass(60_000);
  }
  for (let n = 0; n < 4; n += 1) await shop.sync();
  const [idle, done, lost] = await shop.syncs();
  expect(idle).toMatchObject({ times: 3, ok: true, sent: 0 });
  expect(done).toMatchObject({ times: 1, ok: true, sent: 1, pushed: 1 });
  expect(lost).toMatchObject({ times: 3, ok: false, reason: { code: 'unreachable' } });
  expect(Number(lost?.endedAt) - Number(lost?.begunAt)).toBe(120_000);
});

test('the last two hundred of a scope are kept', async () => {
  const { shop, replica } = await openBench();
  const other = replica.scope('shop-2');
  await other.sync();
  for (let n = 0; n < 203; n += 1) {
    await shop.items.put({ id: 'x', name: `${n}` });
    await shop.sync();
  }
  const kept = await shop.syncs({ limit: 1_000 });
  expect(kept).toHaveLength(200);
  expect([kept.at(0)?.place, kept.at(-1)?.place]).toEqual([203, 4]);
  expect(await other.syncs()).toHaveLength(1);
});

/** Counts what the disk is waited for, and fails writes when it is told to. */
function watchedStorage(): Storage & { durable: number; broken: boolean } {
  const inner = createMemoryStorage();
  const watched = {
    durable: 0,
    broken: false,
    close: () => inner.close(),
    transaction: ((mode, work) => {
      if (mode === 'durable') watched.durable += 1;
      if (mode === 'write' && watched.broken)
        return Promise.reject(new StorageError('full', 'The disk is full.'));
      return inner.transaction(mode, work);
    }) as Storage['transaction'],
  };
  return watched;
}

test('writing it waits for no disk, and what a full one does not take is written with the next', async () => {
  const storage = watchedStorage();
  const { shop, server, time } = await openBench({ storage });
  await shop.sync();
  await shop.syncs();
  const before = storage.durable;
  server.hooks = [() => bare(502)];
  await shop.sync();
  const exchange = storage.durable - before;
  server.write('items', 'a', { name: 'a' });
  await shop.sync();
  // The one is what every exchange that may push begins with.
  expect(storage.durable - before).toBe(3 * exchange);
  storage.broken = true;
  server.hooks = [() => bare(502)];
  await shop.sync();
  await settle();
  storage.broken = false;
  await time.pass(1_000);
  server.write('items', 'b', { name: 'b' });
  await shop.sync();
  expect((await shop.syncs()).map(({ ok, pulled }) => [ok, pulled])).toEqual([
    [true, 1],
    [false, 0],
    [true, 1],
    [false, 0],
    [true, 0],
  ]);
});

test('a sync that the end of the replica cuts is written before its storage is closed', async () => {
  const inner = createMemoryStorage();
  const storage: Storage = { transaction: inner.transaction, close: async () => undefined };
  const { shop, replica, server } = await openBench({ storage });
  server.hooks = [() => new Promise(() => undefined)];
  const syncing = shop.sync();
  await settle();
  await replica.close();
  expect(await syncing).toMatchObject({ reason: { code: 'replica_closed' } });
  const kept = await inner.transaction('read', (tx) => listSyncs(tx, 'shop-1'));
  expect(kept).toMatchObject([{ ok: false, reason: { code: 'replica_closed' } }]);
});
