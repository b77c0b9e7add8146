// Changes and mutations: what a device did, as it travels and as the engine reads it.

import type { JsonObject } from './json.ts';

/**
 * One write to one record. `base` is the version of the record that the writer saw (0 or absent: none).
 * `replaced` holds the value that each changed field had there (null where it had none).
 */
export type Change = PutChange | PatchChange | DeleteChange | AddChange;

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
