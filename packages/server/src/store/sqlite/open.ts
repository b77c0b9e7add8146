// Opens the store on SQLite.

import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Limits, Schema, Sha256, Timer } from '@holdfast/core';
import { type Life, type Store, StoreError } from '../port.ts';
import type { SqlView } from '../sql-views.ts';
import { Connection, type Observe } from './connection.ts';
import { migrate, requireMigrated, requireOurs } from './migrate.ts';
import { enterSchema } from './schema-version.ts';
import { SqliteStore } from './store.ts';
import { rebuildUnique } from './unique.ts';
import { refreshViews } from './views.ts';
import { type WalBounds, walBounds } from './wal.ts';

export interface SqliteStoreOptions {
  /** Null: in memory, for tests and the simulator; it ends with the store. */
  file: string | null;
  /** The life that begins now. */
  life: Life;
  schema: Schema;
  /** Besides, or in the place of, the collections' own. */
  views?: readonly SqlView[];
  limits: Limits;
  sha256: Sha256;
  /** Cuts the write-ahead log when nothing was written for a while; without it, only when it is long, and at the end. */
  timer?: Timer;
  /** The operator's bound on the database. A write beyond it fails with `full`. */
  sizeBytesMax?: number;
  /** How long a statement waits for another process, and stops this one, before it fails with `busy`. Default 2,000 ms. */
  busyMsMax?: number;
  /** Is told each statement that runs. */
  observe?: Observe;
  walBounds?: WalBounds;
}

/**
 * Throws a StoreError when the file is no database of ours, or one of a newer version, or lies on a network's file system.
 * The caller holds the data folder's lock.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, life, limits, timer } = options;
  const writer = makeReady(options);
  return new SqliteStore({
    life,
    writer,
    connect: (role) => openConnection(options, role),
    inMemory: file === null,
    readersPerScopeMax: limits.readersPerScopeMax,
    walBounds: options.walBounds ?? walBounds,
    timer,
  });
}

/** A store that reads a database which another process may be writing. Its commits fail with `readonly`; no life begins. */
export async function inspectSqliteStore(options: { file: string; busyMsMax?: number }): Promise<Store> {
  const { file, busyMsMax = busyMsDefault } = options;
  const reader = new Connection({ file, readOnly: true, busyMsMax });
  try {
    requireMigrated(reader);
    const life = reader.get<Life>('SELECT id, started_at AS startedAt FROM hf_lives ORDER BY n DESC LIMIT 1');
    return new SqliteStore({
      life: life ?? { id: '', startedAt: 0 },
      connect: (role) => {
        if (role === 'reader') return new Connection({ file, readOnly: true, busyMsMax });
        throw new StoreError('readonly', 'This database was opened for reading.');
      },
      inMemory: false,
      readersPerScopeMax: 0,
      walBounds,
    });
  } finally {
    reader.close();
  }
}

const busyMsDefault = 2_000;

/** A connection that writes, to a database of this version, for this schema, in this life. */
function makeReady(options: SqliteStoreOptions): Connection {
  const { file, busyMsMax = busyMsDefault, observe, schema, views = [], sha256 } = options;
  if (file !== null) requireLocal(file);
  const connection = new Connection({ file, busyMsMax, observe });
  const step = <Result>(work: () => Result): Result => {
    connection.run('BEGIN IMMEDIATE');
    const result = work();
    connection.run('COMMIT');
    return result;
  };
  try {
    requireOurs(connection);
    configure(connection, options, 'writer');
    step(() => migrate(connection));
    step(() => enterSchema(connection, schema.version));
    step(() => refreshViews(connection, { schema, views }));
    rebuildUnique(connection, { schema, sha256, step });
    step(() => beginLife(connection, options.life));
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function openConnection(options: SqliteStoreOptions, role: 'writer' | 'reader'): Connection {
  const { file, busyMsMax = busyMsDefault, observe } = options;
  const connection = new Connection({ file, busyMsMax, observe });
  try {
    configure(connection, options, role);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function configure(
  connection: Connection,
  { file, sizeBytesMax }: SqliteStoreOptions,
  role: 'writer' | 'reader',
): void {
  if (file !== null) useWal(connection);
  connection.exec(
    'PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000',
  );
  if (role === 'reader') connection.exec('PRAGMA query_only = ON');
  if (role === 'writer' && sizeBytesMax !== undefined) boundSize(connection, sizeBytesMax);
}

function useWal(connection: Connection): void {
  const mode = connection.get<{ journal_mode: string }>('PRAGMA journal_mode = WAL')?.journal_mode;
  if (mode !== 'wal')
    throw new StoreError('failed', 'The file system of the data folder cannot hold a write-ahead log.');
  // The log is tended in wal.ts. A log file that has grown is cut back when it starts anew.
  connection.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 16777216');
}

function boundSize(connection: Connection, sizeBytesMax: number): void {
  const pageSize = connection.get<{ page_size: number }>('PRAGMA page_size')?.page_size ?? 4096;
  connection.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(sizeBytesMax / pageSize))}`);
}

function beginLife(connection: Connection, life: Life): void {
  connection.run(
    'INSERT INTO hf_lives (id, started_at) VALUES (?, ?) ON CONFLICT DO NOTHING',
    life.id,
    life.startedAt,
  );
  const newest = connection.get<{ id: string }>('SELECT id FROM hf_lives ORDER BY n DESC LIMIT 1');
  if (newest?.id !== life.id)
    throw new StoreError('failed', 'A life’s id is used once; this one began before another.');
}

/** Linux's numbers of NFS, SMB, CIFS and SMB2. */
const networkFileSystems = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42]);

/** The log's index is memory shared between processes, and locks of such file systems fail silently: that ends in corruption. */
function requireLocal(file: string): void {
  if (!networkFileSystems.has(fileSystemOf(dirname(file)))) return;
  throw new StoreError(
    'failed',
    'The data folder lies on a network’s file system, where SQLite’s locks do not hold. Choose a local folder.',
  );
}

function fileSystemOf(folder: string): number {
  try {
    return statfsSync(folder).type;
  } catch {
    // There is no such folder, or it may not be read: opening the file says so as a StoreError.
    return 0;
  }
}
