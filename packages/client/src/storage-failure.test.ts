// A storage that fails: the write is reported as failed and nothing is half applied; a sync reports it, and resumes when it ends.

import { expect, test } from 'vitest';
import { openBench, settle, shopSchema } from './replica.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import {
  type Storage,
  StorageError,
  type StorageErrorCode,
  type StorageTransaction,
} from './storage/port.ts';
import { checkStorage } from './storage-check.fixture.ts';

interface Failing extends Storage {
  /** Fails the n-th write from now on (0: the next), and every one after it until it is reset. */
  failAt(n: number | undefined, code?: StorageErrorCode): void;
  /** Fails at the commit instead. */
  failCommits(code: StorageErrorCode | undefined): void;
}

function failingStorage(): Failing {
  const inner = createMemoryStorage();
  let left: number | undefined;
  let code: StorageErrorCode = 'full';
  let commits: StorageErrorCode | undefined;
  const spend = (): void => {
    if (left === undefined) return;
    if (left === 0) throw new StorageError(code, 'The storage fails, as asked.');
    left -= 1;
  };
  const writing = (tx: StorageTransaction): StorageTransaction => ({
    get: (table, key) => tx.get(table, key),
    getMany: (table, keys) => tx.getMany(table, keys),
    scan: (table, scan) => tx.scan(table, scan),
    count: (table, scan) => tx.count(table, scan),
    put: async (table, key, value) => {
      spend();
      await tx.put(table, key, value);
    },
    putMany: async (table, entries) => {
      spend();
      await tx.putMany(table, entries);
    },
    delete: async (table, key) => {
      spend();
      await tx.delete(table, key);
    },
    deleteAll: async (table, prefix) => {
      spend();
      await tx.deleteAll(table, prefix);
    },
  });
  return {
    transaction: (mode, work) =>
      inner.transaction(mode, async (tx) => {
        const result = await work(writing(tx));
        if (mode !== 'read' && commits) throw new StorageError(commits, 'The commit fails, as asked.');
        return result;
      }),
    close: () => inner.close(),
    failAt: (n, how = 'full') => {
      left = n;
      code = how;
    },
    failCommits: (how) => {
      commits = how;
    },
  };
}

async function dump(storage: Storage): Promise<unknown> {
  return storage.transaction('read', async (tx) => {
    const tables = [
      'scopes',
      'records',
      'shadows',
      'indexes',
      'outbox',
      'touches',
      'marks',
      'tombstones',
      'staged',
      'conflicts',
      'quarantine',
    ] as const;
    const found: unknown[] = [];
    for (const table of tables) found.push(...(await tx.scan(table, { prefix: [], limit: 10_000 })));
    return found;
  });
}

test('a write that fails at any point rejects, and has changed nothing', async () => {
  const storage = failingStorage();
  const { shop } = await openBench({ storage });
  await shop.items.put({ id: 'a', name: 'a', quantity: 1 });
  const before = await dump(storage);
  let failures = 0;
  for (let at = 0; at < 100; at += 1) {
    storage.failAt(at);
    const written = await shop
      .mutate(async (tx) => {
        await tx.items.patch('a', { name: 'b' });
        await tx.items.put({ id: 'c', name: 'c' });
        await tx.items.delete('a');
      })
      .then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(StorageError);
          expect(error).toMatchObject({ code: 'full' });
          return false;
        },
      );
    storage.failAt(undefined);
    if (written) break;
    failures += 1;
    expect(await dump(storage)).toEqual(before);
  }
  expect(failures).toBeGreaterThan(10);
  expect((await shop.items.list()).map(({ id }) => id)).toEqual(['c']);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('an application that swallows a storage’s error inside a mutation does not commit half of it', async () => {
  const storage = failingStorage();
  const { shop } = await openBench({ storage });
  const before = await dump(storage);
  const writing = shop.mutate(async (tx) => {
    await tx.items.put({ id: 'a', name: 'a' });
    storage.failAt(0);
    await tx.items.put({ id: 'b', name: 'b' }).catch(() => undefined);
    storage.failAt(undefined);
  });
  await expect(writing).rejects.toMatchObject({ code: 'full' });
  expect(await dump(storage)).toEqual(before);
});

test('a sync that meets a full disk at any point reports it, half-applies nothing, and goes on when it ends', async () => {
  for (let at = 0; at < 60; at += 1) {
    const storage = failingStorage();
    const { shop, server } = await openBench({ storage });
    server.write('items', 'a', { name: 'a', quantity: 1 });
    await shop.sync();
    await shop.items.add('a', { quantity: 2 });
    await shop.items.put({ id: 'b', name: 'b' });
    for (const id of ['c', 'd', 'e']) server.write('items', id, { name: id });
    server.pageRecords = 2;
    storage.failAt(at);
    const result = await shop.sync();
    storage.failAt(undefined);
    expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
    if (!result.ok) {
      expect(result.reason).toMatchObject({ code: 'storage_full' });
      expect((await shop.status()).state).toBe('storageFull');
      expect((await shop.items.get('a'))?.quantity).toBe(3);
    }
    expect(await shop.sync()).toMatchObject({ ok: true });
    expect(server.body('items', 'a')).toEqual({ name: 'a', quantity: 3 });
    expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'a', quantity: 3 });
    expect((await shop.items.list()).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await shop.outbox.list()).toEqual([]);
    if (result.ok) {
      expect(at).toBeGreaterThan(15);
      return;
    }
  }
  throw new Error('The sync never came through.');
});

test.each([
  ['busy', 'storageFailed'],
  ['full', 'storageFull'],
] as const)(
  'a replica that syncs by itself goes on by itself when the storage is no longer %s',
  async (code, state) => {
    const storage = failingStorage();
    const { shop, server, time } = await openBench({ storage, automatic: { everyMs: 600_000 } });
    await settle();
    server.write('items', 'a', { name: 'a' });
    storage.failCommits(code);
    expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: `storage_${code}` } });
    expect(await shop.status()).toMatchObject({ state, reason: { code: `storage_${code}` } });
    await expect(shop.items.put({ id: 'b', name: 'b' })).rejects.toMatchObject({
      name: 'StorageError',
      code,
    });
    await time.pass(10_000);
    expect(await shop.items.list()).toEqual([]);
    storage.failCommits(undefined);
    await time.pass(60_000);
    expect((await shop.items.list()).map(({ id }) => id)).toEqual(['a']);
    expect((await shop.status()).state).toBe('idle');
  },
);

test('an id that could not be stored is not used: the replica does not open', async () => {
  const storage = failingStorage();
  storage.failAt(0);
  await expect(openBench({ storage })).rejects.toMatchObject({ code: 'full' });
  storage.failAt(undefined);
  const first = await openBench({ storage });
  const again = await first.reopen();
  expect(await again.replica.id()).toBe(await first.replica.id());
});

test('a batch whose number could not be stored is not sent', async () => {
  const storage = failingStorage();
  const { shop, server } = await openBench({ storage });
  await shop.items.put({ id: 'a', name: 'a' });
  storage.failCommits('full');
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'storage_full' } });
  expect(server.requests).toEqual([]);
});

test('what must last is written durably before anybody is told of it; pages need not be', async () => {
  const inner = createMemoryStorage();
  const modes: string[] = [];
  const storage: Storage = {
    transaction: (mode, work) => {
      if (mode !== 'read') modes.push(mode);
      return inner.transaction(mode, work);
    },
    close: () => inner.close(),
  };
  const { shop, server } = await openBench({ storage });
  modes.length = 0;
  await shop.items.put({ id: 'a', name: 'a' });
  expect(modes.splice(0)).toEqual(['durable']);
  await shop.sync();
  // The batch's number, the verdicts, the look at what is left, and what became of the sync.
  expect(modes.splice(0)).toEqual(['durable', 'durable', 'durable', 'write']);
  server.write('items', 'b', { name: 'b' });
  await shop.sync();
  expect(modes.splice(0)).toEqual(['durable', 'write', 'durable', 'write']);
});
