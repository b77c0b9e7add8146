// Where the server keeps everything. The engine loads, plans and writes through this port and knows no SQL; sqlite/ and
// postgres/ implement it, contract.ts is the test that each of them passes.

import type {
  LoggedVerdict,
  Needs,
  ReplicaState,
  ScopeState,
  StoredConflict,
  StoredRecord,
  WorkingSet,
  Writes,
} from '@holdfast/core';
import type { DeviceNote, DeviceNoteQuery } from './device-notes.ts';
import type {
  AuditEntry,
  Credential,
  Device,
  IdentityStore,
  SigningKey,
  StoredCredential,
  StoredUser,
  User,
} from './identity-port.ts';
import type { PlacedSyncEntry, SyncCount, SyncNotes, SyncQuery } from './sync-log.ts';
import type { Behind, ConflictTally, StoreCounts, Tally, Unclaimed, UnreadTally } from './tallies.ts';

export type {
  AuditEntry,
  Credential,
  Device,
  EnrolmentCode,
  IdentityStore,
  SigningKey,
  StoredCredential,
  StoredUser,
  User,
  UserChange,
} from './identity-port.ts';

export type { Behind, ConflictTally, StoreCounts, Tally, Unclaimed, UnreadTally } from './tallies.ts';

/** A life of the server: each start adds one. Checkpoints name the one in which they were given out. */
export interface Life {
  id: string;
  startedAt: number;
}

/** How far a device has read a scope: what was sent to it, and what it came back with; the last page of that it may be storing yet. */
export interface ReadPosition {
  scope: string;
  device: string;
  collection: string;
  sent: number;
  confirmed: number;
}

/**
 * The reads and writes of one commit. All of it becomes durable together or not at all.
 * Every method takes all scopes and keys of the group at once, and runs a number of statements that does not depend on
 * how many there are.
 */
export interface StoreTransaction {
  /** State of each scope; a scope that was never written has none. Takes the scopes' locks where the store has many writers. */
  scopes(scopes: readonly string[]): Promise<ReadonlyMap<string, ScopeState>>;
  /** Of keys and of users. Unknown ones are missing from the answer. */
  credentials(keys: readonly string[]): Promise<ReadonlyMap<string, Credential>>;
  devices(devices: readonly string[]): Promise<ReadonlyMap<string, Device>>;
  /** How many devices there are, and how many of them came last with each of these keys. */
  deviceCounts(keys: readonly string[]): Promise<{ all: number; byKey: ReadonlyMap<string, number> }>;
  /** The place of the newest audit entry that the commit found, -1 when there was none. Asked before it adds one of its own. */
  auditPlace(): Promise<number>;
  /** For each place, in order: how many mutations of the device are remembered as refused with no_grant, in whatever scope, and how many replicas the scope knows of it. */
  refusals(
    places: readonly { scope: string; device: string }[],
  ): Promise<readonly { mutations: number; replicas: number }[]>;
  /** Adds to each scope's working set an entry for every key that its needs name. */
  load(
    needs: ReadonlyMap<string, Needs>,
    sets: ReadonlyMap<string, WorkingSet>,
    holdersMax: number,
  ): Promise<void>;
  /** Also notes, for each scope with commits, the first seq of `life` if it has none yet. */
  write(writes: ReadonlyMap<string, Writes>, life: Life): Promise<void>;
  putDevices(devices: readonly Device[]): Promise<void>;
  putReads(reads: readonly ReadPosition[]): Promise<void>;
  /** Of the entries the newest `keptMax` stay; the counts stay for ever. */
  putSyncs(notes: SyncNotes, keptMax: number): Promise<void>;
  /** Each in the place of the one before it. Of one protocol, scope and name the newest `keptMax` stay. */
  putDeviceNotes(notes: readonly DeviceNote[], keptMax: number): Promise<void>;
  /**
   * Takes a payload out of the quarantine, with its audit entry. False, and nothing is written, when none lies there. What is counted
   * of its device stays counted: that a mutation was refused is remembered.
   */
  settleQuarantined(place: number, audit: AuditEntry): Promise<boolean>;
}

export interface PageQuery {
  /** Records with a stamp above this. */
  afterStamp: number;
  /** And a seq up to this. */
  seqMax: number;
  collections?: readonly string[];
  recordsMax: number;
  /** Characters of bodies; the first record always fits. */
  charsMax: number;
}

/** Reads of one state of the database. */
export interface StoreSnapshot {
  scope(scope: string): Promise<ScopeState | undefined>;
  /** Null when the life is unknown. Else the last seq of the scope that was committed in it or before it. */
  lifeEnd(scope: string, life: string): Promise<number | null>;
  /** The stamp of the last record of the commit with this seq; undefined when there is none. */
  commitStamp(scope: string, seq: number): Promise<{ first: number; last: number } | undefined>;
  /** The ids of the mutations committed with a seq above `after` and up to `upTo`, in order. */
  commitMutations(scope: string, after: number, upTo: number): Promise<readonly string[]>;
  /** In stamp order. `more` says that the next record was left out. */
  page(scope: string, query: PageQuery): Promise<{ records: readonly StoredRecord[]; more: boolean }>;
  /**
   * Records and tombstones in the order of their ids behind `after`, and the id to go on behind, null at the end; as they stood when
   * `seq` was the head. What has changed since is read from the history, so calls one after the other read one state.
   */
  collection(
    scope: string,
    query: Pick<PageQuery, 'recordsMax' | 'charsMax'> & { collection: string; seq: number; after: string },
  ): Promise<{ records: readonly StoredRecord[]; after: string | null }>;
  records(
    scope: string,
    keys: readonly { collection: string; id: string }[],
  ): Promise<readonly StoredRecord[]>;
  /** The record or tombstone with this number of the server's own. */
  numbered(scope: string, number: number): Promise<StoredRecord | undefined>;
  /** The id of the record that has claimed a unique value (see `uniqueValue` in core); undefined when none has. */
  owner(
    scope: string,
    claimed: { collection: string; group: string; value: string },
  ): Promise<string | undefined>;
  replica(scope: string, replica: string): Promise<ReplicaState | undefined>;
  /** Verdicts with a number above `after`, in order; `more` with the lowest asOf among those left out. */
  verdicts(
    scope: string,
    replica: string,
    after: number,
    max: number,
  ): Promise<{ verdicts: readonly LoggedVerdict[]; leftOutAsOf: number | null }>;
  conflicts(scope: string, query: ConflictQuery): Promise<readonly StoredConflict[]>;
  /** Superseded versions of a record and the one in force, newest first. */
  history(scope: string, collection: string, id: string, max: number): Promise<readonly StoredRecord[]>;
  /** What lies there and is not settled, in the order in which it came. */
  quarantine(query: QuarantineQuery): Promise<readonly QuarantineRow[]>;
  /** Held mutations that have waited since before `before`. */
  waitingSince(before: number, max: number): Promise<readonly { scope: string; mutation: string }[]>;
  /** Scopes in order of name, behind `after`. */
  scopeNames(after: string, max: number): Promise<readonly string[]>;
  counts(): Promise<StoreCounts>;
  /** Of one scope. A collection that has nothing is not named. */
  tally(scope: string): Promise<readonly Tally[]>;
  /**
   * Of each collection, how many records have a stamp above the one given and another last writer than `writer`: all, tombstones
   * included, and the live ones.
   */
  unread(scope: string, writer: string, behind: readonly Behind[]): Promise<readonly UnreadTally[]>;
  /** Of the conflicts of a device. A collection that has none is not named. */
  conflictTally(scope: string, device: string): Promise<readonly ConflictTally[]>;
  devices(): Promise<readonly Device[]>;
  device(device: string): Promise<Device | undefined>;
  /** Of keys alone. */
  credentials(): Promise<readonly Credential[]>;
  /** Of a key or of a user, which has no secret: its hash is ''. */
  credential(key: string): Promise<StoredCredential | undefined>;
  /** In the order in which they were added. */
  users(): Promise<readonly User[]>;
  user(nameKey: string): Promise<StoredUser | undefined>;
  /** The newest first. */
  signingKeys(): Promise<readonly SigningKey[]>;
  signingKey(kid: string): Promise<SigningKey | undefined>;
  reads(scope: string, device?: string): Promise<readonly ReadPosition[]>;
  deviceNotes(query: DeviceNoteQuery): Promise<readonly DeviceNote[]>;
  syncs(query: SyncQuery): Promise<readonly PlacedSyncEntry[]>;
  syncCounts(protocol: string): Promise<readonly SyncCount[]>;
  /** Newest first; `before`: the place of the last entry that was read. */
  audit(query: { before?: number; max: number }): Promise<readonly PlacedAuditEntry[]>;
  /** For each unique group, how many records hold a value of it that belongs to another; looks at no more than `max` of them. */
  unclaimed(max: number): Promise<readonly Unclaimed[]>;
}

/** In the order of their numbers, behind `after`. */
export interface ConflictQuery {
  ids?: readonly number[];
  state?: 'open' | 'settled';
  device?: string;
  record?: { collection: string; id: string };
  /** The other way round: from the newest on. */
  newestFirst?: boolean;
  after?: number;
  max: number;
}

/** Behind the place `after`. */
export interface QuarantineQuery {
  scope?: string;
  device?: string;
  after?: number;
  max: number;
}

export interface PlacedAuditEntry extends AuditEntry {
  place: number;
}

export interface QuarantineRow {
  place: number;
  scope: string;
  device: string;
  replica: string;
  mutation: string;
  code: string;
  at: number;
  chars: number;
  payload: unknown;
}

/**
 * Guarantees:
 * - `commit` resolves when its writes are durable (survive a power cut), and rejects when nothing of them will ever be seen.
 *   It never resolves on a failed fsync: then it throws a StoreError `fsync`, after which the process must end.
 * - Commits that share a scope run one after the other, so that seqs become visible in order. A store with one writer
 *   runs all of them so. Inside `work` nothing but the transaction may be awaited.
 * - `read` sees one state: every commit whole or not at all, and every commit that had resolved before the call.
 * - `work` that throws undoes all; its error comes back unchanged.
 */
export interface Store {
  readonly life: Life;
  /** True: one writer for all scopes, so that one commit may take pushes of several. */
  readonly oneWriter: boolean;
  readonly identity: IdentityStore;
  commit<Result>(work: (transaction: StoreTransaction) => Promise<Result>): Promise<Result>;
  read<Result>(work: (snapshot: StoreSnapshot) => Promise<Result>): Promise<Result>;
  /**
   * Resolves when a write that needs room has become durable and was taken back; rejects with a StoreError when none can. When
   * the last commit found no room, it needs as much as that one.
   */
  probe(): Promise<void>;
  /** Copies one state of the database to a new file while the store goes on. */
  backup(file: string): Promise<{ bytes: number }>;
  close(): Promise<void>;
}

/** `newer`: what the database holds was written under a later schema than the one given. */
export type StoreErrorCode =
  | 'full'
  | 'busy'
  | 'readonly'
  | 'fsync'
  | 'corrupt'
  | 'closed'
  | 'newer'
  | 'failed';

/** A fault of the store's health. All but `fsync`, `corrupt`, `closed` and `newer` may end by themselves. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
