// A replica's storage in an SQLite file.

import { lstatSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Schema } from '@holdfast/core';
import { type Storage, StorageError } from '../storage/port.ts';
import { createSyncStorage } from '../storage/sync-storage.ts';
import { nodeTurn } from './clock.ts';
import { SqliteDriver } from './sqlite-driver.ts';
import { storageFault } from './sqlite-fault.ts';
import { homeOf, settleHome } from './sqlite-home.ts';
import { type FileLock, lockFile } from './sqlite-lock.ts';
import { migrate } from './sqlite-tables.ts';
import { syncViews } from './views.ts';

export interface SqliteOptions {
  /** The file; it is created when it is not there, its folder is not. On a local disk: a network's file system breaks SQLite. */
  path: string;
  /** Gives the file a view for each collection, for reports in plain SQL. */
  schema?: Schema;
  /** How long a call waits for a lock that another process holds, in milliseconds; it blocks the thread. Default 1,000. */
  busyTimeoutMs?: number;
  /** Writes that would make the file larger fail as `full`. Its WAL comes on top. Default: no bound but the disk. */
  fileBytesMax?: number;
}

/**
 * Opens a replica's file for this process alone; others may read it. Rejects with a StorageError: `busy` when it is open already,
 * `corrupt` when it is no SQLite file, `failed` when it was written by a newer Holdfast, is some other program's, or was moved without its WAL.
 */
export async function openSqliteStorage(options: SqliteOptions): Promise<Storage> {
  const { schema, busyTimeoutMs: timeout = 1_000, fileBytesMax } = options;
  let lock: FileLock | undefined;
  let db: DatabaseSync | undefined;
  try {
    const path = homeOf(realPath(options.path));
    lock = lockFile(path, { timeout });
    db = new DatabaseSync(path, { timeout });
    // A new file holds its tables and its home before it has a WAL.
    migrate(db);
    settleHome(db, path);
    configure(db, fileBytesMax);
    if (schema) syncViews(db, schema);
    return createSyncStorage(new SqliteDriver(db, lock), nodeTurn);
  } catch (error) {
    if (db?.isOpen) db.close();
    lock?.release();
    throw storageFault(error);
  }
}

function configure(db: DatabaseSync, fileBytesMax: number | undefined): void {
  const [mode] = Object.values(db.prepare('PRAGMA journal_mode = WAL').get() ?? {});
  if (mode !== 'wal')
    throw new StorageError('failed', `SQLite cannot keep a WAL beside this file (mode ${mode}).`);
  db.exec(`
    PRAGMA cache_size = -${cacheKiB};
    PRAGMA journal_size_limit = ${walBytesKept};
    -- On macOS an fsync leaves the data in the drive's own memory.
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
  `);
  if (fileBytesMax !== undefined) {
    const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.page_size);
    db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(fileBytesMax / pageBytes))}`);
  }
}

/** 16 MiB: with the default of 2, inserts in random order write each page of a large table many times. */
const cacheKiB = 16_384;
/** What is left of a WAL that one large transaction or a slow reader has made long, once it starts anew. */
const walBytesKept = 8 * 1_048_576;

/** The lock and the WAL lie beside the file itself, whatever link it is opened by; else two links would be two databases. */
function realPath(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw new StorageError('failed', `${path} is a folder, not a replica’s file.`);
  if (found) return realpathSync(path);
  if (lstatSync(path, { throwIfNoEntry: false }))
    throw new StorageError('failed', `${path} is a link to a file that is not there.`);
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch (error) {
    throw new StorageError('failed', `There is no folder for the replica’s file ${path}.`, { cause: error });
  }
}
