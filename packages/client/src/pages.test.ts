// A run of any length is applied in chunks.

import { expect, test } from 'vitest';
import { refusal } from './fake-server.fixture.ts';
import { openBench, shopSchema } from './replica.fixture.ts';
import { countingStorage } from './storage/counting.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import type { Storage, StorageTransaction } from './storage/port.ts';
import { checkStorage } from './storage-check.fixture.ts';

/** Notes the largest number of entries that one call of the port has carried. */
function measuredStorage(): Storage & { largest: number } {
  const inner = createMemoryStorage();
  const measured = {
    largest: 0,
    close: () => inner.close(),
    transaction: <Result>(
      mode: 'read' | 'write' | 'durable',
      work: (tx: StorageTransaction) => Promise<Result>,
    ): Promise<Result> => inner.transaction(mode, (tx) => work(measure(tx))),
  };
  const note = (entries: number): void => {
    measured.largest = Math.max(measured.largest, entries);
  };
  const measure = (tx: StorageTransaction): StorageTransaction => ({
    ...bind(tx),
    getMany: (table, keys) => {
      note(keys.length);
      return tx.getMany(table, keys);
    },
    scan: async (table, scan) => {
      const found = await tx.scan(table, scan);
      note(found.length);
      return found;
    },
    putMany: (table, entries) => {
      note(entries.length);
      return tx.putMany(table, entries);
    },
  });
  return measured;
}

function bind(
  tx: StorageTransaction,
): Pick<StorageTransaction, 'get' | 'count' | 'put' | 'delete' | 'deleteAll'> {
  return {
    get: (table, key) => tx.get(table, key),
    count: (table, scan) => tx.count(table, scan),
    put: (table, key, value) => tx.put(table, key, value),
    delete: (table, key) => tx.delete(table, key),
    deleteAll: (table, prefix) => tx.deleteAll(table, prefix),
  };
}

test('however long a run, an outbox or a fresh start is, no call carries more than a chunk of it', async () => {
  const storage = measuredStorage();
  const { shop, server } = await openBench({ storage });
  server.pageRecords = 400;
  for (let n = 0; n < 2_500; n += 1) server.write('items', `i${n}`, { name: `${n}` });
  await shop.mutate(async (tx) => {
    for (let n = 0; n < 700; n += 1) await tx.items.put({ id: `own${n}`, name: 'own' });
  });
  for (let n = 0; n < 700; n += 1) await shop.items.add('own1', { quantity: 1 });
  storage.largest = 0;
  expect(await shop.sync()).toMatchObject({ ok: true });
  for (let n = 0; n < 1_500; n += 1) {
    server.records.delete(`items/i${n}`);
    server.order.delete(`items/i${n}`);
  }
  server.hooks = [() => refusal(400, 'bad_checkpoint')];
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(storage.largest).toBeLessThanOrEqual(500);
  expect((await shop.items.list({ limit: 10_000 })).length).toBe(1_700);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('a mutation of many records that waits is read once for all of them when their page comes', async () => {
  const storage = countingStorage(createMemoryStorage());
  const { server, shop } = await openBench({ storage });
  const ids = Array.from({ length: 100 }, (_, n) => `i${n}`);
  for (const id of ids) server.write('items', id, { name: 'x' });
  await shop.sync();
  await shop.mutate(async (tx) => {
    for (const id of ids) await tx.items.patch(id, { price: 1 });
  });
  for (const id of ids) server.write('items', id, { name: 'y' });
  storage.reset();
  // Nothing of so high a priority waits, so the page comes first.
  expect(await shop.sync({ minPriority: 10 })).toMatchObject({ ok: true });
  expect(storage.counts('outbox').read).toBeLessThan(10);
  expect(await shop.items.get('i99')).toMatchObject({ name: 'y', price: 1 });
});
