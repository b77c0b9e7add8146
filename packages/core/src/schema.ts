// The schema: what collections there are, what may happen in them, and how conflicts in them are answered.
// It judges records and never rewrites them (DESIGN section 3): what is stored is what came.

import { z } from 'zod';
import { assertJudgesOnly, fieldIsNumber } from './schema-check.ts';

/** A **fact** has happened and is never refused; a **request** may be rejected. */
export type CollectionKind = 'fact' | 'request';

/** Answers to a conflict that need no person and no code of the application. */
export type RecordPolicyName = 'server' | 'client' | 'newest' | 'merge' | 'ask';
export type FieldPolicyName = 'server' | 'client' | 'newest' | 'max' | 'min' | 'union';

/** What a policy function is told: the record as it stands, the record as the device wants it, and when each was made. */
export interface PolicyQuestion {
  collection: string;
  id: string;
  /** Conflicting fields, in code-unit order. */
  fields: readonly string[];
  /** What the writer saw, for the fields of which that is known. */
  base: Readonly<Record<string, unknown>>;
  server: Readonly<Record<string, unknown>>;
  device: Readonly<Record<string, unknown>>;
  serverMadeAt: number;
  deviceMadeAt: number;
}

/** A policy function must be pure: the same question must give the same answer on every run. */
export type PolicyFunction = (
  question: PolicyQuestion,
) => 'server' | 'client' | 'ask' | { set: Record<string, unknown> };
export type RecordPolicy = RecordPolicyName | PolicyFunction;

export interface CounterOptions {
  /** A request that would take the counter below is rejected; a fact is applied and flagged. */
  minimum?: number;
}

export interface HistoryOptions {
  /** How long a superseded version is kept. `'forever'` keeps all. */
  days: number | 'forever';
}

export interface CollectionOptions<Fields extends z.ZodObject = z.ZodObject> {
  kind: CollectionKind;
  /** The fields of a record besides its `id`. Fields that it does not name are kept as they come. */
  fields: Fields;
  /** Answer to a conflict in this collection. Default `merge`. */
  policy?: RecordPolicy;
  /** Answers for single fields; they go before `policy`. */
  fieldPolicies?: { readonly [Field in keyof z.infer<Fields> & string]?: FieldPolicyName };
  /** Fields that change by increments alone. */
  counters?: { readonly [Field in keyof z.infer<Fields> & string]?: CounterOptions };
  /** Fields, or groups of fields, that no two records of a scope may share. A null or absent field claims nothing. */
  unique?: readonly ((keyof z.infer<Fields> & string) | readonly (keyof z.infer<Fields> & string)[])[];
  /** Fields, or groups of fields, by which replicas keep an index; unique fields and parents have one anyway. */
  indexes?: readonly ((keyof z.infer<Fields> & string) | readonly (keyof z.infer<Fields> & string)[])[];
  /** Field → the collection whose record its value names. */
  parents?: { readonly [Field in keyof z.infer<Fields> & string]?: string };
  /** 1 (last) to 10 (first); default 5. A function must be pure. */
  priority?: number | ((record: z.infer<Fields>) => number);
  /** Default 90 days. */
  history?: HistoryOptions;
}

/** A collection as the engine reads it: every default filled in. */
export interface Collection {
  readonly name: string;
  readonly kind: CollectionKind;
  readonly fields: z.ZodObject;
  readonly policy: RecordPolicy;
  /** Whether it was declared; else it is the default, and a protocol may have another one. */
  readonly policyNamed: boolean;
  readonly fieldPolicies: ReadonlyMap<string, FieldPolicyName>;
  readonly counters: ReadonlyMap<string, CounterOptions>;
  readonly unique: readonly (readonly string[])[];
  /** Every declared index, those of unique fields and parents included, each once. */
  readonly indexes: readonly (readonly string[])[];
  readonly parents: ReadonlyMap<string, string>;
  readonly priority: number | ((record: never) => number);
  readonly history: HistoryOptions;
}

// biome-ignore lint/suspicious/noExplicitAny: the options of a collection are contravariant in its fields; no narrower bound admits every collection.
export type AnyCollections = { readonly [name: string]: CollectionOptions<any> };

export interface Schema<Collections extends AnyCollections = AnyCollections> {
  readonly version: number;
  readonly collections: ReadonlyMap<string, Collection>;
  /** The rules of collections that clients name themselves; null: they may not. */
  readonly named: Omit<Collection, 'name'> | null;
  /** Versions, this one included, by which mutations are still read. */
  readonly versions: ReadonlyMap<number, Schema>;
  /** Only for types: what `RecordOf` reads. */
  readonly declared?: Collections;
}

/** A record as the application sees it. */
export type RecordOf<S extends Schema, Name extends CollectionName<S>> = { id: string } & FieldsOf<S, Name>;
export type FieldsOf<S extends Schema, Name extends CollectionName<S>> =
  S extends Schema<infer Collections> ? z.infer<Collections[Name & keyof Collections]['fields']> : never;
export type CollectionName<S extends Schema> =
  S extends Schema<infer Collections> ? keyof Collections & string : never;

/**
 * Declares a schema. Throws a TypeError that names the collection and field when a declaration cannot hold:
 * a zod type that rewrites what it reads (transform, default, coerce, catch, preprocess, pipe), a type that JSON
 * has not, a counter that is no number (in a former version neither), a parent or unique field that does not exist.
 */
export function defineSchema<const Collections extends AnyCollections>(options: {
  /** A whole number from 1; raise it whenever the fields change. */
  version: number;
  collections: Collections;
  /** Takes any other collection, too, under these rules; `limits.collectionsNamedMax` bounds how many. Replicas know none of them. */
  named?: Pick<CollectionOptions, 'kind' | 'policy' | 'priority' | 'history'>;
  /** Former schemas whose mutations are still accepted. */
  former?: readonly Schema[];
}): Schema<Collections> {
  if (!Number.isSafeInteger(options.version) || options.version < 1) {
    throw new TypeError('A schema’s version is a whole number from 1.');
  }
  const collections = new Map<string, Collection>();
  for (const [name, declared] of Object.entries(options.collections)) {
    collections.set(name, readCollection(name, declared, options.collections));
  }
  const versions = new Map<number, Schema>();
  const named = options.named
    ? readCollection('named', { ...options.named, fields: z.looseObject({}) }, {})
    : null;
  const schema: Schema<Collections> = { version: options.version, collections, named, versions };
  for (const former of options.former ?? []) {
    if (former.version >= options.version) {
      throw new TypeError(`A former schema must have a lower version than ${options.version}.`);
    }
    versions.set(former.version, former);
    for (const { name, counters } of collections.values()) assertCountable(counters, name, former);
  }
  versions.set(options.version, schema);
  return schema;
}

/** The rules of a collection, declared or named by a client; undefined when the schema takes none of that name. */
export function collectionIn(schema: Schema, name: string): Collection | undefined {
  const declared = schema.collections.get(name);
  if (declared || !schema.named || !isName(name)) return declared;
  return { ...schema.named, name };
}

/** The priority of a record, 1 to 10; a function that throws or strays counts as the default 5. */
export function priorityOf(collection: Collection, record: object): number {
  if (typeof collection.priority === 'number') return collection.priority;
  try {
    const given = collection.priority(record as never);
    return Number.isFinite(given) ? Math.min(10, Math.max(1, Math.round(given))) : 5;
  } catch {
    // The application's function met a record that it did not expect; the record must still travel.
    return 5;
  }
}

const namePattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const policies = new Set<unknown>(['server', 'client', 'newest', 'merge', 'ask']);
const fieldPolicies = new Set<unknown>(['server', 'client', 'newest', 'max', 'min', 'union']);

function isName(name: string): boolean {
  return namePattern.test(name) && !name.toLowerCase().startsWith('hf_');
}

function readCollection(name: string, declared: CollectionOptions, all: AnyCollections): Collection {
  const fail = (what: string): never => {
    throw new TypeError(`Collection ${name}: ${what}`);
  };
  if (!isName(name)) {
    fail('a name is a letter, then up to 63 letters, digits or _, and does not begin with hf_.');
  }
  if (declared.kind !== 'fact' && declared.kind !== 'request') fail("kind is 'fact' or 'request'.");
  assertJudgesOnly(name, declared.fields);
  if ('id' in declared.fields.shape) fail('the id is no field; every record has one beside its fields.');
  const policy = declared.policy ?? 'merge';
  if (typeof policy !== 'function' && !policies.has(policy)) fail(`unknown policy ${String(policy)}.`);
  const known = (field: string): string =>
    Object.hasOwn(declared.fields.shape, field) ? field : fail(`there is no field ${field}.`);
  const fieldPolicyMap = new Map<string, FieldPolicyName>();
  for (const [field, fieldPolicy] of definedEntries(declared.fieldPolicies)) {
    if (!fieldPolicies.has(fieldPolicy)) fail(`unknown policy ${String(fieldPolicy)} for field ${field}.`);
    fieldPolicyMap.set(known(field), fieldPolicy);
  }
  const counters = new Map<string, CounterOptions>();
  for (const [field, counter] of definedEntries(declared.counters)) {
    if (!fieldIsNumber(declared.fields, known(field))) fail(`the counter ${field} is no number.`);
    if (fieldPolicyMap.has(field))
      fail(`the counter ${field} needs no policy: its increments never conflict.`);
    counters.set(field, counter);
  }
  const unique = (declared.unique ?? []).map((group) => (typeof group === 'string' ? [group] : [...group]));
  for (const field of unique.flat()) {
    if (counters.has(known(field))) fail(`the counter ${field} cannot be unique.`);
    // A group is stored under its fields' names, joined by commas.
    if (field.includes(',')) fail(`the unique field ${field} has a comma in its name.`);
  }
  const parents = new Map<string, string>();
  for (const [field, parent] of definedEntries(declared.parents)) {
    if (!Object.hasOwn(all, parent)) fail(`field ${field} names the unknown collection ${parent}.`);
    parents.set(known(field), parent);
  }
  const named = (declared.indexes ?? []).map((group) => (typeof group === 'string' ? [group] : [...group]));
  for (const field of named.flat()) known(field);
  const indexes = [...unique, ...[...parents.keys()].map((field) => [field]), ...named].filter(
    (group, place, groups) => groups.findIndex((other) => other.join() === group.join()) === place,
  );
  const priority = declared.priority ?? 5;
  if (typeof priority === 'number' && !(priority >= 1 && priority <= 10)) fail('priority is from 1 to 10.');
  const history = declared.history ?? { days: 90 };
  if (history.days !== 'forever' && !(history.days >= 0))
    fail("history.days is a number from 0, or 'forever'.");
  return {
    name,
    kind: declared.kind,
    fields: declared.fields,
    policy,
    policyNamed: declared.policy !== undefined,
    fieldPolicies: fieldPolicyMap,
    counters,
    unique,
    indexes,
    parents,
    priority: priority as Collection['priority'],
    history,
  };
}

/** A value that was no number when it was written could not be counted on. */
function assertCountable(counters: Collection['counters'], name: string, former: Schema): void {
  const fields = former.collections.get(name)?.fields;
  if (!fields) return;
  for (const field of counters.keys()) {
    if (Object.hasOwn(fields.shape, field) && !fieldIsNumber(fields, field))
      throw new TypeError(
        `Collection ${name}: the counter ${field} is no number in version ${former.version}.`,
      );
  }
}

function definedEntries<Value>(
  object: { readonly [key: string]: Value | undefined } | undefined,
): [string, Value][] {
  return Object.entries(object ?? {}).filter((pair): pair is [string, Value] => pair[1] !== undefined);
}
