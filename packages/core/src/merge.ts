// An edit meets a live record: which of its fields somebody else wrote since its base, what the policies answer about
// them, and what the record becomes.
//
//   field changed by nobody else ─────────────► the edit's value
//   field changed by somebody else ── to the same value ─► no conflict
//                                  ── has a policy of its own ─► that one
//                                  ── else ─► the record's policy (merge: for the fields that the edit names;
//                                             any other: for the record, when any field of it was so changed)
//   counter ──────────────────────────────────► always the sum

import { equalJson } from './canonical.ts';
import { addDecimal } from './decimal.ts';
import { type DecideContext, type Decision, type FoundConflict, inexact } from './decision.ts';
import { counterIn, type Edit, valueIn } from './edit.ts';
import type { Json, JsonObject } from './json.ts';
import { answerRecord, policyName, type RecordAnswer, settleField } from './policy.ts';
import { isForeign, type Touched, touchOf } from './touched.ts';

/** Where an edit of the version `base` meets the record as it is now. */
export interface Meeting {
  edit: Edit;
  base: number;
  current: JsonObject;
  touched: Touched;
  context: DecideContext;
}

/** Applies an edit to a live record, asking the policies about what is concurrent. */
export function applyEdit(meeting: Meeting): Decision {
  const { edit, current, context } = meeting;
  const contest = findContest(meeting);
  const conflict = conflictOf(meeting, contest);
  const next = new Map<string, Json>(Object.entries(current));
  for (const field of contest.changed) {
    write(next, field, context.forced === 'server' ? valueIn(current, field) : edit.set.get(field));
  }
  if (conflict && !context.forced) {
    for (const field of contest.byField) settleByField(next, field, meeting);
    const answer = contest.byRecord.length > 0 ? answerFor(contest.byRecord, meeting) : null;
    if (answer?.side === 'ask') return { type: 'ask', conflict };
    if (answer) settleByRecord(next, { answer, byRecord: contest.byRecord, meeting });
  }
  for (const [field, amount] of edit.add) {
    const sum = addDecimal(counterIn(current, field), amount);
    if (sum === undefined) return inexact(field);
    next.set(field, sum);
  }
  return { type: 'write', ...outcomeOf(current, next), conflict };
}

interface Contest {
  /** Fields, counters aside, to which the edit gives another value than they have. */
  changed: readonly string[];
  /** Those that somebody else wrote since and that have a policy of their own. */
  byField: readonly string[];
  /** Fields over which the record's policy is asked. */
  byRecord: readonly string[];
}

function findContest(meeting: Meeting): Contest {
  const { edit, base, current, touched, context } = meeting;
  const { counters, fieldPolicies, policy } = context.collection;
  const concurrent = (field: string): boolean =>
    !counters.has(field) &&
    !isUnwritten(field, meeting) &&
    isForeign(touchOf(touched, field), base, context.own);
  const same = (field: string): boolean => {
    const now = valueIn(current, field);
    const wanted = edit.set.get(field);
    if (wanted === undefined) return edit.unset.has(field) && now === undefined;
    return now !== undefined && equalJson(wanted, now);
  };
  const changed = [...edit.set.keys(), ...edit.unset].filter((field) => !same(field));
  const governed = changed.filter((field) => !fieldPolicies.has(field));
  const byField = changed.filter((field) => concurrent(field) && fieldPolicies.has(field)).sort();
  if (policy === 'merge' || governed.length === 0)
    return { changed, byField, byRecord: governed.filter(concurrent).sort() };
  // A policy for whole records gives the record to one side, so every field counts, those that somebody removed included.
  const all = new Set([...Object.keys(current), ...changed, ...touched.fields.keys()]);
  const byRecord = [...all].filter((field) => concurrent(field) && !fieldPolicies.has(field) && !same(field));
  return { changed, byField, byRecord: byRecord.sort() };
}

/**
 * Whether the record never had the field: who created it without one wrote nothing there. Who removes a field is named with it,
 * until names are folded into the rest; then nobody can tell.
 */
function isUnwritten(field: string, { current, touched }: Meeting): boolean {
  const [, , creator] = touched.rest;
  return creator !== null && !Object.hasOwn(current, field) && !touched.fields.has(field);
}

/** What a person decided stays a conflict even if nothing would be one any more. */
function conflictOf({ edit, context }: Meeting, contest: Contest): FoundConflict | null {
  const contested = [...contest.byField, ...contest.byRecord].sort();
  const fields = contested.length === 0 && context.forced ? [...contest.changed].sort() : contested;
  if (fields.length === 0) return null;
  const base = new Map<string, Json>();
  for (const field of fields) {
    const seen = seenIn(field, edit, context);
    if (seen !== undefined) base.set(field, seen);
  }
  const declared = fields.map((field) => context.collection.fieldPolicies.get(field));
  const policy = declared.every((name) => name !== undefined)
    ? declared.join(',')
    : policyName(context.collection.policy);
  return { fields, base: Object.fromEntries(base), policy };
}

/** What the writer saw in a field: null when nothing, undefined when that is not known. */
function seenIn(field: string, edit: Edit, { atBase }: DecideContext): Json | undefined {
  const said = edit.replaced.get(field);
  if (said !== undefined || !atBase) return said;
  return valueIn(atBase, field) ?? null;
}

function answerFor(fields: readonly string[], meeting: Meeting): RecordAnswer {
  const { edit, current, touched, context } = meeting;
  return answerRecord(context.collection.policy, {
    collection: context.collection.name,
    id: context.id,
    fields,
    base: { ...context.atBase, ...Object.fromEntries(edit.replaced) },
    server: current,
    device: deviceSide(edit, current),
    serverMadeAt: Math.max(...fields.map((field) => touchOf(touched, field)[1])),
    deviceMadeAt: context.madeAt,
  });
}

function settleByField(next: Map<string, Json>, field: string, meeting: Meeting): void {
  const { edit, current, touched, context } = meeting;
  const policy = context.collection.fieldPolicies.get(field);
  if (!policy) return;
  const sides = {
    base: seenIn(field, edit, context),
    server: valueIn(current, field),
    device: edit.set.get(field),
    serverMadeAt: touchOf(touched, field)[1],
    deviceMadeAt: context.madeAt,
  };
  write(next, field, settleField(policy, sides));
}

/** `next` holds the edit's values already. Counters and fields with a policy of their own are left as they are. */
function settleByRecord(
  next: Map<string, Json>,
  given: { answer: RecordAnswer; byRecord: readonly string[]; meeting: Meeting },
): void {
  const { answer, byRecord, meeting } = given;
  const { edit, current, touched, context } = meeting;
  const governed = (field: string): boolean => !context.collection.fieldPolicies.has(field);
  switch (answer.side) {
    case 'server':
    case 'set':
      for (const field of [...edit.set.keys(), ...edit.unset])
        if (governed(field)) write(next, field, valueIn(current, field));
      if (answer.side === 'server') return;
      for (const [field, value] of Object.entries(answer.set))
        if (field !== 'id' && !context.collection.counters.has(field)) write(next, field, value);
      return;
    case 'device':
      if (edit.whole) replaceWhole(next, edit.whole, meeting);
      return;
    case 'fields':
      for (const field of byRecord)
        if (touchOf(touched, field)[1] > context.madeAt) write(next, field, valueIn(current, field));
      return;
    case 'ask':
      return;
  }
}

/** A put wins as a whole: also over fields that it did not change. Fields unknown to the writer's schema stay. */
function replaceWhole(next: Map<string, Json>, whole: JsonObject, { current, context }: Meeting): void {
  const { counters, fieldPolicies } = context.collection;
  for (const field of new Set([...Object.keys(current), ...Object.keys(whole)])) {
    const kept = fieldPolicies.has(field) || counters.has(field);
    const unknown = !Object.hasOwn(whole, field) && !context.writerFields.has(field);
    if (!kept && !unknown) write(next, field, valueIn(whole, field));
  }
}

function deviceSide(edit: Edit, current: JsonObject): JsonObject {
  const side = new Map<string, Json>(Object.entries(edit.whole ?? current));
  for (const [field, value] of edit.set) side.set(field, value);
  for (const field of edit.unset) side.delete(field);
  return Object.fromEntries(side);
}

/** The record as it becomes, and the fields in which it differs. */
function outcomeOf(
  current: JsonObject,
  next: ReadonlyMap<string, Json>,
): { body: JsonObject; fields: readonly string[] } {
  const fields = [...new Set([...Object.keys(current), ...next.keys()])].filter((field) => {
    const before = valueIn(current, field);
    const after = next.get(field);
    return before === undefined || after === undefined || !equalJson(before, after);
  });
  return { body: fields.length === 0 ? current : Object.fromEntries(next), fields };
}

function write(next: Map<string, Json>, field: string, value: Json | undefined): void {
  if (value === undefined) next.delete(field);
  else next.set(field, value);
}
