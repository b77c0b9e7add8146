// The storage of a device's process on its disk: every call of the port passes a point at which anything may happen.

import type { Storage, StorageEntry, StorageKey, StorageTable } from '@holdfast/client';
import { createSyncStorage, type SyncDriver } from '@holdfast/client/storage/sync';
import type { Json } from '@holdfast/core';
import type { Disk, DiskOp } from './disk.ts';
import { keptOf } from './kept.ts';

export type StoragePoint = 'begin' | 'read' | 'write' | 'commit' | 'after';
export type StorageMode = 'read' | 'write' | 'durable';

export interface DiskHooks {
  isAlive(): boolean;
  /** Called at every call of the port. What it throws is what the call throws. */
  point(point: StoragePoint, mode: StorageMode): void;
  committed(ops: readonly DiskOp[]): void;
}

export function openStorage(disk: Disk, hooks: DiskHooks): Storage {
  const storage = createSyncStorage(new WatchedDriver(disk, hooks));
  return {
    transaction(mode, work) {
      try {
        hooks.point('begin', mode);
      } catch (error) {
        return Promise.reject(error);
      }
      return storage.transaction(mode, work);
    },
    close: () => storage.close(),
  };
}

type Range = Parameters<SyncDriver['scan']>[1];

class WatchedDriver implements SyncDriver {
  readonly #disk: Disk;
  readonly #hooks: DiskHooks;
  #mode: StorageMode = 'read';
  #ops: DiskOp[] = [];

  constructor(disk: Disk, hooks: DiskHooks) {
    this.#disk = disk;
    this.#hooks = hooks;
  }

  get(table: StorageTable, key: StorageKey): Json | undefined {
    this.#point('read');
    return this.#disk.driver.get(table, key);
  }

  getMany(table: StorageTable, keys: readonly StorageKey[]): (Json | undefined)[] {
    this.#point('read');
    return this.#disk.driver.getMany(table, keys);
  }

  scan(table: StorageTable, range: Range): StorageEntry[] {
    this.#point('read');
    return this.#disk.driver.scan(table, range);
  }

  count(table: StorageTable, range: Range): number {
    this.#point('read');
    return this.#disk.driver.count(table, range);
  }

  put(table: StorageTable, key: StorageKey, value: Json): void {
    this.#point('write');
    const kept = keptOf(value);
    this.#disk.driver.put(table, key, kept);
    this.#ops.push({ table, key, value: kept });
  }

  delete(table: StorageTable, key: StorageKey): void {
    this.#point('write');
    this.#disk.driver.delete(table, key);
    this.#ops.push({ table, key });
  }

  deleteAll(table: StorageTable, prefix: StorageKey): void {
    this.#point('write');
    for (const { key } of this.#disk.entries(table, prefix)) this.#ops.push({ table, key });
    this.#disk.driver.deleteAll(table, prefix);
  }

  begin(mode: 'write' | 'durable'): void {
    this.#mode = mode;
    this.#ops = [];
    this.#disk.begin();
  }

  commit(): void {
    this.#point('commit');
    const mode = this.#mode;
    this.#mode = 'read';
    this.#disk.commit(mode === 'durable');
    this.#hooks.committed(this.#ops);
    this.#hooks.point('after', mode);
  }

  /** Of a process that is gone, the disk has undone all already, and somebody else may write on it. */
  rollback(): void {
    this.#mode = 'read';
    if (this.#hooks.isAlive()) this.#disk.rollback();
  }

  /** What is on the disk stays there. */
  close(): void {}

  #point(point: 'read' | 'write' | 'commit'): void {
    this.#hooks.point(point, this.#mode);
  }
}
