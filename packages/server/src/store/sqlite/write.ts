// Writes what plans decided: for each kind of row one statement, which takes all rows of all scopes. A kind without rows
// costs no statement. Each write names the whole new state, so that writing it twice leaves what writing it once does.

import type { StoredRecord, Writes } from '@holdfast/core';
import type { Life } from '../port.ts';
import { conflictContent } from './columns.ts';
import type { Connection } from './connection.ts';
import {
  commitsSql,
  conflictsSql,
  copiesSql,
  heldSql,
  historySql,
  mutationsSql,
  recordsSql,
  replicasSql,
  scopesSql,
  uniqueSql,
  values,
  verdictsSql,
  waitsSql,
} from './upserts.ts';

type Rows = readonly unknown[][];
type ScopeWrites = ReadonlyMap<string, Writes>;

export function writeAll(connection: Connection, writes: ScopeWrites, life: Life): void {
  if (writes.size === 0) return;
  writeScopes(connection, writes, life);
  writeRecords(connection, writes);
  writeAnswers(connection, writes);
  writeCopies(connection, writes);
  writeUnique(connection, writes);
  writeHeld(connection, writes);
  writeForPeople(connection, writes);
}

/** The rows of one kind over all scopes, in order. */
function rowsOf<Item>(
  writes: ScopeWrites,
  items: (writes: Writes) => readonly Item[],
  row: (item: Item) => readonly unknown[],
): Rows {
  const rows: unknown[][] = [];
  for (const [scope, write] of writes) for (const item of items(write)) rows.push([scope, ...row(item)]);
  return rows;
}

function writeScopes(connection: Connection, writes: ScopeWrites, life: Life): void {
  connection.bulk(
    scopesSql,
    [...writes].map(([scope, { scope: state }]) => [
      ...[scope, state.head, state.stamp, state.recordNumber, state.conflictNumber],
      ...[state.conflictsOpen, state.held, state.commitHash],
    ]),
  );
  // A life that the database does not know makes a null, which the table refuses.
  connection.bulk(
    `INSERT INTO hf_lineage (scope, life, first_seq)
     SELECT value ->> 0, (SELECT n FROM hf_lives WHERE hf_lives.id = ?2), value ->> 1 FROM jsonb_each(?1) WHERE true
     ON CONFLICT DO NOTHING`,
    rowsOf(
      writes,
      ({ commits }) => commits.slice(0, 1),
      ({ seq }) => [seq],
    ),
    life.id,
  );
}

function writeRecords(connection: Connection, writes: ScopeWrites): void {
  connection.bulk(
    recordsSql,
    rowsOf(writes, ({ records }) => records, recordRow),
  );
  connection.bulk(
    historySql,
    rowsOf(
      writes,
      ({ history }) => history,
      ({ record, supersededAt }) => {
        const [collection, id, number, seq, ...rest] = recordRow(record);
        return [collection, id, seq, number, ...rest, supersededAt];
      },
    ),
  );
  connection.bulk(
    commitsSql,
    [...writes].flatMap(([scope, { commits, records, history }]) => {
      const first = firstStamps(records, history);
      return commits.map((commit) => [
        ...[scope, commit.seq, commit.at, first.get(commit.seq) ?? commit.stamp, commit.stamp],
        ...[commit.mutation, commit.mutationHash, commit.previous],
        ...[commit.device, commit.replica, commit.actor],
      ]);
    }),
  );
}

/** Seq → the lowest stamp among what its commit wrote, superseded since or not. */
function firstStamps(records: Writes['records'], history: Writes['history']): Map<number, number> {
  const first = new Map<number, number>();
  const see = ({ seq, stamp }: StoredRecord): void => {
    const known = first.get(seq);
    if (known === undefined || stamp < known) first.set(seq, stamp);
  };
  for (const record of records) see(record);
  for (const { record } of history) see(record);
  return first;
}

function writeAnswers(connection: Connection, writes: ScopeWrites): void {
  connection.bulk(
    replicasSql,
    rowsOf(
      writes,
      ({ replicas }) => replicas,
      (state) => [
        ...[state.replica, state.device, JSON.stringify(state.repeated), JSON.stringify(state.waited)],
        ...[state.batch, state.verdicts, state.verdictsSeen, state.waiting, Number(state.renewed)],
      ],
    ),
  );
  connection.bulk(
    mutationsSql,
    rowsOf(
      writes,
      ({ mutations }) => mutations,
      ({ id, hash, madeAt, verdict, logged }) => [
        ...[id, hash, madeAt, JSON.stringify(verdict), JSON.stringify(logged)],
      ],
    ),
  );
  connection.bulk(
    verdictsSql,
    rowsOf(
      writes,
      ({ verdicts }) => verdicts,
      ({ replica, n, verdict }) => [replica, n, verdict.asOf, JSON.stringify(verdict)],
    ),
  );
}

function writeCopies(connection: Connection, writes: ScopeWrites): void {
  connection.bulk(
    copiesSql,
    rowsOf(
      writes,
      ({ copies }) => copies,
      ({ collection, id, writer, seq, told, body }) => [collection, id, writer, seq, told, body],
    ),
  );
}

function writeUnique(connection: Connection, writes: ScopeWrites): void {
  connection.bulk(
    `DELETE FROM hf_unique WHERE (scope, collection, grp, value, id) IN (
       SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(?1))`,
    rowsOf(
      writes,
      ({ unique }) => unique.remove,
      ({ collection, group, value, id }) => [collection, group, value, id],
    ),
  );
  connection.bulk(
    uniqueSql,
    rowsOf(
      writes,
      ({ unique }) => unique.put,
      ({ collection, group, value, id, claimed, since }) => [
        ...[collection, group, value, id, Number(claimed), since],
      ],
    ),
  );
}

function writeHeld(connection: Connection, writes: ScopeWrites): void {
  const remove = rowsOf(
    writes,
    ({ held }) => held.remove,
    (id) => [id],
  );
  const put = rowsOf(
    writes,
    ({ held }) => held.put,
    ({ mutation }) => [mutation.id],
  );
  connection.bulk(
    `DELETE FROM hf_waits WHERE (scope, mutation) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))`,
    [...remove, ...put],
  );
  connection.bulk(
    `DELETE FROM hf_held WHERE (scope, mutation) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))`,
    remove,
  );
  connection.bulk(
    heldSql,
    rowsOf(
      writes,
      ({ held }) => held.put,
      (held) => [held.mutation.id, held.at, Number(held.waitsFor.length > 0), JSON.stringify(held)],
    ),
  );
  connection.bulk(
    waitsSql,
    rowsOf(
      writes,
      ({ held }) =>
        held.put.flatMap(({ mutation, waitsFor, replicas }) => [
          ...waitsFor.map((key) => [mutation.id, 'for', key]),
          ...replicas.map((replica) => [mutation.id, 'by', replica]),
        ]),
      (wait) => wait,
    ),
  );
}

/** What waits for a person. */
function writeForPeople(connection: Connection, writes: ScopeWrites): void {
  connection.bulk(
    conflictsSql,
    rowsOf(
      writes,
      ({ conflicts }) => conflicts,
      (conflict) => [
        ...[conflict.id, conflict.collection, conflict.record, conflict.writer, conflict.device, conflict.at],
        ...[conflict.serverVersion, conflict.policy, conflict.state, conflictContent(conflict)],
      ],
    ),
  );
  connection.bulk(
    `INSERT INTO hf_quarantine (scope, device, replica, mutation, code, at, hash, chars, payload)
     SELECT ${values(9)} FROM jsonb_each(?1) ORDER BY key`,
    [...writes].flatMap(([scope, { quarantine }]) =>
      quarantine.map((entry) => [
        ...[entry.inScope ? scope : null, entry.device, entry.replica, entry.mutation, entry.code, entry.at],
        ...[entry.hash, entry.chars, entry.payload === null ? null : JSON.stringify(entry.payload)],
      ]),
    ),
  );
  connection.bulk(
    `UPDATE hf_quarantine SET payload = NULL, settled_at = given.value ->> 3
     FROM jsonb_each(?1) AS given
     WHERE scope = given.value ->> 0 AND hf_quarantine.device = given.value ->> 1 AND settled_at IS NULL
       AND mutation = given.value ->> 2`,
    rowsOf(
      writes,
      ({ unquarantined }) => unquarantined,
      ({ device, mutation, at }) => [device, mutation, at],
    ),
  );
}

function recordRow(record: StoredRecord): unknown[] {
  return [
    ...[record.collection, record.id, record.number, record.seq, record.ordinal, record.stamp, record.edits],
    ...[record.declared, record.writer, record.madeAt, record.schema, record.body, record.bodyHash],
    record.touched,
  ];
}
