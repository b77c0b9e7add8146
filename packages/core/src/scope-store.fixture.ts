// What a store holds of one scope, in maps: it loads working sets and writes what plans decided, as the port promises.

import { createHash } from 'node:crypto';
import { recordKey } from './change.ts';
import type { JsonObject } from './json.ts';
import {
  bodyOf,
  type Commit,
  type HeldMutation,
  type LoggedVerdict,
  type Quarantined,
  type ReplicaState,
  type ScopeState,
  type StoredConflict,
  type StoredMutation,
  type StoredRecord,
  type UniqueHolder,
  type WriterCopy,
} from './stored.ts';
import {
  copyKey,
  editionKey,
  emptyScope,
  type Needs,
  uniqueKey,
  versionKey,
  type WorkingSet,
  type Writes,
} from './working-set.ts';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface Stored {
  state: ScopeState;
  records: Map<string, StoredRecord>;
  history: { record: StoredRecord; supersededAt: number }[];
  /** History that retention has taken away. */
  purged: StoredRecord[];
  commits: Commit[];
  replicas: Map<string, ReplicaState>;
  mutations: Map<string, StoredMutation>;
  /** Replica → its verdict log. */
  verdicts: Map<string, LoggedVerdict[]>;
  unique: Map<string, UniqueHolder>;
  held: Map<string, HeldMutation>;
  conflicts: Map<number, StoredConflict>;
  quarantine: Quarantined[];
  copies: Map<string, WriterCopy>;
}

export function emptyStored(): Stored {
  return {
    state: { ...emptyScope },
    records: new Map(),
    history: [],
    purged: [],
    commits: [],
    replicas: new Map(),
    mutations: new Map(),
    verdicts: new Map(),
    unique: new Map(),
    held: new Map(),
    conflicts: new Map(),
    quarantine: [],
    copies: new Map(),
  };
}

/** Adds an entry for each key, as a store does: copies, and null or empty where there is nothing. Frozen: a plan changes none of it. */
export function load(stored: Stored, needs: Needs, set: WorkingSet, holdersMax: number): void {
  const held = [...stored.held.values()];
  const conflicts = [...stored.conflicts.values()];
  for (const id of needs.replicas) set.replicas.set(id, copied(stored.replicas.get(id) ?? null));
  for (const id of needs.mutations) set.mutations.set(id, copied(stored.mutations.get(id) ?? null));
  for (const key of needs.records.keys()) set.records.set(key, copied(stored.records.get(key) ?? null));
  for (const { collection, id, base } of needs.versions.values())
    set.versions.set(versionKey(collection, id, base), versionAt(stored, { collection, id, base }));
  for (const { collection, id, edits } of needs.editions.values()) {
    const found = stored.history.find(
      ({ record }) => record.collection === collection && record.id === id && record.edits === edits,
    );
    set.editions.set(editionKey(collection, id, edits), found?.record.seq ?? null);
  }
  for (const key of needs.copies.keys()) set.copies.set(key, copied(stored.copies.get(key) ?? null));
  for (const { collection, group, value } of needs.unique.values()) {
    const all = [...stored.unique.values()]
      .filter(
        (holder) => holder.collection === collection && holder.group === group && holder.value === value,
      )
      .sort((a, b) => Number(b.claimed) - Number(a.claimed) || a.since - b.since || (a.id < b.id ? -1 : 1));
    set.unique.set(uniqueKey(collection, group, value), copied(all.slice(0, holdersMax + 1)));
  }
  for (const key of needs.waits)
    set.waits.set(key, held.filter(({ waitsFor }) => waitsFor.includes(key)).map(idOf));
  for (const replica of needs.waiting)
    set.waiting.set(
      replica,
      held.filter(({ waitsFor, replicas }) => waitsFor.length > 0 && replicas.includes(replica)).map(idOf),
    );
  for (const id of needs.held) set.held.set(id, copied(stored.held.get(id) ?? null));
  for (const [key, { collection, id }] of needs.conflictsOpen)
    set.conflictsOpen.set(
      key,
      copied(
        conflicts.filter(
          (conflict) =>
            conflict.state === 'open' && conflict.collection === collection && conflict.record === id,
        ),
      ),
    );
  for (const id of needs.conflicts) set.conflicts.set(id, copied(stored.conflicts.get(id) ?? null));
  for (const key of needs.collections)
    set.collections.set(key, [...new Set([...stored.records.values()].map(({ collection }) => collection))]);
  for (const device of needs.quarantine)
    set.quarantine.set(
      device,
      stored.quarantine
        .filter((entry) => entry.device === device && entry.payload !== null)
        .reduce(({ payloads, chars }, entry) => ({ payloads: payloads + 1, chars: chars + entry.chars }), {
          payloads: 0,
          chars: 0,
        }),
    );
}

function versionAt(
  stored: Stored,
  { collection, id, base }: { collection: string; id: string; base: number },
): JsonObject | null {
  const current = stored.records.get(recordKey(collection, id));
  if (current && current.seq <= base) return bodyOf(current);
  const versions = stored.history.filter(
    ({ record }) => record.collection === collection && record.id === id && record.seq <= base,
  );
  const newest = versions.reduce<StoredRecord | null>(
    (found, { record }) => (found && found.seq > record.seq ? found : record),
    null,
  );
  return newest && bodyOf(newest);
}

export function apply(stored: Stored, given: Writes): void {
  // As text, as a store keeps it.
  const writes = JSON.parse(JSON.stringify(given)) as Writes;
  assertNoRepeats(writes);
  stored.state = writes.scope;
  for (const state of writes.replicas) stored.replicas.set(state.replica, state);
  for (const mutation of writes.mutations) stored.mutations.set(mutation.id, mutation);
  for (const record of writes.records) stored.records.set(recordKey(record.collection, record.id), record);
  stored.history.push(...writes.history);
  stored.commits.push(...writes.commits);
  for (const verdict of writes.verdicts) {
    const log = stored.verdicts.get(verdict.replica) ?? [];
    stored.verdicts.set(verdict.replica, log);
    log.push(verdict);
  }
  for (const holder of writes.unique.remove) stored.unique.delete(holderKey(holder));
  for (const holder of writes.unique.put) stored.unique.set(holderKey(holder), holder);
  for (const id of writes.held.remove) stored.held.delete(id);
  for (const held of writes.held.put) stored.held.set(held.mutation.id, held);
  for (const conflict of writes.conflicts) stored.conflicts.set(conflict.id, conflict);
  for (const copy of writes.copies) stored.copies.set(copyKey(copy), copy);
  stored.quarantine.push(...writes.quarantine);
  for (const { device, mutation } of writes.unquarantined) {
    const place = stored.quarantine.findIndex((one) => one.device === device && one.mutation === mutation);
    if (place >= 0) stored.quarantine.splice(place, 1);
  }
}

/** Every list holds each key once, in its final state. */
function assertNoRepeats(writes: Writes): void {
  const keys = [
    writes.replicas.map(({ replica }) => `replica ${replica}`),
    writes.mutations.map(({ id }) => `mutation ${id}`),
    writes.records.map(({ collection, id }) => `record ${recordKey(collection, id)}`),
    writes.history.map(({ record }) => `history ${recordKey(record.collection, record.id)}@${record.seq}`),
    writes.unique.put.map((holder) => `unique ${holderKey(holder)}`),
    writes.unique.remove.map((holder) => `unique ${holderKey(holder)}`),
    writes.held.put.map((held) => `held ${idOf(held)}`),
    writes.held.remove.map((id) => `held ${id}`),
    writes.conflicts.map(({ id }) => `conflict ${id}`),
  ].flat();
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key)) throw new Error(`A plan writes twice: ${key}`);
    seen.add(key);
  }
}

export function holderKey({ collection, group, value, id }: UniqueHolder): string {
  return `${uniqueKey(collection, group, value)}/${id}`;
}

function idOf(held: HeldMutation): string {
  return held.mutation.id;
}

function copied<Value>(value: Value): Value {
  return frozen(JSON.parse(JSON.stringify(value)) as Value);
}

function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null)
    for (const part of Object.values(Object.freeze(value))) frozen(part);
  return value;
}
