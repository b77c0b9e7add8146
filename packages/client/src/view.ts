// What the application reads of one record: the server's state with the device's own writes on top.
//
//   server state ── change ── change ── … ──▶ view
//
// Pure. A write changes the view by one more step; whatever else happens (a verdict, a page), the view is folded afresh.
// Both must give the same (view.property.test.ts).

import {
  addDecimal,
  type Change,
  counterIn,
  editOf,
  type Json,
  type JsonObject,
  type RecordChange,
  type Schema,
} from '@holdfast/core';

/** A change with the version of the schema that it was written under. */
export interface Written {
  change: RecordChange;
  schema: number;
}

/** `body` null: there is no such record. `writes` in the order in which they were made. */
export function foldChanges(
  schema: Schema,
  body: JsonObject | null,
  writes: readonly Written[],
): JsonObject | null {
  return writes.reduce<JsonObject | null>((folded, write) => foldChange(schema, folded, write), body);
}

/** One step of the fold. It foresees what the server will do when nobody else wrote in between. */
export function foldChange(
  schema: Schema,
  body: JsonObject | null,
  { change, schema: version }: Written,
): JsonObject | null {
  if (change.type === 'delete') return null;
  if (body === null) return change.type === 'put' && createsAnew(change) ? change.body : null;
  const collection = schema.collections.get(change.collection);
  // The application dropped the collection from its schema: nothing reads its records any more.
  if (!collection) return body;
  const written = schema.versions.get(version)?.collections.get(change.collection) ?? collection;
  const writerFields = new Set(Object.keys(written.fields.shape));
  const outcome = editOf(change, { collection, current: body, writerFields, atBase: body });
  // A sum that no double holds will be refused by the server; until then the record shows its last exact state.
  return outcome.type === 'edit' ? edited(body, outcome.edit) : body;
}

/**
 * Whether a put of a record that is not there makes one. It does not when the writer saw the record alive: then somebody
 * else has deleted it since, and a delete wins over a concurrent change.
 */
export function createsAnew(change: Change): boolean {
  return change.type === 'put' && ((change.base ?? 0) === 0 || change.replaced === undefined);
}

interface FieldEdit {
  set: ReadonlyMap<string, Json>;
  unset: ReadonlySet<string>;
  add: ReadonlyMap<string, number>;
}

function edited(body: JsonObject, edit: FieldEdit): JsonObject {
  const next = new Map<string, Json>(Object.entries(body));
  for (const [field, value] of edit.set) next.set(field, value);
  for (const field of edit.unset) next.delete(field);
  for (const [field, amount] of edit.add) {
    const sum = addDecimal(counterIn(body, field), amount);
    if (sum !== undefined) next.set(field, sum);
  }
  return Object.fromEntries(next);
}
