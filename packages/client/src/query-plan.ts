// Chooses how a query is answered: by which index, in which ranges of it, and whether what comes out is in order already. Pure.
//
//   ids       the `where` names ids: they are read one by one
//   index     values of leading fields are given, or a range of one: a stream of entries for each combination of values
//   records   all records of the collection in the order of their ids, or a range of ids
//
// Without statistics it prefers, in this order: ids; more leading fields with given values, then a range behind them; no sorting;
// no other condition to test. An index that gives nothing but the order is used when there is a limit.

import { type Collection, compareText } from '@holdfast/core';
import { firstBehind, indexName } from './index-key.ts';
import { type Condition, isBounded, isEmpty, overlap, type Span } from './query-condition.ts';
import type { OrderKey, OrderPart } from './query-order.ts';

export interface Wanted {
  conditions: ReadonlyMap<string, Condition>;
  /** Field → the one text that a condition leaves for it. */
  constants: ReadonlyMap<string, string>;
  order: readonly OrderPart[];
  limit: number;
  /** Only what sorts behind it. */
  after: OrderKey | undefined;
}

export type Plan = { sorted: boolean } & ({ type: 'ids'; ids: readonly string[] } | ScanPlan);

export interface ScanPlan {
  type: 'records' | 'index';
  /** The index's; none: the table of records itself, which is an index of the ids. */
  fields: readonly string[];
  reverse: boolean;
  streams: readonly Stream[];
}

/** A range of keys of `records` or `indexes`. */
export interface Stream {
  /** Leading parts of the keys, behind scope and collection. */
  parts: readonly string[];
  /** What the next part may be. */
  span: Span;
  /** Goes on behind this key, given as `parts` are. */
  after?: readonly string[];
}

export function planQuery(collection: Collection, wanted: Wanted): Plan {
  const ids = wanted.conditions.get('id')?.points;
  if (ids) return planIds(ids, wanted);
  const table = weigh([], wanted);
  const candidates = collection.indexes
    .map((fields) => weigh(fields, wanted))
    .filter((one) => isUseful(one, wanted));
  return planScan(
    candidates.reduce((best, one) => (isBetter(one, best) ? one : best), table),
    wanted,
  );
}

interface Candidate {
  fields: readonly string[];
  /** How many leading fields have given values. */
  fixed: number;
  /** What the field behind them must be, if that is a range; behind the last one comes the id. */
  range: Span | undefined;
  /** Its streams are in the wanted order. */
  sorted: boolean;
  reverse: boolean;
  /** Conditions on fields that are not in it. */
  uncovered: number;
}

function weigh(fields: readonly string[], wanted: Wanted): Candidate {
  const { conditions, constants, order } = wanted;
  let fixed = 0;
  let streams = 1;
  for (const field of fields) {
    streams *= conditions.get(field)?.points?.length ?? Number.POSITIVE_INFINITY;
    if (streams > streamsMax) break;
    fixed += 1;
  }
  const next = conditions.get(fields[fixed] ?? 'id');
  const range = next && !next.points && isBounded(next) ? next.span : undefined;
  // What has one value in all of the result does not order it.
  const constant = new Set([...fields.slice(0, fixed), ...constants.keys()]);
  const open = order.filter(({ field }) => !constant.has(field));
  const rest = [...fields.slice(fixed), 'id'];
  const reverse = order.at(-1)?.reverse ?? false;
  // Both end with the id.
  const sorted = open.every((part, at) => part.field === rest[at] && part.reverse === reverse);
  const uncovered = [...conditions.keys()].filter(
    (field) => field !== 'id' && !fields.includes(field),
  ).length;
  return { fields, fixed, range, sorted, reverse: sorted && reverse, uncovered };
}

/** An index that narrows nothing is worth reading only for its order, and only if not all of it is read. */
function isUseful(candidate: Candidate, wanted: Wanted): boolean {
  return narrowing(candidate) > 0 || (candidate.sorted && wanted.limit !== Number.POSITIVE_INFINITY);
}

function isBetter(one: Candidate, other: Candidate): boolean {
  const difference = narrowing(one) - narrowing(other);
  if (difference !== 0) return difference > 0;
  return one.sorted !== other.sorted ? one.sorted : one.uncovered < other.uncovered;
}

function narrowing({ fixed, range }: Candidate): number {
  return fixed * 2 + Number(range !== undefined);
}

function planIds(ids: readonly string[], wanted: Wanted): Plan {
  const open = wanted.order.filter(({ field }) => !wanted.constants.has(field));
  const reverse = wanted.order.at(-1)?.reverse ?? false;
  // One record is in any order.
  const sorted = ids.length === 1 || open.length === 1;
  return { type: 'ids', sorted, ids: reverse ? [...ids].reverse() : ids };
}

function planScan(chosen: Candidate, wanted: Wanted): Plan {
  const { fields, fixed, range = { from: '' }, sorted, reverse } = chosen;
  const name = fields.length === 0 ? [] : [indexName(fields)];
  const streams: Stream[] = [];
  for (const lead of combinations(fields.slice(0, fixed), wanted.conditions)) {
    const encoded = [...lead.values()].join('');
    const whole: Stream =
      fixed === fields.length
        ? { parts: fields.length === 0 ? [] : [...name, encoded], span: range }
        : { parts: name, span: spanBehind(encoded, range) };
    const constants = new Map([...wanted.constants, ...lead]);
    const stream = sorted ? startAfter(whole, { lead: encoded, constants, reverse }, wanted) : whole;
    if (stream && !isEmpty(stream.span)) streams.push(stream);
  }
  return { type: fields.length === 0 ? 'records' : 'index', fields, reverse, sorted, streams };
}

/** Field → its text, for each way to give every field one of its values. */
function combinations(
  fields: readonly string[],
  conditions: ReadonlyMap<string, Condition>,
): ReadonlyMap<string, string>[] {
  return fields.reduce<Map<string, string>[]>(
    (leads, field) =>
      leads.flatMap((lead) =>
        (conditions.get(field)?.points ?? []).map((text) => new Map([...lead, [field, text]])),
      ),
    [new Map()],
  );
}

/**
 * What of a stream in order lies behind `wanted.after`. Part by part of the order: a field that has one value in the stream
 * decides for all of it that is left; one that varies narrows the beginning to its value; the id ends at one entry.
 */
function startAfter(
  stream: Stream,
  { lead, constants, reverse }: { lead: string; constants: ReadonlyMap<string, string>; reverse: boolean },
  { order, after }: Wanted,
): Stream | undefined {
  if (!after) return stream;
  let encoded = lead;
  for (const [at, part] of order.entries()) {
    const given = after[at] ?? '';
    const constant = constants.get(part.field);
    if (constant === undefined) {
      const [name] = stream.parts;
      if (part.field === 'id')
        return { ...stream, after: name === undefined ? [given] : [name, encoded, given] };
      encoded += given;
      continue;
    }
    const difference = compareText(constant, given);
    // The wanted direction of a constant may be another than the one in which the stream is read.
    if (difference !== 0)
      return startAt(stream, { lead, encoded, past: difference < 0 !== part.reverse, reverse });
  }
  return stream;
}

/** The part of a stream that begins where `encoded` does in the direction of reading, or where it ends. */
function startAt(
  stream: Stream,
  { lead, encoded, past, reverse }: { lead: string; encoded: string; past: boolean; reverse: boolean },
): Stream | undefined {
  if (encoded === lead) return past ? undefined : stream;
  const cut = past === reverse ? encoded : (firstBehind(encoded) ?? '');
  return { ...stream, span: overlap(stream.span, reverse ? { from: '', to: cut } : { from: cut }) };
}

/** The encoded values of an index that begin with `lead` and go on with a value in `range`. */
function spanBehind(lead: string, range: Span): Span {
  const to = range.to === undefined ? firstBehind(lead) : lead + range.to;
  return { from: lead + range.from, to };
}

/** Each stream is a scan of its own; with more values than this, other conditions must do. */
const streamsMax = 500;
