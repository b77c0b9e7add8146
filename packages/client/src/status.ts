// What the replica can say of itself at any moment, in one object.

import { countConflicts } from './conflict-list.ts';
import type { CycleState } from './cycle/state.ts';
import { isBusy, isOffline } from './cycle.ts';
import { type OutboxList, placesIn, readEntries, sendList } from './outbox.ts';
import { type Progress, readIdentity, readProgress, readServerClock } from './progress.ts';
import type { Blocked } from './refusal.ts';
import type { CycleResult } from './runner.ts';
import { readOpenStage } from './stages.ts';
import { readStop } from './stop.ts';
import type { StorageTransaction } from './storage/port.ts';
import { listSyncs } from './sync-log.ts';

export type SyncState =
  /** Nothing is under way. */
  | 'idle'
  | 'syncing'
  /** The server could not be reached; `reason` tells what else answered, if anything did. */
  | 'offline'
  /** The server was reached and asked to come back later, or failed. */
  | 'waiting'
  /** Credentials, a grant or the server's schema must change first. A new process asks once again, and says `idle` until then. */
  | 'paused'
  /** The server is behind what this replica has seen; an operator must decide. It stays so until the server takes an exchange. */
  | 'rolledBack'
  | 'storageFull'
  | 'storageFailed'
  /** The grant to the scope has ended; it is asked for again as it is synced. */
  | 'ended';

export interface ScopeStatus {
  scope: string;
  state: SyncState;
  /** Why it is not idle or syncing, for programs (`code`) and people. */
  reason?: Blocked;
  /** Mutations that are not settled. */
  pending: number;
  /** When the oldest of them was made, by the wall clock, in milliseconds since 1970. */
  oldestAt?: number;
  /** Its age when the status was read, in milliseconds. */
  oldestMs?: number;
  /** Of the pending ones: waiting for a parent, held by a conflict, held by an error. At most 1,000 are counted. */
  waiting: number;
  conflicts: number;
  held: number;
  quarantined: number;
  lastVerdict?: { mutation: string; verdict: string };
  /** The scope's seq that the visible state shows, and the highest that the server has told. */
  seq: number;
  head: number;
  /** No run of pages has become visible yet. False in a scope that has ended. */
  bootstrapping: boolean;
  /** While it is: the collections that are open already, by the stages of the first sync. */
  open: readonly string[];
  /** Records of a run that is not visible yet. */
  staged: number;
  /** How much of what there is to read has been read, from 0 to 1, in commits of the scope; 1 when all is visible. */
  progress: number;
  /** How the last sync ended, and when by the wall clock, in milliseconds since 1970. More is in `syncs()`. */
  lastSync?: { ok: boolean; endedAt: number };
  /** The server tells what comes, so that nothing has to be asked for. */
  live: boolean;
  replica: string;
  /** Server time minus this device's wall clock, in milliseconds; 0 when never measured. */
  clockOffsetMs: number;
}

export interface ReplicaStatus {
  replica: string;
  device: string;
  pending: number;
  scopes: readonly ScopeStatus[];
}

/** What a sync did, and where it left the device. Verdicts are counted by their names. */
export interface SyncResult extends CycleResult {
  /** Open conflicts that concern this device; at most 1,000 are counted. */
  conflicts: number;
  /** Own mutations that the server refused, or that were put aside without a verdict, in this sync: they lie in the quarantine. */
  failed: number;
}

export async function readStatus(
  tx: StorageTransaction,
  context: { scope: string; cycle: CycleState | undefined; wallMs: number },
): Promise<ScopeStatus> {
  const { scope, cycle } = context;
  const progress = await readProgress(tx, scope);
  const oldest = await oldestMade(tx, scope);
  const stop = await readStop(tx, scope);
  const [last] = await listSyncs(tx, scope, { limit: 1 });
  const state = stop ? 'rolledBack' : stateOf(progress, cycle);
  const reason = state === 'idle' || state === 'syncing' ? undefined : (stop ?? cycle?.blocked);
  return {
    scope,
    state,
    ...(reason ? { reason } : {}),
    pending: progress.pending,
    ...(oldest === undefined ? {} : { oldestAt: oldest, oldestMs: Math.max(0, context.wallMs - oldest) }),
    waiting: await countIn(tx, scope, 'waiting'),
    conflicts: await countConflicts(tx, scope, countMax),
    held: await countIn(tx, scope, 'held'),
    quarantined: await tx.count('quarantine', { prefix: [scope], limit: countMax }),
    ...(progress.lastVerdict
      ? { lastVerdict: { mutation: progress.lastVerdict.mutation, verdict: progress.lastVerdict.verdict } }
      : {}),
    seq: progress.seq,
    head: progress.head,
    bootstrapping: !progress.opened && !progress.ended,
    open: progress.opened ? [] : ((await readOpenStage(tx, scope))?.collections ?? []),
    staged: progress.staged?.records ?? 0,
    progress: readShare(progress),
    ...(last ? { lastSync: { ok: last.ok, endedAt: last.endedAt } } : {}),
    live: cycle?.live ?? false,
    replica: (await readIdentity(tx))?.id ?? '',
    clockOffsetMs: (await readServerClock(tx)).offset,
  };
}

/** Lists are counted up to here. */
export const countMax = 1_000;

function stateOf(progress: Progress, cycle: CycleState | undefined): SyncState {
  // Also of a scope that has ended: without other credentials nobody learns that it is back.
  if (cycle?.phase === 'paused') return 'paused';
  if (progress.ended) return 'ended';
  if (!cycle) return 'idle';
  if (cycle.phase === 'backoff') {
    if (cycle.cause === 'storage')
      return cycle.blocked?.code === 'storage_full' ? 'storageFull' : 'storageFailed';
    return isOffline(cycle) ? 'offline' : 'waiting';
  }
  if (isOffline(cycle)) return 'offline';
  return isBusy(cycle) ? 'syncing' : 'idle';
}

/** Pages come in the order of commits. A run that began anew counts from the beginning. */
function readShare({ opened, staged, seq, head }: Progress): number {
  const from = opened && !staged?.complete ? seq : 0;
  if (head <= from) return opened ? 1 : 0;
  return Math.min(1, Math.max(0, (staged?.seq ?? from) - from) / (head - from));
}

async function countIn(tx: StorageTransaction, scope: string, list: OutboxList): Promise<number> {
  return (await placesIn(tx, scope, list, { limit: countMax })).length;
}

/** When the oldest pending mutation was made: the first of each list is its oldest. */
async function oldestMade(tx: StorageTransaction, scope: string): Promise<number | undefined> {
  const lists: OutboxList[] = ['waiting', 'conflict', 'held'];
  for (let priority = 1; priority <= 10; priority += 1) lists.push(sendList(priority));
  const places: string[] = [];
  for (const list of lists) places.push(...(await placesIn(tx, scope, list, { limit: 1 })));
  const entries = await readEntries(tx, scope, places);
  return entries.length === 0 ? undefined : Math.min(...entries.map(({ mutation }) => mutation.made.wall));
}
