// Makes a Storage of a driver that answers at once (memory, node:sqlite): turns, modes, and what an error does to a transaction.

import type { Json } from '@holdfast/core';
import {
  type Storage,
  type StorageEntry,
  StorageError,
  type StorageKey,
  type StorageScan,
  type StorageTable,
  type StorageTransaction,
} from './port.ts';
import { assertParts, type Range, rangeOf } from './range.ts';
import { createTurns } from './turns.ts';

/**
 * Keys and ranges that reach it fit their tables. Between `begin` and `commit` or `rollback` nothing but the one writer's calls
 * reach it; while nothing is begun, only reads do. So a read needs no transaction of its own to see one state.
 */
export interface SyncDriver {
  get(table: StorageTable, key: StorageKey): Json | undefined;
  getMany(table: StorageTable, keys: readonly StorageKey[]): (Json | undefined)[];
  scan(table: StorageTable, range: Range): StorageEntry[];
  count(table: StorageTable, range: Range): number;
  put(table: StorageTable, key: StorageKey, value: Json): void;
  delete(table: StorageTable, key: StorageKey): void;
  deleteAll(table: StorageTable, prefix: StorageKey): void;
  begin(mode: 'write' | 'durable'): void;
  commit(): void;
  /** Undoes all since `begin`. Must not throw, and is called once even if the failed call has rolled back already. */
  rollback(): void;
  close(): void;
}

/**
 * `turn`: one turn of the event loop, taken after each write and now and then within a long transaction. A driver that answers at
 * once would otherwise keep a program from its timers, sockets and screen until its loop of writes, or a first sync, has ended.
 */
export function createSyncStorage(driver: SyncDriver, turn?: () => Promise<void>): Storage {
  const turns = createTurns();
  let closing: Promise<void> | undefined;
  return {
    async transaction(mode, work) {
      if (closing !== undefined) throw new StorageError('closed', 'The storage was closed.');
      if (mode === 'read')
        return turns.take('shared', () => read(new Unit(driver, { writes: false, turn }), work));
      const result = await turns.take('alone', () => write({ driver, mode, turn }, work));
      await turn?.();
      return result;
    },
    close() {
      closing ??= turns.take('alone', async () => driver.close());
      return closing;
    },
  };
}

type Work<Result> = (transaction: StorageTransaction) => Promise<Result>;

async function read<Result>(unit: Unit, work: Work<Result>): Promise<Result> {
  try {
    const result = await work(unit);
    unit.assertSound();
    return result;
  } finally {
    unit.end();
  }
}

async function write<Result>(
  {
    driver,
    mode,
    turn,
  }: { driver: SyncDriver; mode: 'write' | 'durable'; turn: (() => Promise<void>) | undefined },
  work: Work<Result>,
): Promise<Result> {
  const unit = new Unit(driver, { writes: true, turn });
  driver.begin(mode);
  try {
    const result = await work(unit);
    unit.end();
    unit.assertSound();
    driver.commit();
    return result;
  } catch (error) {
    driver.rollback();
    throw error;
  } finally {
    unit.end();
  }
}

/** One transaction. After an error of any call the rest of it is refused: some errors of SQLite end the transaction by themselves. */
class Unit implements StorageTransaction {
  readonly #driver: SyncDriver;
  readonly #mayWrite: boolean;
  readonly #turn: (() => Promise<void>) | undefined;
  /** Entries that were read or written since the last turn. */
  #entries = 0;
  #ended = false;
  #fault: { error: unknown } | undefined;

  constructor(driver: SyncDriver, of: { writes: boolean; turn: (() => Promise<void>) | undefined }) {
    this.#driver = driver;
    this.#mayWrite = of.writes;
    this.#turn = of.turn;
  }

  end(): void {
    this.#ended = true;
  }

  /** Throws the error of a call that `work` has swallowed. */
  assertSound(): void {
    if (this.#fault) throw this.#fault.error;
  }

  get(table: StorageTable, key: StorageKey): Promise<Json | undefined> {
    return this.#call(false, () => {
      assertParts(table, key, 'all');
      return this.#driver.get(table, key);
    });
  }

  getMany(table: StorageTable, keys: readonly StorageKey[]): Promise<readonly (Json | undefined)[]> {
    return this.#call(false, () => {
      for (const key of keys) assertParts(table, key, 'all');
      this.#entries += keys.length;
      return this.#driver.getMany(table, keys);
    });
  }

  scan(table: StorageTable, scan: StorageScan): Promise<readonly StorageEntry[]> {
    return this.#call(false, () => {
      const range = rangeOf(table, scan);
      const found = range ? this.#driver.scan(table, range) : [];
      this.#entries += found.length;
      return found;
    });
  }

  count(table: StorageTable, scan: StorageScan): Promise<number> {
    return this.#call(false, () => {
      const range = rangeOf(table, scan);
      return range ? this.#driver.count(table, range) : 0;
    });
  }

  put(table: StorageTable, key: StorageKey, value: Json): Promise<void> {
    return this.#call(true, () => this.#put(table, key, value));
  }

  putMany(table: StorageTable, entries: readonly StorageEntry[]): Promise<void> {
    return this.#call(true, () => {
      for (const { key, value } of entries) this.#put(table, key, value);
      this.#entries += entries.length;
    });
  }

  delete(table: StorageTable, key: StorageKey): Promise<void> {
    return this.#call(true, () => {
      assertParts(table, key, 'all');
      this.#driver.delete(table, key);
    });
  }

  deleteAll(table: StorageTable, prefix: StorageKey): Promise<void> {
    return this.#call(true, () => {
      assertParts(table, prefix, 'most');
      this.#driver.deleteAll(table, prefix);
      // How many they were, the driver does not say.
      this.#entries += entriesPerTurn;
    });
  }

  #put(table: StorageTable, key: StorageKey, value: Json): void {
    assertParts(table, key, 'all');
    if (value === undefined)
      throw new TypeError(`The value of an entry of ${table} is undefined, which JSON has not.`);
    this.#driver.put(table, key, value);
  }

  /** There are many of these calls, and each answers at once: no async function waits for them. */
  #call<Result>(writes: boolean, call: () => Result): Promise<Result> {
    if (this.#ended)
      return Promise.reject(
        new TypeError('The storage transaction has ended. Await every call inside its work.'),
      );
    if (this.#fault) return Promise.reject(this.#fault.error);
    try {
      if (writes && !this.#mayWrite) throw new TypeError('A read transaction cannot write.');
      const result = call();
      this.#entries += 1;
      // Behind the call, so that calls take effect in the order in which they were made.
      if (this.#turn === undefined || this.#entries < entriesPerTurn) return Promise.resolve(result);
      this.#entries = 0;
      return this.#turn().then(() => result);
    } catch (error) {
      this.#fault = { error };
      return Promise.reject(error);
    }
  }
}

/** Some 10 milliseconds of SQLite on a small machine. */
const entriesPerTurn = 1_000;
