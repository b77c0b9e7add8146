// Conflicts as they are logged: each with its base and both sides, whether it was answered by a policy or waits for a person.

import { recordKey } from './change.ts';
import type { Draft } from './draft.ts';
import type { Live } from './record-book.ts';
import type { Settlement, StoredConflict } from './stored.ts';
import { isIdOf, type Own } from './touched.ts';
import type { CaseConflict } from './trial.ts';
import type { Merge } from './verdict.ts';

/** Whose change is in conflict. */
export interface Claimant {
  mutation: string;
  madeAt: number;
  device: string;
  own: Own;
}

/** What became of the mutation whose changes were in conflict. */
export interface Applied {
  /** Its records as they are now, by their keys. */
  after: ReadonlyMap<string, Live>;
  seq: number | undefined;
  /** Conflicts that exist already, by record: a person has just answered them. */
  known: ReadonlyMap<string, number>;
}

/** Logs a conflict that a policy answered. */
export function logMerge(draft: Draft, claimant: Claimant, conflict: CaseConflict, applied: Applied): Merge {
  const { change, found, before } = conflict;
  const key = recordKey(change.collection, change.id);
  const merge = { collection: change.collection, id: change.id, fields: found.fields };
  const known = applied.known.get(key);
  if (known !== undefined) return { ...merge, conflict: known };
  const body = before?.body ?? null;
  const after = applied.after.get(key);
  const settlement = {
    resolution: 'merge' as const,
    seq: after ? (applied.seq ?? null) : null,
    before: body,
    after: after ? after.body : body,
    counted: body !== null && !found.unapplied,
  };
  return { ...merge, conflict: logSettled(draft, claimant, conflict, settlement) };
}

/**
 * Opens a conflict for a change, or folds the change onto the writer's open one. Answers its id. A fact's change that finds
 * too many of them is logged as settled for the server's side: it is kept whole, and a person may still decide otherwise.
 */
export function openConflict(draft: Draft, claimant: Claimant, conflict: CaseConflict): number {
  const { change, found, before } = conflict;
  const mine = openOf(draft, claimant, conflict);
  if (isFull(draft, claimant, mine)) {
    const body = before?.body ?? null;
    const settlement = {
      resolution: 'server' as const,
      seq: null,
      before: body,
      after: body,
      counted: false,
    };
    return logSettled(draft, claimant, conflict, settlement);
  }
  if (mine) {
    draft.setConflict({
      ...mine,
      fields: [...new Set([...mine.fields, ...found.fields])].sort(),
      base: { ...found.base, ...mine.base },
      changes: [...mine.changes, change],
      mutations: [...new Set([...mine.mutations, claimant.mutation])],
      ...(mine.made ? { made: { ...mine.made, device: claimant.madeAt } } : {}),
    });
    return mine.id;
  }
  const id = draft.nextConflict();
  draft.setConflict({ ...logged(draft, claimant, conflict), id, state: 'open', settlement: null });
  return id;
}

/** Whether the bounds leave no room to ask a person about all of these. */
export function isRoomFor(draft: Draft, claimant: Claimant, conflicts: readonly CaseConflict[]): boolean {
  const fresh = new Set<string>();
  for (const conflict of conflicts) {
    const mine = openOf(draft, claimant, conflict);
    if (!mine) fresh.add(recordKey(conflict.change.collection, conflict.change.id));
    else if (isFull(draft, claimant, mine)) return false;
  }
  return draft.scope.conflictsOpen + fresh.size <= draft.context.limits.conflictsOpenMax;
}

/** The open conflict of the claimant about the record; one opened a moment ago by the same mutation included. */
function openOf(draft: Draft, { own }: Claimant, { change, into }: CaseConflict): StoredConflict | undefined {
  const open = draft.openConflicts(change.collection, change.id) ?? [];
  return open.find((other) => (into === null ? isIdOf(own, other.writer) : other.id === into));
}

function isFull(draft: Draft, { mutation }: Claimant, mine: StoredConflict | undefined): boolean {
  const { conflictMutationsMax, conflictsOpenMax } = draft.context.limits;
  if (!mine) return draft.scope.conflictsOpen >= conflictsOpenMax;
  return mine.mutations.length >= conflictMutationsMax && !mine.mutations.includes(mutation);
}

function logSettled(
  draft: Draft,
  claimant: Claimant,
  conflict: CaseConflict,
  done: Pick<Settlement, 'resolution' | 'seq' | 'before' | 'after' | 'counted'>,
): number {
  const id = draft.nextConflict();
  const settlement: Settlement = { by: 'policy', at: draft.context.nowMs, actor: '', ...done };
  draft.setConflict({ ...logged(draft, claimant, conflict), id, state: 'settled', settlement });
  return id;
}

function logged(
  draft: Draft,
  claimant: Claimant,
  { change, found, before }: CaseConflict,
): Omit<StoredConflict, 'id' | 'state' | 'settlement'> {
  return {
    collection: change.collection,
    record: change.id,
    writer: claimant.own.writer,
    device: claimant.device,
    at: draft.context.nowMs,
    fields: found.fields,
    base: found.base,
    server: before?.body ?? null,
    serverVersion: before?.record.seq ?? 0,
    made: {
      device: claimant.madeAt,
      server: before?.record.madeAt ?? 0,
      serverWriter: before?.record.writer ?? '',
    },
    changes: [change],
    mutations: [claimant.mutation],
    policy: found.policy,
  };
}
