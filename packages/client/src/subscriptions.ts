// All that is watched of a replica, found by what a commit has moved.

import { canonicalJson, type Json } from '@holdfast/core';
import type { CollectionMoves, Commit, CommitObserver } from './commits.ts';
import type { IndexedRecord } from './index-key.ts';
import { concerns, type Interest, Interests } from './interest.ts';
import { Live, type Reader, type Subscription, type Watched } from './live.ts';
import { type FoundRecord, findWanted, type Query, readQuery } from './query.ts';
import { orderKeyOf } from './query-order.ts';
import type { Storage } from './storage/port.ts';

interface WatchedQuery extends Interest {
  subscription?: Subscription;
}

interface WatchedStatus {
  /** Undefined: all of them. */
  scope: string | undefined;
  subscription?: Subscription;
}

export class Subscriptions implements CommitObserver {
  readonly #live: Live;
  readonly #assertCallable: () => void;
  /** Scope → collection → who watches its records. */
  readonly #queries = new Map<string, Map<string, Interests<WatchedQuery>>>();

  readonly #statuses = new Set<WatchedStatus>();

  constructor(storage: Storage, assertCallable: () => void) {
    this.#live = new Live(storage);
    this.#assertCallable = assertCallable;
  }

  /** Answers what ends it. Throws a TypeError when the query is none. */
  watchRecords<Fields, Value>(
    target: Omit<IndexedRecord, 'id'>,
    query: Query<Fields>,
    { show, ...reader }: Reader<Value> & { show(found: FoundRecord[]): Value },
  ): () => void {
    this.#assertCallable();
    const watched: WatchedQuery = { wanted: readQuery(query), end: undefined };
    const interests = this.#interestsIn(target);
    interests.add(watched);
    const subscription = this.#live.subscribe<Value>(
      {
        read: async (tx) => {
          // What commits while it is read may move anything that matches.
          watched.end = undefined;
          const found = await findWanted(tx, target, watched.wanted);
          watched.end = endOf(watched, found);
          return { value: show(found), text: canonicalJson(found as unknown as Json) };
        },
        ended: () => this.#forget(target, watched),
      },
      reader,
    );
    watched.subscription = subscription;
    return () => subscription.stop();
  }

  /** `scope` undefined: all of them. */
  watchStatus<Value>(
    scope: string | undefined,
    read: Watched<Value>['read'],
    reader: Reader<Value>,
  ): () => void {
    this.#assertCallable();
    const watched: WatchedStatus = { scope };
    this.#statuses.add(watched);
    const subscription = this.#live.subscribe<Value>(
      { read, ended: () => this.#statuses.delete(watched) },
      reader,
    );
    watched.subscription = subscription;
    return () => subscription.stop();
  }

  /** The status of a scope may be another. */
  wakeStatus(scope: string): void {
    for (const one of this.#statuses)
      if (one.scope === undefined || one.scope === scope) one.subscription?.wake();
  }

  close(): void {
    this.#live.close();
  }

  isWatching(): boolean {
    return this.#queries.size + this.#statuses.size > 0;
  }

  watchesCollection(scope: string, name: string): boolean {
    return this.#queries.get(scope)?.has(name) ?? false;
  }

  onCommit({ scopes, collections }: Commit): void {
    if (scopes === 'all') for (const one of this.#statuses) one.subscription?.wake();
    else for (const scope of scopes) this.wakeStatus(scope);
    if (collections !== 'all') {
      for (const moved of collections) this.#wakeQueries(moved);
      return;
    }
    for (const scope of this.#queries.keys()) this.#wakeQueries({ scope, name: undefined, moves: undefined });
  }

  #wakeQueries({ scope, name, moves }: CollectionMoves): void {
    const inScope = this.#queries.get(scope);
    for (const [collection, interests] of inScope ?? []) {
      if (name !== undefined && name !== collection) continue;
      if (!moves) for (const one of interests.all()) one.subscription?.wake();
      for (const move of moves ?? [])
        for (const one of interests.near(move)) if (concerns(one, move)) one.subscription?.wake();
    }
  }

  #interestsIn({ scope, collection }: Omit<IndexedRecord, 'id'>): Interests<WatchedQuery> {
    const inScope = this.#queries.get(scope) ?? new Map<string, Interests<WatchedQuery>>();
    this.#queries.set(scope, inScope);
    const interests = inScope.get(collection.name) ?? new Interests<WatchedQuery>();
    inScope.set(collection.name, interests);
    return interests;
  }

  #forget({ scope, collection }: Omit<IndexedRecord, 'id'>, watched: WatchedQuery): void {
    const inScope = this.#queries.get(scope);
    const interests = inScope?.get(collection.name);
    interests?.delete(watched);
    if (interests?.size === 0) inScope?.delete(collection.name);
    if (inScope?.size === 0) this.#queries.delete(scope);
  }
}

/** The place of the last record of a result that has no room for more. */
function endOf({ wanted }: Interest, found: readonly FoundRecord[]): Interest['end'] {
  const last = found.at(-1);
  return last && found.length >= wanted.limit ? orderKeyOf(wanted.order, last.id, last.body) : undefined;
}
