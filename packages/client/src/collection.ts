// What an application does with the records of one collection: typed by the schema, with no annotation.

import {
  type AnyCollections,
  type Collection,
  type CollectionName,
  type FieldsOf,
  type JsonObject,
  type RecordOf,
  recordKey,
  type Schema,
} from '@holdfast/core';
import { unknownCollection } from './errors.ts';
import { type Subscribable, subscribable } from './live.ts';
import type { Wish } from './make-change.ts';
import { isPending } from './outbox.ts';
import { type FoundRecord, findRecords, type Query } from './query.ts';
import type { ScopeDeps, VisibleRecord } from './recompute.ts';
import type { StorageTransaction } from './storage/port.ts';
import { type WatchedCall, type WatchedCallDeps, watchedCall } from './watched-call.ts';

export type CounterName<S extends Schema, Name extends CollectionName<S>> =
  S extends Schema<infer Collections> ? CounterNameIn<Collections, Name> : never;

type CounterNameIn<Collections extends AnyCollections, Name extends string> = Collections[Name] extends {
  counters: infer Counters;
}
  ? keyof Counters & string
  : never;

/** A field given as undefined is removed. */
export type PatchOf<S extends Schema, Name extends CollectionName<S>> = {
  [Field in keyof FieldsOf<S, Name>]?: FieldsOf<S, Name>[Field] | undefined;
};

/** Counter → increment. A collection without counters takes none. */
export type AmountsOf<S extends Schema, Name extends CollectionName<S>> = [CounterName<S, Name>] extends [
  never,
]
  ? { readonly [field: string]: never }
  : { readonly [Field in CounterName<S, Name>]?: number };

export interface ListOptions {
  /** At most so many; default 1,000. */
  limit?: number;
  /** Only records whose id sorts behind this one. */
  after?: string;
}

/**
 * Every write is checked against the schema and stored, durably, before it resolves; it rejects with a ReplicaError when it
 * is refused and with a StorageError when it could not be stored, and then nothing was changed.
 */
export interface RecordCollection<S extends Schema, Name extends CollectionName<S>> {
  get(id: string): Promise<RecordOf<S, Name> | undefined>;
  /** In the order of their ids. */
  list(options?: ListOptions): Promise<RecordOf<S, Name>[]>;
  where(query: Query<FieldsOf<S, Name>>): Promise<RecordOf<S, Name>[]>;
  /** The whole record; without an id it gets a new one. Answers the record as it is then. */
  put(record: FieldsOf<S, Name> & { id?: string }): Promise<RecordOf<S, Name>>;
  /** Some fields; `unset` removes, as undefined does. */
  patch(
    id: string,
    fields: PatchOf<S, Name>,
    options?: { unset?: readonly (keyof FieldsOf<S, Name> & string)[] },
  ): Promise<RecordOf<S, Name>>;
  delete(id: string): Promise<void>;
  /** Increments of counters. */
  add(id: string, amounts: AmountsOf<S, Name>): Promise<RecordOf<S, Name>>;
}

/**
 * Outside of a mutation, what reads can be watched: `where.subscribe(query, (records) => …)`. The listener gets the first result and
 * then each other one. Throws a TypeError on a query that `where` would refuse, and a ReplicaError when the replica is closed.
 */
export interface LiveCollection<S extends Schema, Name extends CollectionName<S>>
  extends RecordCollection<S, Name> {
  get: RecordCollection<S, Name>['get'] & Subscribable<[id: string], RecordOf<S, Name> | undefined>;
  list: RecordCollection<S, Name>['list'] & Subscribable<[options: ListOptions], RecordOf<S, Name>[]>;
  where: RecordCollection<S, Name>['where'] &
    Subscribable<[query: Query<FieldsOf<S, Name>>], RecordOf<S, Name>[]>;
  /** Whether the server has not settled all that was written to the record here: it is sent, or will be. */
  isPending: WatchedCall<[id: string], boolean>;
}

/** How a collection reaches its records: by itself, each call a transaction of its own, or inside a mutation. */
export interface CollectionAccess {
  read<Result>(work: (tx: StorageTransaction) => Promise<Result>): Promise<Result>;
  change(collection: Collection, id: string, wish: Wish): Promise<JsonObject | undefined>;
  newId(): string;
}

/** The types are the schema's word; inside, every collection is the same. */
export function createCollection<S extends Schema, Name extends CollectionName<S>>(
  deps: ScopeDeps,
  name: Name,
  access: CollectionAccess,
): RecordCollection<S, Name> {
  const collection = mustKnow(deps, name);
  type Shown = RecordOf<S, Name>;
  const shown = (id: string, body: JsonObject): Shown => ({ ...body, id }) as unknown as Shown;
  const write = async (id: string, wish: Wish): Promise<Shown> =>
    shown(id, (await access.change(collection, id, wish)) ?? {});
  return {
    get: (id) =>
      access.read(async (tx) => {
        const found = (await tx.get('records', [deps.scope, name, id])) as unknown as
          | VisibleRecord
          | undefined;
        return found && shown(id, found.body);
      }),
    list: ({ limit = listMax, after } = {}) =>
      access.read(async (tx) => {
        const prefix = [deps.scope, name];
        const found = await tx.scan('records', {
          prefix,
          limit,
          ...(after === undefined ? {} : { after: [...prefix, after] }),
        });
        return found.map(({ key, value }) => shown(key[2] ?? '', (value as unknown as VisibleRecord).body));
      }),
    where: (query) =>
      access.read(async (tx) =>
        (await findRecords(tx, { scope: deps.scope, collection }, query)).map(({ id, body }) =>
          shown(id, body),
        ),
      ),
    put: ({ id = access.newId(), ...body }) => write(id, { type: 'put', body }),
    patch: (id, fields, { unset = [] } = {}) => write(id, { type: 'patch', fields, unset }),
    delete: async (id) => {
      await access.change(collection, id, { type: 'delete' });
    },
    add: (id, amounts) => write(id, { type: 'add', amounts }),
  };
}

/** The same, with what can be watched. */
export function createLiveCollection<S extends Schema, Name extends CollectionName<S>>(
  deps: ScopeDeps,
  name: Name,
  { access, ...watching }: WatchedCallDeps & { access: CollectionAccess },
): LiveCollection<S, Name> {
  const { scope } = deps;
  const { subscriptions } = watching;
  const target = { scope, collection: mustKnow(deps, name) };
  type Shown = RecordOf<S, Name>;
  const shown = ({ id, body }: FoundRecord): Shown => ({ ...body, id }) as unknown as Shown;
  const made = createCollection<S, Name>(deps, name, access);
  return {
    ...made,
    get: Object.assign(
      made.get,
      subscribable<[string], Shown | undefined>(1, ([id], reader) =>
        subscriptions.watchRecords(
          target,
          { where: { id } },
          { ...reader, show: ([one]) => one && shown(one) },
        ),
      ),
    ),
    list: Object.assign(
      made.list,
      subscribable<[ListOptions], Shown[]>(1, ([{ limit = listMax, after }], reader) =>
        subscriptions.watchRecords(
          target,
          { limit, ...(after === undefined ? {} : { after: { id: after } }) },
          { ...reader, show: (found) => found.map(shown) },
        ),
      ),
    ),
    where: Object.assign(
      made.where,
      subscribable<[Query<FieldsOf<S, Name>>], Shown[]>(1, ([query], reader) =>
        subscriptions.watchRecords(target, query, { ...reader, show: (found) => found.map(shown) }),
      ),
    ),
    isPending: watchedCall(watching, {
      scope,
      count: 1,
      read: (tx, id: string) => isPending(tx, scope, recordKey(name, id)),
    }),
  };
}

const listMax = 1_000;

function mustKnow({ schema }: ScopeDeps, name: string): Collection {
  const collection = schema.collections.get(name);
  if (!collection) throw unknownCollection(name);
  return collection;
}
