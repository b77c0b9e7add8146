// Finds records by the values of their fields.
//
//   items.where({ where: { shop: 'main', price: { gte: 10, lt: 20 } }, orderBy: 'price', limit: 50 })
//
// The result is what a filter over all records of the collection, a sort and a cut would give; indexes change only what is read.
// All conditions must hold. A null field and an absent one are the same. Values order as in `compareScalar` (null, false, true,
// numbers, texts by code point), arrays and objects behind them all; ties are broken by the id, in the direction of the last
// field of `orderBy`; what `orderBy` names behind the id orders nothing. Arrays and objects match no condition.
//
// What is read: with an index whose leading fields have given values (or a range of one) and the other fields are the order, the
// records of the result and no others. A limit without a fitting order must read all matching index entries, though not records.

import type { JsonObject } from '@holdfast/core';
import type { IndexedRecord } from './index-key.ts';
import { type Condition, isImpossible, matches, readConditions } from './query-condition.ts';
import {
  compareOrder,
  FirstInOrder,
  type OrderKey,
  orderKeyOf,
  readOrder,
  textOfField,
} from './query-order.ts';
import { type Plan, planQuery, type Wanted } from './query-plan.ts';
import { bodyOfRecord, type Candidate, chunkMax, openSource, type Source, textIn } from './query-source.ts';
import type { StorageTransaction } from './storage/port.ts';

type Comparable = null | boolean | number | string;
type WithId<Fields> = Fields & { id: string };

/** The fields whose values can be compared: all but those that are always arrays or objects. */
export type QueryField<Fields> = keyof {
  [Field in keyof WithId<Fields> as [Extract<NonNullable<WithId<Fields>[Field]>, Comparable>] extends [never]
    ? never
    : Field]: true;
} &
  string;

/** What a field is compared with: its own values, and null where it may be absent. */
type Value<Fields, Field extends keyof WithId<Fields>> =
  | Extract<WithId<Fields>[Field], Comparable>
  | (undefined extends WithId<Fields>[Field] ? null : never);

/** All of them must hold. A range holds values of its bound's kind alone: `lt: 5` finds no null and no text. */
export interface QueryOperators<Compared extends Comparable> {
  eq?: Compared;
  in?: readonly Compared[];
  gt?: NonNullable<Compared>;
  gte?: NonNullable<Compared>;
  lt?: NonNullable<Compared>;
  lte?: NonNullable<Compared>;
  /** Texts that begin with it. */
  prefix?: [Extract<Compared, string>] extends [never] ? never : string;
}

export interface Query<Fields> {
  /** Field → the value that it must have, or what must hold for it. */
  where?: {
    readonly [Field in QueryField<Fields>]?: Value<Fields, Field> | QueryOperators<Value<Fields, Field>>;
  };
  /** Default: by id. */
  orderBy?:
    | QueryField<Fields>
    | readonly { readonly field: QueryField<Fields>; readonly direction?: 'asc' | 'desc' }[];
  /** At most so many records; default all. */
  limit?: number;
  /** Goes on behind this record, usually the last of the result before. It need not be there any more. */
  after?: { readonly id: string } & Readonly<Partial<Fields>>;
}

export interface FoundRecord {
  id: string;
  body: JsonObject;
}

/** Runs a query in a transaction of the caller. Throws a TypeError on an operator, operand or direction that there is not. */
export async function findRecords<Fields>(
  tx: StorageTransaction,
  target: Omit<IndexedRecord, 'id'>,
  query: Query<Fields>,
): Promise<FoundRecord[]> {
  return findWanted(tx, target, readQuery(query));
}

export async function findWanted(
  tx: StorageTransaction,
  target: Omit<IndexedRecord, 'id'>,
  wanted: Wanted,
): Promise<FoundRecord[]> {
  if (wanted.limit === 0 || [...wanted.conditions.values()].some(isImpossible)) return [];
  const plan = planQuery(target.collection, wanted);
  const search: Search = { tx, target, wanted, plan, source: openSource(tx, target, plan, wanted) };
  if (plan.sorted) return takeFirst(search);
  return decidedByIndex(
    plan,
    wanted,
    wanted.order.map(({ field }) => field),
  )
    ? sortEntries(search)
    : sortRecords(search);
}

interface AnyQuery {
  where?: object;
  orderBy?: unknown;
  limit?: number;
  after?: JsonObject;
}

interface Search {
  tx: StorageTransaction;
  target: Omit<IndexedRecord, 'id'>;
  wanted: Wanted;
  plan: Plan;
  source: Source;
}

/** Throws a TypeError on an operator, operand or direction that there is not. */
export function readQuery<Fields>(query: Query<Fields>): Wanted {
  const { where = {}, orderBy, limit = Number.POSITIVE_INFINITY, after } = query as AnyQuery;
  if (Number.isNaN(limit) || limit < 0) throw new TypeError('limit: expected a number from 0.');
  const conditions = readConditions(where);
  const constants = new Map<string, string>();
  for (const [field, { points }] of conditions) {
    if (points?.length === 1 && points[0] !== undefined) constants.set(field, points[0]);
  }
  const order = readOrder(orderBy);
  if (after && typeof after.id !== 'string') throw new TypeError('after: expected a record with its id.');
  const behind = after && orderKeyOf(order, String(after.id), after);
  return { conditions, constants, order, limit: Math.floor(limit), after: behind };
}

/** The source is in order: the first that match are the result. */
async function takeFirst(search: Search): Promise<FoundRecord[]> {
  const { wanted, plan, source } = search;
  const exact = decidedByIndex(plan, wanted, []);
  const found: FoundRecord[] = [];
  for (let size = Math.min(chunkMax, wanted.limit); ; ) {
    const candidates = await source.read(size);
    if (candidates.length === 0) return found;
    found.push(...(await load(search, candidates)));
    if (found.length >= wanted.limit) return found.slice(0, wanted.limit);
    // When only the records tell whether they match, a small limit may take many steps; so they grow.
    size = Math.min(chunkMax, exact ? wanted.limit - found.length : size * 2);
  }
}

/** The index has all that is needed to decide and to sort: only the records of the result are read. */
async function sortEntries(search: Search): Promise<FoundRecord[]> {
  const { wanted, plan, source } = search;
  const first = new FirstInOrder<{ candidate: Candidate; order: OrderKey }>(wanted.order, wanted.limit);
  for (let read = await source.read(chunkMax); read.length > 0; read = await source.read(chunkMax)) {
    for (const candidate of read) {
      const order = wanted.order.map(({ field }) => textIn(plan, candidate, field) ?? '');
      if (mayMatch(search, candidate) && isBehind(wanted, order)) first.add({ candidate, order });
    }
  }
  const candidates = first.sorted().map(({ candidate }) => candidate);
  const found: FoundRecord[] = [];
  for (let at = 0; at < candidates.length; at += chunkMax) {
    found.push(...(await load(search, candidates.slice(at, at + chunkMax))));
  }
  return found;
}

async function sortRecords(search: Search): Promise<FoundRecord[]> {
  const { wanted, source } = search;
  const first = new FirstInOrder<{ record: FoundRecord; order: OrderKey }>(wanted.order, wanted.limit);
  for (let read = await source.read(chunkMax); read.length > 0; read = await source.read(chunkMax)) {
    for (const record of await load(search, read)) {
      first.add({ record, order: orderKeyOf(wanted.order, record.id, record.body) });
    }
  }
  return first.sorted().map(({ record }) => record);
}

/** Reads those records that the entries do not rule out, and keeps those that match: an entry is a hint, the record is the truth. */
async function load(search: Search, candidates: readonly Candidate[]): Promise<FoundRecord[]> {
  const { tx, target, wanted } = search;
  const possible = candidates.filter((candidate) => mayMatch(search, candidate));
  const unread = possible.filter(({ body }) => body === undefined);
  const values =
    unread.length === 0
      ? []
      : await tx.getMany(
          'records',
          unread.map(({ id }) => [target.scope, target.collection.name, id]),
        );
  const bodies = new Map(unread.map(({ id }, at) => [id, values[at]]));
  return possible.flatMap(({ id, body: known }) => {
    const value = bodies.get(id);
    const body = known ?? (value === undefined ? undefined : bodyOfRecord(value));
    return body !== undefined && belongs(wanted, { id, body }) ? [{ id, body }] : [];
  });
}

/** Whether a record is part of the result, as far as the limit leaves room for it. */
export function belongs(wanted: Wanted, { id, body }: FoundRecord): boolean {
  return isWanted(wanted, id, body) && isBehind(wanted, orderKeyOf(wanted.order, id, body));
}

function isWanted({ conditions }: Wanted, id: string, body: JsonObject): boolean {
  return [...conditions].every(([field, condition]) => matches(condition, textOfField(field, id, body)));
}

function mayMatch({ plan, wanted }: Search, candidate: Candidate): boolean {
  return [...wanted.conditions].every(([field, condition]: [string, Condition]) => {
    const text = textIn(plan, candidate, field);
    return text === undefined || matches(condition, text);
  });
}

function isBehind({ order, after }: Wanted, key: OrderKey): boolean {
  return after === undefined || compareOrder(order, key, after) > 0;
}

/** Whether the entries of the plan's index hold every field of the conditions, and these. */
function decidedByIndex(plan: Plan, { conditions }: Wanted, fields: readonly string[]): boolean {
  if (plan.type !== 'index') return false;
  return [...conditions.keys(), ...fields].every((field) => field === 'id' || plan.fields.includes(field));
}
