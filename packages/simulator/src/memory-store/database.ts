// What the store in memory holds. It outlives the stores that are opened on it, as a database outlives its server.

import type {
  Commit,
  HeldMutation,
  KeptPayloads,
  LoggedVerdict,
  Quarantined,
  ReplicaState,
  ScopeState,
  StoredConflict,
  StoredMutation,
  StoredRecord,
  UniqueHolder,
  WriterCopy,
} from '@holdfast/core';
import type {
  AuditEntry,
  Device,
  EnrolmentCode,
  Life,
  ReadPosition,
  SigningKey,
  StoredCredential,
  StoredUser,
} from 'holdfast/store';
import type { DeviceNote } from 'holdfast/store/device-notes';
import type { PlacedSyncEntry, SyncCount } from 'holdfast/store/sync-log';
import { Lock } from './lock.ts';

export interface ScopeData {
  state: ScopeState | undefined;
  /** Record key → the version in force. */
  records: Map<string, StoredRecord>;
  /** Record key → superseded versions, oldest first. */
  history: Map<string, StoredRecord[]>;
  /** By seq. */
  commits: Map<number, { commit: Commit; first: number; last: number }>;
  replicas: Map<string, ReplicaState>;
  mutations: Map<string, StoredMutation>;
  /** Replica → n → verdict. */
  verdicts: Map<string, Map<number, LoggedVerdict>>;
  /** uniqueKey → record id → holder. */
  unique: Map<string, Map<string, UniqueHolder>>;
  /** By copyKey. */
  copies: Map<string, WriterCopy>;
  held: Map<string, { held: HeldMutation; place: number }>;
  conflicts: Map<number, StoredConflict>;
  /** Record key → its open conflicts. */
  conflictsOpen: Map<string, Map<number, StoredConflict>>;
  /** Place of a life → the first seq committed in it. */
  lineage: Map<number, number>;
}

export interface Database {
  lives: Life[];
  scopes: Map<string, ScopeData>;
  credentials: Map<string, StoredCredential>;
  devices: Map<string, Device>;
  codes: Map<string, EnrolmentCode>;
  /** By the names as they are compared. */
  users: Map<string, StoredUser>;
  usersAdded: number;
  signingKeys: Map<string, SigningKey>;
  reads: Map<string, ReadPosition>;
  quarantine: { place: number; scope: string | null; entry: Quarantined; settled: boolean }[];
  /** Device → what is kept of it there. */
  payloads: Map<string, KeptPayloads>;
  audit: AuditEntry[];
  deviceNotes: Map<string, DeviceNote>;
  syncs: PlacedSyncEntry[];
  /** Protocol and kind → how many there were. */
  syncCounts: Map<string, SyncCount>;
  places: number;
  lock: Lock;
}

export function createDatabase(): Database {
  return {
    lives: [],
    scopes: new Map(),
    credentials: new Map(),
    devices: new Map(),
    codes: new Map(),
    users: new Map(),
    usersAdded: 0,
    signingKeys: new Map(),
    reads: new Map(),
    quarantine: [],
    payloads: new Map(),
    audit: [],
    deviceNotes: new Map(),
    syncs: [],
    syncCounts: new Map(),
    places: 0,
    lock: new Lock(),
  };
}

export function scopeOf(database: Database, scope: string): ScopeData {
  let data = database.scopes.get(scope);
  if (!data) {
    data = {
      state: undefined,
      records: new Map(),
      history: new Map(),
      commits: new Map(),
      replicas: new Map(),
      mutations: new Map(),
      verdicts: new Map(),
      unique: new Map(),
      copies: new Map(),
      held: new Map(),
      conflicts: new Map(),
      conflictsOpen: new Map(),
      lineage: new Map(),
    };
    database.scopes.set(scope, data);
  }
  return data;
}

/** Characters of what is kept, roughly. */
export function sizeOf(database: Database): number {
  const parts = [...database.scopes.values()].flatMap(({ records, history, commits, held, mutations }) => [
    ...[...records.values(), ...history.values()],
    ...[...commits.values(), ...held.values(), ...mutations.values()],
  ]);
  return 16_384 + JSON.stringify(parts).length;
}
