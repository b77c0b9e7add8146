// The engine's face: the four verbs, and the reads about them (inspect). Protocols, console and commands use these and
// nothing below.

import type {
  Arrived,
  ConflictEntry,
  Declared,
  DeclaredWrite,
  Former,
  Grants,
  Judge,
  RequestError,
  Resolution,
  ResolutionAnswer,
  StoredConflict,
  StoredRecord,
  Verdict,
  VerdictEntry,
} from '@holdfast/core';
import type {
  AuditEntry,
  ConflictQuery,
  ConflictTally,
  QuarantineQuery,
  QuarantineRow,
  ReadPosition,
  StoreCounts,
  Tally,
} from '../store/port.ts';
import type { DeviceNotes } from './device-notes.ts';
import type { Reading } from './reads.ts';
import type { Syncs } from './sync-log.ts';

/** Who calls. Grants are read inside the commit or snapshot, never from here. */
export interface Caller {
  /** The public id of the key that it came with; null: no authentication is configured, or a key that grants everything. */
  key: string | null;
  device: string;
  /** The person acting, proven by the credential; '' when the credential proves none. */
  actor: string;
  /** When a user's token ends; what it grants is read by its key. */
  expiresAt?: number;
  /** A verified token of an issuer says itself what it grants, and until when. Without a key. */
  token?: { grants: Grants; expiresAt: number };
}

/** The operator at the server itself (command, console): may do everything. */
export const operator: Caller = { key: null, device: '', actor: 'operator' };

export interface PushRequest {
  replica: string;
  former: readonly Former[];
  /** Absent for protocols that number no batches. */
  n?: number;
  verdictsSeen: number;
  /** As in PushItem. */
  seqSeen?: number;
  /** The sender's checkpoint: a batch made on a state that was rolled back is not taken. Null before its first page. */
  checkpoint: string | null;
  mutations: readonly Arrived[];
  /** What the sender will pull next: its answer comes along where the commit that takes the push knows it. */
  pull?: PullRequest;
  /** The operator sends what lies in the quarantine: when none of it is rejected, that is settled in the same commit. */
  settles?: { place: number; audit: AuditEntry };
}

export interface PushResult {
  /** In the order of the mutations. */
  verdicts: readonly VerdictEntry[];
  errors: readonly { mutation: string; code: string; message: string }[];
  /** What `pull` would have answered right after the commit. Absent: nobody asked, or it has to be read. */
  pulled?: PullResult;
}

/** Writes of a client that knows neither bases nor mutation ids. */
export interface DeclaredRequest {
  /** Under which its writes are recorded, and told from those of others: `<protocol>/<device>`. */
  writer: string;
  judge: Judge;
  writes: readonly DeclaredWrite[];
}

export interface PullRequest {
  /** Null: from the beginning. */
  after: { checkpoint: string } | { stamp: number } | null;
  collections?: readonly string[];
  recordsMax?: number;
  /** A name for this way of reading: how far the device was sent is noted under it, whatever the collections. See `readTo`. */
  notedAs?: string;
  /** Then a page counts as sent only if there is no more behind it. */
  notedWhole?: boolean;
  /** Also the verdicts of this replica behind the last that it has seen. */
  verdictsOf?: {
    replica: string;
    seen: number;
    /** And of the conflicts that these say a policy settled, so many at most, the newest. Default none. */
    merges?: number;
  };
}

export interface PullResult {
  records: readonly StoredRecord[];
  /** Null only for a reader without a grant who came without one. */
  checkpoint: string | null;
  /** The stamp of the last record scanned, or of the head. */
  stamp: number;
  head: number;
  more: boolean;
  grants: Grants;
  verdicts: readonly VerdictEntry[];
  conflicts: readonly ConflictEntry[];
}

/** A place in a scope's order, with the checkpoint that a replica has which has read up to it. */
export interface FollowPosition {
  seq: number;
  stamp: number;
  checkpoint: string;
}

/** Beyond these what came is not one page any more. */
export interface FollowBounds {
  recordsMax: number;
  charsMax: number;
  mutationsMax: number;
}

/** All that came between two heads of a scope. */
export interface FollowPage {
  from: string;
  checkpoint: string;
  head: number;
  records: readonly StoredRecord[];
  /** The mutations whose effects these are. */
  mutations: readonly string[];
}

export interface FollowStep {
  /** The head. */
  to: FollowPosition;
  /** Changes whenever a credential or device does: what was read of standings before is no longer certain. */
  mark: number;
  /** Undefined: it is too much for one page, or nobody said where it should begin. */
  page: FollowPage | undefined;
}

export interface FollowRequest {
  after: FollowPosition | null;
  bounds: FollowBounds;
}

/** What `follow` would answer right behind a commit; undefined: the commit does not know it. */
export type FollowOfCommit = (request: FollowRequest) => FollowStep | undefined;

export interface Standing {
  grants: Grants;
  /** When the credential ends by itself, by the wall clock. */
  expiresAt: number | null;
}

/** What a person saw before deciding: the version of the record (0: none), and whether the conflict was open. */
export type Seen = Pick<Resolution, 'seenVersion' | 'seenOpen'>;

export interface Engine {
  /** A verdict for each mutation, durable when it resolves. Throws RequestError when nothing of it was taken. */
  push(caller: Caller, scope: string, request: PushRequest): Promise<PushResult>;
  /**
   * As `push`, for protocols whose clients name no base: each write is a mutation of its own, judged by what it declares. An answer for
   * each, in order, durable when it resolves. Throws RequestError when nothing of it was taken.
   */
  pushDeclared(caller: Caller, scope: string, request: DeclaredRequest): Promise<readonly Declared[]>;
  /** Records in (seq, ordinal) order behind a position. Without a read grant: no records, and the grants say so. */
  pull(reader: Caller, scope: string, request: PullRequest): Promise<PullResult>;
  /**
   * Up to which seq a device was sent pages under a name, and with which it came back; 0 when it was sent none, or a crash forgot it.
   * `stamp`: it comes back with this one now.
   */
  readTo(scope: string, device: string, asked: { as: string; stamp?: number }): Promise<Reading>;
  resolve(
    caller: Caller,
    scope: string,
    conflict: number,
    seen: Seen,
    answer: ResolutionAnswer,
  ): Promise<{ conflict: StoredConflict; record: StoredRecord | null; verdict: Verdict | null }>;
  /**
   * Calls `listener` whenever the scope's head has moved beyond what was told last, before those are answered whose writes moved
   * it. What the commit knows it is asked there and then: later, more may have been committed. Answers the way to stop.
   */
  subscribe(scope: string, listener: (head: number, known: FollowOfCommit) => void): () => void;
  /** One page for all who follow the scope. Checks no grant: whoever sends it on asks for `standings` behind it. */
  follow(scope: string, request: FollowRequest): Promise<FollowStep>;
  /** What callers may do now, in their order; an error for one whose credential or device is good for nothing. */
  standings(callers: readonly Caller[]): Promise<readonly (Standing | RequestError)[]>;
  /** The mark of a FollowStep, now. */
  identityMark(): Promise<number>;
  readonly inspect: Inspect;
  /** The log and the counts of what devices did by protocols without replicas. */
  readonly syncs: Syncs;
  /** What protocols keep of devices that have no replicas, such as when one was heard of. */
  readonly deviceNotes: DeviceNotes;
  /** Rejects mutations that waited too long for a parent, and writes down reading positions. Runs by itself, too. */
  sweep(): Promise<void>;
  /** Takes no more pushes, and resolves when those taken are answered. The store stays open. */
  stop(): Promise<void>;
}

export interface UnreadQuery {
  writer: string;
  /** Up to which seq each is read. */
  collections: readonly { collection: string; seq: number }[];
}

export interface Unread {
  collection: string;
  live: number;
  unread: number;
  unreadLive: number;
}

/** Reads about the state. None of them checks a grant: whoever calls them has asked for the standing. */
export interface Inspect {
  counts(): Promise<StoreCounts>;
  /** Of one scope. */
  tally(scope: string): Promise<readonly Tally[]>;
  /**
   * Of each collection, how many records are live, and how many others than `writer` have changed behind a seq: all, tombstones
   * included, and the live ones. Looks at each of these.
   */
  unread(scope: string, asked: UnreadQuery): Promise<readonly Unread[]>;
  /** Of the conflicts that a device ever had. A collection that has none is not named. */
  conflictTally(scope: string, device: string): Promise<readonly ConflictTally[]>;
  /** The record that has claimed a unique value (see `uniqueValue` in core). */
  owner(
    scope: string,
    claimed: { collection: string; group: string; value: string },
  ): Promise<StoredRecord | undefined>;
  scopes(
    after: string,
    max: number,
  ): Promise<readonly { scope: string; head: number; conflictsOpen: number; held: number }[]>;
  /** The record or tombstone with this number of the server's own. */
  numbered(scope: string, number: number): Promise<StoredRecord | undefined>;
  conflicts(scope: string, query: ConflictQuery): Promise<readonly StoredConflict[]>;
  /** How many there ever were in the scope, and how many of them are open. */
  conflictCounts(scope: string): Promise<{ all: number; open: number }>;
  quarantine(query: QuarantineQuery): Promise<readonly QuarantineRow[]>;
  history(scope: string, collection: string, id: string, max: number): Promise<readonly StoredRecord[]>;
  reads(scope: string): Promise<readonly ReadPosition[]>;
}
