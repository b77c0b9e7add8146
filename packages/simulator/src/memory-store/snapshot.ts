// Reads of the store in memory.

import {
  compareText,
  type LoggedVerdict,
  type StoredConflict,
  type StoredRecord,
  uniqueKey,
} from '@holdfast/core';
import type {
  ConflictQuery,
  ConflictTally,
  PageQuery,
  QuarantineRow,
  StoreSnapshot,
  Tally,
  Unclaimed,
} from 'holdfast/store';
import { type Database, type ScopeData, scopeOf, sizeOf } from './database.ts';
import { readDeviceNotes } from './device-notes.ts';
import { readSyncLog } from './sync-log.ts';
import { readUsers } from './users.ts';

export function createSnapshot(database: Database): StoreSnapshot {
  const scoped = (scope: string) => scopeOf(database, scope);
  return {
    scope: async (scope) => copied(scoped(scope).state),
    lifeEnd: async (scope, life) => lifeEnd(database, scope, life),
    async commitStamp(scope, seq) {
      const found = scoped(scope).commits.get(seq);
      return found && { first: found.first, last: found.last };
    },
    async commitMutations(scope, after, upTo) {
      const { commits } = scoped(scope);
      const seqs = Array.from({ length: Math.max(0, upTo - after) }, (_, place) => after + 1 + place);
      return seqs.flatMap((seq) => commits.get(seq)?.commit.mutation ?? []);
    },
    page: async (scope, query) => readPage(scoped(scope).records, query),
    collection: async (scope, query) => readCollection(scoped(scope), query),
    records: async (scope, keys) =>
      keys.flatMap(({ collection, id }) => copied(scoped(scope).records.get(`${collection}/${id}`)) ?? []),
    numbered: async (scope, number) =>
      copied([...scoped(scope).records.values()].find((record) => record.number === number)),
    owner: async (scope, claimed) => ownerOf(scoped(scope), claimed),
    replica: async (scope, replica) => copied(scoped(scope).replicas.get(replica)),
    verdicts: async (scope, replica, after, max) =>
      readVerdicts(scoped(scope).verdicts.get(replica) ?? new Map(), after, max),
    conflicts: async (scope, query) => readConflicts(scoped(scope), query),
    async history(scope, collection, id, max) {
      const key = `${collection}/${id}`;
      const now = scoped(scope).records.get(key);
      return [...(scoped(scope).history.get(key) ?? []), ...(now ? [now] : [])]
        .sort((a, b) => b.seq - a.seq)
        .slice(0, max);
    },
    quarantine: async (query) => readQuarantine(database, query),
    waitingSince: async (before, max) => waitingSince(database, before, max),
    scopeNames: async (after, max) =>
      [...database.scopes]
        .filter(([name, { state }]) => state && name > after)
        .map(([name]) => name)
        .sort()
        .slice(0, max),
    counts: async () => readCounts(database),
    tally: async (scope) => readTally(database, scope),
    unread: async (scope, writer, collections) =>
      collections.map(({ collection, stamp }) => {
        const behind = [...scoped(scope).records.values()].filter(
          (record) => record.collection === collection && record.stamp > stamp && record.writer !== writer,
        );
        return { all: behind.length, live: behind.filter(({ body }) => body !== null).length };
      }),
    conflictTally: async (scope, device) => readConflictTally(scoped(scope), device),
    devices: async () => [...database.devices.values()].sort((a, b) => (a.device < b.device ? -1 : 1)),
    device: async (device) => copied(database.devices.get(device)),
    credentials: async () =>
      [...database.credentials.values()]
        .sort((a, b) => a.createdAt - b.createdAt || (a.key < b.key ? -1 : 1))
        .map(({ secretHash: _, ...credential }) => credential),
    ...readUsers(database),
    audit: async (query) => readAudit(database, query),
    deviceNotes: async (query) => readDeviceNotes(database, query),
    ...readSyncLog(database),
    unclaimed: async (max) => readUnclaimed(database, max),
    reads: async (scope, device) =>
      [...database.reads.values()]
        .filter((read) => read.scope === scope && (device === undefined || read.device === device))
        .sort((a, b) => (a.device < b.device ? -1 : 1)),
  };
}

function copied<Value extends object>(value: Value | undefined): Value | undefined {
  return value && { ...value };
}

function lifeEnd(database: Database, scope: string, life: string): number | null {
  const place = database.lives.findIndex(({ id }) => id === life);
  if (place < 0) return null;
  const { lineage, state } = scopeOf(database, scope);
  const later = [...lineage].filter(([at]) => at > place).map(([, first]) => first);
  return later.length > 0 ? Math.min(...later) - 1 : (state?.head ?? 0);
}

function readPage(
  records: ReadonlyMap<string, StoredRecord>,
  { afterStamp, seqMax, collections, recordsMax, charsMax }: PageQuery,
): { records: readonly StoredRecord[]; more: boolean } {
  const found: StoredRecord[] = [];
  for (const record of records.values())
    if (record.stamp > afterStamp && (!collections || collections.includes(record.collection)))
      found.push(record);
  found.sort((a, b) => a.stamp - b.stamp);
  const page: StoredRecord[] = [];
  let chars = 0;
  for (const record of found) {
    if (record.seq > seqMax) break;
    chars += record.body?.length ?? 0;
    if (page.length >= recordsMax || (chars > charsMax && page.length > 0))
      return { records: page, more: true };
    page.push(record);
  }
  return { records: page, more: false };
}

function readCollection(
  { records, history }: ScopeData,
  { collection, seq, after, recordsMax, charsMax }: Parameters<StoreSnapshot['collection']>[1],
): { records: readonly StoredRecord[]; after: string | null } {
  const standing = [...records.values()]
    .filter((record) => record.collection === collection && compareText(record.id, after) > 0)
    .sort((a, b) => compareText(a.id, b.id))
    .slice(0, recordsMax);
  const found: StoredRecord[] = [];
  let chars = 0;
  let last: string | null = null;
  for (const { id } of standing) {
    const key = `${collection}/${id}`;
    const versions = [...(history.get(key) ?? []), ...[records.get(key) ?? []].flat()];
    const then = versions.filter((version) => version.seq <= seq).sort((a, b) => b.seq - a.seq)[0];
    chars += then?.body?.length ?? 0;
    if (chars > charsMax && found.length > 0) return { records: found, after: last };
    last = id;
    if (then) found.push({ ...then });
  }
  return { records: found, after: standing.length < recordsMax ? null : last };
}

function readVerdicts(
  log: ReadonlyMap<number, LoggedVerdict>,
  after: number,
  max: number,
): { verdicts: readonly LoggedVerdict[]; leftOutAsOf: number | null } {
  // The numbers rise by one, from 1.
  const rest: LoggedVerdict[] = [];
  for (let n = Math.max(0, after) + 1; n <= log.size; n += 1) {
    const logged = log.get(n);
    if (logged) rest.push(logged);
  }
  const left = rest.slice(max);
  const leftOutAsOf = left.length > 0 ? Math.min(...left.map(({ verdict }) => verdict.asOf)) : null;
  return { verdicts: rest.slice(0, max), leftOutAsOf };
}

function readQuarantine(
  database: Database,
  { scope, device, after = 0, max }: Parameters<StoreSnapshot['quarantine']>[0],
): QuarantineRow[] {
  return database.quarantine
    .filter(
      (row) =>
        row.place > after &&
        !row.settled &&
        (scope === undefined || row.scope === scope) &&
        (device === undefined || row.entry.device === device),
    )
    .slice(0, max)
    .map(({ place, scope: of, entry }): QuarantineRow => {
      const { replica, mutation, code, at, chars, payload } = entry;
      return { place, scope: of ?? '', device: entry.device, replica, mutation, code, at, chars, payload };
    });
}

function waitingSince(
  database: Database,
  before: number,
  max: number,
): readonly { scope: string; mutation: string }[] {
  return [...database.scopes]
    .flatMap(([scope, { held }]) => [...held.values()].map((it) => ({ ...it, scope })))
    .filter(({ held }) => held.waitsFor.length > 0 && held.at < before)
    .sort((a, b) => a.held.at - b.held.at || a.place - b.place)
    .slice(0, max)
    .map(({ scope, held }) => ({ scope, mutation: held.mutation.id }));
}

function readUnclaimed(database: Database, max: number): Unclaimed[] {
  const holders = [...database.scopes.values()]
    .flatMap(({ unique }) => [...unique.values()].flatMap((held) => [...held.values()]))
    .filter(({ claimed }) => !claimed)
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .slice(0, max);
  return [...Map.groupBy(holders, nameOf).values()].flatMap((held) =>
    held.slice(0, 1).map(({ collection, group }) => ({ collection, group, records: held.length })),
  );
}

function nameOf({ collection, group }: { collection: string; group: string }): string {
  return `${collection}/${group}`;
}

function readCounts(database: Database): Awaited<ReturnType<StoreSnapshot['counts']>> {
  const all = [...database.scopes.values()];
  const sum = (of: (scope: (typeof all)[number]) => number): number =>
    all.reduce((total, scope) => total + of(scope), 0);
  const collections = new Map<string, { collection: string; records: number; tombstones: number }>();
  for (const { collection, body } of all.flatMap(({ records }) => [...records.values()])) {
    const row = collections.get(collection) ?? { collection, records: 0, tombstones: 0 };
    collections.set(collection, row);
    if (body === null) row.tombstones += 1;
    else row.records += 1;
  }
  return {
    scopes: all.filter(({ state }) => state).length,
    collections: [...collections.values()].sort((a, b) => (a.collection < b.collection ? -1 : 1)),
    mutations: sum(({ mutations }) => mutations.size),
    conflictsOpen: sum(({ state }) => state?.conflictsOpen ?? 0),
    conflicts: sum(({ state }) => state?.conflictNumber ?? 0),
    quarantine: database.quarantine.filter(({ settled }) => !settled).length,
    held: sum(({ held }) => held.size),
    devices: database.devices.size,
    commits: sum(({ state }) => state?.head ?? 0),
    bytes: sizeOf(database),
  };
}

function readTally(database: Database, scope: string): Tally[] {
  const tally = new Map<string, Tally>();
  const of = (collection: string): Tally => {
    const known = tally.get(collection) ?? { collection, records: 0, quarantined: 0 };
    tally.set(collection, known);
    return known;
  };
  for (const { collection, body } of scopeOf(database, scope).records.values())
    if (body !== null) of(collection).records += 1;
  for (const { scope: place, entry, settled } of database.quarantine) {
    const { changes } = (entry.payload ?? {}) as { changes?: readonly { collection: string }[] };
    const [first] = changes ?? [];
    if (place === scope && !settled && first) of(first.collection).quarantined += 1;
  }
  return [...tally.values()].sort((a, b) => compareText(a.collection, b.collection));
}

function readConflicts(
  { conflicts }: ScopeData,
  { ids, state, device, record, newestFirst = false, after = 0, max }: ConflictQuery,
): readonly StoredConflict[] {
  const asked = ids ? [...new Set(ids)].flatMap((id) => conflicts.get(id) ?? []) : [...conflicts.values()];
  return asked
    .filter((it) => it.id > after && (!state || it.state === state) && (device ?? it.device) === it.device)
    .filter((it) => !record || (record.collection === it.collection && record.id === it.record))
    .sort((a, b) => (newestFirst ? b.id - a.id : a.id - b.id))
    .slice(0, max);
}

function readConflictTally({ conflicts }: ScopeData, device: string): ConflictTally[] {
  const tally = new Map<string, ConflictTally>();
  for (const { collection, state, device: other } of conflicts.values()) {
    if (other !== device) continue;
    const known = tally.get(collection) ?? { collection, all: 0, open: 0 };
    tally.set(collection, { collection, all: known.all + 1, open: known.open + Number(state === 'open') });
  }
  return [...tally.values()].sort((a, b) => compareText(a.collection, b.collection));
}

function ownerOf(
  { unique }: ScopeData,
  { collection, group, value }: { collection: string; group: string; value: string },
): string | undefined {
  const holders = unique.get(uniqueKey(collection, group, value)) ?? new Map();
  return [...holders.values()].find(({ claimed }) => claimed)?.id;
}

function readAudit(
  { audit }: Database,
  { before = Number.MAX_SAFE_INTEGER, max }: { before?: number; max: number },
): Awaited<ReturnType<StoreSnapshot['audit']>> {
  return audit
    .map((entry, place) => ({ ...entry, place }))
    .filter(({ place }) => place < before)
    .slice(-max)
    .reverse();
}
