// What the server stores, as the plan reads and writes it: the engine's columns (DESIGN section 3), whatever the store.

import { canonicalJson } from './canonical.ts';
import type { Mutation, RecordChange } from './change.ts';
import type { Json, JsonObject } from './json.ts';
import type { Sha256 } from './ports.ts';
import type { Own } from './touched.ts';
import type { Verdict } from './verdict.ts';

/** One version of a record. `body` is JSON text without the id; null on a tombstone. */
export interface StoredRecord {
  collection: string;
  id: string;
  /** The server's own integer for the record, from 1 in each scope. */
  number: number;
  seq: number;
  /** Place within the mutation, from 0. */
  ordinal: number;
  stamp: number;
  /** Count of changes since the record was first created. */
  edits: number;
  /** A version that a client declares (as in pos); 0 when none ever did. */
  declared: number;
  writer: string;
  madeAt: number;
  schema: number;
  body: string | null;
  /** SHA-256 of the canonical JSON of `body`, hex; '' on a tombstone. */
  bodyHash: string;
  /** See touched.ts. */
  touched: string;
}

/** Per scope: the ends of its counters. */
export interface ScopeState {
  head: number;
  stamp: number;
  recordNumber: number;
  conflictNumber: number;
  conflictsOpen: number;
  /** Mutations that the server holds: waiting for a parent, or for a person's decision. */
  held: number;
  /** Hash of the last commit; '' before the first. */
  commitHash: string;
}

/** Per replica and scope. */
export interface ReplicaState {
  replica: string;
  device: string;
  /** Seqs of commits that were another id's, whose mutations it repeated: the highest `repeatedMax`, rising. */
  repeated: readonly number[];
  /**
   * Commits of mutations that had waited: `n` is the verdict that told it so. Who has heard of that one knows the mutation for its
   * own, although the commit is news to it. The highest `repeatedMax`, rising.
   */
  waited: readonly { n: number; seq: number }[];
  /** Number of its last batch. */
  batch: number;
  /** Number of its last verdict, and of the last one that it says it holds. */
  verdicts: number;
  verdictsSeen: number;
  /** How many of its mutations wait for a parent. */
  waiting: number;
  /** A later id has named it as its former one: whoever still goes by it is a copy, or was set back. */
  renewed: boolean;
}

export interface StoredMutation {
  id: string;
  hash: string;
  madeAt: number;
  verdict: Verdict;
  /** Replica → the number under which its log holds the latest verdict. */
  logged: Readonly<Record<string, number>>;
}

export interface LoggedVerdict {
  replica: string;
  n: number;
  verdict: Verdict;
}

export interface Commit {
  seq: number;
  at: number;
  stamp: number;
  mutation: string;
  mutationHash: string;
  /** Hash of the commit before it in the scope. */
  previous: string;
  device: string;
  replica: string;
  actor: string;
}

/** A record that holds a value of a unique group; the owner has `claimed`. */
export interface UniqueHolder {
  collection: string;
  /** The group's fields, joined by a comma. */
  group: string;
  /** Canonical JSON of the values, or its hash when long. */
  value: string;
  id: string;
  claimed: boolean;
  /** The seq from which the record holds the value; the earliest holder claims next. */
  since: number;
}

/** A mutation that the server keeps whole until it can be judged. */
export interface HeldMutation {
  mutation: Mutation;
  hash: string;
  madeAt: number;
  device: string;
  /** Who gets the later verdict: every replica that sent it. */
  replicas: readonly string[];
  /** Which writes count as its own. */
  own: Own;
  at: number;
  /** Record keys of missing parents, or `mutation:<id>` of one that it stands behind; empty when conflicts hold it. */
  waitsFor: readonly string[];
  conflicts: readonly number[];
}

export interface StoredConflict {
  id: number;
  collection: string;
  record: string;
  /** The replica, or (protocol, device), whose change it was. */
  writer: string;
  device: string;
  at: number;
  fields: readonly string[];
  /** What the writer saw, for the fields of which that is known. */
  base: JsonObject;
  /** The server's body when it was found; null: deleted. */
  server: JsonObject | null;
  serverVersion: number;
  /** When the last of the writer's changes counts as made; when and by whom the server's version was. */
  made?: { device: number; server: number; serverWriter: string };
  /** The writer's changes to the record, each whole, in order. */
  changes: readonly RecordChange[];
  /** The mutations that they came in. */
  mutations: readonly string[];
  policy: string;
  state: 'open' | 'settled';
  settlement: Settlement | null;
}

/** A record as a writer has it that names no base: as it last sent it. */
export interface WriterCopy {
  writer: string;
  collection: string;
  id: string;
  /** The scope's head behind what it sent. */
  seq: number;
  /** Up to which seq it was told what others wrote: `seq`, when the answer told it. */
  told: number;
  /** JSON text; null: as the record was at `seq`. */
  body: string | null;
}

/** How a conflict was answered, and what that did to the record: enough to undo it. */
export interface Settlement {
  by: 'policy' | 'person';
  resolution: 'server' | 'device' | 'merge' | 'value' | 'undo';
  at: number;
  actor: string;
  /** The device that the person decided on; absent when it was at the server. */
  device?: string;
  /** The commit that it made; null when it changed nothing. */
  seq: number | null;
  before: JsonObject | null;
  after: JsonObject | null;
  /** Whether the increments of the writer's changes were applied: no later answer may apply them again. */
  counted: boolean;
}

/** A refused or rejected payload. */
export interface Quarantined {
  device: string;
  replica: string;
  mutation: string;
  code: string;
  at: number;
  hash: string;
  chars: number;
  /** Null when the mutation was too large or the device's quarantine is full. */
  payload: Json;
  /** False: in no scope (malformed, or without a grant). */
  inScope: boolean;
}

/** The body of a version as an object; null on a tombstone. */
export function bodyOf(record: { body: string | null }): JsonObject | null {
  return record.body === null ? null : (JSON.parse(record.body) as JsonObject);
}

/** A commit names the hash of the one before it, so that none can be changed or taken out unseen. */
export function commitHash(commit: Commit, sha256: Sha256): string {
  return sha256(canonicalJson({ ...commit }));
}
