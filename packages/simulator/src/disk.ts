// A device's disk: what its storage has committed. It outlives the process, and a power cut takes the end of what was not
// yet durable: a suffix, never something in the middle.

import {
  createMemoryStorage,
  type Storage,
  type StorageEntry,
  StorageError,
  type StorageKey,
  type StorageScan,
  type StorageTable,
  type StorageTransaction,
} from '@holdfast/client';
import type { Json } from '@holdfast/core';

export interface DiskEntry {
  key: StorageKey;
  /** JSON text. */
  text: string;
  /** Read once, by `contentOf`. */
  value?: unknown;
}

/** What an entry holds; not to be changed. */
export function contentOf<Value>(entry: DiskEntry): Value {
  entry.value ??= JSON.parse(entry.text);
  return entry.value as Value;
}

/** One write of a transaction; without a text, a delete. */
export interface DiskOp {
  table: StorageTable;
  key: StorageKey;
  text?: string;
}

interface Undo {
  table: StorageTable;
  name: string;
  before: DiskEntry | undefined;
}

export class Disk {
  #tables = new Map<StorageTable, Map<string, DiskEntry>>();
  /** How to undo each commit that is not durable yet. */
  #volatile: Undo[][] = [];

  get(table: StorageTable, key: StorageKey): Json | undefined {
    const entry = this.#tables.get(table)?.get(key.join('\0'));
    return entry && contentOf<Json>(entry);
  }

  has(table: StorageTable, key: StorageKey): boolean {
    return this.#tables.get(table)?.has(key.join('\0')) ?? false;
  }

  /** Every entry of a table whose key begins with `prefix`. */
  *entries(table: StorageTable, prefix: StorageKey = []): Generator<DiskEntry> {
    for (const entry of this.#tables.get(table)?.values() ?? [])
      if (prefix.every((part, at) => entry.key[at] === part)) yield entry;
  }

  commit(ops: readonly DiskOp[], durable: boolean): void {
    const undo: Undo[] = [];
    for (const { table, key, text } of ops) {
      const of = this.#table(table);
      const name = key.join('\0');
      undo.push({ table, name, before: of.get(name) });
      if (text === undefined) of.delete(name);
      else of.set(name, { key, text });
    }
    if (durable) this.#volatile = [];
    else this.#volatile.push(undo);
  }

  /** Commits that a power cut may take. */
  get volatile(): number {
    return this.#volatile.length;
  }

  loseLast(count: number): void {
    for (const undo of this.#volatile.splice(this.#volatile.length - count).reverse()) {
      for (const { table, name, before } of undo.reverse()) {
        if (before) this.#table(table).set(name, before);
        else this.#table(table).delete(name);
      }
    }
  }

  copy(): Disk {
    const copy = new Disk();
    for (const [table, entries] of this.#tables) copy.#tables.set(table, new Map(entries));
    return copy;
  }

  setTo(other: Disk): void {
    this.#tables = other.copy().#tables;
    this.#volatile = [];
  }

  async fill(storage: Storage): Promise<void> {
    await storage.transaction('durable', async (tx) => {
      for (const [table, entries] of this.#tables) {
        const all = [...entries.values()].map(({ key, text }) => ({ key, value: JSON.parse(text) as Json }));
        if (all.length > 0) await tx.putMany(table, all);
      }
    });
  }

  #table(table: StorageTable): Map<string, DiskEntry> {
    let found = this.#tables.get(table);
    if (!found) {
      found = new Map();
      this.#tables.set(table, found);
    }
    return found;
  }
}

export type StoragePoint = 'begin' | 'read' | 'write' | 'commit' | 'after';

export interface DiskHooks {
  isAlive(): boolean;
  /** Called at every call of the port. What it throws is what the call throws. */
  point(point: StoragePoint, mode: 'read' | 'write' | 'durable'): void;
  committed(ops: readonly DiskOp[], mode: 'write' | 'durable'): void;
}

/** The replica's storage in memory over a disk: every call passes a point at which anything may happen. */
export async function openStorage(disk: Disk, hooks: DiskHooks): Promise<Storage> {
  const memory = createMemoryStorage();
  await disk.fill(memory);
  return {
    async transaction(mode, work) {
      hooks.point('begin', mode);
      const ops: DiskOp[] = [];
      const result = await memory.transaction(mode, async (tx) => {
        const made = await work(new WatchedTransaction(tx, { disk, hooks, mode, ops }));
        if (mode !== 'read') hooks.point('commit', mode);
        return made;
      });
      if (mode === 'read') return result;
      // A process that died meanwhile has committed nothing: its memory is thrown away.
      if (!hooks.isAlive()) throw new StorageError('closed', 'The process is gone.');
      disk.commit(ops, mode === 'durable');
      hooks.committed(ops, mode);
      hooks.point('after', mode);
      return result;
    },
    close: () => memory.close(),
  };
}

interface Watch {
  disk: Disk;
  hooks: DiskHooks;
  mode: 'read' | 'write' | 'durable';
  ops: DiskOp[];
}

class WatchedTransaction implements StorageTransaction {
  readonly #tx: StorageTransaction;
  readonly #watch: Watch;

  constructor(tx: StorageTransaction, watch: Watch) {
    this.#tx = tx;
    this.#watch = watch;
  }

  async get(table: StorageTable, key: StorageKey): Promise<Json | undefined> {
    this.#point('read');
    return this.#tx.get(table, key);
  }

  async getMany(table: StorageTable, keys: readonly StorageKey[]): Promise<readonly (Json | undefined)[]> {
    this.#point('read');
    return this.#tx.getMany(table, keys);
  }

  async scan(table: StorageTable, scan: StorageScan): Promise<readonly StorageEntry[]> {
    this.#point('read');
    return this.#tx.scan(table, scan);
  }

  async put(table: StorageTable, key: StorageKey, value: Json): Promise<void> {
    this.#point('write');
    await this.#tx.put(table, key, value);
    this.#watch.ops.push({ table, key, text: JSON.stringify(value) });
  }

  async putMany(table: StorageTable, entries: readonly StorageEntry[]): Promise<void> {
    this.#point('write');
    await this.#tx.putMany(table, entries);
    for (const { key, value } of entries) this.#watch.ops.push({ table, key, text: JSON.stringify(value) });
  }

  async delete(table: StorageTable, key: StorageKey): Promise<void> {
    this.#point('write');
    await this.#tx.delete(table, key);
    this.#watch.ops.push({ table, key });
  }

  async deleteAll(table: StorageTable, prefix: StorageKey): Promise<void> {
    this.#point('write');
    await this.#tx.deleteAll(table, prefix);
    const { disk, ops } = this.#watch;
    const written = ops.filter((op) => op.table === table && prefix.every((part, at) => op.key[at] === part));
    for (const { key } of [...disk.entries(table, prefix), ...written]) ops.push({ table, key });
  }

  #point(point: 'read' | 'write'): void {
    this.#watch.hooks.point(point, this.#watch.mode);
  }
}
