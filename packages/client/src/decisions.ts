// What a person on this device does about a conflict.
//
//   resolve, undo   an answer: a mutation of its own, which is sent like any other and gets a verdict
//   discard         gives the device's own side up, here; the conflict goes on at the server

import type { ResolveChange } from '@holdfast/core';
import { findConflict, forgetConflict } from './conflict-list.ts';
import { logDiscard } from './discards.ts';
import { ReplicaError } from './errors.ts';
import { type MutateDeps, type MutationDraft, runMutation } from './mutate.ts';
import { countEntry, type OutboxEntry, placesIn, readEntries, removeEntry } from './outbox.ts';
import { readProgress, writeProgress } from './progress.ts';
import { recompute } from './recompute.ts';
import type { StorageTransaction } from './storage/port.ts';

/** Whose side, or the record as it is to be. */
export type ConflictAnswer = 'server' | 'device' | { readonly value: Readonly<Record<string, unknown>> };

export function answerConflict(deps: MutateDeps, id: number, answer: ConflictAnswer | 'undo'): Promise<void> {
  return runMutation(deps, (draft) => decide(deps, draft, id, answer));
}

/** The same inside of a mutation that holds nothing else. */
export async function decide(
  deps: MutateDeps,
  draft: MutationDraft,
  id: number,
  answer: ConflictAnswer | 'undo',
): Promise<void> {
  const conflict = await draft.within((tx) => findConflict(tx, deps.scope, id));
  if (!conflict) throw new ReplicaError('entry_unknown');
  if (conflict.decision) throw new ReplicaError('decision_pending');
  const isOpen = conflict.state === 'open';
  if (isOpen && answer === 'undo')
    throw new ReplicaError('conflict_settled', { message: 'An open conflict has nothing to undo.' });
  if (!isOpen && answer !== 'undo') throw new ReplicaError('conflict_settled');
  const about = { collection: conflict.collection, id: conflict.record };
  await draft.resolve(about, {
    conflict: id,
    ...(typeof answer === 'string' ? { answer } : { answer: 'value', value: answer.value }),
    ...(answer === 'device' ? { device: conflict.device } : {}),
  });
}

/** The answer that a decision gave. */
export function answerIn({ answer, body = {} }: ResolveChange): ConflictAnswer | 'undo' {
  return answer === 'value' ? { value: body } : answer;
}

/** Forgets a conflict and the mutations that it holds here. The server keeps it open until a person decides. */
export async function discardConflict(deps: MutateDeps, id: number, reason: string): Promise<void> {
  await deps.storage.transaction('durable', async (tx) => {
    if (!(await forgetConflict(tx, deps.scope, id))) throw new ReplicaError('entry_unknown');
    const progress = await readProgress(tx, deps.scope);
    const dirty = new Set<string>();
    for (const entry of await entriesInConflict(tx, deps.scope, id)) {
      for (const touched of await removeEntry(tx, deps.scope, entry)) dirty.add(touched);
      countEntry(progress, entry, undefined);
      await logDiscard(tx, deps.scope, {
        mutation: entry.mutation.id,
        code: 'conflict_open',
        reason,
        at: deps.clock.wallMs(),
      });
    }
    await recompute(tx, deps, dirty);
    await writeProgress(tx, deps.scope, progress);
  });
  deps.sending.written();
}

const chunk = 500;

async function entriesInConflict(tx: StorageTransaction, scope: string, id: number): Promise<OutboxEntry[]> {
  const found: OutboxEntry[] = [];
  let after: string | undefined;
  for (;;) {
    const places = await placesIn(tx, scope, 'conflict', {
      limit: chunk,
      ...(after === undefined ? {} : { after }),
    });
    for (const entry of await readEntries(tx, scope, places))
      if (entry.conflicts?.includes(id)) found.push(entry);
    after = places.at(-1);
    if (places.length < chunk) return found;
  }
}
