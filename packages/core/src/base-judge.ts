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
import { policyName } from './policy.ts';
import { bodyOfPut, type DeclaredChange, type Ruled, unchanged, written } from './ruled.ts';
import { anyForeign, isForeign, readTouched, serverWriter, touchOf } from './touched.ts';

/** Decides one change of a record that stands as `current` (null: never existed). A put names some fields; the others stay. */
export function ruleByBase(change: DeclaredChange, current: Standing | null, question: BaseQuestion): Ruled {
  const ruled = rule(change, current, question);
  if (change.type !== 'put') return ruled;
  const { sight } = question;
  const copy = { ...sight.body, ...change.body };
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
  const isConcurrent = sight.creates || sight.missed || anyForeign(live.touched, sight.seq, own);
  return change.type === 'delete'
    ? remove(live, isConcurrent, question)
    : edit(change.body, live, isConcurrent, question);
}

function onTombstone(change: DeclaredChange, current: Standing, question: BaseQuestion): Ruled {
  if (change.type === 'delete') return unchanged(null);
  const { judge, sight, madeAt, own } = question;
  const isOwn = current.writer !== serverWriter && own.has(current.writer, current.seq);
  const isSeen = !sight.creates && (isOwn || sight.seq >= current.seq);
  const isNewer = (judge.returns === 'newer' || sight.creates) && madeAt > current.madeAt;
  if (isSeen || isNewer) return written('inserted', change.body, 'anew');
  const policy = policyOf(question);
  return stays(
    policy === 'ask' ? 'open' : 'gone',
    null,
    found(Object.keys(change.body), policyName(policy), sight),
  );
}

function remove(current: Live, isConcurrent: boolean, question: BaseQuestion): Ruled {
  const deleted = written('deleted', null, 'all');
  if (!isConcurrent) return deleted;
  const { sight, own } = question;
  const isQuiet = isWithinTolerance(current, question);
  const policy = policyOf(question);
  const fields = Object.keys(current.body).filter((field) =>
    isForeign(touchOf(current.touched, field), sight.seq, own),
  );
  const conflict = found(fields, policyName(policy), sight);
  if (policy === 'ask' && !isQuiet) return stays('open', current.body, conflict);
  return {
    ...deleted,
    ruling: isQuiet ? 'deleted' : 'replaced',
    decision: { ...deleted.decision, conflict },
  };
}
