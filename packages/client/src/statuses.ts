// The status of one scope, or of a replica with all of its scopes: asked for, or watched.

import type { CycleState } from './cycle/state.ts';
import { readIdentity } from './progress.ts';
import { type ReplicaStatus, readStatus, type ScopeStatus } from './status.ts';
import type { StorageTransaction } from './storage/port.ts';
import { type WatchedCall, type WatchedCallDeps, watchedCall } from './watched-call.ts';

/**
 * `status()` asks once; `status.subscribe(listener)` tells the present status and then each other one. That time passes is no
 * change: who shows an age counts it from `oldestAt`.
 */
export type StatusCall<Status> = WatchedCall<[], Status>;

export interface StatusDeps extends WatchedCallDeps {
  device: string;
  wallMs(): number;
  cycleOf(scope: string): CycleState | undefined;
  scopeNames(tx: StorageTransaction): Promise<Iterable<string>>;
}

export function scopeStatus(deps: StatusDeps, scope: string): StatusCall<ScopeStatus> {
  return watchedCall(deps, { scope, count: 0, read: (tx) => readOne(tx, deps, scope), steady });
}

export function replicaStatus(deps: StatusDeps): StatusCall<ReplicaStatus> {
  const read = async (tx: StorageTransaction): Promise<ReplicaStatus> => {
    const scopes: ScopeStatus[] = [];
    for (const scope of [...(await deps.scopeNames(tx))].sort()) scopes.push(await readOne(tx, deps, scope));
    const pending = scopes.reduce((sum, scope) => sum + scope.pending, 0);
    return { replica: (await readIdentity(tx))?.id ?? '', device: deps.device, pending, scopes };
  };
  return watchedCall(deps, {
    scope: undefined,
    count: 0,
    read,
    steady: ({ scopes, ...status }) => ({ ...status, scopes: scopes.map(steady) }),
  });
}

function readOne(tx: StorageTransaction, deps: StatusDeps, scope: string): Promise<ScopeStatus> {
  return readStatus(tx, { scope, cycle: deps.cycleOf(scope), wallMs: deps.wallMs() });
}

function steady({ oldestMs: _, ...status }: ScopeStatus): object {
  return status;
}
