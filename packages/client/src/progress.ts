// The facts that a replica keeps about itself and about each of its scopes. They are read from the storage in every
// transaction and never kept in memory: another tab may have changed them, and after a fault memory is worth nothing.

import type { Former, Json } from '@holdfast/core';
import type { StorageTransaction } from './storage/port.ts';

/** Who the replica is. */
export interface Identity {
  id: string;
}

/** What the replica knows of the server's clock. */
export interface ServerClock {
  /** Server time minus this device's wall clock, in milliseconds; 0 when never measured. */
  offset: number;
  /** The newest server time seen, in milliseconds since 1970; 0 when none. */
  seen: number;
}

/** A run of pages that is not visible yet. */
export interface StagedRun {
  /** The checkpoint that its last page gave; null before the first. */
  checkpoint: string | null;
  /** It began without a checkpoint: what it does not hold is gone when it becomes visible. */
  complete: boolean;
  records: number;
  /** The highest seq among them; absent while there are none. */
  seq?: number;
  /** It holds these collections alone: a stage of a first sync. */
  collections?: readonly string[];
}

export interface Progress {
  /** The last place given to an outbox entry. */
  place: number;
  /** The last batch number used. */
  batch: number;
  /** The number of the last verdict that is applied here. */
  verdictsSeen: number;
  /** The highest seq among the verdicts that were applied here under the present id. */
  seqSeen: number;
  /** The ids that it had before in this scope, newest first, each with the `seqSeen` that it then had. */
  former: readonly Former[];
  /** Of the visible state; null before the first run became visible. */
  checkpoint: string | null;
  /** The scope's seq that the visible state shows. */
  seq: number;
  /** The highest head that the server has told. */
  head: number;
  staged: StagedRun | null;
  /** Whether any run became visible. */
  opened: boolean;
  /** Outbox entries that are not settled. */
  pending: number;
  /** Entries that must be answered again before a run may become visible: the replica took a new id after they were sent. */
  again: number;
  /** The grant has ended: nothing is visible, nothing can be written. */
  ended: boolean;
  lastVerdict: { mutation: string; verdict: string; n: number } | null;
}

const noProgress: Progress = {
  place: 0,
  batch: 0,
  verdictsSeen: 0,
  seqSeen: 0,
  former: [],
  checkpoint: null,
  seq: 0,
  head: 0,
  staged: null,
  opened: false,
  pending: 0,
  again: 0,
  ended: false,
  lastVerdict: null,
};

/** A copy that the caller changes and writes back with `writeProgress` in the same transaction. */
export async function readProgress(tx: StorageTransaction, scope: string): Promise<Progress> {
  return { ...noProgress, ...asPart<Progress>(await tx.get('scopes', [scope, progressName])) };
}

export async function writeProgress(
  tx: StorageTransaction,
  scope: string,
  progress: Progress,
): Promise<void> {
  await tx.put('scopes', [scope, progressName], { ...progress } as unknown as Json);
}

/** Every scope that this replica ever wrote to or pulled. */
export async function knownScopes(tx: StorageTransaction): Promise<string[]> {
  const scopes: string[] = [];
  let after: readonly string[] | undefined;
  for (;;) {
    const found = await tx.scan('scopes', { prefix: [], limit: scopesChunk, ...(after ? { after } : {}) });
    for (const { key } of found) if (key[1] === progressName && key[0] !== undefined) scopes.push(key[0]);
    after = found.at(-1)?.key;
    if (found.length < scopesChunk) return scopes;
  }
}

export async function readIdentity(tx: StorageTransaction): Promise<Identity | undefined> {
  return (await tx.get('meta', ['replica'])) as Identity | undefined;
}

export async function writeIdentity(tx: StorageTransaction, identity: Identity): Promise<void> {
  await tx.put('meta', ['replica'], { ...identity });
}

export async function readServerClock(tx: StorageTransaction): Promise<ServerClock> {
  return { offset: 0, seen: 0, ...asPart<ServerClock>(await tx.get('meta', ['clock'])) };
}

export async function writeServerClock(tx: StorageTransaction, clock: ServerClock): Promise<void> {
  await tx.put('meta', ['clock'], { ...clock });
}

const progressName = 'progress';
const scopesChunk = 500;

/** What this module wrote itself; a field that an older version did not have is filled in by the caller's default. */
function asPart<Whole>(value: Json | undefined): Partial<Whole> {
  return (value ?? {}) as Partial<Whole>;
}
