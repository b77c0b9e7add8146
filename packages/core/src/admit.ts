// The door: what can be said of a mutation by itself, before anything stored is looked at.
// A mutation that does not pass is refused even when it is a fact.

import { equalJson } from './canonical.ts';
import type { Change, Mutation, PatchChange, ResolveChange } from './change.ts';
import { valueIn } from './edit.ts';
import type { Problem, VerdictCode } from './errors.ts';
import { checkJson, type Json, type JsonObject } from './json.ts';
import type { Limits } from './limits.ts';
import { type Collection, collectionIn, type Schema } from './schema.ts';

export interface Admission {
  problem?: Problem<VerdictCode>;
  /** One change in a collection of facts makes the whole mutation a fact. */
  fact: boolean;
}

/** `schema` is the server's; the mutation is judged by the version that it was written under. */
export function admit(mutation: Mutation, schema: Schema, limits: Limits): Admission {
  const own = schema.versions.get(mutation.schema);
  if (!own) throw new TypeError(`Schema version ${mutation.schema} is not known.`);
  const fact = mutation.changes.some(
    (change) => collectionFor(schema, own, change.collection)?.kind === 'fact',
  );
  if (mutation.changes.length > limits.mutationChangesMax) {
    return {
      fact,
      problem: {
        code: 'malformed_mutation',
        field: 'changes',
        message: `A mutation has at most ${limits.mutationChangesMax} changes.`,
      },
    };
  }
  const answer = mutation.changes.findIndex(({ type }) => type === 'resolve');
  if (answer >= 0 && mutation.changes.length > 1) {
    const message = 'An answer to a conflict stands alone in its mutation.';
    return { fact, problem: { code: 'malformed_mutation', field: `changes[${answer}]`, message } };
  }
  for (const [place, change] of mutation.changes.entries()) {
    const problem = admitChange(change, { schema, own, limits });
    if (problem)
      return { fact, problem: { ...problem, field: join(`changes[${place}]`, problem.field ?? '') } };
  }
  return { fact };
}

export interface Misfit {
  /** A path into the record. */
  field: string;
  message: string;
}

/** The first thing in `body`, fields of `except` aside, that does not fit the collection. */
export function invalidIn(
  collection: Collection,
  body: JsonObject,
  except: { has(field: string): boolean } = new Set(),
): Misfit | undefined {
  const issue = issuesOf(collection.fields, body).find(({ path }) => !except.has(String(path[0] ?? '')));
  return issue && { field: pathText(issue.path), message: issue.message };
}

/**
 * What a write made of a record that does not fit the collection. A record that did not fit before (another version of the
 * schema wrote it) has to fit only in the fields that change: nobody answers for what somebody else wrote.
 */
export function misfit(
  collection: Collection,
  write: { before: JsonObject | null; after: JsonObject; except?: { has(field: string): boolean } },
): Misfit | undefined {
  const { before, after, except = new Set<string>() } = write;
  const wrong = invalidIn(collection, after, except);
  if (!wrong || before === null || !invalidIn(collection, before, except)) return wrong;
  const unchanged = (field: string): boolean =>
    field === '' || equalJson(valueIn(before, field) ?? null, valueIn(after, field) ?? null);
  return invalidIn(collection, after, { has: (field) => except.has(field) || unchanged(field) });
}

/** The collection's rules are the server's; its fields those of the writer's version. */
export function collectionFor(schema: Schema, own: Schema, name: string): Collection | undefined {
  return collectionIn(own, name) && collectionIn(schema, name);
}

interface Door {
  schema: Schema;
  own: Schema;
  limits: Limits;
}

function admitChange(change: Change, door: Door): Problem<VerdictCode> | undefined {
  const rules = collectionFor(door.schema, door.own, change.collection);
  const written = collectionIn(door.own, change.collection);
  if (!rules || !written) {
    return {
      code: 'collection_unknown',
      field: 'collection',
      message: `The schema has no collection ${change.collection}.`,
    };
  }
  const id = checkJson(change.id, { depthMax: 1, keysMax: 1 });
  if (id) return { code: 'malformed_mutation', field: 'id', message: id.message };
  switch (change.type) {
    case 'put':
      return (
        admitValue('body', change.body, door) ??
        admitValue('replaced', change.replaced, door) ??
        admitBody(written, change.body) ??
        admitCounters(rules, { body: change.body, replaced: change.replaced })
      );
    case 'patch':
      return (
        admitValue('set', change.set, door) ??
        admitValue('replaced', change.replaced, door) ??
        admitPatch(written, change) ??
        admitCounters(rules, { set: change.set, replaced: change.replaced })
      );
    case 'delete':
      return undefined;
    case 'add':
      return admitAdd(rules, change.amounts, door);
    case 'resolve':
      return (
        admitAnswer(change) ??
        admitValue('body', change.body, door) ??
        admitValue('replaced', change.replaced, door) ??
        (change.body && admitBody(written, change.body)) ??
        admitCounters(rules, { body: change.body, replaced: change.replaced })
      );
  }
}

function admitAnswer({ answer, body, replaced }: ResolveChange): Problem<VerdictCode> | undefined {
  const wrong = answer === 'value' ? body === undefined : body !== undefined || replaced !== undefined;
  if (!wrong) return undefined;
  return {
    code: 'malformed_mutation',
    field: 'body',
    message: 'The answer `value` gives the whole record, and no other answer does.',
  };
}

function admitValue(
  part: string,
  value: JsonObject | undefined,
  door: Door,
): Problem<VerdictCode> | undefined {
  if (value === undefined) return undefined;
  const problem = checkJson(value, {
    depthMax: door.limits.recordDepthMax,
    keysMax: door.limits.jsonKeysMax,
  });
  if (problem)
    return { code: 'malformed_mutation', field: join(part, problem.field), message: problem.message };
  if (JSON.stringify(value).length > door.limits.recordCharsMax) {
    return {
      code: 'record_too_large',
      field: part,
      message: `A record has at most ${door.limits.recordCharsMax} characters of JSON.`,
    };
  }
  return undefined;
}

function admitBody(written: Collection, body: JsonObject): Problem<VerdictCode> | undefined {
  if (Object.hasOwn(body, 'id'))
    return { code: 'malformed_mutation', field: 'body.id', message: 'The id stands beside the body.' };
  const invalid = invalidIn(written, body);
  return invalid && { code: 'invalid_record', field: join('body', invalid.field), message: invalid.message };
}

/** Each field that a patch names must fit by itself; the record as a whole is judged where it is known. */
function admitPatch(written: Collection, change: PatchChange): Problem<VerdictCode> | undefined {
  const { shape } = written.fields;
  for (const [field, value] of Object.entries(change.set ?? {})) {
    if (field === 'id')
      return { code: 'malformed_mutation', field: 'set.id', message: 'An id never changes.' };
    const problem = admitField(shape, field, value);
    if (problem)
      return { code: 'invalid_record', field: join('set', problem.field), message: problem.message };
  }
  for (const [place, field] of (change.unset ?? []).entries()) {
    if (Object.hasOwn(change.set ?? {}, field))
      return {
        code: 'malformed_mutation',
        field: `unset[${place}]`,
        message: `${field} is both set and removed.`,
      };
    const problem = admitField(shape, field, undefined);
    if (problem)
      return { code: 'invalid_record', field: `unset[${place}]`, message: `${field} cannot be removed.` };
  }
  return undefined;
}

function admitField(
  shape: Collection['fields']['shape'],
  field: string,
  value: Json | undefined,
): { field: string; message: string } | undefined {
  if (!Object.hasOwn(shape, field)) return undefined;
  const [issue] = issuesOf(shape[field] as Type, value);
  return issue && { field: join(field, pathText(issue.path)), message: issue.message };
}

/** What is no number could only be counted as 0, in silence. The writer's version may not know the field, or not as a counter. */
function admitCounters(
  { counters }: Collection,
  parts: { readonly [part: string]: JsonObject | undefined },
): Problem<VerdictCode> | undefined {
  for (const [part, fields = {}] of Object.entries(parts)) {
    for (const field of counters.keys()) {
      const value = valueIn(fields, field) ?? null;
      if (value === null || typeof value === 'number') continue;
      return {
        code: part === 'replaced' ? 'malformed_mutation' : 'invalid_record',
        field: join(part, field),
        message: 'A counter is a number.',
      };
    }
  }
  return undefined;
}

function admitAdd(
  rules: Collection,
  amounts: Readonly<Record<string, number>>,
  door: Door,
): Problem<VerdictCode> | undefined {
  for (const [field, amount] of Object.entries(amounts)) {
    if (!rules.counters.has(field)) {
      return { code: 'counter_by_add', field: join('amounts', field), message: `${field} is no counter.` };
    }
    const problem = checkJson(amount, { depthMax: 1, keysMax: 1 });
    if (problem)
      return { code: 'malformed_mutation', field: join('amounts', field), message: problem.message };
  }
  const names = Object.keys(amounts).length;
  if (names === 0 || names > door.limits.jsonKeysMax) {
    return {
      code: 'malformed_mutation',
      field: 'amounts',
      message: 'Name at least one counter and its increment.',
    };
  }
  return undefined;
}

interface Type {
  safeParse(value: unknown): { error?: { issues: readonly Issue[] } | undefined };
}

interface Issue {
  path: readonly PropertyKey[];
  message: string;
}

/** A refinement that throws met what its author did not think of. It must not stop the device that sent it for ever. */
function issuesOf(type: Type, value: unknown): readonly Issue[] {
  try {
    return type.safeParse(value).error?.issues ?? [];
  } catch {
    return [{ path: [], message: 'The schema could not judge this value.' }];
  }
}

function join(path: string, field: string): string {
  if (field === '') return path;
  return field.startsWith('[') ? `${path}${field}` : `${path}.${field}`;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
}
