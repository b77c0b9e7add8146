// One process at a time has a replica's file open for writing.
//
// Two of them would send each other's outbox and cut batches of the same number. The lock is a transaction on a file beside the
// database: the system gives it back when the process dies, however it dies, and whoever only reads the database (a report) does
// not meet it. The file stays where it is when the lock is given back: deleting it would let a third process lock a new one while
// a second still waits for the old one. Nothing else may open it: closing a file gives up the process's locks on it (POSIX).

import { DatabaseSync } from 'node:sqlite';
import { StorageError } from '../storage/port.ts';
import { storageFault } from './sqlite-fault.ts';

export interface FileLock {
  release(): void;
}

/** Throws a StorageError `busy` when another process, or another part of this one, has the file open. */
export function lockFile(path: string, options: { timeout: number }): FileLock {
  const db = new DatabaseSync(`${path}.lock`, options);
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    const fault = storageFault(error);
    if (!(fault instanceof StorageError) || fault.code !== 'busy') throw fault;
    throw new StorageError(
      'busy',
      `The replica ${path} is open already, in another process or in this one.`,
      { cause: error },
    );
  }
  return { release: () => db.close() };
}
