// What node:sqlite throws, as the codes of the storage port. Decided by SQLite's result codes, never by a text.
// https://sqlite.org/rescode.html

import { StorageError, type StorageErrorCode } from '../storage/port.ts';

/** A StorageError for what SQLite reported; everything else is a bug and comes back as it is. */
export function storageFault(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StorageError) return error;
  const code = resultCode(error);
  if (code === undefined) return error;
  return new StorageError(codeOf(code), `SQLite: ${error.message} (${code})`, { cause: error });
}

/**
 * Whether the system failed to bring data to the disk. It may report that once and then forget, with the data gone from its
 * memory too: a second attempt would succeed and mean nothing.
 */
export function isLostWrite(error: unknown): boolean {
  const code = error instanceof StorageError ? resultCode(error.cause) : undefined;
  return code === ioErrorFsync || code === ioErrorDirFsync;
}

const ioErrorFsync = extended(10, 4);
const ioErrorDirFsync = extended(10, 5);
/** The disk is full, seen while growing the WAL's index. */
const ioErrorShmSize = extended(10, 19);
/** Somebody moved or deleted the file: that is no missing right, and does not end by itself. */
const readonlyMoved = extended(8, 4);

const byExtended: ReadonlyMap<number, StorageErrorCode> = new Map([
  [ioErrorShmSize, 'full'],
  [readonlyMoved, 'failed'],
]);

const byPrimary: ReadonlyMap<number, StorageErrorCode> = new Map([
  [3, 'readonly'],
  [5, 'busy'],
  [6, 'busy'],
  [8, 'readonly'],
  [11, 'corrupt'],
  [13, 'full'],
  [26, 'corrupt'],
]);

function codeOf(code: number): StorageErrorCode {
  return byExtended.get(code) ?? byPrimary.get(code & 0xff) ?? 'failed';
}

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

function extended(primary: number, detail: number): number {
  return primary | (detail << 8);
}
