// Brings a database to the tables that this program knows, in one transaction: a process that dies in between leaves the
// database as it was.

import { StoreError } from '../port.ts';
import type { Connection } from './connection.ts';
import { migrations } from './tables.ts';

/** 'hold' in ASCII; in the file's header it says whose database it is. */
const applicationId = 0x686f6c64;

/** `jsonb_each` came with 3.51; releases before 3.51.3 can lose commits when the log starts anew. */
const sqliteMin = [3, 51, 3] as const;

/** Runs what is missing, in the caller's transaction. */
export function migrate(connection: Connection): void {
  const from = tablesVersion(connection);
  for (const statements of migrations.slice(from)) connection.exec(statements);
  if (from === migrations.length) return;
  connection.exec(`PRAGMA application_id = ${applicationId}`);
  writeMeta(connection, 'tables', String(migrations.length));
}

/** Throws a StoreError when the file belongs to another program, or to a newer version of this one. Changes nothing. */
export function requireOurs(connection: Connection): void {
  requireSqlite(connection);
  tablesVersion(connection);
}

/** The same for a backup, which may be of an earlier version: the start of a server on it brings it up to date. Not an empty file. */
export function requireFilled(connection: Connection): void {
  requireSqlite(connection);
  if (tablesVersion(connection) > 0) return;
  throw new StoreError('failed', 'The file is empty.');
}

/** For a database that is only read, in whatever it holds: it must be as this program would leave it. */
export function requireMigrated(connection: Connection): void {
  requireSqlite(connection);
  const version = tablesVersion(connection);
  if (version === migrations.length) return;
  throw new StoreError(
    'failed',
    `This database has tables of version ${version}, and this program reads version ${migrations.length}. Start the server on it once.`,
  );
}

/** Whether no start has to bring it up to date first. */
export function isCurrent(connection: Connection): boolean {
  return tablesVersion(connection) === migrations.length;
}

/** 0: an empty file. */
function tablesVersion(connection: Connection): number {
  const owner = connection.get<{ application_id: number }>('PRAGMA application_id')?.application_id;
  const tables = connection.get<{ n: number }>('SELECT count(*) AS n FROM sqlite_schema')?.n;
  if (tables === 0 && owner === 0) return 0;
  if (owner !== applicationId) throw new StoreError('failed', 'This file is no database of Holdfast.');
  const version = Number(readMeta(connection, 'tables'));
  if (version <= migrations.length) return version;
  throw new StoreError(
    'failed',
    `This database was written by a newer version of Holdfast (tables ${version}; this one knows ${migrations.length}). It was not changed.`,
  );
}

function requireSqlite(connection: Connection): void {
  const version = connection.get<{ version: string }>('SELECT sqlite_version() AS version')?.version ?? '';
  const parts = version.split('.').map(Number);
  const differs = sqliteMin.findIndex((least, place) => parts[place] !== least);
  if (differs === -1 || (parts[differs] ?? 0) > (sqliteMin[differs] ?? 0)) return;
  throw new StoreError(
    'failed',
    `This Node carries SQLite ${version}; Holdfast needs ${sqliteMin.join('.')} or newer. Start it through npx or npm, with the Node that it brings.`,
  );
}

export function readMeta(connection: Connection, key: string): string | undefined {
  return connection.get<{ value: string }>('SELECT value FROM hf_meta WHERE key = ?', key)?.value;
}

export function writeMeta(connection: Connection, key: string, value: string): void {
  connection.run('INSERT OR REPLACE INTO hf_meta (key, value) VALUES (?, ?)', key, value);
}
