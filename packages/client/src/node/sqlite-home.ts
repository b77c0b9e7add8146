// The name under which a replica's file is opened: its home.
//
// What is not in the file yet lies beside its name (`-wal`), and so does our lock. A hard link is another name of the same file:
// opened by it, the file would have two WALs, each of which destroys what the other brings; and one that was moved without its WAL
// has lost its latest writes. So the file remembers its home. https://sqlite.org/howtocorrupt.html (2.5)

import { existsSync, type Stats, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { StorageError } from '../storage/port.ts';

/** The home of the file at `path`, which is no symbolic link: `path` itself, unless the file is another's hard link. */
export function homeOf(path: string): string {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file || file.nlink < 2) return path;
  const home = peek(path);
  const other = home === undefined ? undefined : statSync(home, { throwIfNoEntry: false });
  return home !== undefined && other && isSame(file, other) ? home : path;
}

/**
 * Makes `path` the home of the open database. It stands in the file itself, where another process finds it without the WAL.
 * Throws a StorageError `failed` when the WAL was left at the former home.
 */
export function settleHome(db: DatabaseSync, path: string): void {
  const former = homeIn(db);
  if (former === path) return;
  if (former !== undefined && !existsSync(former) && isFilled(`${former}-wal`)) {
    const message = `The replica’s file was moved here from ${former} without ${former}-wal, which holds its latest writes. Move it beside the file, as ${path}-wal.`;
    throw new StorageError('failed', message);
  }
  db.exec('BEGIN IMMEDIATE; DELETE FROM hf_home');
  db.prepare('INSERT INTO hf_home (path) VALUES (?)').run(path);
  db.exec('COMMIT; PRAGMA wal_checkpoint');
}

/** Reads the file alone, without its WAL and without a lock: who has it open is not known yet. */
function peek(path: string): string | undefined {
  const address = pathToFileURL(path);
  address.searchParams.set('immutable', '1');
  const db = new DatabaseSync(address, { readOnly: true });
  try {
    return homeIn(db);
  } finally {
    db.close();
  }
}

function homeIn(db: DatabaseSync): string | undefined {
  const hasHome = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'hf_home'").get() !== undefined;
  const found = hasHome ? db.prepare('SELECT path FROM hf_home').get() : undefined;
  return found === undefined ? undefined : String(found.path);
}

function isSame(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function isFilled(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
