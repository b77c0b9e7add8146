// Brings the table of unique values in line with the groups that the schema declares.
//
//   declared ──► fill ──► ready ──► (declared no more) clear ──► gone, or fill when it is declared again
//
// Each step is a transaction of bounded size and writes down how far it came, so that a start that was cut off goes on there.

import { type JsonObject, type Schema, type Sha256, uniqueValue } from '@holdfast/core';
import { parsed } from './columns.ts';
import type { Connection } from './connection.ts';
import { readMeta, writeMeta } from './migrate.ts';

interface Group {
  collection: string;
  fields: readonly string[];
}

interface GroupState extends Group {
  phase: 'fill' | 'ready' | 'clear';
  /** Where the next step begins: behind this record number of this scope. */
  scope: string;
  number: number;
}

export interface Rebuild {
  schema: Schema;
  sha256: Sha256;
  /** Runs one step as a transaction of its own. */
  step: <Result>(work: () => Result) => Result;
}

/** The number is raised when core names values otherwise; then all of them are read again. */
const stateKey = 'unique-1';

/** Rows that one step reads or removes, and scopes that it looks into. */
const stepMax = 1_000;

/** Must have ended before the first commit under the schema. */
export function rebuildUnique(connection: Connection, { schema, sha256, step }: Rebuild): void {
  const declared = groupsOf(schema);
  const isDeclared = (group: Group): boolean => declared.some((other) => isSame(other, group));
  let states = aimed(readStates(connection), declared);
  while (states.some(({ phase }) => phase !== 'ready')) {
    const at = states.findIndex(({ phase }) => phase !== 'ready');
    states = step(() => {
      const next = states.flatMap((state, place) => {
        if (place !== at) return [state];
        return state.phase === 'fill'
          ? [fill(connection, state, sha256)]
          : clear(connection, state, isDeclared(state));
      });
      writeMeta(connection, stateKey, JSON.stringify(next));
      return next;
    });
  }
}

/** What is known of each group, with what has to be done. */
function aimed(known: readonly GroupState[], declared: readonly Group[]): readonly GroupState[] {
  const isIn = (groups: readonly Group[], group: Group): boolean =>
    groups.some((other) => isSame(other, group));
  return [
    ...known.map((state) =>
      isIn(declared, state) || state.phase === 'clear' ? state : begin(state, 'clear'),
    ),
    ...declared.filter((group) => !isIn(known, group)).map((group) => begin(group, 'fill')),
  ];
}

function begin({ collection, fields }: Group, phase: 'fill' | 'clear'): GroupState {
  return { collection, fields, phase, scope: '', number: 0 };
}

/** Reads the next records in order of their numbers: the earliest record that holds a value claims it. */
function fill(connection: Connection, state: GroupState, sha256: Sha256): GroupState {
  const rows = connection.all<FillRow>(
    `SELECT t.scope, t.number, t.seq, t.id, CASE t.collection WHEN ?3 THEN t.body END AS body
     FROM hf_records AS t INDEXED BY hf_records_number
     WHERE (t.scope, t.number) > (?1, ?2) ORDER BY t.scope, t.number LIMIT ?4`,
    state.scope,
    state.number,
    state.collection,
    stepMax,
  );
  const seen = new Set<string>();
  const holders = rows.flatMap(({ scope, seq, id, body }) => {
    const value = body === null ? undefined : uniqueValue(parsed<JsonObject>(body), state.fields, sha256);
    if (value === undefined) return [];
    const key = JSON.stringify([scope, value]);
    const isFirst = !seen.has(key);
    seen.add(key);
    return [[scope, state.collection, groupName(state), value, id, seq, Number(isFirst)]];
  });
  connection.bulk(
    // Since when a record holds its value is not known; its last change is the latest that it can be.
    `INSERT INTO hf_unique (scope, collection, grp, value, id, since, claimed)
     SELECT k.value ->> 0, k.value ->> 1, k.value ->> 2, k.value ->> 3, k.value ->> 4, k.value ->> 5,
       k.value ->> 6 AND NOT EXISTS (
         SELECT 1 FROM hf_unique AS t WHERE t.scope = k.value ->> 0 AND t.collection = k.value ->> 1
           AND t.grp = k.value ->> 2 AND t.value = k.value ->> 3 AND t.claimed = 1)
     FROM jsonb_each(?1) AS k WHERE true
     ON CONFLICT DO NOTHING`,
    holders,
  );
  const last = rows.at(-1);
  return last && rows.length === stepMax
    ? { ...state, scope: last.scope, number: last.number }
    : { ...state, phase: 'ready' };
}

interface FillRow {
  scope: string;
  number: number;
  seq: number;
  id: string;
  body: string | null;
}

function clear(connection: Connection, state: GroupState, declared: boolean): GroupState[] {
  let { scope } = state;
  let removed = 0;
  for (let looked = 0; looked < stepMax && removed < stepMax; looked++) {
    const inScope = connection.run(
      `DELETE FROM hf_unique WHERE (scope, collection, grp, value, id) IN (
         SELECT t.scope, t.collection, t.grp, t.value, t.id FROM hf_unique AS t
         WHERE t.scope = ?1 AND t.collection = ?2 AND t.grp = ?3 LIMIT ?4)`,
      scope,
      state.collection,
      groupName(state),
      stepMax,
    );
    removed += inScope;
    if (inScope === stepMax) break;
    const next = connection.get<{ scope: string | null }>(
      'SELECT min(t.scope) AS scope FROM hf_scopes AS t WHERE t.scope > ?',
      scope,
    )?.scope;
    if (next === null || next === undefined) return declared ? [begin(state, 'fill')] : [];
    scope = next;
  }
  return [{ ...state, scope }];
}

function groupsOf(schema: Schema): Group[] {
  return [...schema.collections.values()].flatMap(({ name, unique }) =>
    unique.map((fields) => ({ collection: name, fields })),
  );
}

function readStates(connection: Connection): GroupState[] {
  return parsed(readMeta(connection, stateKey) ?? '[]');
}

function isSame(a: Group, b: Group): boolean {
  return a.collection === b.collection && groupName(a) === groupName(b);
}

/** As core names a group. */
function groupName({ fields }: Group): string {
  return fields.join(',');
}
