// The reads and writes of one commit, on the writer's connection between its BEGIN and COMMIT.
//
//   open ──► ended (committed or rolled back)
//     └────► failed: a statement failed; nothing more is taken, and the commit must be rolled back

import type { Needs, ScopeState, WorkingSet, Writes } from '@holdfast/core';
import type { DeviceNote } from '../device-notes.ts';
import type { AuditEntry, Credential, Device, Life, ReadPosition, StoreTransaction } from '../port.ts';
import type { SyncNotes } from '../sync-log.ts';
import {
  type CredentialRow,
  credentialColumns,
  credentialOf,
  deviceColumns,
  deviceOf,
  scopeColumns,
  userCredentialColumns,
} from './columns.ts';
import type { Connection } from './connection.ts';
import { putDeviceNotes } from './device-notes.ts';
import { putAudit } from './identity.ts';
import { loadNeeds } from './load.ts';
import { putSyncs } from './sync-log.ts';
import { values } from './upserts.ts';
import { writeAll } from './write.ts';

export class SqliteTransaction implements StoreTransaction {
  readonly #connection: Connection;
  readonly #readersMax: number;
  #ended = false;
  #failure: { error: unknown } | undefined;

  constructor(connection: Connection, bounds: { readersPerScopeMax: number }) {
    this.#connection = connection;
    this.#readersMax = bounds.readersPerScopeMax;
  }

  /** Ends it. Throws the error of the first statement that failed, also when `work` went on regardless. */
  end(): void {
    this.#ended = true;
    if (this.#failure) throw this.#failure.error;
  }

  scopes(scopes: readonly string[]): Promise<ReadonlyMap<string, ScopeState>> {
    return this.#do((connection) => {
      const rows = connection.all<ScopeState & { scope: string }>(
        `SELECT t.scope, ${scopeColumns} FROM jsonb_each(?1) AS k CROSS JOIN hf_scopes AS t ON t.scope = k.atom`,
        JSON.stringify(scopes),
      );
      return new Map(rows.map(({ scope, ...state }) => [scope, state]));
    });
  }

  credentials(keys: readonly string[]): Promise<ReadonlyMap<string, Credential>> {
    return this.#do((connection) => {
      const rows = connection.all<CredentialRow>(
        `SELECT ${credentialColumns} FROM jsonb_each(?1) AS k CROSS JOIN hf_keys AS t ON t.key = k.atom
         UNION ALL
         SELECT ${userCredentialColumns} FROM jsonb_each(?1) AS k CROSS JOIN hf_users AS t ON t.key = k.atom`,
        JSON.stringify(keys),
      );
      return new Map(rows.map((row) => [row.key, credentialOf(row)]));
    });
  }

  devices(devices: readonly string[]): Promise<ReadonlyMap<string, Device>> {
    return this.#do((connection) => {
      const rows = connection.all<Device>(
        `SELECT ${deviceColumns} FROM jsonb_each(?1) AS k CROSS JOIN hf_devices AS t ON t.device = k.atom`,
        JSON.stringify(devices),
      );
      return new Map(rows.map((row) => [row.device, deviceOf(row)]));
    });
  }

  deviceCounts(keys: readonly string[]): Promise<{ all: number; byKey: ReadonlyMap<string, number> }> {
    return this.#do((connection) => {
      const all = connection.get<{ n: number }>('SELECT count(*) AS n FROM hf_devices')?.n ?? 0;
      const rows = connection.all<{ key: string; n: number }>(
        `SELECT k.atom AS key, (SELECT count(*) FROM hf_devices AS t WHERE t.key = k.atom) AS n FROM jsonb_each(?1) AS k`,
        JSON.stringify(keys),
      );
      return { all, byKey: new Map(rows.map(({ key, n }) => [key, n])) };
    });
  }

  auditPlace(): Promise<number> {
    return this.#do((connection) => {
      const newest = connection.get<{ place: number }>(
        'SELECT coalesce(max(t.place), -1) AS place FROM hf_audit AS t',
      );
      return newest?.place ?? -1;
    });
  }

  refusals(
    places: readonly { scope: string; device: string }[],
  ): Promise<readonly { mutations: number; replicas: number }[]> {
    return this.#do((connection) =>
      connection.all<{ mutations: number; replicas: number }>(
        // Both end at index entries of one device, which are bounded.
        `SELECT (SELECT count(*) FROM hf_quarantine AS t
             WHERE t.device = k.value ->> 1 AND t.code = 'no_grant') AS mutations,
           (SELECT count(*) FROM hf_replicas AS t
             WHERE t.scope = k.value ->> 0 AND t.device = k.value ->> 1) AS replicas
         FROM jsonb_each(?1) AS k ORDER BY k.key`,
        JSON.stringify(places.map(({ scope, device }) => [scope, device])),
      ),
    );
  }

  load(
    needs: ReadonlyMap<string, Needs>,
    sets: ReadonlyMap<string, WorkingSet>,
    holdersMax: number,
  ): Promise<void> {
    return this.#do((connection) => loadNeeds(connection, { needs, sets, holdersMax }));
  }

  write(writes: ReadonlyMap<string, Writes>, life: Life): Promise<void> {
    return this.#do((connection) => writeAll(connection, writes, life));
  }

  putDevices(devices: readonly Device[]): Promise<void> {
    return this.#do((connection) => {
      connection.bulk(
        // What was revoked stays so, whatever the writer had read.
        `INSERT INTO hf_devices (device, name, role, address, key, created_at, seen_at, revoked_at)
         SELECT ${values(8)} FROM jsonb_each(?1) WHERE true
         ON CONFLICT (device) DO UPDATE SET name = excluded.name, role = excluded.role, address = excluded.address,
           key = excluded.key, seen_at = excluded.seen_at, revoked_at = coalesce(hf_devices.revoked_at, excluded.revoked_at)`,
        devices.map((it) => [
          ...[it.device, it.name, it.role, it.address],
          ...[it.key, it.createdAt, it.seenAt, it.revokedAt],
        ]),
      );
    });
  }

  settleQuarantined(place: number, audit: AuditEntry): Promise<boolean> {
    return this.#do((connection) => {
      const sql = `UPDATE hf_quarantine SET payload = NULL, settled_at = ?2 WHERE place = ?1 AND settled_at IS NULL`;
      if (connection.run(sql, place, audit.at) === 0) return false;
      putAudit(connection, audit);
      return true;
    });
  }

  putSyncs(notes: SyncNotes, keptMax: number): Promise<void> {
    return this.#do((connection) => putSyncs(connection, notes, keptMax));
  }

  putDeviceNotes(notes: readonly DeviceNote[], keptMax: number): Promise<void> {
    return this.#do((connection) => putDeviceNotes(connection, notes, keptMax));
  }

  putReads(reads: readonly ReadPosition[]): Promise<void> {
    return this.#do((connection) => {
      connection.bulk(
        // A device that is new to the scope is kept while there is room; the others always move on.
        `INSERT INTO hf_reads (scope, device, collection, sent, confirmed)
         SELECT given.scope, given.device, given.collection, given.sent, given.confirmed FROM (
           SELECT *, dense_rank() OVER (PARTITION BY scope, known ORDER BY device) AS nth FROM (
             SELECT k.value ->> 0 AS scope, k.value ->> 1 AS device, k.value ->> 2 AS collection,
               k.value ->> 3 AS sent, k.value ->> 4 AS confirmed,
               EXISTS (SELECT 1 FROM hf_reads AS t WHERE t.scope = k.value ->> 0 AND t.device = k.value ->> 1) AS known
             FROM jsonb_each(?1) AS k)) AS given
         WHERE known OR nth <= ?2 - (SELECT count(DISTINCT t.device) FROM hf_reads AS t WHERE t.scope = given.scope)
         ON CONFLICT (scope, device, collection) DO UPDATE SET sent = excluded.sent, confirmed = excluded.confirmed`,
        reads.map((it) => [it.scope, it.device, it.collection, it.sent, it.confirmed]),
        this.#readersMax,
      );
    });
  }

  /** Every method is asynchronous for the sake of stores that are; SQLite answers at once. */
  async #do<Result>(work: (connection: Connection) => Result): Promise<Result> {
    if (this.#ended) throw new Error('This transaction has ended.');
    // SQLite may have rolled back by itself; a statement run now would stand alone and stay.
    if (this.#failure) throw this.#failure.error;
    try {
      return work(this.#connection);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}
