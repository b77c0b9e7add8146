// A call of the application (`put`, `patch`, `delete`, `add`) becomes a change, judged before anything is stored.
// Pure: it is told how the record stands and answers the change with what the record becomes, nothing, or a problem.

import {
  type Change,
  type Collection,
  checkJson,
  equalJson,
  invalidIn,
  type Json,
  type JsonObject,
  type Limits,
  type Problem,
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
  | { type: 'change'; change: Change; after: JsonObject | null }
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
  const problem = after && checkAfter(after, standing.body, context);
  return problem ? { type: 'problem', problem } : { type: 'change', change: made.change, after };
}

type Changed = { type: 'change'; change: Change } | Exclude<Made, { type: 'change' }>;

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
  const replaced = replacedBy(named, stood);
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
  const removed = new Set([
    ...wish.unset,
    ...Object.keys(wish.fields).filter((field) => wish.fields[field] === undefined),
  ]);
  const both = wish.unset.find((field) => Object.hasOwn(copied.fields, field));
  if (both !== undefined) return problem('invalid_record', both, 'The field is both set and removed.');
  const replaced = replacedBy(copied.fields, stood);
  const set = Object.fromEntries(Object.entries(copied.fields).filter(([field]) => replaced.has(field)));
  const unset = [...removed].filter((field) => Object.hasOwn(stood, field));
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
  const change: Change = { type: 'add', ...target, amounts };
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

/** Fields of `named` whose value differs from the record as it stands, with the value there; null where it had none. */
function replacedBy(named: JsonObject, stood: JsonObject): Map<string, Json> {
  const replaced = new Map<string, Json>();
  for (const [field, value] of Object.entries(named)) {
    const same = Object.hasOwn(stood, field) && equalJson(stood[field] ?? null, value);
    if (!same) replaced.set(field, Object.hasOwn(stood, field) ? (stood[field] ?? null) : null);
  }
  return replaced;
}

/**
 * The record as it becomes must fit the schema. Where it did not fit before (a newer schema wrote it), only the fields that
 * change must: who finds a record broken can still mend a part of it.
 */
function checkAfter(
  after: JsonObject,
  stood: JsonObject | null,
  context: MakeContext,
): Problem<ReplicaErrorCode> | undefined {
  const { collection, limits } = context;
  if (JSON.stringify(after).length > limits.recordCharsMax) {
    return {
      code: 'record_too_large',
      message: `A record has at most ${limits.recordCharsMax} characters of JSON.`,
    };
  }
  if (Object.keys(after).length > limits.jsonKeysMax) {
    return { code: 'json_too_many_keys', message: `A record has at most ${limits.jsonKeysMax} fields.` };
  }
  const invalid = invalidIn(collection, after);
  if (!invalid) return undefined;
  if (stood !== null && invalidIn(collection, stood)) {
    const own = invalidIn(collection, after, {
      has: (field) => equalJson(after[field] ?? null, stood[field] ?? null),
    });
    return own && { code: 'invalid_record', ...own };
  }
  return { code: 'invalid_record', ...invalid };
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
