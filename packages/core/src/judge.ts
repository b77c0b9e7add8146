// Judges one mutation against the draft: every change in order, then what holds at the mutation's end (parents, counters'
// minimums, the schema, sizes, unique values). Changes nothing; settle.ts writes the outcome down.

import { misfit } from './admit.ts';
import { mutationKey, recordKey } from './change.ts';
import type { Draft } from './draft.ts';
import { counterIn, valueIn } from './edit.ts';
import type { Problem, VerdictCode } from './errors.ts';
import type { Live } from './record-book.ts';
import type { Ruled } from './ruled.ts';
import { type Case, type CaseConflict, type Flag, Trial, type Tried } from './trial.ts';
import { settleUnique, type UniqueOutcome } from './unique.ts';

export type Judgement =
  /** Run the plan again with what the draft now needs. */
  | { type: 'needs' }
  | {
      type: 'accept';
      /** Final versions of the records that changed, in the order of the mutation. */
      records: readonly Live[];
      /** Keys of records that exist now and did not before. */
      created: readonly string[];
      unique: UniqueOutcome;
      /** Conflicts that policies answered. */
      merged: readonly CaseConflict[];
      /** Conflicts that a fact leaves open. */
      open: readonly CaseConflict[];
      /** Why a fact is flagged. */
      flags: readonly Flag[];
      /** Of a declared change: what its judge made of it. */
      ruled: Ruled | undefined;
    }
  | { type: 'wait'; waitsFor: readonly string[] }
  | { type: 'ask'; conflicts: readonly CaseConflict[] }
  | { type: 'reject'; problem: Problem<VerdictCode> };

export function judge(draft: Draft, given: Case): Judgement {
  const trial = new Trial(draft, given);
  const behind = given.first && !given.decided && !trial.fact ? predecessors(draft, given) : [];
  if (behind === undefined) return { type: 'needs' };
  for (const [place, change] of given.mutation.changes.entries()) {
    const problem = trial.change(change, place);
    if (problem && behind.length === 0) return { type: 'reject', problem };
  }
  const missing = missingParents(draft, trial);
  if (trial.incomplete || !missing) return { type: 'needs' };
  if (behind.length > 0) return { type: 'wait', waitsFor: behind };
  if (trial.ask.length > 0) return { type: 'ask', conflicts: trial.ask };
  if (missing.length > 0 && !trial.fact) {
    // What the mutation itself deletes, no waiting brings back; and what a person decided waits for nothing.
    const lost = missing.find(({ deleted }) => deleted || given.decided);
    if (lost) return refusal(given, lost);
    return { type: 'wait', waitsFor: [...new Set(missing.map(({ parent }) => parent))] };
  }
  return judgeEnd(draft, given, { trial, missing });
}

/** Keys of the replica's own mutations that wait and touch the same records: what comes after them stands behind them. */
function predecessors(draft: Draft, given: Case): readonly string[] | undefined {
  const { writer } = given.own;
  const waits = draft.hasWaiting(writer);
  if (!waits) return waits === undefined ? undefined : [];
  const keys = new Set(given.mutation.changes.map((change) => recordKey(change.collection, change.id)));
  const found = new Set<string>();
  for (const key of keys) {
    const last = draft.lastWaiting(writer, key);
    if (last === undefined) return undefined;
    for (const id of last) if (id !== given.mutation.id) found.add(mutationKey(id));
  }
  return [...found].sort();
}

/** Something about one field of a record that stops a request and flags a fact. */
interface Flaw {
  code: VerdictCode;
  collection: string;
  id: string;
  field: string;
  message: string;
}

interface Orphan extends Flaw {
  /** The key of the parent that is missing. */
  parent: string;
  /** This mutation deletes it. */
  deleted: boolean;
}

/** References that this mutation makes to records that are not there; undefined while some are not loaded. */
function missingParents(draft: Draft, trial: Trial): Orphan[] | undefined {
  const missing: Orphan[] = [];
  let loaded = true;
  for (const live of trial.after.values()) {
    const { collection, id } = live.record;
    const stood = live.stood?.body ?? {};
    for (const [field, parent] of trial.rules(collection)?.parents ?? []) {
      const name = valueIn(live.body ?? {}, field);
      if (typeof name !== 'string' || name === valueIn(stood, field)) continue;
      const key = recordKey(parent, name);
      const found = trial.after.get(key) ?? draft.record(parent, name);
      if (found === undefined) loaded = false;
      if (found === undefined || found?.body) continue;
      const message = `There is no record ${name} in ${parent}.`;
      const deleted = trial.after.has(key);
      missing.push({ code: 'parent_missing', collection, id, field, message, parent: key, deleted });
    }
  }
  return loaded ? missing : undefined;
}

/** What a fact is flagged with, and what rejects a request, once every change is known. */
function judgeEnd(
  draft: Draft,
  given: Case,
  { trial, missing }: { trial: Trial; missing: readonly Orphan[] },
): Judgement {
  const records = trial.changed();
  const large = records.find((live) => isTooLarge(draft, live));
  if (large) return { type: 'reject', problem: tooLarge(draft, given, large) };
  const unique = settleUnique(
    draft,
    records.flatMap((live) => {
      const { collection: name, id } = live.record;
      const collection = trial.rules(name);
      if (!collection || collection.unique.length === 0) return [];
      return [{ collection, id, before: live.stood?.body ?? null, after: live.body }];
    }),
    draft.scope.head + 1,
  );
  if (!unique) return { type: 'needs' };
  const flaws: Flaw[] = [
    ...missing,
    ...records.flatMap((live) => [...belowMinimum(trial, live), ...notFitting(trial, live)]),
    ...unique.taken.map((taken) => ({
      ...taken,
      code: 'unique_taken' as const,
      message: `Another record of ${taken.collection} holds this ${taken.field}.`,
    })),
  ];
  const [flaw] = flaws;
  if (flaw && !trial.fact) return refusal(given, flaw);
  const created = records.filter((live) => live.body !== null && !live.stood?.body);
  return {
    type: 'accept',
    records,
    created: created.map(({ record }) => recordKey(record.collection, record.id)),
    unique,
    merged: trial.merged,
    open: trial.open,
    flags: [...trial.flags, ...flaws.map(flagOf)],
    ruled: trial.ruled,
  };
}

function refusal(given: Case, flaw: Flaw): Judgement {
  const { code, message } = flaw;
  return { type: 'reject', problem: { code, field: pathOf(given, flaw), message } };
}

function flagOf({ code, collection, id, field, message }: Flaw): Flag {
  return { exception: { code, collection, id, field, message }, kept: null };
}

function belowMinimum(trial: Trial, live: Tried): Flaw[] {
  const { collection, id } = live.record;
  const { body, stood } = live;
  const flaws: Flaw[] = [];
  if (body === null) return flaws;
  for (const [field, { minimum }] of trial.rules(collection)?.counters ?? []) {
    const before = counterIn(stood?.body ?? {}, field);
    const after = counterIn(body, field);
    if (minimum === undefined || after >= minimum || after >= before) continue;
    const message = `${field} would be ${after}, below its minimum of ${minimum}.`;
    flaws.push({ code: 'counter_minimum', collection, id, field, message });
  }
  return flaws;
}

/** A put of a new record was judged at the door; what came out of an edit or a merge is judged here, as a whole. */
function notFitting(trial: Trial, live: Tried): Flaw[] {
  const { collection, id } = live.record;
  const rules = trial.rules(collection);
  const written = trial.written(collection);
  if (live.body === null || !rules || !written || live.asPut) return [];
  const wrong = misfit(written, {
    before: live.stood?.body ?? null,
    after: live.body,
    except: rules.counters,
  });
  return wrong ? [{ code: 'invalid_record', collection, id, ...wrong }] : [];
}

/** Each part was bounded at the door, but a record may grow part by part. */
function isTooLarge(draft: Draft, { record, body }: Live): boolean {
  const { recordCharsMax, jsonKeysMax } = draft.context.limits;
  if (body === null) return false;
  return (record.body?.length ?? 0) > recordCharsMax || Object.keys(body).length > jsonKeysMax;
}

function tooLarge(draft: Draft, given: Case, { record }: Live): Problem<VerdictCode> {
  const { recordCharsMax, jsonKeysMax } = draft.context.limits;
  return {
    code: 'record_too_large',
    field: pathOf(given, record),
    message: `The record would have more than ${recordCharsMax} characters of JSON or ${jsonKeysMax} fields.`,
  };
}

/** Where in the mutation a record was last written, as a path for people and programs. */
function pathOf(given: Case, at: { collection: string; id: string; field?: string }): string {
  const place = given.mutation.changes.findLastIndex(
    ({ collection, id }) => collection === at.collection && id === at.id,
  );
  return `changes[${place}]${at.field === undefined ? '' : `.${at.field}`}`;
}
