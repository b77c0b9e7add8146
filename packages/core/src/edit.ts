// A change of an existing record, whatever its type, as what it does to single fields.

import type { AddChange, PatchChange, PutChange } from './change.ts';
import { subtractDecimal } from './decimal.ts';
import type { Json, JsonObject } from './json.ts';
import type { Collection } from './schema.ts';

export interface Edit {
  /** New values of fields that are no counters. */
  set: Map<string, Json>;
  /** Fields that are no counters, to be removed. */
  unset: Set<string>;
  /** Counter → exact increment. */
  add: Map<string, number>;
  /** Values that the writer saw, as far as it said; null where there was none. */
  replaced: ReadonlyMap<string, Json>;
  /** A put: what the record becomes when the writer's side wins as a whole. */
  whole: JsonObject | null;
}

export type EditOutcome =
  | { type: 'edit'; edit: Edit }
  /** A counter's increment cannot be known without the record as it was at `base`. */
  | { type: 'needsBase'; field: string }
  | { type: 'inexact'; field: string };

/**
 * Reads a change of an existing record. `writerFields` are the fields that the writer's schema knows: a put without
 * `replaced` removes those that it omits, and no others; without a base its writer saw no record, and it removes nothing. `atBase` is the record at the change's base:
 * undefined while it was not looked up, null when it did not exist or history has lost it (see `decide`).
 */
export function editOf(
  change: PutChange | PatchChange | AddChange,
  context: {
    collection: Collection;
    current: JsonObject;
    writerFields: { has(field: string): boolean };
    atBase: JsonObject | null | undefined;
  },
): EditOutcome {
  const edit: Edit = { set: new Map(), unset: new Set(), add: new Map(), replaced: new Map(), whole: null };
  if (change.type === 'add') {
    for (const [field, amount] of Object.entries(change.amounts))
      if (amount !== 0) edit.add.set(field, amount);
    return { type: 'edit', edit };
  }
  edit.replaced = new Map(Object.entries(change.replaced ?? {}));
  if (change.type === 'put') edit.whole = change.body;
  const { values, removed } = named(change, context);
  for (const field of removed) {
    if (!context.collection.counters.has(field)) edit.unset.add(field);
    else values.set(field, 0);
  }
  for (const [field, value] of values) {
    if (!context.collection.counters.has(field)) {
      edit.set.set(field, value);
      continue;
    }
    const seen = seenCounter(field, edit.replaced, change.base ?? 0, context.atBase);
    if (seen === undefined) return { type: 'needsBase', field };
    const amount = subtractDecimal(typeof value === 'number' ? value : 0, seen);
    if (amount === undefined) return { type: 'inexact', field };
    if (amount !== 0) edit.add.set(field, amount);
  }
  return { type: 'edit', edit };
}

/** The edit that takes back what a settlement did: from `after` to `before`, counters by the negative increment. */
export function editBetween(collection: Collection, from: JsonObject, to: JsonObject): Edit {
  const edit: Edit = {
    set: new Map(),
    unset: new Set(),
    add: new Map(),
    replaced: new Map(Object.entries(from)),
    whole: null,
  };
  for (const field of new Set([...Object.keys(from), ...Object.keys(to)])) {
    if (collection.counters.has(field)) {
      const amount = subtractDecimal(counterIn(to, field), counterIn(from, field));
      if (amount !== undefined && amount !== 0) edit.add.set(field, amount);
    } else if (Object.hasOwn(to, field)) {
      edit.set.set(field, to[field] as Json);
    } else {
      edit.unset.add(field);
    }
  }
  return edit;
}

/** A counter's value in a record; absent counts as 0. */
export function counterIn(body: JsonObject, field: string): number {
  const value = valueIn(body, field);
  return typeof value === 'number' ? value : 0;
}

/** A record's own value of a field: a field may be called `toString`, and every object inherits one. */
export function valueIn(body: JsonObject, field: string): Json | undefined {
  return Object.hasOwn(body, field) ? body[field] : undefined;
}

/** Fields that the change gives a value, and fields that it removes. */
function named(
  change: PutChange | PatchChange,
  context: { collection: Collection; current: JsonObject; writerFields: { has(field: string): boolean } },
): { values: Map<string, Json>; removed: Set<string> } {
  if (change.type === 'patch') {
    return { values: new Map(Object.entries(change.set ?? {})), removed: new Set(change.unset ?? []) };
  }
  const { body, replaced } = change;
  if (replaced) {
    const values = new Map<string, Json>();
    const removed = new Set<string>();
    for (const field of Object.keys(replaced)) {
      const value = valueIn(body, field);
      if (value !== undefined) values.set(field, value);
      // A counter that a put omits is untouched, whatever the writer says that it replaced.
      else if (!context.collection.counters.has(field)) removed.add(field);
    }
    return { values, removed };
  }
  const removed = new Set<string>();
  if ((change.base ?? 0) === 0) return { values: new Map(Object.entries(body)), removed };
  for (const field of Object.keys(context.current)) {
    const omitted = !Object.hasOwn(body, field) && context.writerFields.has(field);
    if (omitted && !context.collection.counters.has(field)) removed.add(field);
  }
  return { values: new Map(Object.entries(body)), removed };
}

/** What the writer saw in a counter; undefined when only the record at its base can tell. */
function seenCounter(
  field: string,
  replaced: ReadonlyMap<string, Json>,
  base: number,
  atBase: JsonObject | null | undefined,
): number | undefined {
  const said = replaced.get(field);
  if (said !== undefined) return typeof said === 'number' ? said : 0;
  if (base === 0) return 0;
  return atBase ? counterIn(atBase, field) : undefined;
}
