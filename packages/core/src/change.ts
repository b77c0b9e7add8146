// Changes and mutations: what a device did, as it travels and as the engine reads it.

import type { JsonObject } from './json.ts';

/** What a mutation is made of: writes to records, or one answer to a conflict, which then stands alone in it. */
export type Change = RecordChange | ResolveChange;

/**
 * One write to one record. `base` is the version of the record that the writer saw (0 or absent: none).
 * `replaced` holds the value that each changed field had there (null where it had none).
 */
export type RecordChange = PutChange | PatchChange | DeleteChange | AddChange;

interface ChangeTarget {
  collection: string;
  id: string;
  base?: number;
}

/** The whole record. On an existing record it is judged as a patch of the fields that `replaced` names. */
export interface PutChange extends ChangeTarget {
  type: 'put';
  body: JsonObject;
  replaced?: JsonObject;
}

/** Some fields: `set` gives values, `unset` removes. The others stay. */
export interface PatchChange extends ChangeTarget {
  type: 'patch';
  set?: JsonObject;
  unset?: readonly string[];
  replaced?: JsonObject;
}

export interface DeleteChange extends ChangeTarget {
  type: 'delete';
}

/** Increments of counters, exact decimals; a missing counter counts as 0. */
export interface AddChange extends ChangeTarget {
  type: 'add';
  amounts: Readonly<Record<string, number>>;
}

/** A person's answer to a conflict about the record. `base`: the version of it that the person saw, own writes aside. */
export interface ResolveChange extends ChangeTarget {
  type: 'resolve';
  conflict: number;
  /** See `ResolutionAnswer`. */
  answer: 'server' | 'device' | 'value' | 'undo';
  /** With the answer `value`, and no other: what the record becomes. `replaced` as in a put. */
  body?: JsonObject;
  replaced?: JsonObject;
}

/** The clocks when a mutation was made. */
export interface Made {
  /** The device's wall clock, in milliseconds since 1970. */
  wall: number;
  /** Monotonic milliseconds since the start of `session`. */
  mono: number;
  session: string;
  /** Measured server time minus wall clock, in milliseconds; 0 when never measured. */
  offset: number;
  /** The newest server time that the replica has seen; 0 when none. */
  seen: number;
}

/** Changes that apply all or none, under an id that survives retry, re-batching, a new replica, rescue and restore. */
export interface Mutation {
  /** A UUID, version 7, lower case. */
  id: string;
  /** The version of the schema that it was written under. */
  schema: number;
  /** The person acting, as the device claims. */
  actor?: string;
  made: Made;
  changes: readonly Change[];
}

/** Records of one collection are ordered within a mutation; this key names one across collections. */
export function recordKey(collection: string, id: string): string {
  return `${collection}/${id}`;
}

/** Names a mutation where a record key may stand: what waits behind it waits on this. No record key has a colon in its collection. */
export function mutationKey(id: string): string {
  return `mutation:${id}`;
}

/** The answer to a conflict that a mutation is; undefined when it writes records. */
export function resolveIn({ changes }: Mutation): ResolveChange | undefined {
  const [change] = changes;
  return changes.length === 1 && change?.type === 'resolve' ? change : undefined;
}

/** What a mutation's hash covers: id, actor, made, schema version and changes, nothing of the envelope. */
export function hashedPart(mutation: Mutation): JsonObject {
  return {
    id: mutation.id,
    ...(mutation.actor === undefined ? {} : { actor: mutation.actor }),
    made: { ...mutation.made },
    schema: mutation.schema,
    changes: mutation.changes as unknown as readonly JsonObject[],
  };
}
