// The tables of a replica's SQLite file: their columns, and the numbered steps that bring a file up to date.

import type { DatabaseSync } from 'node:sqlite';
import { StorageError, type StorageTable } from '../storage/port.ts';

/** Storage table → the columns that hold the parts of its keys. The value stands in the column `value`, as JSON text. */
export const keyColumns: { readonly [Table in StorageTable]: readonly string[] } = {
  meta: ['name'],
  scopes: ['scope', 'name'],
  records: ['scope', 'collection', 'id'],
  shadows: ['scope', 'collection', 'id'],
  indexes: ['scope', 'collection', 'fields', 'encoded', 'id'],
  outbox: ['scope', 'place'],
  touches: ['scope', 'record', 'place'],
  marks: ['scope', 'list', 'place'],
  tombstones: ['scope', 'collection', 'id'],
  staged: ['scope', 'place'],
  conflicts: ['scope', 'conflict'],
  quarantine: ['scope', 'place'],
  syncs: ['scope', 'place'],
};

/** Engine tables begin with hf_, so that the views can have the plain names of the collections. */
export function sqlTable(table: StorageTable): string {
  return `hf_${table}`;
}

/**
 * Brings a file up to date. A step and the number that tells of it are one transaction, so a step that was cut short by a crash
 * runs again from its beginning. Throws a StorageError when the file is of a newer Holdfast, or none of ours.
 */
export function migrate(db: DatabaseSync): void {
  const found = pragma(db, 'user_version');
  if (pragma(db, 'application_id') !== applicationId && !isEmpty(db)) {
    throw new StorageError('failed', 'The file is an SQLite database, but not a replica’s.');
  }
  if (found > migrations.length) {
    const versions = `version ${found}; this Holdfast knows versions up to ${migrations.length}`;
    throw new StorageError(
      'failed',
      `The file was written by a newer Holdfast (${versions}). Update this one.`,
    );
  }
  for (const [at, migration] of migrations.entries()) {
    if (at < found) continue;
    db.exec('BEGIN IMMEDIATE');
    db.exec(migration);
    db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${at + 1}; COMMIT`);
  }
}

/**
 * A step that has been released is never edited: files that have taken it do not take it again. Without a rowid the key's own tree
 * holds the values: a scan reads one tree, in order, and nothing else.
 */
export const migrations: readonly string[] = [
  `
CREATE TABLE hf_meta ("name" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("name")) WITHOUT ROWID;
CREATE TABLE hf_scopes ("scope" TEXT NOT NULL, "name" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "name")) WITHOUT ROWID;
CREATE TABLE hf_records ("scope" TEXT NOT NULL, "collection" TEXT NOT NULL, "id" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "collection", "id")) WITHOUT ROWID;
CREATE TABLE hf_shadows ("scope" TEXT NOT NULL, "collection" TEXT NOT NULL, "id" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "collection", "id")) WITHOUT ROWID;
CREATE TABLE hf_indexes ("scope" TEXT NOT NULL, "collection" TEXT NOT NULL, "fields" TEXT NOT NULL, "encoded" TEXT NOT NULL, "id" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "collection", "fields", "encoded", "id")) WITHOUT ROWID;
CREATE TABLE hf_outbox ("scope" TEXT NOT NULL, "place" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "place")) WITHOUT ROWID;
CREATE TABLE hf_touches ("scope" TEXT NOT NULL, "record" TEXT NOT NULL, "place" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "record", "place")) WITHOUT ROWID;
CREATE TABLE hf_marks ("scope" TEXT NOT NULL, "list" TEXT NOT NULL, "place" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "list", "place")) WITHOUT ROWID;
CREATE TABLE hf_tombstones ("scope" TEXT NOT NULL, "collection" TEXT NOT NULL, "id" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "collection", "id")) WITHOUT ROWID;
CREATE TABLE hf_staged ("scope" TEXT NOT NULL, "record" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "record")) WITHOUT ROWID;
CREATE TABLE hf_conflicts ("scope" TEXT NOT NULL, "conflict" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "conflict")) WITHOUT ROWID;
CREATE TABLE hf_quarantine ("scope" TEXT NOT NULL, "place" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "place")) WITHOUT ROWID;
`,
  // See sqlite-home.ts.
  `
CREATE TABLE hf_home (path TEXT NOT NULL);
`,
  `
CREATE TABLE hf_syncs ("scope" TEXT NOT NULL, "place" TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY ("scope", "place")) WITHOUT ROWID;
`,
  // It held a record in each entry, under the record's key. They stand before all that comes to them: '!' is less than any digit.
  `
ALTER TABLE hf_staged RENAME COLUMN "record" TO "place";
UPDATE hf_staged SET "place" = '!' || "place", value = '[' || value || ']';
`,
];

/** `hfrp`, in the place of the file's header that is there to tell whose file it is. */
const applicationId = 0x68667270;

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
}

function isEmpty(db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}
