// What the device says of its own work: of one record, of each collection, and as lists that can be watched.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeServer } from './fake-server.fixture.ts';
import { openBench, settle, shopSchema } from './replica.fixture.ts';

test('a record is pending from its write to the verdict', async () => {
  const { shop } = await openBench();
  const seen: boolean[] = [];
  shop.items.isPending.subscribe('a', (pending) => seen.push(pending));
  await settle();
  await shop.items.put({ id: 'a', name: 'Apple' });
  expect(await shop.items.isPending('a')).toBe(true);
  expect(await shop.items.isPending('b')).toBe(false);
  await shop.sync();
  await settle();
  expect(await shop.items.isPending('a')).toBe(false);
  expect(seen).toEqual([false, true, false]);
});

test('each collection is counted for itself', async () => {
  const { shop, server, time } = await openBench();
  expect(await shop.statistics()).toEqual({
    collections: {
      items: { pending: 0, synced: 0, failed: 0 },
      sales: { pending: 0, synced: 0, failed: 0 },
      notes: { pending: 0, synced: 0, failed: 0 },
    },
  });
  for (const id of ['a', 'b', 'c']) await shop.items.put({ id, name: id });
  server.judge = ({ changes }) =>
    changes[0]?.id === 'c' ? { verdict: 'rejected', code: 'forbidden' } : { verdict: 'applied' };
  await shop.sync();
  await shop.items.patch('a', { price: 1 });
  await shop.items.patch('a', { price: 2 });
  await shop.items.delete('b');
  await shop.notes.put({ text: 'later' });
  expect(await shop.statistics()).toEqual({
    collections: {
      items: { pending: 2, synced: 0, failed: 1 },
      sales: { pending: 0, synced: 0, failed: 0 },
      notes: { pending: 1, synced: 0, failed: 0 },
    },
    lastSyncAt: time.wallMs(),
  });
});

test('what is counted in parts is what is there', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(30), { maxLength: 60 }), fc.nat(30), async (ids, settled) => {
      const { shop } = await openBench();
      for (let id = 0; id < settled; id += 1) await shop.items.put({ id: `i${id}`, name: 'old' });
      await shop.sync();
      await shop.mutate(async (tx) => {
        for (const id of ids) await tx.items.put({ id: `i${id}`, name: 'new', price: id });
      });
      const { items } = (await shop.statistics()).collections;
      const written = new Set(ids);
      const untouched = Array.from({ length: settled }, (_, id) => id).filter((id) => !written.has(id));
      expect(items).toEqual({ pending: written.size, synced: untouched.length, failed: 0 });
    }),
    { numRuns: 25 },
  );
});

test('what waits, what was refused and what became of syncs can be watched', async () => {
  const { shop, server } = await openBench();
  server.judge = () => ({ verdict: 'rejected', code: 'unique_taken' });
  const told: string[] = [];
  shop.outbox.list.subscribe({}, (entries) => told.push(`outbox ${entries.length}`));
  shop.quarantine.list.subscribe({}, ([item]) => told.push(`quarantine ${item?.code}`));
  shop.syncs.subscribe({ limit: 1 }, ([last]) => told.push(`failed ${last?.failed}`));
  await settle();
  await shop.items.put({ id: 'a', name: 'Apple' });
  await settle();
  await shop.sync();
  await settle();
  for (const one of ['outbox 0', 'outbox 1', 'quarantine unique_taken', 'failed 1'])
    expect(told).toContain(one);
  expect(told.filter((one) => one === 'quarantine unique_taken')).toHaveLength(1);
});

test('how far a first sync has read, and how the last one ended', async () => {
  const server = new FakeServer(shopSchema);
  for (let id = 0; id < 10; id += 1) server.write('items', `i${id}`, { name: 'x' });
  server.pageRecords = 3;
  const { shop, time } = await openBench({ server });
  const shares: number[] = [];
  shop.status.subscribe(({ progress }) => shares.push(progress));
  await settle();
  await shop.sync();
  await settle();
  expect(shares[0]).toBe(0);
  expect(shares.some((share) => share > 0 && share < 1)).toBe(true);
  expect([...shares].sort((a, b) => a - b)).toEqual(shares);
  expect(await shop.status()).toMatchObject({ progress: 1, lastSync: { ok: true, endedAt: time.wallMs() } });
  server.hooks = [
    () => {
      throw new Error('The network is down.');
    },
  ];
  await shop.sync();
  expect(await shop.status()).toMatchObject({ progress: 1, lastSync: { ok: false } });
});
