// What goes into a batch, in which order, and what stays.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CutOff, cutBatch } from './cut.ts';
import { keysOf } from './outbox.ts';
import { type Bench, openBench, shopSchema } from './replica.fixture.ts';
import { countingStorage } from './storage/counting.fixture.ts';

const all = {
  priorityMin: 1,
  mutationsMax: 1_000,
  bytesMax: 1_000_000,
  passOver: [] as number[],
  again: false,
};

async function cut({ storage }: Bench, bounds: Partial<typeof all> = {}): Promise<string[]> {
  const { entries } = await storage.transaction('read', (tx) =>
    cutBatch(tx, { schema: shopSchema, scope: 'shop-1' }, { ...all, ...bounds }),
  );
  return entries.map(({ mutation }) => mutation.changes[0]?.id ?? '');
}

test('highest priority first, then in the order of making', async () => {
  const bench = await openBench();
  await bench.shop.notes.put({ id: 'note', text: 'low' });
  await bench.shop.items.put({ id: 'item', name: 'middle' });
  await bench.shop.sales.put({ id: 'dear', item: 'x', total: 100 });
  await bench.shop.sales.put({ id: 'cheap', item: 'x', total: 1 });
  expect(await cut(bench)).toEqual(['dear', 'item', 'cheap', 'note']);
  expect(await cut(bench, { priorityMin: 5 })).toEqual(['dear', 'item', 'cheap']);
  expect(await cut(bench, { priorityMin: 9 })).toEqual(['dear']);
});

test('a mutation’s priority is that of its highest change', async () => {
  const bench = await openBench();
  await bench.shop.items.put({ id: 'item', name: 'middle' });
  await bench.shop.mutate(async (tx) => {
    await tx.notes.put({ id: 'both', text: 'low' });
    await tx.sales.put({ id: 'dear', item: 'x', total: 100 });
  });
  expect(await cut(bench)).toEqual(['both', 'item']);
});

test('a mutation that creates a parent rises with its child; a parent that the server has does not', async () => {
  const bench = await openBench();
  bench.server.write('items', 'known', { name: 'known' });
  await bench.shop.sync();
  await bench.shop.notes.put({ id: 'note', text: 'low' });
  await bench.shop.items.patch('known', { price: 1 });
  await bench.shop.items.put({ id: 'other', name: 'other' });
  await bench.shop.items.put({ id: 'parent', name: 'parent' });
  await bench.shop.sales.put({ id: 'child', item: 'parent', total: 500 });
  await bench.shop.sales.put({ id: 'second', item: 'known', total: 500 });
  expect(await cut(bench)).toEqual(['parent', 'child', 'second', 'known', 'other', 'note']);
  expect(await cut(bench, { priorityMin: 9 })).toEqual(['parent', 'child', 'second']);
});

test('what stands behind an entry that stays is passed over without looking back at each', async () => {
  const bench = await openBench();
  await bench.shop.items.put({ id: 'item', name: 'passed over' });
  for (let price = 1; price <= 40; price += 1) await bench.shop.items.patch('item', { price });
  const storage = countingStorage(bench.storage);
  expect(await cut({ ...bench, storage }, { passOver: [1] })).toEqual([]);
  expect(storage.counts('touches').calls).toBe(1);
});

test('a batch that takes all from the first place on looks back along no more than a few records', async () => {
  const bench = await openBench();
  await bench.shop.notes.put({ id: 'low', text: 'low' });
  for (let n = 0; n < 3; n += 1)
    await bench.shop.mutate(async (tx) => {
      for (let at = 0; at < 100; at += 1) await tx.items.put({ id: `${n}-${at}`, name: 'x' });
    });
  const storage = countingStorage(bench.storage);
  // The one of a lower priority comes later, and stands before all others: it may be in the way of each.
  expect(await cut({ ...bench, storage })).toEqual(['0-0', '1-0', '2-0', 'low']);
  expect(storage.counts('touches').calls).toBe(300);
  await bench.shop.sync();
  for (let n = 0; n < 3; n += 1)
    await bench.shop.mutate(async (tx) => {
      for (let at = 0; at < 100; at += 1) await tx.items.patch(`${n}-${at}`, { price: 1 });
    });
  await bench.shop.notes.put({ id: 'last', text: 'low' });
  storage.reset();
  expect(await cut({ ...bench, storage })).toEqual(['0-0', '1-0', '2-0', 'last']);
  expect(storage.counts('touches').calls).toBe(8);
});

test('order within one record never changes, whatever the priorities', async () => {
  const bench = await openBench();
  await bench.shop.sales.put({ id: 'a', item: 'x', total: 1 });
  await bench.shop.sales.patch('a', { total: 100 });
  await bench.shop.mutate(async (tx) => {
    await tx.notes.put({ id: 'n', text: 'x' });
    await tx.sales.patch('a', { total: 2 });
  });
  await bench.shop.notes.patch('n', { text: 'y' });
  const { entries } = await bench.storage.transaction('read', (tx) =>
    cutBatch(tx, { schema: shopSchema, scope: 'shop-1' }, { ...all, priorityMin: 9 }),
  );
  expect(entries.map(({ place }) => place)).toEqual([1, 2]);
  expect((await cut(bench, { priorityMin: 5 })).length).toBe(3);
});

test('bounded in number and in bytes; the first goes in any case', async () => {
  const bench = await openBench();
  for (const id of ['a', 'b', 'c']) await bench.shop.items.put({ id, name: id, note: 'x'.repeat(1_000) });
  expect(await cut(bench, { mutationsMax: 2 })).toEqual(['a', 'b']);
  expect(await cut(bench, { bytesMax: 2_800 })).toEqual(['a', 'b']);
  expect(await cut(bench, { bytesMax: 10 })).toEqual(['a']);
});

test('of a long outbox hardly more is read than the batch has room for', async () => {
  const bench = await openBench();
  for (let n = 0; n < 60; n += 1)
    await bench.shop.items.put({ id: `${n}`, name: 'x', note: 'x'.repeat(1_000) });
  const storage = countingStorage(bench.storage);
  expect((await cut({ ...bench, storage }, { bytesMax: 14_000 })).length).toBe(11);
  expect(storage.counts('outbox')).toMatchObject({ read: 12, calls: 2 });
  storage.reset();
  expect((await cut({ ...bench, storage })).length).toBe(60);
  expect(storage.counts('outbox')).toMatchObject({ read: 60, calls: 2 });
});

test('passed over: what stands behind it on its record stays, too', async () => {
  const bench = await openBench();
  for (const id of ['a', 'b', 'c']) await bench.shop.items.put({ id, name: id });
  await bench.shop.items.patch('a', { price: 1 });
  expect(await cut(bench, { passOver: [1] })).toEqual(['b', 'c']);
});

test('a long chain on one record is cut from its beginning', async () => {
  const bench = await openBench();
  await bench.shop.items.put({ id: 'a', name: 'a', quantity: 0 });
  for (let n = 0; n < 300; n += 1) await bench.shop.items.add('a', { quantity: 1 });
  await bench.shop.mutate(async (tx) => {
    await tx.items.add('a', { quantity: 1 });
    await tx.sales.put({ id: 's', item: 'a', total: 500 });
  });
  const { entries } = await bench.storage.transaction('read', (tx) =>
    cutBatch(tx, { schema: shopSchema, scope: 'shop-1' }, { ...all, priorityMin: 9, mutationsMax: 50 }),
  );
  expect(entries.map(({ place }) => place)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
});

test('law: a batch, and the one behind it, are closed under what stands before their entries, in every order of writes', async () => {
  const write = fc.record({
    keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 6 }),
    total: fc.constantFrom(1, 100),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { minLength: 1, maxLength: 15 }),
      fc.integer({ min: 1, max: 15 }),
      async (writes, mutationsMax) => {
        const bench = await openBench();
        for (const [at, { keys, total }] of writes.entries()) {
          await bench.shop.mutate(async (tx) => {
            for (const key of keys) await tx.sales.put({ id: key, item: `${at}`, total });
          });
        }
        const outbox = await bench.shop.outbox.list();
        const cutBehind = (inFlight: readonly number[]): Promise<CutOff> =>
          bench.storage.transaction('read', (tx) =>
            cutBatch(tx, { schema: shopSchema, scope: 'shop-1' }, { ...all, mutationsMax, inFlight }),
          );
        const first = await cutBehind([]);
        const second = await cutBehind(first.entries.map(({ place }) => place));
        const entries = [...first.entries, ...second.entries];
        expect(first.entries.length).toBe(Math.min(mutationsMax, outbox.length));
        expect(new Set(entries.map(({ place }) => place)).size).toBe(
          Math.min(2 * mutationsMax, outbox.length),
        );
        const isFull = [outbox.length > mutationsMax, outbox.length > 2 * mutationsMax];
        expect([first.full, second.full]).toEqual(isFull);
        for (const [at, entry] of entries.entries()) {
          const before = new Set(entries.slice(0, at).map(({ place }) => place));
          const needed = outbox.filter(
            (other) =>
              other.place < entry.place &&
              keysOf(other.mutation).some((key) => keysOf(entry.mutation).includes(key)),
          );
          for (const other of needed) expect(before.has(other.place)).toBe(true);
        }
      },
    ),
    { numRuns: 60 },
  );
});
