// The SQL views of a config: each names what there is, so that the store can make it.

import type { Schema } from '@holdfast/core';
import { fail } from './config-error.ts';
import { conflictFacts, deviceFacts, recordFacts, type SqlView, syncFacts } from './store/sql-views.ts';

/** By table; '' is a collection's. `json`: whether a field needs no word about where it is. */
const tables: ReadonlyMap<string, Known> = new Map([
  ['', { facts: recordFacts, json: true }],
  ['devices', { facts: deviceFacts, json: false }],
  ['syncs', { facts: syncFacts, json: true }],
  ['conflicts', { facts: conflictFacts, json: false }],
]);

interface Known {
  facts: readonly string[];
  json: boolean;
}

export function readViews(value: unknown, schema: Schema): readonly SqlView[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return fail('views', 'it is a list of views.');
  for (const [place, view] of value.entries()) checkView(`views[${place}]`, members(view), schema);
  return value as readonly SqlView[];
}

type Members = Readonly<Record<string, unknown>>;

function members(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

function checkView(field: string, { name, collection, table, columns }: Members, schema: Schema): void {
  if (typeof name !== 'string' || !/^[\w$ -]{1,63}$/.test(name))
    fail(`${field}.name`, 'it is a name of 1 to 63 letters, digits and _.');
  const known =
    tables.get(collection === undefined ? String(table) : '') ??
    fail(`${field}.table`, 'it is one of devices, syncs, conflicts.');
  if (collection !== undefined && !schema.collections.has(String(collection)))
    fail(`${field}.collection`, 'the schema declares no such collection.');
  const all = Object.entries(members(columns));
  if (all.length === 0) fail(`${field}.columns`, 'it names one column at least.');
  for (const [column, source] of all) checkSource(`${field}.columns.${column}`, source, known);
}

function checkSource(field: string, source: unknown, known: Known): void {
  const { field: member, of, iso, value, first, renamed } = members(source);
  if (typeof value === 'string' || Number.isFinite(value)) return;
  if (Array.isArray(first)) for (const one of first) checkSource(field, one, known);
  else if (renamed !== undefined) checkSource(field, renamed, known);
  else if (typeof member !== 'string') checkFact(field, iso ?? source, known);
  else if (of !== undefined || !known.json) checkFact(field, of, known);
}

function checkFact(field: string, fact: unknown, { facts }: Known): void {
  if (!facts.includes(String(fact))) fail(field, `it is one of ${facts.join(', ')}.`);
}
