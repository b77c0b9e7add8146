// One scope of a replica, as an application sees it: its collections, its mutations, and what waits for a person.

import type { Change, CollectionName, Mutation, Schema } from '@holdfast/core';
import {
  type CollectionAccess,
  createCollection,
  createLiveCollection,
  type LiveCollection,
  type RecordCollection,
} from './collection.ts';
import { type ConflictItem, type ConflictQuery, listConflicts } from './conflict-list.ts';
import { answerConflict, type ConflictAnswer, discardConflict } from './decisions.ts';
import { type Discard, readDiscards } from './discards.ts';
import type { Subscribable } from './live.ts';
import { type MutateDeps, type MutateOptions, type MutationDraft, newId, runMutation } from './mutate.ts';
import { isSettled, listEntries, type OutboxEntry } from './outbox.ts';
import {
  correctEntry,
  discardEntry,
  type ListOptions,
  listQuarantine,
  type QuarantineItem,
  resendEntry,
} from './quarantine.ts';
import type { SyncOptions } from './runner.ts';
import { readStatistics, type ScopeStatistics } from './statistics.ts';
import type { ScopeStatus, SyncResult } from './status.ts';
import type { StatusCall } from './statuses.ts';
import type { StorageTransaction } from './storage/port.ts';
import type { Subscriptions } from './subscriptions.ts';
import { listSyncs, type PastSync } from './sync-log.ts';
import { watchedCall } from './watched-call.ts';

/** The collections of a scope by their names; one whose name is taken here is reached by `collection(name)`. */
export type CollectionsOf<S extends Schema, Taken> = {
  readonly [Name in CollectionName<S> as Name extends keyof Taken ? never : Name]: RecordCollection<S, Name>;
};
type LiveCollectionsOf<S extends Schema, Taken> = {
  readonly [Name in CollectionName<S> as Name extends keyof Taken ? never : Name]: LiveCollection<S, Name>;
};

export type ReplicaScope<S extends Schema> = ScopeFace<S> & LiveCollectionsOf<S, ScopeFace<S>>;
/** What `mutate` hands to its callback: the same collections, reading the mutation's own changes. Await nothing else there. */
export type MutationScope<S extends Schema> = MutationFace<S> & CollectionsOf<S, MutationFace<S>>;

export interface MutationFace<S extends Schema> {
  /** The id that the mutation will have. */
  readonly mutation: string;
  collection<Name extends CollectionName<S>>(name: Name): RecordCollection<S, Name>;
}

export interface ScopeFace<S extends Schema> {
  readonly name: string;
  collection<Name extends CollectionName<S>>(name: Name): LiveCollection<S, Name>;
  /** All that `work` writes is one mutation: it applies all or none. What `work` throws undoes all. */
  mutate<Result>(work: (tx: MutationScope<S>) => Promise<Result>, options?: MutateOptions): Promise<Result>;
  readonly outbox: OutboxFace;
  readonly quarantine: QuarantineFace<S>;
  readonly conflicts: ConflictsFace;
  sync(options?: SyncOptions): Promise<SyncResult>;
  readonly status: StatusCall<ScopeStatus>;
  /** What became of the last two hundred syncs, newest first; `after` takes the place of the last one that was seen. */
  syncs: ListCall<ListOptions, PastSync>;
  /** What the device holds of each collection. It counts records: ask for it when it is to be shown. */
  statistics(): Promise<ScopeStatistics<S>>;
}

/** `list(options?)` reads once, `list.subscribe(options, listener)` watches. */
export type ListCall<Options, Item> = ((options?: Options) => Promise<Item[]>) &
  Subscribable<[options: Options], Item[]>;

export interface OutboxFace {
  /** Mutations that are not settled, in the order in which they were made. */
  list: ListCall<ListOptions, OutboxEntry>;
}

export interface QuarantineFace<S extends Schema> {
  list: ListCall<ListOptions, QuarantineItem>;
  /** Other changes in place of those that were not taken, as a list or made in a callback. They get a new mutation id. */
  correct(
    place: number,
    edit: readonly Change[] | ((tx: MutationScope<S>, mutation: Mutation) => Promise<unknown>),
  ): Promise<void>;
  /** The same changes, on the records as they are now. */
  resend(place: number): Promise<void>;
  discard(place: number, reason: string): Promise<void>;
  /** The last hundred that were dropped, with the reasons given. */
  discarded(): Promise<readonly Discard[]>;
}

export interface ConflictsFace {
  /** Conflicts that concern this replica, with base and both sides: the open ones, or the last hundred that were settled. */
  list: ListCall<ConflictQuery, ConflictItem>;
  /**
   * A person's answer to an open one: whose side is taken, or what the record is to be. It is stored like any write, needs no
   * network, and gets a verdict; when somebody else was faster it is rejected, and lies in the quarantine.
   */
  resolve(id: number, answer: ConflictAnswer): Promise<void>;
  /** Takes back how a conflict was settled; an answer like any other. */
  undo(id: number): Promise<void>;
  /** Drops this device's side here. The server keeps the conflict until a person decides there. */
  discard(id: number, reason: string): Promise<void>;
}

export interface ScopeContext {
  deps: MutateDeps;
  subscriptions: Subscriptions;
  sync(options?: SyncOptions): Promise<SyncResult>;
  status: StatusCall<ScopeStatus>;
}

export function createScope<S extends Schema>(context: ScopeContext): ReplicaScope<S> {
  const { deps, subscriptions } = context;
  const { scope: name, storage } = deps;
  const watching = { storage, subscriptions };
  const listCall = <Options extends object, Item>(
    read: (tx: StorageTransaction, scope: string, options: Options) => Promise<Item[]>,
  ): ListCall<Options, Item> =>
    watchedCall(watching, {
      scope: name,
      count: 1,
      read: (tx, options?: Options) => read(tx, name, options ?? ({} as Options)),
    }) as ListCall<Options, Item>;
  const access: CollectionAccess = {
    read: (work) => storage.transaction('read', work),
    change: (collection, id, wish) => runMutation(deps, (draft) => draft.change(collection, id, wish)),
    newId: () => newId(deps),
  };
  const collection = <Name extends CollectionName<S>>(of: Name): LiveCollection<S, Name> =>
    createLiveCollection(deps, of, { access, ...watching });
  const face: ScopeFace<S> = {
    name,
    collection,
    mutate: (work, options) => runMutation(deps, (draft) => work(mutationScope(deps, draft)), options),
    outbox: {
      list: listCall((tx, scope, options: ListOptions) =>
        listEntries(tx, scope, { ...options, wanted: (entry) => !isSettled(entry) }),
      ),
    },
    quarantine: {
      list: listCall(listQuarantine),
      correct: (place, edit) =>
        correctEntry(
          deps,
          place,
          typeof edit === 'function'
            ? (draft, mutation) => edit(mutationScope<S>(deps, draft), mutation)
            : edit,
        ),
      resend: (place) => resendEntry(deps, place),
      discard: (place, reason) => discardEntry(deps, place, reason),
      discarded: () => storage.transaction('read', (tx) => readDiscards(tx, name)),
    },
    conflicts: {
      list: listCall(listConflicts),
      resolve: (id, answer) => answerConflict(deps, id, answer),
      undo: (id) => answerConflict(deps, id, 'undo'),
      discard: (id, reason) => discardConflict(deps, id, reason),
    },
    sync: context.sync,
    status: context.status,
    syncs: listCall(listSyncs),
    statistics: () => storage.transaction('read', (tx) => readStatistics<S>(tx, deps.schema, name)),
  };
  return withCollections(deps, face) as ReplicaScope<S>;
}

function mutationScope<S extends Schema>(deps: MutateDeps, draft: MutationDraft): MutationScope<S> {
  const access: CollectionAccess = {
    read: (work) => draft.within(work),
    change: (collection, id, wish) => draft.change(collection, id, wish),
    newId: () => newId(deps),
  };
  const face: MutationFace<S> = {
    mutation: draft.id,
    collection: (of) => createCollection(deps, of, access),
  };
  return withCollections(deps, face) as MutationScope<S>;
}

/** Adds the collections under their names. The face's own members go first. */
function withCollections<S extends Schema>(
  deps: MutateDeps,
  face: Pick<MutationFace<S>, 'collection'>,
): object {
  const collections = [...deps.schema.collections.keys()].map((of) => [
    of,
    face.collection(of as CollectionName<S>),
  ]);
  return { ...Object.fromEntries(collections), ...face };
}
