// What one change does to one record as it stands: the conflict rules of DESIGN section 4, without parents, uniqueness
// and minimums, which are judged at the end of the mutation (judge.ts).
//
//   absent ── put ──────────► created            any other: refused (record_missing)
//   live   ── put/patch/add ► edited, or a conflict answered by field policy, then record policy (merge.ts)
//          ── delete ───────► deleted; a concurrent change is logged, or asked about
//          ── any that was meant for a former life of the record ► as if it had met the tombstone
//   dead   ── put ──────────► created anew when the writer saw the tombstone (or made it), else the delete wins
//          ── any other ────► refused when the writer saw it; else the delete wins

import type { AddChange, PatchChange, RecordChange } from './change.ts';
import { type DecideContext, type Decision, inexact, type Standing } from './decision.ts';
import { editOf } from './edit.ts';
import type { JsonObject } from './json.ts';
import { applyEdit } from './merge.ts';
import { policyName } from './policy.ts';
import { anyForeign, isForeign, readTouched, type Touched, touchOf } from './touched.ts';

/** Decides one change of a record that stands as `current` (null: never existed). */
export function decide(change: RecordChange, current: Standing | null, context: DecideContext): Decision {
  const decision = decideNow(change, current, context);
  // A conflict is logged with its base: what the writer did not carry is looked up, as far as history reaches.
  const conflict = decision.type === 'write' || decision.type === 'ask' ? decision.conflict : null;
  const known = conflict?.fields.every((field) => Object.hasOwn(conflict.base, field)) ?? true;
  if (!known && context.atBase === undefined && (change.base ?? 0) > 0) return { type: 'needsBase' };
  return decision;
}

function decideNow(change: RecordChange, current: Standing | null, context: DecideContext): Decision {
  if (current === null) return create(change, context);
  const touched = readTouched(current);
  if (current.body === null) return onTombstone(change, touched, context);
  if (isTooLate(change, touched, context)) return loseToDelete(change, current.body, context);
  if (change.type === 'delete') return remove(change, current.body, touched, context);
  const outcome = editOf(change, { ...context, current: current.body });
  if (outcome.type === 'inexact') return inexact(outcome.field);
  if (outcome.type === 'needsBase') return baseLost(outcome.field, current.body, context);
  return applyEdit({ edit: outcome.edit, base: change.base ?? 0, current: current.body, touched, context });
}

function create(change: RecordChange, context: DecideContext): Decision {
  if (change.type === 'put') return { type: 'write', body: change.body, fields: 'all', conflict: null };
  // Deleting what is not there is what was wanted already.
  if (change.type === 'delete') return { type: 'write', body: null, fields: [], conflict: null };
  return {
    type: 'refuse',
    code: 'record_missing',
    message: `There is no record ${change.id} in ${context.collection.name}.`,
  };
}

function remove(
  change: RecordChange,
  current: JsonObject,
  touched: Touched,
  context: DecideContext,
): Decision {
  const base = change.base ?? 0;
  const concurrent = anyForeign(touched, base, context.own);
  if (!concurrent && !context.forced) return { type: 'write', body: null, fields: 'all', conflict: null };
  const named = new Set([...Object.keys(current), ...touched.fields.keys()]);
  const conflict = {
    fields: [...named].filter((field) => isForeign(touchOf(touched, field), base, context.own)).sort(),
    base: context.atBase ?? {},
    policy: policyName(context.collection.policy),
  };
  if (context.forced === 'server') return { type: 'write', body: current, fields: [], conflict };
  if (!context.forced && context.collection.policy === 'ask') return { type: 'ask', conflict };
  return { type: 'write', body: null, fields: 'all', conflict };
}

/** Whether the record that the writer saw was deleted by somebody else and has begun anew since: then it lost to that delete. */
function isTooLate(change: RecordChange, { tombstone }: Touched, { own, forced }: DecideContext): boolean {
  return tombstone !== null && forced !== 'device' && isForeign(tombstone, change.base ?? 0, own);
}

function onTombstone(change: RecordChange, touched: Touched, context: DecideContext): Decision {
  if (change.type === 'delete') return loseToDelete(change, null, context);
  const unseen = anyForeign(touched, change.base ?? 0, context.own);
  const { forced } = context;
  if (forced === 'device' || (!unseen && !forced)) {
    const fields = forced ? 'again' : 'anew';
    if (change.type === 'put') return { type: 'write', body: change.body, fields, conflict: null };
    if (forced) return revive(change, context);
    return {
      type: 'refuse',
      code: 'record_deleted',
      message: `The record ${change.id} in ${context.collection.name} was deleted.`,
    };
  }
  return loseToDelete(change, null, context);
}

/**
 * What the writer did not see deleted is settled with that delete; the change goes whole into the log. A function is asked only
 * about two live sides: like every policy but `ask`, it lets a delete win.
 */
function loseToDelete(change: RecordChange, body: JsonObject | null, context: DecideContext): Decision {
  // Deleted it is already.
  if (change.type === 'delete') return { type: 'write', body, fields: [], conflict: null };
  const fields = namedFields(change);
  const none = context.atBase ? Object.fromEntries(fields.map((field) => [field, null])) : {};
  const conflict = {
    fields,
    base: { ...none, ...context.atBase, ...(change.type === 'add' ? {} : change.replaced) },
    policy: policyName(context.collection.policy),
    unapplied: true as const,
  };
  if (!context.forced && context.collection.policy === 'ask') return { type: 'ask', conflict };
  return { type: 'write', body, fields: [], conflict };
}

/** A person wants the edit although the record was deleted: it comes back as the writer saw it, edited. */
function revive(change: PatchChange | AddChange, context: DecideContext): Decision {
  if (context.atBase === undefined && (change.base ?? 0) > 0) return { type: 'needsBase' };
  const seen = context.atBase;
  if (!seen)
    return {
      type: 'refuse',
      code: 'record_deleted',
      message: `History no longer has the record ${change.id} as it was before its delete.`,
    };
  const outcome = editOf(change, { ...context, current: seen });
  if (outcome.type !== 'edit') return inexact(outcome.field);
  const untouched: Touched = { rest: [0, 0, null], fields: new Map(), tombstone: null };
  const edited = applyEdit({ edit: outcome.edit, base: 0, current: seen, touched: untouched, context });
  return edited.type === 'write' ? { ...edited, fields: 'again' } : edited;
}

function namedFields(change: RecordChange): string[] {
  if (change.type === 'put') return Object.keys(change.replaced ?? change.body).sort();
  if (change.type === 'add') return Object.keys(change.amounts).sort();
  return change.type === 'patch' ? [...Object.keys(change.set ?? {}), ...(change.unset ?? [])].sort() : [];
}

/**
 * A counter was set by somebody whose starting value nobody knows any more: only a person can say what was meant. Who
 * decides for the device cannot know either; the counter is then to be moved by `add`, or set in sight of its value.
 */
function baseLost(field: string, current: JsonObject, context: DecideContext): Decision {
  if (context.atBase === undefined) return { type: 'needsBase' };
  const conflict = { fields: [field], base: {}, policy: 'counter' };
  if (context.forced === 'server') return { type: 'write', body: current, fields: [], conflict };
  if (!context.forced) return { type: 'ask', conflict };
  return {
    type: 'refuse',
    code: 'counter_inexact',
    field,
    message: `The starting value of ${field} is not known.`,
  };
}
