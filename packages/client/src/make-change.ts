// A call of the application (`put`, `patch`, `delete`, `add`) becomes a change, judged before anything is stored.
// Pure: it is told how the record stands and answers the change with what the record becomes, nothing, or a problem.

import {
  type Collection,
  checkJson,
  counterIn,
  equalJson,
  invalidIn,
  type Json,
  type JsonObject,
  type Limits,
  type PatchChange,
  type Problem,
  type RecordChange,
  type Schema,
} from '@holdfast/core';
import type { ReplicaErrorCode } from './errors.ts';
import { foldChange } from './view.ts';

/** What the application asked for. A field whose value is undefined counts as absent in a put and as removed in a patch. */
export type Wish =
  | { type: 'put'; body: Readonly<Record<string, unknown>> }
  | { type: 'patch'; fields: Readonly<Record<string, unknown>>; unset: readonly string[] }
  | { type: 'delete' }
  | { type: 'add'; amounts: Readonly<Record<string, unknown>> };

/** How the record stands: what the application sees, and the version of the server's state underneath (0: none). */
export interface Standing {
  body: JsonObject | null;
  version: number;
}

export type Made =
  | { type: 'change'; change: RecordChange; after: JsonObject | null }
  /** The record is that way already. */
  | { type: 'nothing' }
  | { type: 'problem'; problem: Problem<ReplicaErrorCode> };

export interface MakeContext {
  schema: Schema;
  collection: Collection;
  id: string;
  limits: Limits;
}

export function makeChange(wish: Wish, standing: Standing, context: MakeContext): Made {
  const wrong = checkId(context.id, context.limits);
  if (wrong) return { type: 'problem', problem: wrong };
  const made = changeFor(wish, standing, context);
  if (made.type !== 'change') return made;
  const after = foldChange(context.schema, standing.body, {
    change: made.change,
    schema: context.schema.version,
  });
  const problem = after && (checkChange(made.change, after, context) ?? checkSize(after, context));
  return problem ? { type: 'problem', problem } : { type: 'change', change: made.change, after };
}

type Changed = { type: 'change'; change: RecordChange } | Exclude<Made, { type: 'change' }>;

function changeFor(wish: Wish, standing: Standing, context: MakeContext): Changed {
  const target = {
    collection: context.collection.name,
    id: context.id,
    ...(standing.version > 0 ? { base: standing.version } : {}),
  };
  switch (wish.type) {
    case 'put':
      return putFor(wish.body, standing.body, target, context);
    case 'patch':
      return patchFor(wish, standing.body, target, context);
    case 'delete':
      return standing.body === null
        ? { type: 'nothing' }
        : { type: 'change', change: { type: 'delete', ...target } };
    case 'add':
      return addFor(wish.amounts, standing.body, target, context);
  }
}

interface Target {
  collection: string;
  id: string;
  base?: number;
}

/** A put names the whole record. Fields that the schema does not know, and counters, stay when they are not named. */
function putFor(
  given: Readonly<Record<string, unknown>>,
  stood: JsonObject | null,
  target: Target,
  context: MakeContext,
): Changed {
  const copied = copyFields(given, context);
  if (copied.problem) return copied;
  const named = copied.fields;
  if (stood === null) return { type: 'change', change: { type: 'put', ...target, body: named } };
  const body = new Map<string, Json>(Object.entries(named));
  const replaced = replacedBy(named, stood, context.collection);
  for (const [field, value] of Object.entries(stood)) {
    if (Object.hasOwn(named, field)) continue;
    const stays =
      context.collection.counters.has(field) || !Object.hasOwn(context.collection.fields.shape, field);
    if (stays) body.set(field, value);
    else replaced.set(field, value);
  }
  if (replaced.size === 0) return { type: 'nothing' };
  return {
    type: 'change',
    change: {
      type: 'put',
      ...target,
      body: Object.fromEntries(body),
      replaced: Object.fromEntries(replaced),
    },
  };
}

/** A patch carries only the fields that really change, so that it conflicts with nothing else. */
function patchFor(
  wish: Extract<Wish, { type: 'patch' }>,
  stood: JsonObject | null,
  target: Target,
  context: MakeContext,
): Changed {
  if (stood === null) return missing(context);
  const copied = copyFields(wish.fields, context);
  if (copied.problem) return copied;
  const { counters } = context.collection;
  const removed = new Set([
    ...wish.unset,
    ...Object.keys(wish.fields).filter((field) => wish.fields[field] === undefined),
  ]);
  const both = wish.unset.find((field) => Object.hasOwn(copied.fields, field));
  if (both !== undefined) return problem('invalid_record', both, 'The field is both set and removed.');
  // A counter is moved and never removed: without it, it stands at 0.
  const named = {
    ...copied.fields,
    ...Object.fromEntries([...removed].filter((field) => counters.has(field)).map((field) => [field, 0])),
  };
  const replaced = replacedBy(named, stood, context.collection);
  const set = Object.fromEntries(Object.entries(named).filter(([field]) => replaced.has(field)));
  const unset = [...removed].filter((field) => Object.hasOwn(stood, field) && !counters.has(field));
  for (const field of unset) replaced.set(field, stood[field] ?? null);
  if (replaced.size === 0) return { type: 'nothing' };
  return {
    type: 'change',
    change: {
      type: 'patch',
      ...target,
      ...(Object.keys(set).length > 0 ? { set } : {}),
      ...(unset.length > 0 ? { unset } : {}),
      replaced: Object.fromEntries(replaced),
    },
  };
}

function addFor(
  given: Readonly<Record<string, unknown>>,
  stood: JsonObject | null,
  target: Target,
  context: MakeContext,
): Changed {
  const amounts: Record<string, number> = {};
  for (const [field, amount] of Object.entries(given)) {
    if (!context.collection.counters.has(field))
      return problem('counter_by_add', field, `${field} is no counter.`);
    const wrong = typeof amount === 'number' ? checkJson(amount, scalarBounds) : undefined;
    if (typeof amount !== 'number') return problem('invalid_record', field, 'An increment is a number.');
    if (wrong) return problem(wrong.code, field, wrong.message);
    if (amount !== 0) amounts[field] = amount;
  }
  if (stood === null) return missing(context);
  if (Object.keys(amounts).length === 0) return { type: 'nothing' };
  const change: RecordChange = { type: 'add', ...target, amounts };
  const after = foldChange(context.schema, stood, { change, schema: context.schema.version });
  const inexact = Object.keys(amounts).find((field) =>
    equalJson(after?.[field] ?? null, stood[field] ?? null),
  );
  if (inexact !== undefined)
    return problem('counter_inexact', inexact, `The sum of ${inexact} could not be held exactly.`);
  return { type: 'change', change };
}

const scalarBounds = { depthMax: 1, keysMax: 1 };

/** A copy that the application cannot change any more, without undefined fields. */
function copyFields(
  given: Readonly<Record<string, unknown>>,
  { limits }: MakeContext,
): { fields: JsonObject; problem?: undefined } | Extract<Made, { type: 'problem' }> {
  const defined = Object.fromEntries(
    Object.entries(given).filter(([field, value]) => field !== 'id' && value !== undefined),
  );
  const wrong = checkJson(defined, { depthMax: limits.recordDepthMax, keysMax: limits.jsonKeysMax });
  if (wrong) return { type: 'problem', problem: wrong };
  return { fields: JSON.parse(JSON.stringify(defined)) as JsonObject };
}

/**
 * Fields of `named` whose value differs from the record as it stands, with the value there; null where it had none. A counter
 * that holds something else than a number (an older schema's value) counts as 0, and is replaced as such.
 */
function replacedBy(named: JsonObject, stood: JsonObject, collection: Collection): Map<string, Json> {
  const replaced = new Map<string, Json>();
  for (const [field, value] of Object.entries(named)) {
    const seen = Object.hasOwn(stood, field) ? (stood[field] ?? null) : null;
    const counts = collection.counters.has(field);
    const same = counts
      ? counterIn(stood, field) === value
      : Object.hasOwn(stood, field) && equalJson(seen, value);
    if (!same) replaced.set(field, counts && typeof seen !== 'number' ? null : seen);
  }
  return replaced;
}

/**
 * What the server's door would refuse is refused here, and so is what a request would be rejected for. A fact is never
 * refused for what a record was before it: its own fields must fit, and no others.
 */
function checkChange(
  change: RecordChange,
  after: JsonObject,
  { collection }: MakeContext,
): Problem<ReplicaErrorCode> | undefined {
  if (change.type !== 'put' && change.type !== 'patch') return undefined;
  const given = change.type === 'put' ? change.body : (change.set ?? {});
  const invalid =
    change.type === 'put' ? invalidIn(collection, given) : invalidInPatch(change, after, collection);
  if (invalid) return { code: 'invalid_record', ...invalid };
  for (const field of collection.counters.keys()) {
    if (!Object.hasOwn(given, field)) continue;
    if (typeof given[field] !== 'number')
      return { code: 'invalid_record', field, message: 'A counter is a number.' };
    // It is moved by the difference, and the difference or the sum may be one that no double holds.
    if (!equalJson(given[field], after[field] ?? 0)) {
      return { code: 'counter_inexact', field, message: `The sum of ${field} could not be held exactly.` };
    }
  }
  return undefined;
}

function invalidInPatch(change: PatchChange, after: JsonObject, collection: Collection): Invalid | undefined {
  const { shape } = collection.fields;
  const named: [string, Json | undefined][] = Object.entries(change.set ?? {});
  for (const field of change.unset ?? []) named.push([field, undefined]);
  for (const [field, value] of named) {
    if (!Object.hasOwn(shape, field)) continue;
    const issue = (shape[field] as ZodField).safeParse(value).error?.issues[0];
    if (issue) return { field: [field, ...issue.path.map(String)].join('.'), message: issue.message };
  }
  return collection.kind === 'request' ? invalidIn(collection, after, collection.counters) : undefined;
}

type Invalid = { field: string; message: string };
/** Every type of zod can judge; what a shape is made of is typed as the least of them. */
type ZodField = { safeParse(value: unknown): ReturnType<Collection['fields']['safeParse']> };

function checkSize(after: JsonObject, { limits }: MakeContext): Problem<ReplicaErrorCode> | undefined {
  if (JSON.stringify(after).length > limits.recordCharsMax) {
    return {
      code: 'record_too_large',
      message: `A record has at most ${limits.recordCharsMax} characters of JSON.`,
    };
  }
  if (Object.keys(after).length > limits.jsonKeysMax) {
    return { code: 'json_too_many_keys', message: `A record has at most ${limits.jsonKeysMax} fields.` };
  }
  return undefined;
}

function checkId(id: unknown, limits: Limits): Problem<ReplicaErrorCode> | undefined {
  if (typeof id !== 'string' || id.length === 0 || id.length > limits.idCharsMax) {
    return {
      code: 'invalid_record',
      field: 'id',
      message: `An id is a text of 1 to ${limits.idCharsMax} characters.`,
    };
  }
  const wrong = checkJson(id, scalarBounds);
  return wrong && { code: wrong.code, field: 'id', message: wrong.message };
}

function missing({ collection, id }: MakeContext): Changed {
  return problem('record_missing', 'id', `There is no record ${id} in ${collection.name}.`);
}

function problem(code: ReplicaErrorCode, field: string, message: string): Extract<Made, { type: 'problem' }> {
  return { type: 'problem', problem: { code, field, message } };
}
