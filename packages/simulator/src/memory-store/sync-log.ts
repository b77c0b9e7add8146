// The sync log of the store in memory.

import type { StoreSnapshot } from 'holdfast/store';
import type { SyncNotes } from 'holdfast/store/sync-log';
import type { Database } from './database.ts';

export function putSyncs(database: Database, { entries, counts }: SyncNotes, keptMax: number): void {
  const last = database.syncs.at(-1)?.place ?? 0;
  const placed = entries.map((entry, nth) => ({ ...entry, place: last + 1 + nth }));
  database.syncs = [...database.syncs, ...placed].slice(-keptMax);
  for (const count of counts) {
    const key = JSON.stringify([count.protocol, count.kind]);
    const before = database.syncCounts.get(key) ?? { ...count, total: 0, ok: 0, lastAt: 0 };
    const lastAt = Math.max(before.lastAt, count.lastAt);
    const sums = { total: before.total + count.total, ok: before.ok + count.ok, lastAt };
    database.syncCounts.set(key, { ...before, ...sums });
  }
}

export function readSyncLog(database: Database): Pick<StoreSnapshot, 'syncs' | 'syncCounts'> {
  return {
    syncs: async ({ protocol, device, before = Number.MAX_SAFE_INTEGER, max }) =>
      database.syncs
        .filter((entry) => entry.place < before && (protocol ?? entry.protocol) === entry.protocol)
        .filter((entry) => (device ?? entry.device) === entry.device)
        .slice(-max)
        .reverse(),
    syncCounts: async (protocol) =>
      [...database.syncCounts.values()]
        .filter((count) => count.protocol === protocol)
        .sort((a, b) => (a.kind < b.kind ? -1 : 1)),
  };
}
