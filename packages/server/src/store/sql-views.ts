// SQL views that a preset declares, for reports that know the tables of the system that it stands in for. Data, never SQL: each store
// says what a fact is in its own tables.

/** Names that are compared without case, as in SQL; one that is taken by something else gets a number behind it. */
export type SqlView =
  | RecordView
  | EngineView<'devices', DeviceFact>
  | EngineView<'syncs', SyncFact>
  | EngineView<'conflicts', ConflictFact>;

/** The live records of a collection; it stands in the place of the view that the collection has otherwise. */
export interface RecordView {
  name: string;
  collection: string;
  columns: ViewColumns<RecordFact>;
  /**
   * Which fields of the schema follow as columns: none (the default), those for which no column is named, or all, under another name
   * where theirs is taken. What the schema does not know is in the fact `body`.
   */
  fields?: 'none' | 'unnamed' | 'all';
}

export interface EngineView<Table extends string, Fact> {
  name: string;
  table: Table;
  columns: ViewColumns<Fact>;
}

/** Column → where its value comes from, in this order. */
export type ViewColumns<Fact> = Readonly<Record<string, ViewSource<Fact>>>;

export type ViewSource<Fact> =
  | Fact
  /**
   * A member of a fact that is JSON: of the record's `body`, of a sync's `facts`, or of the one that is named. With a `protocol`: null
   * where none of its devices wrote it.
   */
  | { field: string; of?: Fact; protocol?: string }
  /** A time in milliseconds, as ISO 8601 in UTC. */
  | { iso: Fact }
  /** The same for every row. */
  | { value: string | number }
  /** The first of these that is not null. */
  | { first: readonly ViewSource<Fact>[] }
  /** Each value under another name; those that are not named stay. */
  | { renamed: ViewSource<Fact>; as: Readonly<Record<string, string>> };

/**
 * `declaredVersion`: the version that clients know which declare one. `madeAt`, `createdAt`: when this version, and the first that is still kept, was made. `device`: who wrote this version. `body`: the
 * record as JSON text, without its id.
 */
export const recordFacts = [
  'scope',
  'id',
  'number',
  'version',
  'stamp',
  'edits',
  'declared',
  'declaredVersion',
  'writer',
  'device',
  'madeAt',
  'createdAt',
  'bodyHash',
  'body',
] as const;
export type RecordFact = (typeof recordFacts)[number];

/** `active`: 1, or 0 when it was revoked. Times in milliseconds. */
export const deviceFacts = [
  'device',
  'name',
  'role',
  'address',
  'createdAt',
  'seenAt',
  'revokedAt',
  'active',
] as const;
export type DeviceFact = (typeof deviceFacts)[number];

export const syncFacts = ['place', 'at', 'protocol', 'device', 'scope', 'kind', 'ok', 'facts'] as const;
export type SyncFact = (typeof syncFacts)[number];

/**
 * `deviceBody`: what the device sent last, as JSON text; null when it deleted. `deviceMadeAt`, `serverMadeAt`: when the two sides were
 * made. `ruling`: in a word of core, what the judge made of the last of its changes, where they came from a client that names no base
 * as replicas do. `resolution` and what follows it: null while it is open.
 */
export const conflictFacts = [
  'scope',
  'id',
  'collection',
  'record',
  'device',
  'writer',
  'at',
  'deviceMadeAt',
  'serverMadeAt',
  'serverVersion',
  'policy',
  'state',
  'deviceBody',
  'serverBody',
  'ruling',
  'resolution',
  'resolvedBy',
  'resolvedAt',
] as const;
export type ConflictFact = (typeof conflictFacts)[number];
