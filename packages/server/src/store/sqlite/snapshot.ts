// Reads of one state of the database, on a reader's connection between its BEGIN and COMMIT.

import type { LoggedVerdict, ReplicaState, ScopeState, StoredConflict, StoredRecord } from '@holdfast/core';
import type { DeviceNote, DeviceNoteQuery } from '../device-notes.ts';
import type {
  Behind,
  ConflictQuery,
  ConflictTally,
  Credential,
  Device,
  PageQuery,
  PlacedAuditEntry,
  QuarantineQuery,
  QuarantineRow,
  ReadPosition,
  SigningKey,
  StoreCounts,
  StoredCredential,
  StoredUser,
  StoreSnapshot,
  Tally,
  Unclaimed,
  UnreadTally,
  User,
} from '../port.ts';
import type { PlacedSyncEntry, SyncCount, SyncQuery } from '../sync-log.ts';
import {
  parsed,
  type ReplicaRow,
  recordColumns,
  replicaColumns,
  replicaOf,
  scopeColumns,
} from './columns.ts';
import { readConflicts } from './conflicts.ts';
import type { Connection } from './connection.ts';
import { readConflictTally, readCounts, readTally, readUnclaimed, readUnread } from './counts.ts';
import { readDeviceNotes } from './device-notes.ts';
import { readCredential, readCredentials, readDevice, readDevices } from './identity.ts';
import { readCollection, readPage, readPositions } from './page.ts';
import { readAudit, readQuarantine } from './quarantine.ts';
import { readSyncCounts, readSyncs } from './sync-log.ts';
import { readSigningKey, readSigningKeys, readUser, readUsers } from './users.ts';

export class SqliteSnapshot implements StoreSnapshot {
  readonly #connection: Connection;
  #ended = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  end(): void {
    this.#ended = true;
  }

  async scope(scope: string): Promise<ScopeState | undefined> {
    return this.#reads().get<ScopeState>(
      `SELECT ${scopeColumns} FROM hf_scopes AS t WHERE t.scope = ?`,
      scope,
    );
  }

  async lifeEnd(scope: string, life: string): Promise<number | null> {
    const row = this.#reads().get<{ seq: number }>(
      `SELECT coalesce(
         (SELECT t.first_seq - 1 FROM hf_lineage AS t WHERE t.scope = ?1 AND t.life > hf_lives.n ORDER BY t.life LIMIT 1),
         (SELECT t.head FROM hf_scopes AS t WHERE t.scope = ?1), 0) AS seq
       FROM hf_lives WHERE hf_lives.id = ?2`,
      scope,
      life,
    );
    return row ? row.seq : null;
  }

  async commitStamp(scope: string, seq: number): Promise<{ first: number; last: number } | undefined> {
    return this.#reads().get(
      'SELECT t.first_stamp AS first, t.stamp AS last FROM hf_commits AS t WHERE t.scope = ? AND t.seq = ?',
      scope,
      seq,
    );
  }

  async commitMutations(scope: string, after: number, upTo: number): Promise<readonly string[]> {
    return this.#reads()
      .all<{ mutation: string }>(
        'SELECT t.mutation FROM hf_commits AS t WHERE t.scope = ? AND t.seq > ? AND t.seq <= ? ORDER BY t.seq',
        scope,
        after,
        upTo,
      )
      .map(({ mutation }) => mutation);
  }

  async page(scope: string, query: PageQuery): Promise<{ records: readonly StoredRecord[]; more: boolean }> {
    return readPage(this.#reads(), scope, query);
  }

  async collection(
    scope: string,
    query: Parameters<StoreSnapshot['collection']>[1],
  ): Promise<{ records: readonly StoredRecord[]; after: string | null }> {
    return readCollection(this.#reads(), scope, query);
  }

  async records(
    scope: string,
    keys: readonly { collection: string; id: string }[],
  ): Promise<readonly StoredRecord[]> {
    return this.#reads().all<StoredRecord>(
      `SELECT ${recordColumns} FROM jsonb_each(?1) AS k
       CROSS JOIN hf_records AS t ON t.scope = ?2 AND t.collection = k.value ->> 0 AND t.id = k.value ->> 1`,
      JSON.stringify(keys.map(({ collection, id }) => [collection, id])),
      scope,
    );
  }

  async numbered(scope: string, number: number): Promise<StoredRecord | undefined> {
    return this.#reads().get<StoredRecord>(
      `SELECT ${recordColumns} FROM hf_records AS t WHERE t.scope = ? AND t.number = ?`,
      scope,
      number,
    );
  }

  async owner(
    scope: string,
    { collection, group, value }: { collection: string; group: string; value: string },
  ): Promise<string | undefined> {
    return this.#reads().get<{ id: string }>(
      `SELECT t.id FROM hf_unique AS t WHERE t.scope = ? AND t.collection = ? AND t.grp = ? AND t.value = ?
       AND t.claimed = 1`,
      scope,
      collection,
      group,
      value,
    )?.id;
  }

  async replica(scope: string, replica: string): Promise<ReplicaState | undefined> {
    const row = this.#reads().get<ReplicaRow>(
      `SELECT ${replicaColumns} FROM hf_replicas AS t WHERE t.scope = ? AND t.replica = ?`,
      scope,
      replica,
    );
    return row && replicaOf(row);
  }

  async verdicts(
    scope: string,
    replica: string,
    after: number,
    max: number,
  ): Promise<{ verdicts: readonly LoggedVerdict[]; leftOutAsOf: number | null }> {
    const connection = this.#reads();
    const rows = connection.all<{ n: number; verdict: string }>(
      'SELECT t.n, t.verdict FROM hf_verdicts AS t WHERE t.scope = ? AND t.replica = ? AND t.n > ? ORDER BY t.n LIMIT ?',
      scope,
      replica,
      after,
      max,
    );
    const verdicts = rows.map(({ n, verdict }) => ({
      replica,
      n,
      verdict: parsed<LoggedVerdict['verdict']>(verdict),
    }));
    if (rows.length < max) return { verdicts, leftOutAsOf: null };
    const left = connection.get<{ asOf: number | null }>(
      'SELECT min(t.as_of) AS asOf FROM hf_verdicts AS t WHERE t.scope = ? AND t.replica = ? AND t.n > ?',
      scope,
      replica,
      rows.at(-1)?.n ?? after,
    );
    return { verdicts, leftOutAsOf: left?.asOf ?? null };
  }

  async conflicts(scope: string, query: ConflictQuery): Promise<readonly StoredConflict[]> {
    return readConflicts(this.#reads(), scope, query);
  }

  async history(
    scope: string,
    collection: string,
    id: string,
    max: number,
  ): Promise<readonly StoredRecord[]> {
    return this.#reads().all<StoredRecord>(
      `SELECT * FROM (
         SELECT ${recordColumns} FROM hf_records AS t WHERE t.scope = ?1 AND t.collection = ?2 AND t.id = ?3
         UNION ALL
         SELECT ${recordColumns} FROM hf_history AS t WHERE t.scope = ?1 AND t.collection = ?2 AND t.id = ?3)
       ORDER BY seq DESC LIMIT ?4`,
      scope,
      collection,
      id,
      max,
    );
  }

  async quarantine(query: QuarantineQuery): Promise<readonly QuarantineRow[]> {
    return readQuarantine(this.#reads(), query);
  }

  async waitingSince(before: number, max: number): Promise<readonly { scope: string; mutation: string }[]> {
    return this.#reads().all(
      'SELECT t.scope, t.mutation FROM hf_held AS t WHERE t.waiting = 1 AND t.at < ? ORDER BY t.at, t.place LIMIT ?',
      before,
      max,
    );
  }

  async scopeNames(after: string, max: number): Promise<readonly string[]> {
    return this.#reads()
      .all<{ scope: string }>(
        'SELECT t.scope FROM hf_scopes AS t WHERE t.scope > ? ORDER BY t.scope LIMIT ?',
        after,
        max,
      )
      .map(({ scope }) => scope);
  }

  async counts(): Promise<StoreCounts> {
    return readCounts(this.#reads());
  }

  async tally(scope: string): Promise<readonly Tally[]> {
    return readTally(this.#reads(), scope);
  }

  async unread(scope: string, writer: string, behind: readonly Behind[]): Promise<readonly UnreadTally[]> {
    return readUnread(this.#reads(), { scope, writer }, behind);
  }

  async conflictTally(scope: string, device: string): Promise<readonly ConflictTally[]> {
    return readConflictTally(this.#reads(), scope, device);
  }

  async devices(): Promise<readonly Device[]> {
    return readDevices(this.#reads());
  }

  async device(device: string): Promise<Device | undefined> {
    return readDevice(this.#reads(), device);
  }

  async credentials(): Promise<readonly Credential[]> {
    return readCredentials(this.#reads());
  }

  async credential(key: string): Promise<StoredCredential | undefined> {
    return readCredential(this.#reads(), key);
  }

  async users(): Promise<readonly User[]> {
    return readUsers(this.#reads());
  }

  async user(nameKey: string): Promise<StoredUser | undefined> {
    return readUser(this.#reads(), nameKey);
  }

  async signingKeys(): Promise<readonly SigningKey[]> {
    return readSigningKeys(this.#reads());
  }

  async signingKey(kid: string): Promise<SigningKey | undefined> {
    return readSigningKey(this.#reads(), kid);
  }

  async reads(scope: string, device?: string): Promise<readonly ReadPosition[]> {
    return readPositions(this.#reads(), scope, device);
  }

  async deviceNotes(query: DeviceNoteQuery): Promise<readonly DeviceNote[]> {
    return readDeviceNotes(this.#reads(), query);
  }

  async syncs(query: SyncQuery): Promise<readonly PlacedSyncEntry[]> {
    return readSyncs(this.#reads(), query);
  }

  async syncCounts(protocol: string): Promise<readonly SyncCount[]> {
    return readSyncCounts(this.#reads(), protocol);
  }

  async audit(query: { before?: number; max: number }): Promise<readonly PlacedAuditEntry[]> {
    return readAudit(this.#reads(), query);
  }

  async unclaimed(max: number): Promise<readonly Unclaimed[]> {
    return readUnclaimed(this.#reads(), max);
  }

  #reads(): Connection {
    if (this.#ended) throw new Error('This snapshot has ended.');
    return this.#connection;
  }
}
