// Fills working sets from the store in memory.

import { bodyOf, type Needs, type UniqueHolder, type WorkingSet } from '@holdfast/core';
import { type Database, type ScopeData, scopeOf } from './database.ts';

export function loadScope(
  database: Database,
  scope: string,
  { needs, set, holdersMax }: { needs: Needs; set: WorkingSet; holdersMax: number },
): void {
  const data = scopeOf(database, scope);
  for (const id of needs.replicas) set.replicas.set(id, data.replicas.get(id) ?? null);
  for (const id of needs.mutations) set.mutations.set(id, data.mutations.get(id) ?? null);
  for (const key of needs.records.keys()) set.records.set(key, data.records.get(key) ?? null);
  for (const [key, { collection, id, base }] of needs.versions)
    set.versions.set(key, versionAt(data, `${collection}/${id}`, base));
  for (const [key, { collection, id, edits }] of needs.editions) {
    const found = data.history.get(`${collection}/${id}`)?.find((version) => version.edits === edits);
    set.editions.set(key, found?.seq ?? null);
  }
  for (const key of needs.copies.keys()) set.copies.set(key, data.copies.get(key) ?? null);
  for (const key of needs.unique.keys())
    set.unique.set(key, firstHolders(data.unique.get(key) ?? new Map(), holdersMax));
  for (const key of needs.waits)
    set.waits.set(
      key,
      heldIds(data, (held) => held.waitsFor.includes(key)),
    );
  for (const replica of needs.waiting)
    set.waiting.set(
      replica,
      heldIds(data, (held) => held.waitsFor.length > 0 && held.replicas.includes(replica)),
    );
  for (const id of needs.held) set.held.set(id, data.held.get(id)?.held ?? null);
  for (const key of needs.conflictsOpen.keys()) {
    const open = [...(data.conflictsOpen.get(key)?.values() ?? [])];
    set.conflictsOpen.set(
      key,
      open.sort((a, b) => a.id - b.id),
    );
  }
  for (const id of needs.conflicts) set.conflicts.set(id, data.conflicts.get(id) ?? null);
  for (const key of needs.collections)
    set.collections.set(key, [...new Set([...data.records.values()].map(({ collection }) => collection))]);
  for (const device of needs.quarantine)
    set.quarantine.set(device, database.payloads.get(device) ?? { payloads: 0, chars: 0 });
}

function versionAt(data: ScopeData, key: string, base: number): ReturnType<typeof bodyOf> {
  const now = data.records.get(key);
  if (!now) return null;
  if (now.seq <= base) return bodyOf(now);
  const found = data.history.get(key)?.findLast(({ seq }) => seq <= base);
  return found ? bodyOf(found) : null;
}

/** The owner, who does not count, and the earliest others. */
function firstHolders(holders: ReadonlyMap<string, UniqueHolder>, holdersMax: number): UniqueHolder[] {
  const sorted = [...holders.values()].sort(
    (a, b) =>
      Number(b.claimed) - Number(a.claimed) || a.since - b.since || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
  return sorted.slice(0, sorted[0]?.claimed ? holdersMax + 1 : holdersMax);
}

function heldIds(
  data: ScopeData,
  wanted: (held: { waitsFor: readonly string[]; replicas: readonly string[] }) => boolean,
): string[] {
  return [...data.held.values()]
    .filter(({ held }) => wanted(held))
    .sort((a, b) => a.place - b.place)
    .map(({ held }) => held.mutation.id);
}
