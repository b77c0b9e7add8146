// The status of one scope, or of a replica with all of its scopes: asked for, or watched.

import { canonicalJson, type Json } from '@holdfast/core';
import type { CycleState } from './cycle/state.ts';
import { type Subscribable, subscribable } from './live.ts';
import { readIdentity } from './progress.ts';
import { type ReplicaStatus, readStatus, type ScopeStatus } from './status.ts';
import type { Storage, StorageTransaction } from './storage/port.ts';
import type { Subscriptions } from './subscriptions.ts';

/**
 * `status()` asks once; `status.subscribe(listener)` tells the present status and then each other one. That time passes is no
 * change: who shows an age counts it from `oldestAt`.
 */
export type StatusCall<Status> = (() => Promise<Status>) & Subscribable<[], Status>;

export interface StatusDeps {
  /** As calls of the application reach it. */
  storage: Storage;
  subscriptions: Subscriptions;
  device: string;
  wallMs(): number;
  cycleOf(scope: string): CycleState | undefined;
  scopeNames(tx: StorageTransaction): Promise<Iterable<string>>;
}

export function scopeStatus(deps: StatusDeps, scope: string): StatusCall<ScopeStatus> {
  return statusCall(deps, scope, { read: (tx) => readOne(tx, deps, scope), steady });
}

export function replicaStatus(deps: StatusDeps): StatusCall<ReplicaStatus> {
  const read = async (tx: StorageTransaction): Promise<ReplicaStatus> => {
    const scopes: ScopeStatus[] = [];
    for (const scope of [...(await deps.scopeNames(tx))].sort()) scopes.push(await readOne(tx, deps, scope));
    const pending = scopes.reduce((sum, scope) => sum + scope.pending, 0);
    return { replica: (await readIdentity(tx))?.id ?? '', device: deps.device, pending, scopes };
  };
  return statusCall(deps, undefined, {
    read,
    steady: ({ scopes, ...status }) => ({ ...status, scopes: scopes.map(steady) }),
  });
}

interface StatusSource<Status> {
  read(tx: StorageTransaction): Promise<Status>;
  /** What of it does not change because time passes. */
  steady(status: Status): object;
}

function statusCall<Status>(
  { storage, subscriptions }: StatusDeps,
  scope: string | undefined,
  { read, steady: steadyOf }: StatusSource<Status>,
): StatusCall<Status> {
  const watched = async (tx: StorageTransaction): Promise<{ value: Status; text: string }> => {
    const value = await read(tx);
    return { value, text: canonicalJson(steadyOf(value) as Json) };
  };
  return Object.assign(
    () => storage.transaction('read', read),
    subscribable<[], Status>(0, (_, reader) => subscriptions.watchStatus(scope, watched, reader)),
  );
}

function readOne(tx: StorageTransaction, deps: StatusDeps, scope: string): Promise<ScopeStatus> {
  return readStatus(tx, { scope, cycle: deps.cycleOf(scope), wallMs: deps.wallMs() });
}

function steady({ oldestMs: _, ...status }: ScopeStatus): object {
  return status;
}
