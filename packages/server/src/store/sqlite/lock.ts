// The lock on the data folder: one process at a time. The operating system releases it when the process dies, however it dies.

import { join } from 'node:path';
import { StoreError } from '../port.ts';
import { Connection } from './connection.ts';

export interface DataFolderLock {
  release(): void;
}

/** Throws a StoreError `busy` at once when another process, or this one, holds the folder. */
export function lockDataFolder(folder: string): DataFolderLock {
  return lockBy(join(folder, 'holdfast.lock'), 'data folder');
}

/** The same for a database that lies elsewhere: two data folders may name it. */
export function lockDatabase(file: string): DataFolderLock {
  return lockBy(`${file}.lock`, 'database');
}

function lockBy(file: string, what: string): DataFolderLock {
  // SQLite locks its files by means that work alike on every system. Nothing is written, so nothing is left but the empty file.
  const connection = new Connection({ file, busyMsMax: 0 });
  try {
    connection.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    connection.close();
    if (!(error instanceof StoreError && error.code === 'busy')) throw error;
    throw new StoreError(
      'busy',
      `Another process works on this ${what}. Stop it first, or give this one a ${what} of its own.`,
      { cause: error },
    );
  }
  return { release: () => connection.close() };
}
