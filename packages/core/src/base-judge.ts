// Conflicts of protocols of whose clients the server knows what they had in sight: the version that they name, or how far they have
// read. What others wrote behind that is a conflict of the record as a whole; the policy says what becomes of it.
//
//   nobody else wrote since the base ──► the fields that differ from what it had are written
//   somebody did ── nothing differs from what stands ──► no conflict
//                ── within the tolerance ──► merged field by field; it is logged
//                ── else ──► the policy: kept, replaced, merged field by field, or open
//   a delete ──► wins, under every policy but ask
//   counters ──► always the sum, of what the client added to what it had
//
// Field by field: what the client did not change stays as it is; a field with a policy of its own goes by that; what somebody else
// changed as well goes to the newer; all else is the client's.

import { edit, type Live } from './base-edit.ts';
import { type BaseQuestion, found, isWithinTolerance, policyOf, seenIn, stays } from './base-question.ts';
import type { Standing } from './decision.ts';
import type { JsonObject } from './json.ts';
import { policyName } from './policy.ts';
import { bodyOfPut, type DeclaredChange, type Ruled, unchanged, written } from './ruled.ts';
import { anyForeign, isForeign, readTouched, serverWriter, type Touched, touchOf } from './touched.ts';

/** Decides one change of a record that stands as `current` (null: never existed). A put names some fields; the others stay. */
export function ruleByBase(change: DeclaredChange, current: Standing | null, question: BaseQuestion): Ruled {
  const ruled = rule(change, current, question);
  if (change.type !== 'put') return ruled;
  const { sight } = question;
  const isTold = ruled.ruling !== 'updated' && ruled.ruling !== 'unchanged';
  const hasUnseen = current !== null && anyForeign(readTouched(current), sight.told, question.own);
  const copy = {
    body: { ...sight.body, ...change.body },
    ...(isTold || !hasUnseen ? {} : { told: sight.told }),
  };
  if (!current?.body) return { ...ruled, copy };
  const { collection, id, body: set } = change;
  const replaced = seenIn(Object.keys(set), sight);
  return { ...ruled, copy, kept: { type: 'patch', collection, id, base: sight.seq, set, replaced } };
}

function rule(change: DeclaredChange, current: Standing | null, question: BaseQuestion): Ruled {
  if (!current) return written(change.type === 'put' ? 'inserted' : 'deleted', bodyOfPut(change), 'all');
  if (current.body === null) return onTombstone(change, current, question);
  const { sight, own } = question;
  const live = { body: current.body, madeAt: current.madeAt, touched: readTouched(current) };
  if (isTooLate(live.touched, question))
    return change.type === 'delete' ? unchanged(live.body) : lostToDelete(change.body, live.body, question);
  const isConcurrent = sight.creates || sight.missed || anyForeign(live.touched, sight.seq, own);
  return change.type === 'delete'
    ? remove(live, isConcurrent, question)
    : edit(change.body, live, isConcurrent, question);
}

/** Whether the record that its writer saw was deleted by somebody else and has begun anew since: then it lost to that delete. */
function isTooLate({ tombstone }: Touched, { judge, sight, madeAt, own }: BaseQuestion): boolean {
  if (!tombstone || sight.creates || !isForeign(tombstone, sight.seq, own)) return false;
  return judge.returns === 'seen' || madeAt <= tombstone[1];
}

function lostToDelete(body: JsonObject, current: JsonObject | null, question: BaseQuestion): Ruled {
  const policy = policyOf(question);
  const conflict = found(Object.keys(body), policyName(policy), question.sight);
  return stays(policy === 'ask' ? 'open' : 'gone', current, conflict);
}

function onTombstone(change: DeclaredChange, current: Standing, question: BaseQuestion): Ruled {
  if (change.type === 'delete') return unchanged(null);
  return comesBack(current, question)
    ? written('inserted', change.body, 'anew')
    : lostToDelete(change.body, null, question);
}

function comesBack(tombstone: Standing, { judge, sight, madeAt, own }: BaseQuestion): boolean {
  if (judge.returns === 'seen' && !sight.creates) return sight.seq >= tombstone.seq;
  // Of one device's delete and put of one time the put came later, as it is sent later.
  const isOwn = tombstone.writer !== serverWriter && own.has(tombstone.writer, tombstone.seq);
  return madeAt > tombstone.madeAt || (isOwn && madeAt === tombstone.madeAt);
}

function remove(current: Live, isConcurrent: boolean, question: BaseQuestion): Ruled {
  const deleted = written('deleted', null, 'all');
  const { sight, own } = question;
  const fields = Object.keys(current.body).filter((field) =>
    isForeign(touchOf(current.touched, field), sight.told, own),
  );
  if (!isConcurrent && fields.length === 0) return deleted;
  const isQuiet = !isConcurrent || isWithinTolerance(current, question);
  const policy = policyOf(question);
  const conflict = found(fields, policyName(policy), sight);
  if (policy === 'ask' && !isQuiet) return stays('open', current.body, conflict);
  return {
    ...deleted,
    ruling: isQuiet ? 'deleted' : 'replaced',
    decision: { ...deleted.decision, conflict },
  };
}
