// Fills working sets: for each kind of need one statement, which reads all keys of all scopes through the index of its
// table. A kind that nobody needs costs no statement.

import type {
  JsonObject,
  KeptPayloads,
  Needs,
  StoredRecord,
  UniqueHolder,
  WorkingSet,
  WriterCopy,
} from '@holdfast/core';
import {
  type ConflictRow,
  conflictColumns,
  conflictOf,
  heldOf,
  type MutationRow,
  mutationColumns,
  mutationOf,
  parsed,
  type ReplicaRow,
  recordColumns,
  replicaColumns,
  replicaOf,
} from './columns.ts';
import type { Connection } from './connection.ts';

export interface Load {
  needs: ReadonlyMap<string, Needs>;
  sets: ReadonlyMap<string, WorkingSet>;
  holdersMax: number;
}

export function loadNeeds(connection: Connection, load: Load): void {
  loadStanding(connection, load);
  loadSights(connection, load);
  loadUnique(connection, load);
  loadHeld(connection, load);
  loadConflicts(connection, load);
  loadCollections(connection, load);
  fill(connection, load, {
    keys: ({ quarantine }) => own(quarantine),
    // Ends at the index entries of one device, of which there are no more than its quarantine holds.
    sql: `SELECT k.key AS place, count(t.place) AS payloads, coalesce(sum(t.chars), 0) AS chars
          FROM jsonb_each(?1) AS k LEFT JOIN hf_quarantine AS t
            ON t.device = k.value ->> 1 AND t.payload IS NOT NULL
          GROUP BY k.key`,
    put: (set, device, [row]: readonly KeptPayloads[]) =>
      set.quarantine.set(device, { payloads: row?.payloads ?? 0, chars: row?.chars ?? 0 }),
  });
}

/** Replicas, mutations, and records as they stand and as they once stood. */
function loadStanding(connection: Connection, load: Load): void {
  fill(connection, load, {
    keys: ({ replicas }) => own(replicas),
    sql: `SELECT k.key AS place, ${replicaColumns} FROM jsonb_each(?1) AS k
          CROSS JOIN hf_replicas AS t ON t.scope = k.value ->> 0 AND t.replica = k.value ->> 1`,
    put: (set, key, [row]: readonly ReplicaRow[]) => set.replicas.set(key, row ? replicaOf(row) : null),
  });
  fill(connection, load, {
    keys: ({ mutations }) => own(mutations),
    sql: `SELECT k.key AS place, ${mutationColumns} FROM jsonb_each(?1) AS k
          CROSS JOIN hf_mutations AS t ON t.scope = k.value ->> 0 AND t.id = k.value ->> 1`,
    put: (set, key, [row]: readonly MutationRow[]) => set.mutations.set(key, row ? mutationOf(row) : null),
  });
  fill(connection, load, {
    keys: ({ records }) => named(records, ({ collection, id }) => [collection, id]),
    sql: `SELECT k.key AS place, ${recordColumns} FROM jsonb_each(?1) AS k
          CROSS JOIN hf_records AS t
            ON t.scope = k.value ->> 0 AND t.collection = k.value ->> 1 AND t.id = k.value ->> 2`,
    put: (set, key, [row]: readonly PlacedRecord[]) => set.records.set(key, row ? recordOf(row) : null),
  });
  fill(connection, load, {
    keys: ({ versions }) => named(versions, ({ collection, id, base }) => [collection, id, base]),
    // The record in force is newer than all of its history.
    sql: `SELECT k.key AS place, CASE WHEN t.seq <= k.value ->> 3 THEN t.body ELSE (
            SELECT h.body FROM hf_history AS h
            WHERE h.scope = k.value ->> 0 AND h.collection = k.value ->> 1 AND h.id = k.value ->> 2
              AND h.seq <= k.value ->> 3
            ORDER BY h.seq DESC LIMIT 1) END AS body
          FROM jsonb_each(?1) AS k
          CROSS JOIN hf_records AS t
            ON t.scope = k.value ->> 0 AND t.collection = k.value ->> 1 AND t.id = k.value ->> 2`,
    put: (set, key, [row]: readonly { body: string | null }[]) =>
      set.versions.set(key, row?.body ? parsed<JsonObject>(row.body) : null),
  });
}

/** What writers had in sight that name no base. */
function loadSights(connection: Connection, load: Load): void {
  fill(connection, load, {
    keys: ({ editions }) => named(editions, ({ collection, id, edits }) => [collection, id, edits]),
    sql: `SELECT k.key AS place, t.seq FROM jsonb_each(?1) AS k
          CROSS JOIN hf_history AS t
            ON t.scope = k.value ->> 0 AND t.collection = k.value ->> 1 AND t.id = k.value ->> 2
            AND t.edits = k.value ->> 3`,
    put: (set, key, [row]: readonly { seq: number }[]) => set.editions.set(key, row?.seq ?? null),
  });
  fill(connection, load, {
    keys: ({ copies }) => named(copies, ({ writer, collection, id }) => [collection, id, writer]),
    sql: `SELECT k.key AS place, t.writer, t.collection, t.id, t.seq, t.told, t.body FROM jsonb_each(?1) AS k
          CROSS JOIN hf_copies AS t
            ON t.scope = k.value ->> 0 AND t.collection = k.value ->> 1 AND t.id = k.value ->> 2
            AND t.writer = k.value ->> 3`,
    put: (set, key, [row]: readonly (WriterCopy & { place: number })[]) => {
      const { place: _, ...copy } = row ?? { place: 0 };
      set.copies.set(key, row ? (copy as WriterCopy) : null);
    },
  });
}

/** From one name to the next in the records' own order: what it takes does not depend on how many records there are. */
function loadCollections(connection: Connection, load: Load): void {
  fill(connection, load, {
    keys: ({ collections }) => own(collections),
    sql: `SELECT k.key AS place, (
            WITH RECURSIVE found(name) AS (
              SELECT min(t.collection) FROM hf_records AS t WHERE t.scope = k.value ->> 0
              UNION ALL
              SELECT (SELECT min(t.collection) FROM hf_records AS t
                WHERE t.scope = k.value ->> 0 AND t.collection > found.name)
              FROM found WHERE found.name IS NOT NULL)
            SELECT json_group_array(name) FROM found WHERE name IS NOT NULL) AS names
          FROM jsonb_each(?1) AS k`,
    put: (set, key, [row]: readonly { names: string }[]) =>
      set.collections.set(key, parsed<string[]>(row?.names ?? '[]')),
  });
}

function loadUnique(connection: Connection, load: Load): void {
  const { holdersMax } = load;
  fill(connection, load, {
    keys: ({ unique }) => named(unique, ({ collection, group, value }) => [collection, group, value]),
    // One more than asked for: the owner comes first, and does not count.
    sql: `SELECT k.key AS place, k.value ->> 1 AS collection, k.value ->> 2 AS grp, k.value ->> 3 AS value, (
            SELECT json_group_array(json_array(id, claimed, since)) FROM (
              SELECT t.id, t.claimed, t.since FROM hf_unique AS t INDEXED BY hf_unique_order
              WHERE t.scope = k.value ->> 0 AND t.collection = k.value ->> 1 AND t.grp = k.value ->> 2
                AND t.value = k.value ->> 3
              ORDER BY t.claimed DESC, t.since, t.id LIMIT ?2)) AS holders
          FROM jsonb_each(?1) AS k`,
    values: [holdersMax + 1],
    put: (set, key, [row]: readonly HoldersRow[]) =>
      set.unique.set(key, row ? holdersOf(row, holdersMax) : []),
  });
}

interface HoldersRow {
  collection: string;
  grp: string;
  value: string;
  holders: string;
}

function holdersOf({ collection, grp, value, holders }: HoldersRow, holdersMax: number): UniqueHolder[] {
  const all = parsed<[string, number, number][]>(holders).map(([id, claimed, since]) => ({
    ...{ collection, group: grp, value, id, claimed: claimed === 1, since },
  }));
  return all[0]?.claimed ? all : all.slice(0, holdersMax);
}

/** Held mutations, and the ids of those that wait, in the order in which they began to. */
function loadHeld(connection: Connection, load: Load): void {
  const waits = (side: 'for' | 'by', waiting: string): string =>
    `SELECT k.key AS place, w.mutation FROM jsonb_each(?1) AS k
     CROSS JOIN hf_waits AS w ON w.scope = k.value ->> 0 AND w.side = '${side}' AND w.key = k.value ->> 1
     CROSS JOIN hf_held AS t ON t.scope = w.scope AND t.mutation = w.mutation ${waiting}
     ORDER BY k.key, t.place`;
  const ids = (rows: readonly { mutation: string }[]): string[] => rows.map(({ mutation }) => mutation);
  fill(connection, load, {
    keys: ({ waits }) => own(waits),
    sql: waits('for', ''),
    put: (set, key, rows: readonly { mutation: string }[]) => set.waits.set(key, ids(rows)),
  });
  fill(connection, load, {
    keys: ({ waiting }) => own(waiting),
    sql: waits('by', 'AND t.waiting = 1'),
    put: (set, key, rows: readonly { mutation: string }[]) => set.waiting.set(key, ids(rows)),
  });
  fill(connection, load, {
    keys: ({ held }) => own(held),
    sql: `SELECT k.key AS place, t.content FROM jsonb_each(?1) AS k
          CROSS JOIN hf_held AS t ON t.scope = k.value ->> 0 AND t.mutation = k.value ->> 1`,
    put: (set, key, [row]: readonly { content: string }[]) => set.held.set(key, row ? heldOf(row) : null),
  });
}

function loadConflicts(connection: Connection, load: Load): void {
  fill(connection, load, {
    keys: ({ conflictsOpen }) => named(conflictsOpen, ({ collection, id }) => [collection, id]),
    sql: `SELECT k.key AS place, ${conflictColumns} FROM jsonb_each(?1) AS k
          CROSS JOIN hf_conflicts AS t INDEXED BY hf_conflicts_open
            ON t.scope = k.value ->> 0 AND t.collection = k.value ->> 1 AND t.record = k.value ->> 2
            AND t.state = 'open'
          ORDER BY k.key, t.id`,
    put: (set, key, rows: readonly ConflictRow[]) => set.conflictsOpen.set(key, rows.map(conflictOf)),
  });
  fill(connection, load, {
    keys: ({ conflicts }) => own(conflicts),
    sql: `SELECT k.key AS place, ${conflictColumns} FROM jsonb_each(?1) AS k
          CROSS JOIN hf_conflicts AS t ON t.scope = k.value ->> 0 AND t.id = k.value ->> 1`,
    put: (set, key, [row]: readonly ConflictRow[]) => set.conflicts.set(key, row ? conflictOf(row) : null),
  });
}

/** One kind of need. */
interface Section<Key, Row> {
  /** The keys as the set names them, each with the values that name it in the table, the scope apart. */
  keys: (needs: Needs) => Iterable<readonly [Key, readonly (string | number)[]]>;
  /** Takes `[scope, …values]` of each key as `jsonb_each(?1)`, and answers rows that carry the key's `place` in it. */
  sql: string;
  values?: readonly number[];
  /** Called once for each key, with its rows. */
  put: (set: WorkingSet, key: Key, rows: readonly Row[]) => void;
}

function fill<Key, Row>(connection: Connection, { needs, sets }: Load, section: Section<Key, Row>): void {
  const wanted: { set: WorkingSet; key: Key; rows: Row[] }[] = [];
  const tuples: (string | number)[][] = [];
  for (const [scope, need] of needs) {
    const set = sets.get(scope);
    if (!set) throw new Error('There is no working set for a scope that needs something.');
    for (const [key, values] of section.keys(need)) {
      wanted.push({ set, key, rows: [] });
      tuples.push([scope, ...values]);
    }
  }
  if (wanted.length === 0) return;
  const rows = connection.all<Row & { place: number }>(
    section.sql,
    JSON.stringify(tuples),
    ...(section.values ?? []),
  );
  for (const row of rows) wanted[row.place]?.rows.push(row);
  for (const { set, key, rows: found } of wanted) section.put(set, key, found);
}

function* own<Key extends string | number>(keys: Iterable<Key>): Generator<[Key, Key[]]> {
  for (const key of keys) yield [key, [key]];
}

function* named<Value>(
  keys: ReadonlyMap<string, Value>,
  values: (value: Value) => (string | number)[],
): Generator<[string, (string | number)[]]> {
  for (const [key, value] of keys) yield [key, values(value)];
}

type PlacedRecord = StoredRecord & { place: number };

function recordOf({ place: _, ...record }: PlacedRecord): StoredRecord {
  return record;
}
