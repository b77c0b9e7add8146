// The part of the plan that takes writes of clients which know neither bases nor mutation ids. Their mutations wait for nothing and
// are held by nothing: nobody could tell such a client a later verdict.

import { equalJson } from './canonical.ts';
import type { Mutation } from './change.ts';
import type { Draft } from './draft.ts';
import { requestErrors } from './errors.ts';
import { type Judgement, judge } from './judge.ts';
import type { ArrivedDeclared, DeclaredItem } from './plan-item.ts';
import type { Ruled } from './ruled.ts';
import { collectionIn } from './schema.ts';
import { accept, reject, type Sender, settleWoken } from './settle.ts';
import type { StoredRecord } from './stored.ts';
import { ownOf } from './touched.ts';
import { settleUnique } from './unique.ts';
import type { Verdict } from './verdict.ts';

/** What became of one write. */
export interface Declared {
  verdict: Verdict;
  /** The record as it then stood; null when there is none. */
  record: StoredRecord | null;
  /** It had come before, and is answered as it was then. */
  repeated: boolean;
}

export type DeclaredOutcome =
  | { type: 'declared'; answers: readonly Declared[] }
  /** Nothing of it was taken. */
  | { type: 'refused'; code: 'forbidden'; field: string; message: string };

/** Undefined while the draft needs more. */
export function takeDeclared(draft: Draft, item: DeclaredItem): DeclaredOutcome | undefined {
  if (item.right !== 'write')
    return { type: 'refused', code: 'forbidden', field: 'scope', message: requestErrors.forbidden.meaning };
  const answers = item.mutations.map((arrived) => takeOne(draft, item, arrived));
  const whole = answers.filter((answer) => answer !== undefined);
  return whole.length === answers.length ? { type: 'declared', answers: whole } : undefined;
}

function takeOne(draft: Draft, item: DeclaredItem, arrived: ArrivedDeclared): Declared | undefined {
  const { id } = arrived.mutation;
  const known = draft.mutation(id);
  if (known === undefined) return undefined;
  const repeated = known !== null && known.verdict.verdict !== 'rejected';
  if (!repeated && !judged(draft, item, arrived)) return undefined;
  const [change] = arrived.mutation.changes;
  const live = change && draft.record(change.collection, change.id);
  const mutation = draft.mutation(id);
  if (live === undefined || !mutation) return undefined;
  return { verdict: mutation.verdict, record: live?.record ?? null, repeated };
}

/** Whether it got its verdict. */
function judged(draft: Draft, item: DeclaredItem, arrived: ArrivedDeclared): boolean {
  const { mutation, hash, madeAt, problem, ...said } = arrived;
  const own = ownOf(item.writer);
  const declared = { judge: item.judge, ...said };
  const sender: Sender = { mutation, hash, madeAt, device: item.device, replicas: [], own, declared };
  const outcome: Judgement = problem
    ? { type: 'reject', problem }
    : judgeDeclared(draft, item, {
        mutation,
        madeAt,
        own,
        forced: new Map(),
        first: false,
        decided: false,
        declared,
      });
  switch (outcome.type) {
    case 'needs':
      return false;
    case 'accept':
      if (draft.mutation(mutation.id)) draft.unquarantine(item.device, mutation.id);
      accept(draft, sender, outcome);
      noteCopy(draft, mutation, { writer: item.writer, copy: outcome.ruled?.copy });
      break;
    case 'reject':
      reject(draft, sender, outcome.problem);
      break;
    case 'wait':
      reject(draft, sender, {
        code: 'parent_missing',
        message: `It names ${outcome.waitsFor.join(', ')}, which is not there.`,
      });
      break;
    case 'ask':
      throw new Error('A declared change asks nobody before it is answered.');
  }
  settleWoken(draft);
  return true;
}

/** What its writer has of the record from now on, as far as that is not how it stands. */
function noteCopy(
  draft: Draft,
  { changes: [change] }: Mutation,
  { writer, copy }: { writer: string; copy: Ruled['copy'] },
): void {
  if (!change || !copy) return;
  const { collection, id } = change;
  const body = draft.record(collection, id)?.body ?? null;
  const isAsStands = body !== null && equalJson(copy.body, body);
  const seq = draft.scope.head;
  const text = isAsStands ? null : JSON.stringify(copy.body);
  draft.copies.put({ writer, collection, id, seq, told: copy.told ?? seq, body: text });
}

/** By versions, a number that another record holds is told before anything else. */
function judgeDeclared(
  draft: Draft,
  { judge: { by } }: DeclaredItem,
  given: Parameters<typeof judge>[1],
): Judgement {
  const [change] = given.mutation.changes;
  const collection = change && collectionIn(draft.context.schema, change.collection);
  if (by !== 'version' || change?.type !== 'put' || !collection?.unique.length) return judge(draft, given);
  const live = draft.record(change.collection, change.id);
  if (live === undefined) return { type: 'needs' };
  if (live?.body === null) return judge(draft, given);
  const write = { collection, id: change.id, before: live?.body ?? null, after: change.body };
  const unique = settleUnique(draft, [write], draft.scope.head + 1);
  if (!unique) return { type: 'needs' };
  const [taken] = unique.taken;
  if (!taken) return judge(draft, given);
  const message = `Another record of ${taken.collection} holds this ${taken.field}.`;
  return { type: 'reject', problem: { code: 'unique_taken', field: `changes[0].${taken.field}`, message } };
}
