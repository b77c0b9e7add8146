// What a plan was given of the store, what it still needs, and what it wants written.

import type { JsonObject } from './json.ts';
import type {
  Commit,
  HeldMutation,
  LoggedVerdict,
  Quarantined,
  ReplicaState,
  ScopeState,
  StoredConflict,
  StoredMutation,
  StoredRecord,
  UniqueHolder,
  WriterCopy,
} from './stored.ts';

/** Keys into the store, each list without repeats. A plan that has all that it needs returns none. */
export interface Needs {
  replicas: Set<string>;
  mutations: Set<string>;
  /** recordKey → collection and id. */
  records: Map<string, { collection: string; id: string }>;
  /** versionKey → the record as it was at `base`. */
  versions: Map<string, { collection: string; id: string; base: number }>;
  /** editionKey → the seq of the version that it was after so many changes. */
  editions: Map<string, { collection: string; id: string; edits: number }>;
  /** copyKey → what a writer has of a record that it sent. */
  copies: Map<string, Pick<WriterCopy, 'writer' | 'collection' | 'id'>>;
  /** uniqueKey → the value whose holders are wanted: the owner and the earliest `holdersMax` others (holders.ts). */
  unique: Map<string, { collection: string; group: string; value: string }>;
  /** Keys on which held mutations wait. */
  waits: Set<string>;
  /** Replicas whose waiting mutations are wanted. */
  waiting: Set<string>;
  held: Set<string>;
  /** recordKey → its open conflicts. */
  conflictsOpen: Map<string, { collection: string; id: string }>;
  conflicts: Set<number>;
  /** Devices of which is wanted what the quarantine keeps. */
  quarantine: Set<string>;
  /** `allCollections` when it is wanted which collections the scope has. */
  collections: Set<string>;
}

/** The one key under which the names of a scope's collections are asked for. */
export const allCollections = '*';

/** How many payloads of a device the quarantine keeps, and how long they are together. */
export interface KeptPayloads {
  payloads: number;
  chars: number;
}

/** Everything that was loaded; an entry for each key that was asked for, null or empty where there is nothing. */
export interface WorkingSet {
  scope: ScopeState;
  replicas: Map<string, ReplicaState | null>;
  mutations: Map<string, StoredMutation | null>;
  records: Map<string, StoredRecord | null>;
  versions: Map<string, JsonObject | null>;
  editions: Map<string, number | null>;
  copies: Map<string, WriterCopy | null>;
  unique: Map<string, readonly UniqueHolder[]>;
  waits: Map<string, readonly string[]>;
  waiting: Map<string, readonly string[]>;
  held: Map<string, HeldMutation | null>;
  conflictsOpen: Map<string, readonly StoredConflict[]>;
  conflicts: Map<number, StoredConflict | null>;
  quarantine: Map<string, KeptPayloads>;
  /** `allCollections` → names of collections with records or tombstones. */
  collections: Map<string, readonly string[]>;
}

/** What one plan writes in one scope. Every list holds each key once, in its final state. */
export interface Writes {
  scope: ScopeState;
  replicas: ReplicaState[];
  mutations: StoredMutation[];
  records: StoredRecord[];
  /** Versions that were superseded, with the time at which they were. */
  history: { record: StoredRecord; supersededAt: number }[];
  commits: Commit[];
  verdicts: LoggedVerdict[];
  unique: { put: UniqueHolder[]; remove: UniqueHolder[] };
  held: { put: HeldMutation[]; remove: string[] };
  conflicts: StoredConflict[];
  copies: WriterCopy[];
  quarantine: Quarantined[];
  /** What lies in the quarantine and was taken after all. */
  unquarantined: { device: string; mutation: string; at: number }[];
}

export function noNeeds(): Needs {
  return {
    replicas: new Set(),
    mutations: new Set(),
    records: new Map(),
    versions: new Map(),
    editions: new Map(),
    copies: new Map(),
    unique: new Map(),
    waits: new Set(),
    waiting: new Set(),
    held: new Set(),
    conflictsOpen: new Map(),
    conflicts: new Set(),
    quarantine: new Set(),
    collections: new Set(),
  };
}

export function emptyWorkingSet(scope: ScopeState): WorkingSet {
  return {
    scope,
    replicas: new Map(),
    mutations: new Map(),
    records: new Map(),
    versions: new Map(),
    editions: new Map(),
    copies: new Map(),
    unique: new Map(),
    waits: new Map(),
    waiting: new Map(),
    held: new Map(),
    conflictsOpen: new Map(),
    conflicts: new Map(),
    quarantine: new Map(),
    collections: new Map(),
  };
}

export function needsAnything(needs: Needs): boolean {
  return Object.values(needs).some((part: Set<unknown> | Map<unknown, unknown>) => part.size > 0);
}

export const emptyScope: ScopeState = {
  head: 0,
  stamp: 0,
  recordNumber: 0,
  conflictNumber: 0,
  conflictsOpen: 0,
  held: 0,
  commitHash: '',
};

export function versionKey(collection: string, id: string, base: number): string {
  return `${base}@${collection}/${id}`;
}

export function editionKey(collection: string, id: string, edits: number): string {
  return `${edits}@${collection}/${id}`;
}

/** No collection has a slash in its name; a writer's may. */
export function copyKey({
  writer,
  collection,
  id,
}: Pick<WriterCopy, 'writer' | 'collection' | 'id'>): string {
  return JSON.stringify([writer, collection, id]);
}

export function uniqueKey(collection: string, group: string, value: string): string {
  return `${collection}/${group}/${value}`;
}
