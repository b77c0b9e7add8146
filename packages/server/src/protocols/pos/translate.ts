// Between the messages of pos and the engine's verbs, in both directions. Pure.
//
// A record's body is the order or transaction as it came, and beside its fields two of the protocol's own: the device that made it, and
// the hash of what came, for the SQL views.

import {
  bodyOf,
  canonicalJson,
  type Declared,
  type DeclaredWrite,
  declaredVersion,
  type JsonObject,
  type Ruling,
  type Sha256,
  type StoredRecord,
  type Verdict,
} from '@holdfast/core';
import { storedName, wireName } from '../field-names.ts';
import type { ConflictType, Result, Stats, Updates } from './answers.ts';
import { type BadItem, type Item, type Kind, kinds, parts } from './wire.ts';

export const creatorField = 'pos:deviceId';
export const hashField = 'pos:hash';

/** Fields that no version is judged by. */
export const ignored: ReadonlySet<string> = new Set([creatorField, hashField]);

export function writerOf(device: string): string {
  return `pos/${device}`;
}

/** Why an item cannot be stored, if it cannot. */
export function refusalOf(
  { kind, localId, content }: Item,
  { collections }: { collections: { has(kind: Kind): boolean } },
): BadItem | undefined {
  if (!collections.has(kind)) return { localId, message: `This server keeps no ${kind}.` };
  const own = Object.keys(content ?? {}).find((field) => ignored.has(field));
  return own === undefined
    ? undefined
    : { localId, message: `${parts[kind]}.${own}: Such a name is the server's own.` };
}

export function writeOf(item: Item, collection: string, sha256: Sha256): DeclaredWrite {
  const { localId: id, version, content, creator } = item;
  if (content === null) return { change: { type: 'delete', collection, id }, version };
  const body: JsonObject = {
    ...renamed(content, storedName),
    [creatorField]: creator,
    [hashField]: hashOf(content, sha256),
  };
  return { change: { type: 'put', collection, id, body }, version };
}

/** The order or transaction as it came, whoever wrote it; null: it is deleted. */
export function contentOf(record: StoredRecord): JsonObject | null {
  return seenOf(record)?.content ?? null;
}

interface Seen {
  content: JsonObject;
  /** Of a record that came another way, whoever wrote it last: `<protocol>/<device>`, or a replica. */
  creator: string;
}

function seenOf(record: StoredRecord): Seen | undefined {
  const body = bodyOf(record);
  if (body === null) return undefined;
  const { [creatorField]: creator, [hashField]: _, ...content } = body;
  const { writer } = record;
  return {
    content: renamed(content, wireName),
    creator: typeof creator === 'string' ? creator : writer.slice(writer.indexOf('/') + 1),
  };
}

function renamed(fields: JsonObject, nameOf: (field: string) => string): JsonObject {
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [nameOf(field), value]));
}

/** The empty text for what is deleted. */
export function hashOf(content: JsonObject | null, sha256: Sha256): string {
  return content === null ? '' : sha256(canonicalJson(content));
}

export function badResult({ localId, message }: BadItem): Result {
  return { success: false, localId, message, conflicts: [] };
}

const sayings: Readonly<Record<ConflictType, string>> = {
  DELETED_ITEM: 'Conflict: the item is deleted on the server',
  DUPLICATE_NUMBER: 'Conflict: another item has this number',
  HASH_MISMATCH: 'Conflict: the server has this version with other content',
  CONCURRENT_MODIFICATION: 'Conflict: another device has made this version',
  VERSION_MISMATCH: 'Conflict: server version is newer',
};

const conflictOf: Readonly<Partial<Record<Ruling, ConflictType>>> = {
  gone: 'DELETED_ITEM',
  differs: 'HASH_MISMATCH',
  concurrent: 'CONCURRENT_MODIFICATION',
  older: 'VERSION_MISMATCH',
};

/** `owner`: the record that has the number, where that is why. */
export function resultOf(
  item: Item,
  { verdict, record, owner }: Pick<Declared, 'verdict' | 'record'> & { owner: StoredRecord | undefined },
  sha256: Sha256,
): Result {
  const type = verdict.ruling && conflictOf[verdict.ruling];
  if (verdict.code === 'unique_taken') return conflictResult(item, 'DUPLICATE_NUMBER', owner, sha256);
  if (verdict.verdict === 'rejected') {
    const { localId } = item;
    return badResult({ localId, message: sayingOf(item, verdict) });
  }
  if (type) return conflictResult(item, type, record ?? undefined, sha256);
  const serverHash = hashOf(item.content, sha256);
  const stands = record !== null && hashOf(contentOf(record), sha256) === serverHash;
  return {
    success: true,
    localId: item.localId,
    serverId: record?.number ?? 0,
    // A repeat is answered as the first time, also when another device has made a later version since.
    syncVersion: stands ? declaredVersion(record) : item.version,
    serverHash,
    syncedAt: record?.stamp ?? 0,
  };
}

function conflictResult(
  { localId, version }: Item,
  type: ConflictType,
  record: StoredRecord | undefined,
  sha256: Sha256,
): Result {
  const content = record ? contentOf(record) : null;
  const conflict = {
    type,
    localId,
    clientVersion: version,
    serverVersion: record ? declaredVersion(record) : 0,
    serverData: content ?? {},
    serverLocalId: record?.id ?? '',
    serverId: record?.number ?? 0,
    serverHash: hashOf(content, sha256),
  };
  return { success: false, localId, message: sayings[type], conflicts: [conflict] };
}

/** The engine names fields by their place in a mutation, of which the client knows nothing. */
function sayingOf({ kind }: Item, { field, message = 'It was refused.' }: Verdict): string {
  const place = placeIn(field);
  return `${parts[kind]}${place === '' ? '' : `.${place}`}: ${message}`;
}

/** The unique group for which a write was refused. */
export function groupIn({ field }: Verdict): string {
  return placeIn(field);
}

function placeIn(field = ''): string {
  return field.replace(/^changes\[0\]\.?(body\.?)?/, '');
}

/** Of a page, what other devices wrote. */
export function updatesOf(
  records: readonly StoredRecord[],
  given: { device: string; kindOf: ReadonlyMap<string, Kind>; sha256: Sha256 },
): Updates {
  const writer = writerOf(given.device);
  const updates: Updates = { orders: [], transactions: [], deletedOrderIds: [], deletedTransactionIds: [] };
  for (const record of records) {
    const kind = given.kindOf.get(record.collection);
    if (kind === undefined || record.writer === writer) continue;
    const seen = seenOf(record);
    if (!seen) updates[kind === 'orders' ? 'deletedOrderIds' : 'deletedTransactionIds'].push(record.id);
    else if (kind === 'orders')
      updates.orders.push({ order: seen.content, ...envelopeOf(record, seen, given) });
    else updates.transactions.push({ transaction: seen.content, ...envelopeOf(record, seen, given) });
  }
  return updates;
}

function envelopeOf(record: StoredRecord, { content, creator }: Seen, { sha256 }: { sha256: Sha256 }) {
  return {
    localId: record.id,
    syncStatus: 'SYNCED' as const,
    syncVersion: declaredVersion(record),
    deviceId: creator,
    serverId: record.number,
    serverHash: hashOf(content, sha256),
  };
}

export function statsOf(
  tally: readonly { collection: string; records: number; quarantined: number }[],
  given: { kindOf: ReadonlyMap<string, Kind>; stamp: number },
): Stats {
  const counted = new Map(kinds.map((kind) => [kind, { records: 0, quarantined: 0 }]));
  for (const row of tally) {
    const kind = given.kindOf.get(row.collection);
    if (kind) counted.set(kind, row);
  }
  return {
    pendingOrders: 0,
    syncedOrders: counted.get('orders')?.records ?? 0,
    failedOrders: counted.get('orders')?.quarantined ?? 0,
    pendingTransactions: 0,
    syncedTransactions: counted.get('transactions')?.records ?? 0,
    failedTransactions: counted.get('transactions')?.quarantined ?? 0,
    lastSyncTimestamp: given.stamp,
  };
}
