// The conflicts that this device has heard of: open ones, each under its number, and the last hundred that were settled.
// All functions run inside a transaction of the caller.

import type { ConflictEntry, Json, RecordChange, ResolveChange } from '@holdfast/core';
import { mergesMax, resolveIn } from '@holdfast/core';
import { keysOf, type OutboxEntry, placesIn, readEntries, writeEntry } from './outbox.ts';
import type { StorageKey, StorageTransaction } from './storage/port.ts';

export interface ConflictItem extends Omit<ConflictEntry, 'device'> {
  /** The device's changes to the record, in the order in which they were made. */
  device: readonly RecordChange[];
  /** What a person has answered on this device, of which the server has not said yet what came of it. */
  decision?: { mutation: string; answer: ResolveChange['answer'] };
}

export interface ConflictQuery {
  /** Default: open. */
  state?: 'open' | 'settled';
  /** At most so many; default 100. */
  limit?: number;
  /** Behind the conflict of this id. */
  after?: number;
}

/** In the order of their ids. */
export async function listConflicts(
  tx: StorageTransaction,
  scope: string,
  { state = 'open', limit = 100, after }: ConflictQuery = {},
): Promise<ConflictItem[]> {
  const found = await tx.scan('conflicts', {
    prefix: [scope],
    limit,
    ...(state === 'open' ? { to: [settledBegin] } : { from: [settledBegin] }),
    ...(after === undefined ? {} : { after: keyOf(scope, { id: after, state }) }),
  });
  const decisions = found.length > 0 ? await pendingDecisions(tx, scope) : [];
  return found.map(({ value }) => withDecision(value as unknown as ConflictItem, decisions));
}

export async function findConflict(
  tx: StorageTransaction,
  scope: string,
  id: number,
): Promise<ConflictItem | undefined> {
  const value =
    (await tx.get('conflicts', keyOf(scope, { id, state: 'open' }))) ??
    (await tx.get('conflicts', keyOf(scope, { id, state: 'settled' })));
  if (value === undefined) return undefined;
  return withDecision(value as unknown as ConflictItem, await pendingDecisions(tx, scope));
}

/** Forgets an open one. False: there is none. */
export async function forgetConflict(tx: StorageTransaction, scope: string, id: number): Promise<boolean> {
  const key = keyOf(scope, { id, state: 'open' });
  if ((await tx.get('conflicts', key)) === undefined) return false;
  await tx.delete('conflicts', key);
  return true;
}

export function countConflicts(tx: StorageTransaction, scope: string, max: number): Promise<number> {
  return tx.count('conflicts', { prefix: [scope], to: [settledBegin], limit: max });
}

/** Keeps the conflicts that an answer tells of. After the verdicts of the same answer. */
export async function takeConflicts(
  tx: StorageTransaction,
  scope: string,
  conflicts: readonly ConflictEntry[],
): Promise<void> {
  for (const conflict of conflicts) await keep(tx, scope, conflict);
}

/** A final verdict for a mutation ends the conflicts that this device knew of it; one that goes on is told anew. */
export async function settleConflictsOf(
  tx: StorageTransaction,
  scope: string,
  mutation: string,
): Promise<void> {
  let after: StorageKey | undefined;
  for (;;) {
    const found = await tx.scan('conflicts', {
      prefix: [scope],
      to: [settledBegin],
      limit: chunk,
      ...(after ? { after } : {}),
    });
    for (const { value } of found) {
      const conflict = value as unknown as ConflictEntry;
      if (conflict.mutations.includes(mutation)) await keep(tx, scope, { ...conflict, state: 'settled' });
    }
    after = found.at(-1)?.key;
    if (found.length < chunk) return;
  }
}

/**
 * Takes out of the view what pending decisions are foreseen to do, where the server's state has come to show how their conflicts were
 * settled: an effect would be seen twice. `mutations`: those whose effect has come before their verdicts.
 */
export async function hideDecided(
  tx: StorageTransaction,
  scope: string,
  mutations: readonly string[],
  dirty: Set<string>,
): Promise<void> {
  for (const entry of await pendingDecisions(tx, scope)) {
    const made = resolveIn(entry.mutation);
    const conflict = made && !entry.hidden ? await findConflict(tx, scope, made.conflict) : undefined;
    const isShown = conflict?.state === 'settled' || conflict?.mutations.some((id) => mutations.includes(id));
    if (!isShown) continue;
    await writeEntry(tx, scope, { ...entry, hidden: true }, entry);
    for (const key of keysOf(entry.mutation)) dirty.add(key);
  }
}

async function keep(tx: StorageTransaction, scope: string, conflict: ConflictEntry): Promise<void> {
  const { id, state } = conflict;
  await tx.put('conflicts', keyOf(scope, conflict), conflict as unknown as Json);
  await tx.delete('conflicts', keyOf(scope, { id, state: state === 'open' ? 'settled' : 'open' }));
  if (state === 'open') return;
  const settled = await tx.scan('conflicts', {
    prefix: [scope],
    from: [settledBegin],
    limit: mergesMax + 1,
  });
  const [oldest] = settled;
  if (oldest && settled.length > mergesMax) await tx.delete('conflicts', oldest.key);
}

/** Answers to conflicts of which the server has not said what came of them. */
async function pendingDecisions(tx: StorageTransaction, scope: string): Promise<OutboxEntry[]> {
  return readEntries(tx, scope, await placesIn(tx, scope, 'decision', { limit: decisionsMax }));
}

function withDecision(conflict: ConflictItem, decisions: readonly OutboxEntry[]): ConflictItem {
  for (const { mutation } of decisions) {
    const made = resolveIn(mutation);
    if (made?.conflict === conflict.id)
      return { ...conflict, decision: { mutation: mutation.id, answer: made.answer } };
  }
  return conflict;
}

/** Sorts behind every number. */
const settledBegin = 'settled';
const decisionsMax = 1_000;
const chunk = 500;

function keyOf(scope: string, { id, state }: Pick<ConflictEntry, 'id' | 'state'>): StorageKey {
  const number = String(id).padStart(16, '0');
  return [scope, state === 'open' ? number : `${settledBegin} ${number}`];
}
