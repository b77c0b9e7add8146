// What a caller is told when the store or the engine fails, and what the log is told.

import { RequestError, type RequestErrorCode } from '@holdfast/core';
import { StoreError, type StoreErrorCode } from '../store/port.ts';

const byStoreCode: Record<StoreErrorCode, RequestErrorCode> = {
  full: 'storage_full',
  busy: 'storage_busy',
  readonly: 'storage_readonly',
  fsync: 'storage_failed',
  corrupt: 'storage_failed',
  closed: 'stopping',
  newer: 'storage_failed',
  failed: 'storage_failed',
};

export interface FaultDeps {
  log: (level: 'warn' | 'error', message: string, facts: Readonly<Record<string, unknown>>) => void;
  /** Called after a failed fsync: nothing that was written since can be trusted, so the process must end. */
  fatal: (error: unknown) => void;
}

/** The store's fault as an answer; undefined for anything else. */
export function storeFault(error: unknown): RequestError | undefined {
  return error instanceof StoreError
    ? new RequestError(byStoreCode[error.code], { cause: error })
    : undefined;
}

/** Every error as an answer. A fault goes to the log; a failed fsync ends the process. */
export function answerOf(deps: FaultDeps, error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  const fault = storeFault(error);
  deps.log('error', fault ? 'The store reports a fault.' : 'The engine met a fault of its own.', { error });
  if (error instanceof StoreError && error.code === 'fsync') deps.fatal(error);
  return fault ?? new RequestError('internal', { cause: error });
}
