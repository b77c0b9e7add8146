// A device's disk: what its storage has committed. It outlives the process, and a power cut takes the end of what was not
// yet durable: a suffix, never something in the middle.

import { type StorageEntry, type StorageKey, type StorageTable, storageTables } from '@holdfast/client';
import { type Keeping, MemoryDriver, type Undo } from '@holdfast/client/storage/memory';
import type { Json } from '@holdfast/core';
import { keptOf } from './kept.ts';

/** One write of a transaction; without a value, a delete. Values are as the disk keeps them: nobody can change them. */
export interface DiskOp {
  table: StorageTable;
  key: StorageKey;
  value?: Json;
}

/** An entry of a disk, with a value that this part of the simulator knows the shape of. */
export interface Found<Value> {
  key: StorageKey;
  value: Value;
}

/** An entry of the outbox or of the quarantine. */
interface Holder {
  mutation: { id: string };
}

const all = { prefix: [], reverse: false, limit: Number.POSITIVE_INFINITY };

const whole: Keeping<StorageEntry> = {
  keep: ({ key, value }) => ({ key, value: keptOf(value) }),
  valueOf: ({ value }) => value,
  entryOf: (entry) => entry,
};

export class Disk {
  #driver = new MemoryDriver(whole);
  /** Every mutation that this storage ever held. One that is set back does not know what came later: it gets a set of its own. */
  made = new Set<string>();
  /** Those of them that went to its quarantine and did not come back to its outbox. */
  aside: ReadonlySet<string> = new Set();
  /** How to undo each commit that is not durable yet. */
  #volatile: (readonly Undo<StorageEntry>[])[] = [];
  #open = false;
  #stores = 0;

  /** For the process that has it open: one at a time. */
  get driver(): MemoryDriver<StorageEntry> {
    return this.#driver;
  }

  get<Value>(table: StorageTable, key: StorageKey): Value | undefined {
    return this.#driver.get(table, key) as Value | undefined;
  }

  /** Every entry of a table whose key begins with `prefix`. */
  entries<Value>(table: StorageTable, prefix: StorageKey = []): readonly Found<Value>[] {
    return this.#driver.scan(table, { ...all, prefix }) as Found<unknown>[] as Found<Value>[];
  }

  /** How many transactions it has committed; undefined while one is open. */
  get stores(): number | undefined {
    return this.#open ? undefined : this.#stores;
  }

  begin(): void {
    this.#open = true;
    this.#driver.begin();
  }

  rollback(): void {
    this.#open = false;
    this.#driver.rollback();
  }

  commit(durable: boolean): void {
    this.#open = false;
    this.#stores += 1;
    const undo = this.#driver.commit();
    if (durable) this.#volatile = [];
    else this.#volatile.push(undo);
  }

  /** Commits that a power cut may take. */
  get volatile(): number {
    return this.#volatile.length;
  }

  /** The process is gone, and with it what it had not committed; a power cut takes the last commits as well. */
  lose(commits: number): void {
    this.rollback();
    for (const undo of this.#volatile.splice(this.#volatile.length - commits).reverse())
      this.#driver.undo(undo);
    const inOutbox = this.entries<Holder>('outbox').map(({ value }) => value.mutation.id);
    this.aside = this.aside.difference(new Set(inOutbox));
  }

  /** Sees in what was committed which mutations went to the quarantine, and which came back. */
  follow(ops: readonly DiskOp[]): void {
    for (const { table, value } of ops) {
      if (value === undefined || (table !== 'quarantine' && table !== 'outbox')) continue;
      const { id } = (value as unknown as Holder).mutation;
      if (this.aside.has(id) === (table === 'quarantine')) continue;
      this.aside = this.aside[table === 'quarantine' ? 'union' : 'difference'](new Set([id]));
    }
  }

  copy(): Disk {
    const copy = new Disk();
    for (const table of Object.keys(storageTables) as StorageTable[])
      for (const { key, value } of this.#driver.scan(table, all)) copy.#driver.put(table, key, value);
    copy.made = new Set(this.made);
    copy.aside = this.aside;
    copy.commit(true);
    return copy;
  }

  setTo(other: Disk): void {
    const copy = other.copy();
    this.#driver = copy.#driver;
    this.made = copy.made;
    this.aside = copy.aside;
    this.#volatile = [];
  }
}
