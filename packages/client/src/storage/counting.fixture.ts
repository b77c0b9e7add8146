// Counts what a storage is asked for: a promise such as "reads at most its result" is kept at the port or not at all.

import type { Storage, StorageTable, StorageTransaction } from './port.ts';

export interface Counts {
  /** Entries that a get, getMany or scan has read, in sum; a key that is not there counts too. */
  read: number;
  /** Calls that read. */
  calls: number;
  /** The most entries that one call has read. */
  callMax: number;
}

export interface CountingStorage extends Storage {
  counts(table: StorageTable): Counts;
  reset(): void;
}

export function countingStorage(storage: Storage): CountingStorage {
  const tables = new Map<StorageTable, Counts>();
  const counts = (table: StorageTable): Counts => {
    const found = tables.get(table) ?? { read: 0, calls: 0, callMax: 0 };
    tables.set(table, found);
    return found;
  };
  const count = (table: StorageTable, entries: number): void => {
    const counted = counts(table);
    counted.read += entries;
    counted.calls += 1;
    counted.callMax = Math.max(counted.callMax, entries);
  };
  return {
    counts: (table) => ({ ...counts(table) }),
    reset: () => tables.clear(),
    close: () => storage.close(),
    transaction: (mode, work) => storage.transaction(mode, (tx) => work(counted(tx, count))),
  };
}

function counted(
  tx: StorageTransaction,
  count: (table: StorageTable, entries: number) => void,
): StorageTransaction {
  return {
    async get(table, key) {
      count(table, 1);
      return tx.get(table, key);
    },
    async getMany(table, keys) {
      count(table, keys.length);
      return tx.getMany(table, keys);
    },
    async scan(table, scan) {
      const found = await tx.scan(table, scan);
      count(table, found.length);
      return found;
    },
    count: (table, scan) => tx.count(table, scan),
    put: (table, key, value) => tx.put(table, key, value),
    putMany: (table, entries) => tx.putMany(table, entries),
    delete: (table, key) => tx.delete(table, key),
    deleteAll: (table, prefix) => tx.deleteAll(table, prefix),
  };
}
