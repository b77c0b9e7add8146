// Writes what a plan decided into the store in memory. Each write names the whole new state.

import {
  copyKey,
  type Quarantined,
  recordKey,
  type StoredConflict,
  type StoredRecord,
  uniqueKey,
  type Writes,
} from '@holdfast/core';
import { type AuditEntry, type Life, StoreError } from 'holdfast/store';
import { keptOf } from '../kept.ts';
import { type Database, type ScopeData, scopeOf } from './database.ts';

export function writeScope(
  database: Database,
  scope: string,
  { writes, life }: { writes: Writes; life: Life },
): void {
  const { scope: state } = writes;
  const used = state.head > 0 || state.held > 0 || state.conflictNumber > 0;
  const data = scopeOf(database, scope);
  if (used || data.state) data.state = { ...state };
  writeLineage(database, data, writes, life);
  writeRecords(data, writes);
  writeAnswers(data, writes);
  for (const copy of writes.copies) data.copies.set(copyKey(copy), { ...copy });
  for (const holder of writes.unique.remove)
    data.unique.get(uniqueKey(holder.collection, holder.group, holder.value))?.delete(holder.id);
  for (const holder of writes.unique.put) {
    const key = uniqueKey(holder.collection, holder.group, holder.value);
    const holders = data.unique.get(key) ?? new Map();
    data.unique.set(key, holders);
    holders.set(holder.id, { ...holder });
  }
  for (const id of writes.held.remove) data.held.delete(id);
  for (const held of writes.held.put) {
    database.places += 1;
    const place = data.held.get(held.mutation.id)?.place ?? database.places;
    data.held.set(held.mutation.id, { held: keptOf(held), place });
  }
  for (const conflict of writes.conflicts) writeConflict(data, keptOf(conflict));
  for (const entry of writes.quarantine) {
    database.places += 1;
    database.quarantine.push({
      place: database.places,
      scope: entry.inScope ? scope : null,
      entry: keptOf(entry),
      settled: false,
    });
    if (entry.payload !== null) countPayload(database, entry, 1);
  }
  for (const { device, mutation } of writes.unquarantined)
    for (const row of database.quarantine)
      if (
        row.scope === scope &&
        !row.settled &&
        row.entry.device === device &&
        row.entry.mutation === mutation
      )
        settleRow(database, row);
}

export function settleQuarantined(database: Database, place: number, audit: AuditEntry): void {
  const row = database.quarantine.find((one) => one.place === place && !one.settled);
  if (!row) return;
  settleRow(database, row);
  database.audit.push({ ...audit });
}

function settleRow(database: Database, row: Database['quarantine'][number]): void {
  if (row.entry.payload !== null) countPayload(database, row.entry, -1);
  row.settled = true;
  row.entry = { ...row.entry, payload: null };
}

function countPayload({ payloads: all }: Database, { device, chars }: Quarantined, by: 1 | -1): void {
  const before = all.get(device) ?? { payloads: 0, chars: 0 };
  all.set(device, { payloads: before.payloads + by, chars: before.chars + by * chars });
}

function writeConflict(data: ScopeData, conflict: StoredConflict): void {
  data.conflicts.set(conflict.id, conflict);
  const key = recordKey(conflict.collection, conflict.record);
  const open = data.conflictsOpen.get(key) ?? new Map<number, StoredConflict>();
  data.conflictsOpen.set(key, open);
  if (conflict.state === 'open') open.set(conflict.id, conflict);
  else open.delete(conflict.id);
}

function writeLineage(database: Database, data: ScopeData, { commits }: Writes, life: Life): void {
  const [first] = commits;
  if (!first) return;
  const place = database.lives.findIndex(({ id }) => id === life.id);
  if (place < 0) throw new StoreError('failed', 'The database does not know this life.');
  if (!data.lineage.has(place)) data.lineage.set(place, first.seq);
}

function writeRecords(data: ScopeData, { records, history, commits }: Writes): void {
  const firstStamps = new Map<number, number>();
  const see = ({ seq, stamp }: StoredRecord): void => {
    firstStamps.set(seq, Math.min(stamp, firstStamps.get(seq) ?? Number.POSITIVE_INFINITY));
  };
  for (const record of records) {
    const key = `${record.collection}/${record.id}`;
    data.records.set(key, { ...record, number: data.records.get(key)?.number ?? record.number });
    see(record);
  }
  for (const { record } of history) {
    const key = `${record.collection}/${record.id}`;
    const versions = data.history.get(key) ?? [];
    data.history.set(key, versions);
    // Written again, it stands for the one that was there.
    if (versions.at(-1)?.seq === record.seq) versions.pop();
    versions.push({ ...record });
    see(record);
  }
  for (const commit of commits) {
    const first = firstStamps.get(commit.seq) ?? commit.stamp;
    data.commits.set(commit.seq, { commit: { ...commit }, first, last: commit.stamp });
  }
}

function writeAnswers(data: ScopeData, { replicas, mutations, verdicts }: Writes): void {
  for (const state of replicas) data.replicas.set(state.replica, { ...state, repeated: [...state.repeated] });
  for (const mutation of mutations)
    data.mutations.set(mutation.id, { ...mutation, logged: { ...mutation.logged } });
  for (const logged of verdicts) {
    const log = data.verdicts.get(logged.replica) ?? new Map();
    data.verdicts.set(logged.replica, log);
    log.set(logged.n, { ...logged });
  }
}
