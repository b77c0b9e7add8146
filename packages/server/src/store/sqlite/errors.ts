// What SQLite's result codes mean for the store. The text of an error decides nothing: it changes with every release.

import { StoreError, type StoreErrorCode } from '../port.ts';

/** The primary result code is the low byte of the extended one. */
const byPrimaryCode: ReadonlyMap<number, StoreErrorCode> = new Map([
  [5, 'busy'], // BUSY
  [6, 'busy'], // LOCKED
  [8, 'readonly'], // READONLY
  [11, 'corrupt'], // CORRUPT
  [13, 'full'], // FULL
  [15, 'busy'], // PROTOCOL: two connections raced for the write-ahead log's locks
  [26, 'corrupt'], // NOTADB
]);

const byExtendedCode: ReadonlyMap<number, StoreErrorCode> = new Map([
  [1034, 'fsync'], // IOERR_FSYNC
  [1290, 'fsync'], // IOERR_DIR_FSYNC
]);

const meanings: Readonly<Record<StoreErrorCode, string>> = {
  full: 'The database has no room for this: the disk is full, or its bound is reached.',
  busy: 'Another process or connection holds the database.',
  readonly: 'The database cannot be written.',
  fsync: 'The disk did not confirm a write; what it holds is uncertain, so the process must end.',
  corrupt: 'The file is damaged, or is no database.',
  closed: 'The store is closed.',
  newer: 'The database was written under a later schema.',
  failed: 'The database refused or failed.',
};

/** The error as a StoreError, with SQLite's own as its cause. Errors that are not SQLite's come back unchanged. */
export function storeErrorOf(error: unknown): unknown {
  const extended = extendedCodeOf(error);
  if (extended === undefined) return error;
  const code = byExtendedCode.get(extended) ?? byPrimaryCode.get(extended & 0xff) ?? 'failed';
  return new StoreError(code, `${meanings[code]} (SQLite ${extended})`, { cause: error });
}

export function closedError(): StoreError {
  return new StoreError('closed', meanings.closed);
}

function extendedCodeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : undefined;
}

/** Whether a connection may stay unusable after this error although its cause has ended: a file opened read-only stays so. */
export function spoilsConnection(error: StoreError): boolean {
  const primary = (extendedCodeOf(error.cause) ?? 0) & 0xff;
  return primary === 8 || primary === 10 || primary === 14;
}
