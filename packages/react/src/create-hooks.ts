// Hooks over one scope of a replica, typed by its schema. They read what is on the device, so there is nothing to load from a network.

import type { Query, ReplicaScope, ScopeStatus } from '@holdfast/client';
import type { CollectionName, FieldsOf, RecordOf, Schema } from '@holdfast/core';
import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useMemo,
  useSyncExternalStore,
} from 'react';
import { createWatchedStore, type Watch } from './watched-store.ts';

/**
 * What a hook watches it tells anew as soon as the device knows it, whoever wrote it. Each throws, for an error boundary, what kept
 * its value from being read, and outside of a `ScopeProvider`.
 */
export interface ReplicaHooks<S extends Schema> {
  /** Gives a scope of an open replica to all below it. The replica stays the application's to open and to close. */
  ScopeProvider(props: { scope: ReplicaScope<S>; children?: ReactNode }): ReactElement;
  /** To write, to sync, and for whatever no hook watches. */
  useScope(): ReplicaScope<S>;
  /** All records that the query finds, as `where` does; undefined until they were read first. */
  useRecords<Name extends CollectionName<S>>(
    collection: Name,
    query?: Query<FieldsOf<S, Name>>,
  ): readonly RecordOf<S, Name>[] | undefined;
  /** Undefined until it was read first; null when there is no such record. */
  useRecord<Name extends CollectionName<S>>(
    collection: Name,
    id: string,
  ): RecordOf<S, Name> | null | undefined;
  /** Whether the server has not settled all that was written to the record here; undefined until that was read first. */
  useIsPending(collection: CollectionName<S>, id: string): boolean | undefined;
  /** Whether the server is reached, whether a sync is under way and how far, and what waits; undefined until it was read first. */
  useStatus(): ScopeStatus | undefined;
}

export function createHooks<S extends Schema>(): ReplicaHooks<S> {
  const ScopeContext = createContext<ReplicaScope<S> | undefined>(undefined);
  const useScope = (): ReplicaScope<S> => {
    const scope = useContext(ScopeContext);
    if (!scope) throw new TypeError('This hook is called outside of a ScopeProvider.');
    return scope;
  };
  /** `key` says which of the scope's subscriptions it is. */
  const useWatched = <Value>(
    key: string,
    of: (scope: ReplicaScope<S>) => Watch<Value>,
  ): Value | undefined => {
    const scope = useScope();
    // biome-ignore lint/correctness/useExhaustiveDependencies: `of` is another function at each render, and means what `key` says.
    const store = useMemo(() => createWatchedStore(of(scope)), [scope, key]);
    const { value, failure } = useSyncExternalStore(store.subscribe, store.read, store.read);
    if (failure) throw failure.error;
    return value;
  };
  return {
    ScopeProvider: ({ scope, children }) => createElement(ScopeContext, { value: scope }, children),
    useScope,
    useRecords: (collection, query = {}) =>
      useWatched(
        keyOf('records', collection, query),
        (scope) => (listener, options) =>
          scope.collection(collection).where.subscribe(query, listener, options),
      ),
    useRecord: (collection, id) =>
      useWatched(
        keyOf('record', collection, id),
        (scope) => (listener, options) =>
          scope.collection(collection).get.subscribe(id, (record) => listener(record ?? null), options),
      ),
    useIsPending: (collection, id) =>
      useWatched(
        keyOf('pending', collection, id),
        (scope) => (listener, options) =>
          scope.collection(collection).isPending.subscribe(id, listener, options),
      ),
    useStatus: () =>
      useWatched('status', (scope) => (listener, options) => scope.status.subscribe(listener, options)),
  };
}

/** Queries are plain data: two that say the same are one subscription, though each render makes an object of its own. */
function keyOf(...parts: unknown[]): string {
  return JSON.stringify(parts);
}
