// Where a replica keeps what it knows: ordered tables of JSON values under keys of text parts.
// It fits SQLite and IndexedDB alike; contract.ts is the test that every storage passes.

import type { Json } from '@holdfast/core';

/** Table → the number of parts of its keys. */
export const storageTables = {
  /** Facts about the replica itself: [name]. */
  meta: 1,
  /** Facts about one scope: [scope, name]. */
  scopes: 2,
  /** What the application reads, unsettled writes included: [scope, collection, id]. */
  records: 3,
  /** The server's state of those records that unsettled writes touch, and of no others: [scope, collection, id]. */
  shadows: 3,
  /** Entries of declared indexes over `records`: [scope, collection, index, encoded values, id]. */
  indexes: 5,
  /** Mutations that are not settled, and settled ones that are still part of the view: [scope, place]. */
  outbox: 2,
  /** Which outbox entries touch a record: [scope, record key, place]. */
  touches: 3,
  /** Lists over the outbox, so that no list is found by reading all of it: [scope, list, place], and [scope, 'id', mutation id]. */
  marks: 3,
  /** Versions of deleted records: a put that names one says that it saw the delete. [scope, collection, id]. */
  tombstones: 3,
  /** Pages of a run that is not visible yet, in parts and in their order: [scope, place]. */
  staged: 2,
  /** Conflicts that concern this replica: [scope, conflict id]. */
  conflicts: 2,
  /** Rejected mutations and what depends on them: [scope, place]. */
  quarantine: 2,
  /** What became of the last syncs: [scope, place]. */
  syncs: 2,
} as const;

export type StorageTable = keyof typeof storageTables;
/** As many parts as the table says. Parts are ordered by Unicode code point, keys part by part. */
export type StorageKey = readonly string[];

export interface StorageEntry {
  key: StorageKey;
  value: Json;
}

export interface StorageScan {
  /** The leading parts that every key found must equal. */
  prefix: StorageKey;
  /** Bounds on the rest of the key, part by part; `from` is included, `to` is not. A shorter bound sorts before its extensions. */
  from?: StorageKey;
  to?: StorageKey;
  /** Only keys that sort behind this whole key (before it when `reverse`). */
  after?: StorageKey;
  reverse?: boolean;
  /** At most this many entries. */
  limit: number;
}

/**
 * Reads and writes of one transaction. It sees its own writes. Values are copied on their way in; what comes out is the reader's
 * own, or frozen.
 * Inside `work` nothing but these methods may be awaited: an IndexedDB transaction ends by itself otherwise.
 */
export interface StorageTransaction {
  get(table: StorageTable, key: StorageKey): Promise<Json | undefined>;
  /** The values in the order of `keys`; undefined where there is none. One round trip. */
  getMany(table: StorageTable, keys: readonly StorageKey[]): Promise<readonly (Json | undefined)[]>;
  /** Entries in key order. Reads no more entries than it returns. */
  scan(table: StorageTable, scan: StorageScan): Promise<readonly StorageEntry[]>;
  /** How many entries the scan would answer, without reading their values. */
  count(table: StorageTable, scan: StorageScan): Promise<number>;
  put(table: StorageTable, key: StorageKey, value: Json): Promise<void>;
  putMany(table: StorageTable, entries: readonly StorageEntry[]): Promise<void>;
  delete(table: StorageTable, key: StorageKey): Promise<void>;
  /** Deletes all keys that begin with `prefix`. */
  deleteAll(table: StorageTable, prefix: StorageKey): Promise<void>;
}

/**
 * Guarantees that the replica rests on:
 * - A write transaction is applied whole or not at all, also when the process dies or the disk is full.
 * - When `transaction('write', …)` resolves with `durable`, its writes survive a power cut; without it they survive a crash of
 *   the process, and a power cut loses at most a suffix of the transactions, never one in the middle.
 * - Write transactions run one after the other; a read transaction sees one state, never a part of a write.
 * - `work` that throws undoes all; the error comes back unchanged. A failed commit rejects and has changed nothing.
 * - A call that fails spoils its transaction, also when `work` catches the error: it rejects and has changed nothing.
 * - A full disk, a lost handle and the like reject with a StorageError.
 */
export interface Storage {
  transaction<Result>(
    mode: 'read' | 'write' | 'durable',
    work: (transaction: StorageTransaction) => Promise<Result>,
  ): Promise<Result>;
  close(): Promise<void>;
}

export type StorageErrorCode = 'full' | 'busy' | 'readonly' | 'closed' | 'corrupt' | 'failed';

/** A fault of the storage, not of the caller. `full`, `busy` and `readonly` may end by themselves. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
