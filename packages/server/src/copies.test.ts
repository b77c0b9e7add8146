// Two real replicas on copies of one storage, against the real engine: both go by one id until one of them notices, and what
// either writes is the other's as little as if they had never been one.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStorage, type Storage, type StorageTable, storageTables } from '@holdfast/client';
import { openSqliteStorage } from '@holdfast/client/node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestServer, schema, type TestServer } from './protocols/native/native.fixture.ts';
import { openTill, type Till } from './till.fixture.ts';

let server: TestServer;
beforeEach(async () => {
  server = await createTestServer();
});
afterEach(() => server.close());

function open(storage: Storage, limits: { batchMutationsMax?: number } = {}): Promise<Till> {
  return openTill(server, { device: 'till', storage, ...limits });
}

async function copyOf(storage: Storage): Promise<Storage> {
  const copy = createMemoryStorage();
  for (const table of Object.keys(storageTables) as StorageTable[]) {
    const entries = await storage.transaction('read', (tx) => tx.scan(table, { prefix: [], limit: 10_000 }));
    await copy.transaction('durable', (tx) => tx.putMany(table, entries));
  }
  return copy;
}

/** One storage that knows a shelf, whose collection asks a person, and an item, whose collection merges; and a copy of it. */
async function twoCopies(): Promise<[Till, Till]> {
  const till = await open(createMemoryStorage());
  await till.shop.shelves.put({ id: 's1', label: 'Top' });
  await till.shop.items.put({ id: 'i1', name: 'Tea', quantity: 10 });
  expect(await till.shop.sync()).toMatchObject({ ok: true });
  return [till, await open(await copyOf(till.storage))];
}

async function edit({ shop }: Till, name: string): Promise<void> {
  await shop.shelves.patch('s1', { label: name });
  await shop.items.patch('i1', { name });
  await shop.items.add('i1', { quantity: 1 });
}

async function syncAll(...tills: readonly Till[]): Promise<void> {
  for (const { shop } of tills) expect(await shop.sync()).toMatchObject({ ok: true });
}

/** Batches were numbered that never came, and the process began anew. */
async function afterFailures(till: Till): Promise<Till> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    till.losses.push('request');
    expect(await till.shop.sync()).toMatchObject({ ok: false });
  }
  return open(till.storage);
}

const conflicts = (state: 'open' | 'settled') =>
  server.engine.inspect.conflicts('shop-1', { state, max: 10 });

async function expectBothKept(first: Till, second: Till): Promise<void> {
  await syncAll(first, second, first);
  expect(await conflicts('open')).toMatchObject([
    {
      collection: 'shelves',
      fields: ['label'],
      server: { label: 'first' },
      changes: [{ set: { label: 'second' } }],
    },
  ]);
  expect(await conflicts('settled')).toMatchObject([
    {
      collection: 'items',
      fields: ['name'],
      server: { name: 'first' },
      changes: [{ set: { name: 'second' } }],
    },
  ]);
  for (const { shop } of [first, second]) {
    expect(await shop.shelves.get('s1')).toMatchObject({ label: 'first' });
    expect(await shop.items.get('i1')).toMatchObject({ quantity: 12 });
  }
  expect(await first.replica.id()).not.toBe(await second.replica.id());
  expect(await first.shop.outbox.list()).toEqual([]);
  expect(await second.shop.outbox.list()).toMatchObject([{ state: 'conflict' }]);
}

describe('two copies edit the same records offline: neither writes over the other', () => {
  test('when the second one’s batches have numbers that were used', async () => {
    const [first, second] = await twoCopies();
    await edit(first, 'first');
    await edit(second, 'second');
    await expectBothKept(first, second);
  });

  test('when its numbers are higher, after attempts that failed', async () => {
    const [first, second] = await twoCopies();
    await edit(first, 'first');
    await edit(second, 'second');
    await syncAll(first);
    await expectBothKept(first, await afterFailures(second));
  });

  test('when it reads before it sends', async () => {
    const [first, second] = await twoCopies();
    await edit(first, 'first');
    await edit(second, 'second');
    await syncAll(first);
    expect(await second.shop.sync({ minPriority: 10 })).toMatchObject({ ok: true });
    await expectBothKept(first, second);
  });

  test('when the first one has said meanwhile that it holds its verdicts', async () => {
    const [first, second] = await twoCopies();
    await edit(first, 'first');
    await edit(second, 'second');
    await syncAll(first);
    await first.shop.items.put({ id: 'i2', name: 'Oil' });
    await syncAll(first);
    await expectBothKept(first, await afterFailures(second));
  });

  test('when both had something unsent in common', async () => {
    const till = await open(createMemoryStorage());
    await till.shop.shelves.put({ id: 's1', label: 'Top' });
    await till.shop.items.put({ id: 'i1', name: 'Tea', quantity: 9 });
    await syncAll(till);
    await till.shop.items.add('i1', { quantity: 1 });
    await till.shop.shelves.patch('s1', { label: 'Both' });
    const copy = await open(await copyOf(till.storage));
    await edit(till, 'first');
    await edit(copy, 'second');
    await expectBothKept(till, copy);
  });

  test('when they are files that were copied', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-copies-'));
    const [here, there] = [join(folder, 'here.db'), join(folder, 'there.db')];
    try {
      const till = await open(await openSqliteStorage({ path: here, schema }));
      await till.shop.shelves.put({ id: 's1', label: 'Top' });
      await till.shop.items.put({ id: 'i1', name: 'Tea', quantity: 10 });
      await syncAll(till);
      await till.replica.close();
      copyFileSync(here, there);
      const first = await open(await openSqliteStorage({ path: here, schema }));
      const second = await open(await openSqliteStorage({ path: there, schema }));
      await edit(first, 'first');
      await edit(second, 'second');
      await expectBothKept(first, second);
      await first.replica.close();
      await second.replica.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('a storage that was set back writes over nothing that it no longer knows of', async () => {
  const [till, old] = await twoCopies();
  await edit(till, 'first');
  await syncAll(till);
  await till.replica.close();
  await edit(old, 'second');
  await syncAll(old);
  expect(await conflicts('open')).toMatchObject([{ collection: 'shelves', server: { label: 'first' } }]);
  expect(await conflicts('settled')).toMatchObject([{ collection: 'items', server: { name: 'first' } }]);
  expect(await old.shop.items.get('i1')).toMatchObject({ quantity: 12 });
});

test('a storage that is set back to before it took a new id shows nothing twice', async () => {
  const first = await open(createMemoryStorage(), { batchMutationsMax: 1 });
  await first.shop.items.put({ id: 'i1', name: 'Tea', quantity: 10 });
  await syncAll(first);
  await first.shop.items.put({ id: 'i2', name: 'Oil' });
  await first.shop.items.add('i1', { quantity: 1 });
  const second = await open(await copyOf(first.storage));
  const third = await open(await copyOf(first.storage), { batchMutationsMax: 1 });
  // Of the two mutations the first life sends one. The second, which sends both at once, takes a new id.
  first.losses.push('reply');
  expect(await first.shop.sync()).toMatchObject({ ok: false });
  await syncAll(second);
  expect(await second.replica.id()).not.toBe(await third.replica.id());
  // The third repeats the first batch under the old id, and hears no more for now.
  third.losses.push('nothing', 'request');
  await third.shop.sync();
  expect(await third.shop.items.get('i1')).toMatchObject({ quantity: 11 });
  await syncAll(third, first, second);
  for (const { shop } of [first, second, third])
    expect(await shop.items.get('i1')).toMatchObject({ quantity: 11 });
});

describe('there is no conflict with oneself', () => {
  test('when the answer was lost, and the replica then had to take a new id', async () => {
    const [till, copy] = await twoCopies();
    await till.shop.shelves.patch('s1', { label: 'One' });
    await till.shop.items.patch('i1', { name: 'One' });
    till.losses.push('reply');
    await till.shop.sync();
    await copy.shop.items.put({ id: 'i2', name: 'Oil' });
    await syncAll(await afterFailures(copy));
    await till.shop.shelves.patch('s1', { label: 'Two' });
    await till.shop.items.patch('i1', { name: 'Two' });
    const before = await till.replica.id();
    await syncAll(till);
    expect(await till.replica.id()).not.toBe(before);
    expect([...(await conflicts('open')), ...(await conflicts('settled'))]).toEqual([]);
    expect(await till.shop.shelves.get('s1')).toMatchObject({ label: 'Two' });
    expect(await till.shop.outbox.list()).toEqual([]);
  });

  test('and a replica that was never copied keeps its id, whatever people decide', async () => {
    const till = await open(createMemoryStorage());
    await till.shop.shelves.put({ id: 's1', label: 'Top' });
    await syncAll(till);
    const id = await till.replica.id();
    const other = { replica: 'other', device: 'other' };
    await till.shop.shelves.patch('s1', { label: 'Mine' });
    const theirs = {
      ...{ protocol: 'holdfast/1', ...other, scope: 'shop-1', checkpoint: null, schema: 2, seqSeen: 0 },
      ...{ clock: { wall: 0, mono: 0, session: 's' }, verdictsSeen: 0 },
      batch: {
        n: 1,
        mutations: [
          {
            ...{ id: '018f0000-0000-7000-8000-000000000001', schema: 2 },
            made: { wall: 0, mono: 0, session: 's', offset: 0, seen: 0 },
            changes: [{ type: 'patch', collection: 'shelves', id: 's1', base: 1, set: { label: 'Theirs' } }],
          },
        ],
      },
    };
    expect((await server.post('/v1/exchange', theirs)).status).toBe(200);
    await syncAll(till);
    const caller = { key: null, device: '', actor: 'ann' };
    for (const type of ['device', 'undo', 'undo'] as const) {
      const [conflict] = [...(await conflicts('open')), ...(await conflicts('settled'))];
      const [now] = await server.engine.inspect.history('shop-1', 'shelves', 's1', 1);
      await server.engine.resolve(
        caller,
        'shop-1',
        conflict?.id ?? 0,
        { seenVersion: now?.seq ?? 0 },
        { type },
      );
      await syncAll(till);
    }
    expect(await till.shop.shelves.get('s1')).toMatchObject({ label: 'Mine' });
    expect(await till.replica.id()).toBe(id);
  });
});
