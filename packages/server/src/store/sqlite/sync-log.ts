// The sync log: entries up to a bound, and counts that stay.

import type { PlacedSyncEntry, SyncCount, SyncNotes, SyncQuery } from '../sync-log.ts';
import { parsed } from './columns.ts';
import type { Connection } from './connection.ts';
import { values } from './upserts.ts';

export function putSyncs(connection: Connection, { entries, counts }: SyncNotes, keptMax: number): void {
  connection.bulk(
    `INSERT INTO hf_sync_log (at, protocol, device, scope, kind, ok, facts) SELECT ${values(7)} FROM jsonb_each(?1)`,
    entries.map((it) => [
      ...[it.at, it.protocol, it.device, it.scope],
      ...[it.kind, it.ok, JSON.stringify(it.facts)],
    ]),
  );
  connection.run('DELETE FROM hf_sync_log WHERE place <= (SELECT max(place) FROM hf_sync_log) - ?', keptMax);
  connection.bulk(
    `INSERT INTO hf_sync_counts (protocol, kind, total, ok, last_at) SELECT ${values(5)} FROM jsonb_each(?1) WHERE true
     ON CONFLICT (protocol, kind) DO UPDATE SET total = total + excluded.total, ok = ok + excluded.ok,
       last_at = max(last_at, excluded.last_at)`,
    counts.map((it) => [it.protocol, it.kind, it.total, it.ok, it.lastAt]),
  );
}

export function readSyncs(
  connection: Connection,
  { protocol, device, before, max }: SyncQuery,
): PlacedSyncEntry[] {
  const rows = connection.all<Omit<PlacedSyncEntry, 'ok' | 'facts'> & { ok: number; facts: string }>(
    `SELECT t.place, t.at, t.protocol, t.device, t.scope, t.kind, t.ok, t.facts FROM hf_sync_log AS t
     WHERE t.place < ?1 ${protocol === undefined ? '' : 'AND t.protocol = ?3'}
       ${device === undefined ? '' : 'AND t.device = ?4'} ORDER BY t.place DESC LIMIT ?2`,
    before ?? Number.MAX_SAFE_INTEGER,
    max,
    ...(protocol === undefined && device === undefined ? [] : [protocol ?? null]),
    ...(device === undefined ? [] : [device]),
  );
  return rows.map(({ ok, facts, ...rest }) => ({ ...rest, ok: ok === 1, facts: parsed(facts) }));
}

export function readSyncCounts(connection: Connection, protocol: string): SyncCount[] {
  return connection.all<SyncCount>(
    `SELECT t.protocol, t.kind, t.total, t.ok, t.last_at AS lastAt FROM hf_sync_counts AS t
     WHERE t.protocol = ? ORDER BY t.kind`,
    protocol,
  );
}
