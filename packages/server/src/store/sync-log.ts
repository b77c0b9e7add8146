// The part of the store's port about the sync log: what devices of protocols without replicas did, for statistics and the operator.

/** Short values that the server's own code chose, such as counts; nothing of a record. */
export type SyncFacts = Readonly<Record<string, string | number | boolean>>;

export interface SyncEntry {
  at: number;
  protocol: string;
  device: string;
  scope: string;
  /** `push`, `pull`, `resolve` and whatever else a protocol tells apart. */
  kind: string;
  ok: boolean;
  facts: SyncFacts;
}

export interface PlacedSyncEntry extends SyncEntry {
  place: number;
}

/** Of all syncs of one protocol and kind, also of those whose entries are gone. */
export interface SyncCount {
  protocol: string;
  kind: string;
  total: number;
  ok: number;
  lastAt: number;
}

/** What is added at once: entries, and by how much the counts rise. */
export interface SyncNotes {
  entries: readonly SyncEntry[];
  counts: readonly SyncCount[];
}

/** Newest first; `before`: the place of the last entry that was read. */
export interface SyncQuery {
  protocol?: string;
  device?: string;
  before?: number;
  max: number;
}
