// The storage of a browser: one IndexedDB database, with an object store for each table.
//
// It is open in one tab at a time, which a Web Lock sees to: two loops over one replica would send with the same batch numbers.

import type { Json } from '@holdfast/core';
import { type IDBPDatabase, type IDBPTransaction, openDB } from 'idb';
import { databaseRange, fromDatabase, toDatabase } from './indexeddb-key.ts';
import {
  type Storage,
  type StorageEntry,
  StorageError,
  type StorageErrorCode,
  type StorageKey,
  type StorageScan,
  type StorageTable,
  type StorageTransaction,
  storageTables,
} from './port.ts';
import { assertParts, rangeOf } from './range.ts';
import { createTurns } from './turns.ts';

/**
 * Opens the database of this name, and creates it when it is not there. Rejects with a StorageError: `busy` when another tab has it
 * open, `failed` where the page is not served securely (https, or localhost): browsers have no locks there.
 */
export async function openIndexedDbStorage({ name }: { name: string }): Promise<Storage> {
  const unlock = await lock(`holdfast:${name}`);
  try {
    const database = await openDB(name, 1, {
      upgrade(upgraded) {
        for (const table of tables) upgraded.createObjectStore(table);
      },
    });
    return createStorage(database, unlock);
  } catch (error) {
    await unlock();
    throw asStorageError(error);
  }
}

const tables = Object.keys(storageTables) as StorageTable[];

function createStorage(database: IDBPDatabase, unlock: () => Promise<void>): Storage {
  const turns = createTurns();
  let closing: Promise<void> | undefined;
  return {
    async transaction(mode, work) {
      if (closing !== undefined) throw new StorageError('closed', 'The storage was closed.');
      return turns.take(mode === 'read' ? 'shared' : 'alone', () => run(database, mode, work));
    },
    close() {
      closing ??= turns.take('alone', async () => {
        database.close();
        await unlock();
      });
      return closing;
    },
  };
}

type Mode = Parameters<Storage['transaction']>[0];

async function run<Result>(
  database: IDBPDatabase,
  mode: Mode,
  work: (transaction: StorageTransaction) => Promise<Result>,
): Promise<Result> {
  const unit = new Unit(begin(database, mode));
  let result: Result;
  try {
    result = await work(unit);
    unit.assertSound();
  } catch (error) {
    await unit.abort();
    throw error;
  }
  await unit.commit();
  return result;
}

function begin(database: IDBPDatabase, mode: Mode): Started {
  try {
    const durability = mode === 'durable' ? 'strict' : 'relaxed';
    return database.transaction(tables, mode === 'read' ? 'readonly' : 'readwrite', { durability });
  } catch (error) {
    throw asStorageError(error);
  }
}

type Started = IDBPTransaction<unknown, StorageTable[], 'readonly' | 'readwrite'>;

class Unit implements StorageTransaction {
  readonly #started: Started;
  readonly #done: Promise<unknown>;
  #ended = false;
  #fault: { error: unknown } | undefined;

  constructor(started: Started) {
    this.#started = started;
    // Settles to what ended it, so that it may be asked for late.
    this.#done = started.done.then(
      () => undefined,
      (error: unknown) => error ?? new StorageError('failed', 'The browser ended a transaction.'),
    );
    void this.#keepOpen();
  }

  get(table: StorageTable, key: StorageKey): Promise<Json | undefined> {
    return this.#call(async () => {
      assertParts(table, key, 'all');
      return this.#store(table).get(toDatabase(key));
    });
  }

  getMany(table: StorageTable, keys: readonly StorageKey[]): Promise<readonly (Json | undefined)[]> {
    return this.#call(async () => {
      for (const key of keys) assertParts(table, key, 'all');
      const store = this.#store(table);
      return Promise.all(keys.map((key) => store.get(toDatabase(key))));
    });
  }

  scan(table: StorageTable, scan: StorageScan): Promise<readonly StorageEntry[]> {
    return this.#call(async () => {
      const range = rangeOf(table, scan);
      if (!range) return [];
      const store = this.#store(table);
      const bounds = databaseRange(range);
      if (range.reverse) return backwards(store, bounds, range.limit);
      const limit = Number.isFinite(range.limit) ? Math.min(range.limit, limitMost) : undefined;
      const [keys, values] = await Promise.all([
        store.getAllKeys(bounds, limit),
        store.getAll(bounds, limit),
      ]);
      return keys.map((key, at) => ({ key: fromDatabase(key as string[]), value: values[at] as Json }));
    });
  }

  count(table: StorageTable, scan: StorageScan): Promise<number> {
    return this.#call(async () => {
      const range = rangeOf(table, scan);
      return range ? Math.min(await this.#store(table).count(databaseRange(range)), range.limit) : 0;
    });
  }

  put(table: StorageTable, key: StorageKey, value: Json): Promise<void> {
    return this.putMany(table, [{ key, value }]);
  }

  putMany(table: StorageTable, entries: readonly StorageEntry[]): Promise<void> {
    return this.#call(async () => {
      for (const { key } of entries) assertParts(table, key, 'all');
      const store = this.#writable(table);
      await Promise.all(entries.map(({ key, value }) => store.put(value, toDatabase(key))));
    });
  }

  delete(table: StorageTable, key: StorageKey): Promise<void> {
    return this.#call(async () => {
      assertParts(table, key, 'all');
      await this.#writable(table).delete(toDatabase(key));
    });
  }

  deleteAll(table: StorageTable, prefix: StorageKey): Promise<void> {
    return this.#call(async () => {
      assertParts(table, prefix, 'most');
      await this.#writable(table).delete(databaseRange({ prefix }));
    });
  }

  /** Throws the error of a call that `work` has swallowed. */
  assertSound(): void {
    if (this.#fault) throw this.#fault.error;
  }

  async commit(): Promise<void> {
    this.#ended = true;
    try {
      this.#started.commit();
    } catch (error) {
      throw asStorageError(error);
    }
    const error = await this.#done;
    if (error) throw asStorageError(error);
  }

  async abort(): Promise<void> {
    this.#ended = true;
    try {
      this.#started.abort();
    } catch {
      // The browser has ended it already, and so undone it.
    }
    await this.#done;
  }

  /**
   * A transaction of which nothing is asked for a moment commits by itself, with half of a mutation perhaps. While `work` runs, something
   * is always asked.
   */
  async #keepOpen(): Promise<void> {
    try {
      while (!this.#ended) await this.#started.objectStore('meta').count(IDBKeyRange.only([]));
    } catch {
      // It has ended: whoever uses it is told by their own call, or by the commit.
    }
  }

  async #call<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      if (this.#ended) throw new TypeError('The transaction is over.');
      return await work();
    } catch (error) {
      this.#fault ??= { error: asStorageError(error) };
      throw this.#fault.error;
    }
  }

  #store(table: StorageTable) {
    return this.#started.objectStore(table);
  }

  #writable(table: StorageTable) {
    if (this.#started.mode === 'readonly') throw new TypeError('A read transaction cannot write.');
    return (this.#started as IDBPTransaction<unknown, StorageTable[], 'readwrite'>).objectStore(table);
  }
}

async function backwards(
  store: ReturnType<Started['objectStore']>,
  bounds: IDBKeyRange,
  limit: number,
): Promise<StorageEntry[]> {
  const entries: StorageEntry[] = [];
  let cursor = await store.openCursor(bounds, 'prev');
  while (cursor && entries.length < limit) {
    entries.push({ key: fromDatabase(cursor.key as string[]), value: cursor.value as Json });
    cursor = entries.length < limit ? await cursor.continue() : null;
  }
  return entries;
}

/** What IndexedDB takes as a count. */
const limitMost = 2 ** 32 - 1;

/** Faults of the program stay what they are. */
function asStorageError(error: unknown): unknown {
  if (!(error instanceof DOMException)) return error;
  return new StorageError(codes[error.name] ?? 'failed', `IndexedDB: ${error.message || error.name}`, {
    cause: error,
  });
}

const codes: Readonly<Record<string, StorageErrorCode>> = {
  QuotaExceededError: 'full',
  InvalidStateError: 'closed',
};

/** Answers what gives the lock back; resolved, it is free. */
async function lock(name: string): Promise<() => Promise<void>> {
  if (!globalThis.navigator?.locks)
    throw new StorageError('failed', 'This page has no Web Locks: serve it over https, or from localhost.');
  const asked = Promise.withResolvers<boolean>();
  const held = Promise.withResolvers<void>();
  const over = navigator.locks.request(name, { ifAvailable: true }, async (granted) => {
    asked.resolve(granted !== null);
    if (granted) await held.promise;
  });
  over.catch(asked.reject);
  if (!(await asked.promise)) throw new StorageError('busy', 'Another tab has this replica open.');
  return async () => {
    held.resolve();
    await over;
  };
}
