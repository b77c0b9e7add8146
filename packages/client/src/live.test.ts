// What a listener is told, when, and what its faults do to others.

import { describe, expect, test } from 'vitest';
import { FakeServer } from './fake-server.fixture.ts';
import { openBench, settle, shopSchema } from './replica.fixture.ts';
import { type CountingStorage, countingStorage } from './storage/counting.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import { type Storage, type StorageEntry, StorageError, type StorageTransaction } from './storage/port.ts';

const names = (found: readonly { name: string }[]): string[] => found.map(({ name }) => name);

describe('a listener', () => {
  test('gets the first value and then each other one, until it is stopped', async () => {
    const { shop } = await openBench();
    await shop.items.put({ id: 'a', name: 'Apple' });
    const seen: unknown[] = [];
    const stop = shop.items.get.subscribe('a', (item) => seen.push(item?.name));
    await settle();
    expect(seen).toEqual(['Apple']);
    await shop.items.patch('a', { name: 'Avocado' });
    await settle();
    await shop.items.delete('a');
    await settle();
    expect(seen).toEqual(['Apple', 'Avocado', undefined]);
    stop();
    stop();
    await shop.items.put({ id: 'a', name: 'Apple' });
    await settle();
    expect(seen).toHaveLength(3);
  });

  test('hears of other devices’ writes, of a whole run at once, and of a grant that ends', async () => {
    const server = new FakeServer(shopSchema);
    server.pageRecords = 2;
    const { shop } = await openBench({ server });
    for (const id of ['a', 'b', 'c', 'd', 'e']) server.write('items', id, { name: id });
    const seen: string[][] = [];
    shop.items.list.subscribe({}, (items) => seen.push(names(items)));
    shop.items.list.subscribe({ limit: 2, after: 'b' }, (items) => seen.push(names(items)));
    await settle();
    await shop.sync();
    await settle();
    expect(seen).toEqual([[], [], ['a', 'b', 'c', 'd', 'e'], ['c', 'd']]);
    server.grants = [];
    await shop.sync();
    await settle();
    expect(seen.slice(4)).toEqual([[], []]);
  });

  test('is told nothing of a mutation that is undone, nor of one that changes other records', async () => {
    const { shop } = await openBench();
    const seen: string[][] = [];
    shop.items.where.subscribe({ where: { name: { prefix: 'A' } } }, (items) => seen.push(names(items)));
    await settle();
    const undone = shop.mutate(async (tx) => {
      await tx.items.put({ name: 'Apple' });
      throw new RangeError('no');
    });
    await expect(undone).rejects.toThrow(RangeError);
    await shop.items.put({ name: 'Banana' });
    await shop.notes.put({ text: 'Apple' });
    await settle();
    expect(seen).toEqual([[]]);
  });

  test('sees a mutation whole, and one state with those who are told together', async () => {
    const { shop } = await openBench();
    const seen: [string, number][] = [];
    shop.items.list.subscribe({}, (items) => seen.push(['items', items.length]));
    shop.sales.list.subscribe({}, (sales) => seen.push(['sales', sales.length]));
    await settle();
    await shop.mutate(async (tx) => {
      await tx.items.put({ id: 'a', name: 'Apple' });
      await tx.items.put({ id: 'b', name: 'Banana' });
      await tx.sales.put({ item: 'a', total: 1 });
    });
    await settle();
    expect(seen.slice(2)).toEqual([
      ['items', 2],
      ['sales', 1],
    ]);
  });

  test('that is slow is told the latest only, and not while it is at work', async () => {
    const { shop } = await openBench();
    const seen: (number | undefined)[] = [];
    const ends: (() => void)[] = [];
    shop.items.get.subscribe('a', (item) => {
      seen.push(item?.price);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
    await settle();
    for (let price = 1; price <= 20; price += 1) await shop.items.put({ id: 'a', name: 'Apple', price });
    await settle();
    expect(seen).toEqual([undefined]);
    ends[0]?.();
    await settle();
    expect(seen).toEqual([undefined, 20]);
    ends[1]?.();
    await settle();
    expect(seen).toHaveLength(2);
  });

  test('may read, write, subscribe and stop others', async () => {
    const { shop } = await openBench();
    const seen: [string, number | undefined][] = [];
    let inner: (() => void) | undefined;
    shop.items.get.subscribe('a', async (item) => {
      seen.push(['first', item?.price]);
      if (item?.price === 1) inner = shop.items.get.subscribe('a', (one) => seen.push(['inner', one?.price]));
      if (item?.price === 2) inner?.();
      if (item && (item.price ?? 0) < 3) await shop.items.patch('a', { price: (item.price ?? 0) + 1 });
    });
    await shop.items.put({ id: 'a', name: 'Apple', price: 1 });
    await settle();
    expect(seen.filter(([who]) => who === 'first').at(-1)).toEqual(['first', 3]);
    expect(seen).not.toContainEqual(['inner', 3]);
  });

  test('whose error breaks neither the store nor others, and reaches its own route', async () => {
    const { shop } = await openBench();
    const errors: unknown[] = [];
    const seen: string[][] = [];
    const onError = (error: unknown): void => {
      errors.push((error as Error).message);
    };
    const bad = (): never => {
      throw new Error('thrown');
    };
    shop.items.list.subscribe({}, bad, { onError });
    shop.items.list.subscribe({}, () => Promise.reject(new Error('rejected')), { onError });
    shop.items.list.subscribe({}, (items) => seen.push(names(items)));
    await settle();
    await shop.items.put({ id: 'a', name: 'Apple' });
    await settle();
    expect(errors.sort()).toEqual(['rejected', 'rejected', 'thrown', 'thrown']);
    expect(seen).toEqual([[], ['Apple']]);
  });
});

/** Counts what reads alone have asked for, not what writes do on their way. */
function countingReads(): { storage: Storage; reads: CountingStorage } {
  const inner = createMemoryStorage();
  const reads = countingStorage(inner);
  const transaction: Storage['transaction'] = (mode, work) =>
    (mode === 'read' ? reads : inner).transaction(mode, work);
  return { reads, storage: { transaction, close: () => inner.close() } };
}

test('with 1,000 subscriptions, one change wakes one of them', async () => {
  const { storage, reads } = countingReads();
  const { shop } = await openBench({ storage });
  const nameOf = (n: number): string => `n${String(n).padStart(4, '0')}`;
  await shop.mutate(async (tx) => {
    for (let n = 0; n < 500; n += 1) await tx.items.put({ id: `i${n}`, name: nameOf(n), price: n });
  });
  const told: string[] = [];
  for (let n = 0; n < 250; n += 1) {
    const [name, behind] = [nameOf(n), { id: `i${n + 250}`, name: nameOf(n + 250) }];
    const { get, where } = shop.items;
    get.subscribe(`i${n}`, () => told.push(`i${n}`));
    where.subscribe({ where: { name } }, () => told.push(`called ${name}`));
    where.subscribe({ where: { name: { gt: 'o' }, price: { lt: n } } }, () => told.push('in a range'));
    where.subscribe({ orderBy: 'name', limit: 1, after: behind }, () => told.push(`behind ${behind.id}`));
  }
  await settle();
  expect(told).toHaveLength(1_000);
  const after = async (write: () => Promise<unknown>): Promise<{ told: string[]; read: number }> => {
    told.length = 0;
    reads.reset();
    await write();
    await settle();
    return { told: [...told], read: reads.counts('records').read };
  };
  expect(await after(() => shop.items.patch('i300', { note: 'x' }))).toEqual({
    told: ['behind i299'],
    read: 1,
  });
  expect(await after(() => shop.items.patch('i7', { price: 0 }))).toEqual({
    told: ['i7', 'called n0007'],
    read: 2,
  });
  expect(await after(() => shop.notes.put({ text: 'x' }))).toEqual({ told: [], read: 0 });
});

describe('as a loop', () => {
  test('it gets the value of the moment at which it asks, and ends with the replica', async () => {
    const { shop, replica } = await openBench();
    const seen: (number | undefined)[] = [];
    for await (const item of shop.items.get.subscribe('a')) {
      seen.push(item?.price);
      const next = (item?.price ?? 0) + 1;
      if (next > 9) await replica.close();
      else
        for (const price of [next, next + 1, next + 2])
          await shop.items.put({ id: 'a', name: 'Apple', price });
    }
    expect(seen).toEqual([undefined, 3, 6, 9]);
  });

  test('leaving it ends the subscription', async () => {
    const { storage, reads } = countingReads();
    const { shop } = await openBench({ storage });
    for await (const items of shop.items.list.subscribe({})) {
      expect(items).toEqual([]);
      break;
    }
    reads.reset();
    await shop.items.put({ name: 'Banana' });
    await settle();
    expect(reads.counts('records').calls).toBe(0);
  });
});

describe('what it refuses', () => {
  test('a query that where refuses, a closed replica, and a call inside a mutation’s work', async () => {
    const { shop, replica } = await openBench();
    const ignore = (): void => undefined;
    expect(() => shop.items.where.subscribe({ limit: -1 }, ignore)).toThrow(TypeError);
    const seen: unknown[] = [];
    shop.items.list.subscribe({}, (items) => seen.push(items));
    await replica.close();
    await settle();
    expect(seen).toEqual([]);
    expect(() => shop.items.list.subscribe({}, ignore)).toThrow(
      expect.objectContaining({ code: 'replica_closed' }),
    );
  });
});

test('of a run of any length, only so many moves are noted; listeners see its end all the same', async () => {
  const server = new FakeServer(shopSchema);
  const { shop } = await openBench({ server });
  for (let n = 0; n < 1_300; n += 1) server.write('items', `i${n}`, { name: 'Apple' });
  const seen: unknown[] = [];
  shop.items.get.subscribe('i1299', (item) => seen.push(item?.name));
  shop.items.list.subscribe({ limit: 5_000 }, (items) => seen.push(items.length));
  const untouched: unknown[] = [];
  shop.items.get.subscribe('nobody', (item) => untouched.push(item));
  await settle();
  await shop.sync();
  await settle();
  expect(seen.slice(2)).toEqual(expect.arrayContaining(['Apple', 1_300]));
  expect(seen).toHaveLength(4);
  // It was read again, and is the same.
  expect(untouched).toEqual([undefined]);
});

describe('on a storage whose reads do not wait for writes', () => {
  /** Its scans answer with `stale`, as if they had begun before the last commits; or, after `hold`, when they are released. */
  function looseStorage() {
    const inner = createMemoryStorage();
    const loose = {
      stale: undefined as StorageEntry[] | undefined,
      hold: undefined as Promise<void> | undefined,
    };
    const tx = (): StorageTransaction => {
      const read: StorageTransaction['scan'] = async (table, scan) => {
        if (table === 'records' && loose.stale) return loose.stale;
        const found = await inner.transaction('read', (one) => one.scan(table, scan));
        if (table === 'records') await loose.hold;
        return found;
      };
      const refuse = () => Promise.reject(new TypeError('A read cannot write.'));
      return {
        get: (table, key) => inner.transaction('read', (one) => one.get(table, key)),
        getMany: (table, keys) => inner.transaction('read', (one) => one.getMany(table, keys)),
        scan: read,
        count: (table, scan) => inner.transaction('read', (one) => one.count(table, scan)),
        put: refuse,
        putMany: refuse,
        delete: refuse,
        deleteAll: refuse,
      };
    };
    const transaction: Storage['transaction'] = (mode, work) =>
      mode === 'read' ? work(tx()) : inner.transaction(mode, work);
    return { loose, storage: { transaction, close: () => inner.close() } };
  }

  test('what commits while a result is read is not missed, though it lay behind the end of the last one', async () => {
    const { loose, storage } = looseStorage();
    const { shop } = await openBench({ storage });
    await shop.items.put({ id: 'a', name: 'Apple' });
    const seen: string[][] = [];
    shop.items.list.subscribe({ limit: 1 }, (items) => seen.push(names(items)));
    await settle();
    let release = (): void => undefined;
    loose.hold = new Promise((resolve) => {
      release = resolve;
    });
    await shop.items.delete('a');
    await settle();
    await shop.items.put({ id: 'b', name: 'Banana' });
    release();
    loose.hold = undefined;
    await settle();
    expect(seen).toEqual([['Apple'], [], ['Banana']]);
  });

  test.each([
    ['nobody watched', false],
    ['others watched', true],
  ])('who comes while a write is under way, before which %s, sees it in the end', async (_, watched) => {
    const { loose, storage } = looseStorage();
    const { shop } = await openBench({ storage });
    if (watched) shop.notes.list.subscribe({}, () => undefined);
    await settle();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const writing = shop.mutate(async (tx) => {
      await tx.items.put({ id: 'a', name: 'Apple' });
      await held;
    });
    await settle();
    loose.stale = [];
    const seen: string[][] = [];
    shop.items.list.subscribe({}, (items) => seen.push(names(items)));
    await settle();
    loose.stale = undefined;
    release();
    await writing;
    await settle();
    expect(seen).toEqual([[], ['Apple']]);
  });
});

test('who subscribes while a mutation is being written sees what it wrote', async () => {
  const { shop } = await openBench();
  const seen: unknown[] = [];
  let go = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    go = resolve;
  });
  const writing = shop.mutate(async (tx) => {
    await tx.items.put({ id: 'a', name: 'Apple' });
    await opened;
    await tx.items.put({ id: 'b', name: 'Banana' });
  });
  shop.items.list.subscribe({}, (items) => seen.push(names(items)));
  go();
  await writing;
  await settle();
  expect(seen).toEqual([['Apple', 'Banana']]);
});

test('a value that could not be read is told to onError, and comes with the next commit', async () => {
  const inner = createMemoryStorage();
  let broken = false;
  const storage: Storage = {
    close: () => inner.close(),
    transaction: async (mode, work) => {
      if (broken && mode === 'read') throw new StorageError('failed', 'It cannot be read.');
      return inner.transaction(mode, work);
    },
  };
  const { shop } = await openBench({ storage });
  const errors: unknown[] = [];
  const seen: string[][] = [];
  shop.items.list.subscribe({}, (items) => seen.push(names(items)), {
    onError: (error) => errors.push(error),
  });
  await settle();
  broken = true;
  await shop.items.put({ id: 'a', name: 'Apple' });
  await settle();
  expect(errors).toEqual([expect.objectContaining({ code: 'failed' })]);
  broken = false;
  await shop.notes.put({ text: 'x' });
  await shop.items.put({ id: 'b', name: 'Banana' });
  await settle();
  expect(seen).toEqual([[], ['Apple', 'Banana']]);
});
