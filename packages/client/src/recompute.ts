// Keeps what the application reads equal to the server's state with the outbox on top, record by record.
//
//   no entry touches the record:   records = server state
//   some do:                       shadows = server state,  records = fold(shadow, entries in order)
//
// All functions run inside a transaction of the caller.

import { type ChangedRecord, type Json, type JsonObject, recordKey, type Schema } from '@holdfast/core';
import { EntryReader, type KnownEntry } from './entry-reader.ts';
import { indexChanges } from './index-key.ts';
import { isInView, placesTouching, recordOfKey } from './outbox.ts';
import { isOnTop, type OpenStage, readOpenStage } from './stages.ts';
import type { StorageEntry, StorageKey, StorageTable, StorageTransaction } from './storage/port.ts';
import { readVeil } from './veil.ts';
import { foldChanges, type Written } from './view.ts';

export interface ScopeDeps {
  schema: Schema;
  scope: string;
}

/** A value of `records`. `version` is that of the server's state underneath; 0 while the server has none. */
export interface VisibleRecord {
  version: number;
  body: JsonObject;
}

/** A value of `shadows`: the server's state. `body` null: the server has no such record, or it is deleted there. */
export interface Shadow {
  version: number;
  body: JsonObject | null;
}

/** How a record stands before a write of this device. */
export interface Stood {
  visible: VisibleRecord | undefined;
  shadow: Shadow | undefined;
  /** The server's state: the shadow, or without one what is visible, or the tombstone. */
  server: Shadow;
}

export interface VisibleMove {
  collection: string;
  id: string;
  before: VisibleRecord | undefined;
  after: VisibleRecord | undefined;
}

export async function readStood(
  tx: StorageTransaction,
  deps: ScopeDeps,
  collection: string,
  id: string,
): Promise<Stood> {
  const key = [deps.scope, collection, id];
  const visible = asVisible(await tx.get('records', key));
  const shadow = asShadow(await tx.get('shadows', key));
  if (shadow) return { visible, shadow, server: shadow };
  if (visible) return { visible, shadow, server: visible };
  const tombstone = await tx.get('tombstones', key);
  return { visible, shadow, server: { version: typeof tombstone === 'number' ? tombstone : 0, body: null } };
}

/** Writes what the application reads of one record, with its index entries. */
export async function writeVisible(
  tx: StorageTransaction,
  deps: ScopeDeps,
  write: VisibleMove,
): Promise<void> {
  const key = [deps.scope, write.collection, write.id];
  if (write.after) await tx.put('records', key, write.after as unknown as Json);
  else if (write.before) await tx.delete('records', key);
  await writeIndexes(tx, deps, [write]);
}

/** Sets the server's state of a record that this device is about to write, from how it stands. */
export async function ensureShadow(
  tx: StorageTransaction,
  deps: ScopeDeps,
  key: string,
  stood: Stood,
): Promise<void> {
  if (stood.shadow) return;
  const { collection, id } = recordOfKey(key);
  await tx.put('shadows', [deps.scope, collection, id], {
    version: stood.server.version,
    body: stood.server.body,
  });
}

/**
 * Takes over the server's state of some records. Those that the outbox touches are only noted in `dirty`; the caller folds
 * them afresh with `recompute` when all else of its transaction is done. What the outbox touched before this transaction is
 * in `dirty` already.
 */
export async function takeServerRecords(
  tx: StorageTransaction,
  deps: ScopeDeps,
  changed: readonly ChangedRecord[],
  dirty: Set<string>,
): Promise<void> {
  // A record that stands twice among them counts as it stands last.
  const latest = new Map(changed.map((record) => [recordKey(record.collection, record.id), record]));
  const all = [...latest].map(([name, record]) => ({
    name,
    record,
    key: [deps.scope, record.collection, record.id],
    live: record.body !== undefined && !record.deleted && !record.removed ? record.body : null,
  }));
  const keys = all.map(({ key }) => key);
  const isTouched = await hasAny(tx, 'touches', deps.scope);
  const shadows = isTouched ? await tx.getMany('shadows', keys) : [];
  const hasTombstones = await hasAny(tx, 'tombstones', deps.scope);
  // What was visible before matters to index entries alone.
  const isIndexed = all.some(({ record }) => indexesOf(deps, record.collection) > 0);
  const stood = isIndexed ? await tx.getMany('records', keys) : [];
  const puts: Record<'records' | 'shadows' | 'tombstones', StorageEntry[]> = {
    records: [],
    shadows: [],
    tombstones: [],
  };
  const moved: VisibleMove[] = [];
  let uncovered = false;
  for (const [at, { name, key, record, live }] of all.entries()) {
    if (record.deleted) puts.tombstones.push({ key, value: record.version });
    else if (hasTombstones) await tx.delete('tombstones', key);
    if (shadows[at] !== undefined) {
      // A removed record leaves nothing behind, not even a version to refer to.
      puts.shadows.push({ key, value: { version: record.removed ? 0 : record.version, body: live } });
      dirty.add(name);
      continue;
    }
    // Nothing is on top of it any more: what comes is what is visible.
    if (!isTouched) uncovered = dirty.delete(name) || uncovered;
    if (live) puts.records.push({ key, value: { version: record.version, body: live } });
    else await tx.delete('records', key);
    const after = live ? { version: record.version, body: live } : undefined;
    moved.push({ collection: record.collection, id: record.id, before: asVisible(stood[at]), after });
  }
  for (const table of ['records', 'shadows', 'tombstones'] as const) {
    if (puts[table].length > 0) await tx.putMany(table, puts[table]);
  }
  // While others are to be folded, their shadows are needed; `recompute` takes them all away.
  if (uncovered && dirty.size === 0) await tx.deleteAll('shadows', [deps.scope]);
  if (isIndexed) await writeIndexes(tx, deps, moved);
}

/**
 * Folds the view of these records afresh. A record that nothing in the outbox touches any more gives up its shadow; with an empty
 * outbox all do, at once.
 */
export async function recompute(
  tx: StorageTransaction,
  deps: ScopeDeps,
  keys: ReadonlySet<string>,
): Promise<void> {
  if (keys.size === 0) return;
  const veil = await readVeil(tx, deps.scope);
  const open = await readOpenStage(tx, deps.scope);
  // Most often the last verdict empties the outbox, and no record needs to be looked up in it.
  const isTouched = await hasAny(tx, 'touches', deps.scope);
  const all = [...keys];
  for (let at = 0; at < all.length; at += chunk)
    await recomputeChunk(tx, deps, { keys: all.slice(at, at + chunk), veil, open, isTouched });
  if (!isTouched) await tx.deleteAll('shadows', [deps.scope]);
}

/** Brings the index entries of some records in line with how they changed. */
export async function writeIndexes(
  tx: StorageTransaction,
  deps: ScopeDeps,
  moved: readonly VisibleMove[],
): Promise<void> {
  const puts: StorageEntry[] = [];
  for (const { collection: name, id, before, after } of moved) {
    const collection = deps.schema.collections.get(name);
    if (!collection || collection.indexes.length === 0) continue;
    const change = indexChanges({
      scope: deps.scope,
      collection,
      id,
      before: before?.body,
      after: after?.body,
    });
    for (const key of change.delete) await tx.delete('indexes', key);
    puts.push(...change.put);
  }
  if (puts.length > 0) await tx.putMany('indexes', puts);
}

interface RecomputeChunk {
  keys: readonly string[];
  veil: string | undefined;
  open: OpenStage | undefined;
  /** Whether there is anything in the outbox. */
  isTouched: boolean;
}

async function recomputeChunk(
  tx: StorageTransaction,
  deps: ScopeDeps,
  { keys, veil, open, isTouched }: RecomputeChunk,
): Promise<void> {
  const stored = keys.map((key): StorageKey => {
    const { collection, id } = recordOfKey(key);
    return [deps.scope, collection, id];
  });
  const shadows = await tx.getMany('shadows', stored);
  const visible = await tx.getMany('records', stored);
  const reader = new EntryReader(tx, deps.scope);
  const puts: StorageEntry[] = [];
  const moved: VisibleMove[] = [];
  for (const [at, key] of stored.entries()) {
    const shadow = asShadow(shadows[at]);
    if (!shadow) continue;
    const record = keys[at] ?? '';
    const places = isTouched ? await placesTouching(tx, deps.scope, record) : [];
    const writes: Written[] = [];
    await reader.each(places, (known) => writes.push(...viewWrites(known, { key: record, veil, open })));
    const body = foldChanges(deps.schema, shadow.body, writes);
    const before = asVisible(visible[at]);
    const after = body === null ? undefined : { version: shadow.version, body };
    if (after) puts.push({ key, value: after });
    else if (before) await tx.delete('records', key);
    const [, collection = '', id = ''] = key;
    moved.push({ collection, id, before, after });
    if (isTouched && places.length === 0) await tx.delete('shadows', key);
  }
  if (puts.length > 0) await tx.putMany('records', puts);
  await writeIndexes(tx, deps, moved);
}

/** The changes of an outbox entry to one record, where they are part of the view. */
function viewWrites(
  { entry, writes }: KnownEntry,
  { key, ...covers }: { key: string; veil: string | undefined; open: OpenStage | undefined },
): Written[] {
  if (!isInView(entry) || !isOnTop(entry, key, covers)) return [];
  return (writes.get(key) ?? []).map((change) => ({ change, schema: entry.mutation.schema }));
}

async function hasAny(tx: StorageTransaction, table: StorageTable, scope: string): Promise<boolean> {
  return (await tx.scan(table, { prefix: [scope], limit: 1 })).length > 0;
}

function indexesOf({ schema }: ScopeDeps, collection: string): number {
  return schema.collections.get(collection)?.indexes.length ?? 0;
}

const chunk = 200;

function asVisible(value: Json | undefined): VisibleRecord | undefined {
  return value as unknown as VisibleRecord | undefined;
}

function asShadow(value: Json | undefined): Shadow | undefined {
  return value as unknown as Shadow | undefined;
}
