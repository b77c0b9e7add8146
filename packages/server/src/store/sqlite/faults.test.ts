// Faults of the file and of the disk: which StoreError they are, what stays undone, and how the store goes on.

import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StoreError } from '../port.ts';
import { series, write } from '../writes.fixture.ts';
import { Connection } from './connection.ts';
import { storeErrorOf } from './errors.ts';
import { createTestFolder, type TestFolder } from './sqlite.fixture.ts';
import { SqliteStore } from './store.ts';
import { walBounds } from './wal.ts';

let folder: TestFolder;
beforeEach(() => {
  folder = createTestFolder();
});
afterEach(() => folder.remove());

const sqliteError = (errcode: number): Error =>
  Object.assign(new Error('disk full, busy, whatever'), { errcode });

test.each([
  [13, 'full'],
  [5, 'busy'],
  [261, 'busy'],
  [517, 'busy'],
  [6, 'busy'],
  [262, 'busy'],
  [15, 'busy'],
  [8, 'readonly'],
  [1032, 'readonly'],
  [1034, 'fsync'],
  [1290, 'fsync'],
  [11, 'corrupt'],
  [267, 'corrupt'],
  [26, 'corrupt'],
  [10, 'failed'],
  [778, 'failed'],
  [14, 'failed'],
  [19, 'failed'],
  [2067, 'failed'],
  [1, 'failed'],
])('SQLite’s error %i is %s, whatever its text says', (errcode, code) => {
  const error = storeErrorOf(sqliteError(errcode));
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ code, cause: { errcode } });
});

test('an error that is not SQLite’s comes back unchanged', () => {
  const error = new Error('database is locked');
  expect(storeErrorOf(error)).toBe(error);
});

test('a database that another process writes is busy, and free when that has ended', async () => {
  const store = await folder.open(1, { busyMsMax: 0 });
  await write(store, series(1, 1));
  const other = new DatabaseSync(folder.file);
  other.exec('BEGIN IMMEDIATE');
  await expect(write(store, series(2, 2))).rejects.toMatchObject({ code: 'busy' });
  // Reads go on meanwhile.
  expect(await headOf(store)).toBe(1);
  other.exec('ROLLBACK');
  other.close();
  await write(store, series(2, 2));
  expect(await headOf(store)).toBe(2);
  await store.close();
});

/** 'undone': SQLite has rolled the transaction back by itself, as it does when the disk is full. */
type When = 'before' | 'undone';

/** A store whose writer fails as told. */
async function faultyStore(): Promise<{
  store: SqliteStore;
  fail: (statement: string | RegExp, errcode: number, when?: When) => void;
  opened: () => number;
}> {
  await (await folder.open()).close();
  let fault: { statement: string | RegExp; errcode: number; when: When } | undefined;
  let opened = 0;
  class FaultyConnection extends Connection {
    override run(
      sql: string,
      ...values: Parameters<Connection['run']> extends [string, ...infer Rest] ? Rest : never
    ): number {
      const now =
        fault && (typeof fault.statement === 'string' ? fault.statement === sql : fault.statement.test(sql))
          ? fault
          : undefined;
      if (now) fault = undefined;
      if (!now) return super.run(sql, ...values);
      if (now.when === 'undone') super.run('ROLLBACK');
      throw storeErrorOf(sqliteError(now.errcode));
    }
  }
  const connect = (): Connection => {
    opened += 1;
    const connection = new FaultyConnection({ file: folder.file, busyMsMax: 0 });
    connection.exec('PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0');
    return connection;
  };
  const store = new SqliteStore({
    life: { id: 'life-1', startedAt: 1 },
    connect,
    inMemory: false,
    readersPerScopeMax: 10,
    walBounds,
  });
  return {
    store,
    fail: (statement, errcode, when = 'before') => {
      fault = { statement, errcode, when };
    },
    opened: () => opened,
  };
}

function headOf(store: { read: SqliteStore['read'] }): Promise<number> {
  return store.read(async (snapshot) => (await snapshot.scope('shop'))?.head ?? 0);
}

test.each([13, 5, 10, 8, 14])(
  'after error %i anywhere in a commit nothing of it is there, and the next one works',
  async (errcode) => {
    const { store, fail } = await faultyStore();
    let head = 0;
    for (const statement of [
      'BEGIN IMMEDIATE',
      /INSERT INTO hf_scopes/,
      /INSERT INTO hf_commits/,
      'COMMIT',
    ]) {
      fail(statement, errcode);
      await expect(write(store, series(head + 1, head + 2))).rejects.toMatchObject({ name: 'StoreError' });
      expect(await headOf(store)).toBe(head);
      await write(store, series(head + 1, head + 1));
      head += 1;
      expect(await headOf(store)).toBe(head);
    }
    await store.close();
  },
);

test('a connection that can no longer write is replaced; one that was only out of room is kept', async () => {
  const { store, fail, opened } = await faultyStore();
  await write(store, series(1, 1));
  expect(opened()).toBe(1);
  for (const [errcode, connections] of [
    [13, 1],
    [5, 1],
    [19, 1],
    [8, 2],
    [778, 3],
  ] as const) {
    fail(/INSERT INTO hf_scopes/, errcode);
    await expect(write(store, series(2, 2))).rejects.toThrow();
    await write(store, series(1, 1));
    expect(opened()).toBe(connections);
  }
  await store.close();
});

test('when SQLite has rolled back by itself, nothing runs outside a transaction', async () => {
  const { store, fail } = await faultyStore();
  await write(store, series(1, 1));
  const stubborn = store.commit(async (transaction) => {
    await transaction.write(new Map([['shop', series(2, 2)]]), store.life);
    // The transaction is gone, and the next statement would stand alone and stay.
    fail(/INSERT INTO hf_devices/, 13, 'undone');
    const device = {
      device: 'd',
      name: '',
      role: '',
      address: '',
      key: null,
      createdAt: 1,
      seenAt: 1,
      revokedAt: null,
    };
    await transaction.putDevices([device]).catch(() => undefined);
    await transaction.write(new Map([['other', series(1, 1)]]), store.life).catch(() => undefined);
  });
  await expect(stubborn).rejects.toMatchObject({ code: 'full' });
  expect(await headOf(store)).toBe(1);
  expect(await store.read((snapshot) => snapshot.scopeNames('', 9))).toEqual(['shop']);
  expect(await store.read((snapshot) => snapshot.devices())).toEqual([]);
  await store.close();
});

test('after a failed fsync the store takes nothing more, whatever is asked of it', async () => {
  const { store, fail } = await faultyStore();
  await write(store, series(1, 1));
  fail('COMMIT', 1034);
  const waiting = [write(store, series(2, 2)), write(store, series(2, 3)), headOf(store)];
  const answers = await Promise.allSettled(waiting);
  expect(answers.slice(0, 2)).toEqual([
    { status: 'rejected', reason: expect.objectContaining({ code: 'fsync' }) },
    { status: 'rejected', reason: expect.objectContaining({ code: 'fsync' }) },
  ]);
  await expect(write(store, series(2, 2))).rejects.toMatchObject({ code: 'fsync' });
  await expect(headOf(store)).rejects.toMatchObject({ code: 'fsync' });
  await expect(store.backup(`${folder.file}.copy`)).rejects.toMatchObject({ code: 'fsync' });
  await store.close();
});
