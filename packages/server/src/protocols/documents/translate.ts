// Between messages of `documents` and the engine's changes and records, in both directions. Nothing here decides.

import {
  canonicalJson,
  type Declared,
  type DeclaredWrite,
  type Json,
  type JsonObject,
  type Judge,
  type StoredRecord,
} from '@holdfast/core';
import { storedName, wireName } from '../field-names.ts';
import type { MountedCollection } from '../mount.ts';
import type { Names } from '../names.ts';
import { type ChangeMessage, type Fault, givenCollections, idCharsMax, type MessageId } from './wire.ts';

/** Newest declared time wins per document, at the same time the later arrival, and a document is replaced whole. */
export const judge: Judge = {
  by: 'time',
  policies: new Map(),
  put: 'whole',
  sameTime: 'wins',
  ignored: new Set(),
};

/** Each user is a scope. No other protocol's scope has such a name unless its config says so. */
export function scopeOf(userId: string): string {
  return `user:${userId}`;
}

export function writerOf(deviceId: string): string {
  return `${ownWriters}${deviceId}`;
}

const ownWriters = 'documents/';

/** The device of a record's last writer, whatever protocol it came by; a replica's id where it was a replica. */
export function deviceOf(writer: string): string {
  return writer.slice(writer.indexOf('/') + 1);
}

/** The write that a message asks for; a fault where no such collection is taken. */
export function writeOf(names: Names, { type, data, messageId }: ChangeMessage): DeclaredWrite | Fault {
  const known = names.collection(data.collection);
  if (!known)
    return { code: 'COLLECTION_UNKNOWN', message: 'data.collection: There is no such collection here.' };
  const { collection } = known;
  const declared = {
    // A part of a millisecond is nothing that a store keeps.
    ...(data.timestamp == null ? {} : { madeAt: Math.floor(data.timestamp) }),
    ...(messageId == null ? {} : { message: `${messageId}` }),
  };
  if (type === 'DATA_DELETE')
    return { change: { type: 'delete', collection, id: data.documentId }, ...declared };
  const { [known.id]: id, ...rest } = data.document as JsonObject;
  if (typeof id !== 'string' || id === '' || id.length > idCharsMax)
    return {
      code: 'INVALID_MESSAGE',
      message: `data.document.${known.id}: It is a text of 1 to ${idCharsMax} characters.`,
    };
  const body = known.id === 'id' ? rest : renamed(rest, storedName);
  return { change: { type: 'put', collection, id, body }, ...declared };
}

/** What became of a change, as its sender is told. */
export type Outcome =
  | { type: 'applied' }
  /** Not newer than what is stored, which the sender gets. */
  | { type: 'older'; stored: StoredRecord | null }
  | { type: 'refused'; fault: Fault };

export function outcomeOf({ verdict, record }: Declared): Outcome {
  if (verdict.verdict === 'rejected') {
    const { code = 'refused', message = 'It was not taken.' } = verdict;
    return { type: 'refused', fault: { code: code.toUpperCase(), message } };
  }
  return verdict.ruling === 'older' ? { type: 'older', stored: record } : { type: 'applied' };
}

/**
 * For each change of a request, the place of the first that is the same message. A message that stands twice in one request came once:
 * told apart by their order, a delete without a time would be a new one each time.
 */
export function firstPlaces(writes: readonly DeclaredWrite[]): number[] {
  const places = new Map<string, number>();
  return writes.map(({ change, madeAt = null, message }, place) => {
    if (message === undefined) return place;
    const key = canonicalJson([message, madeAt, change as unknown as Json]);
    const first = places.get(key) ?? place;
    places.set(key, first);
    return first;
  });
}

/** A document's text, its id first. The body is spliced in as it is stored. */
export function documentText(at: MountedCollection, id: string, body: string): string {
  if (at.id !== 'id')
    return JSON.stringify({ [at.id]: id, ...renamed(JSON.parse(body) as JsonObject, wireName, at.id) });
  const head = `{"id":${JSON.stringify(id)}`;
  return body === '{}' ? `${head}}` : `${head},${body.slice(1)}`;
}

/** Where the id goes by another name, a document may have a field `id` of its own, and not a second of that name. */
function renamed(fields: JsonObject, nameOf: (field: string) => string, except?: string): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([field, value]) => (field === except ? [] : [[nameOf(field), value]])),
  );
}

/** A record as others hear of it: the document, or that it was deleted. */
export function recordText(at: MountedCollection, record: StoredRecord): string {
  const { id, body, stamp, writer } = record;
  const collection = JSON.stringify(at.wire);
  const end = `"timestamp":${stamp},"fromDevice":${JSON.stringify(deviceOf(writer))}}`;
  return body === null
    ? `{"type":"DATA_DELETE","data":{"collection":${collection},"documentId":${JSON.stringify(id)}},${end}`
    : `{"type":"DATA_UPDATE","data":{"collection":${collection},"document":${documentText(at, id, body)}},${end}`;
}

export function ackText(messageId: MessageId, timestamp: number): string {
  return JSON.stringify({ type: 'ACK', messageId, timestamp });
}

export function errorText({ code, message }: Fault, messageId: MessageId | undefined): string {
  return JSON.stringify({
    type: 'ERROR',
    error: { code, message },
    ...(messageId === undefined ? {} : { messageId }),
  });
}

/** Name on the wire → texts of its documents, or its deleted ids. The given four come first, and always. */
export function collectionsText(texts: ReadonlyMap<string, Iterable<string>>): string {
  const names = new Set<string>([...givenCollections, ...texts.keys()]);
  const members = [...names].map(
    (name) => `${JSON.stringify(name)}:[${[...(texts.get(name) ?? [])].join(',')}]`,
  );
  return `{${members.join(',')}}`;
}

export function fullSyncText(live: ReadonlyMap<string, Iterable<string>>, timestamp: number): string {
  return `{"type":"FULL_SYNC","data":${collectionsText(live)},"timestamp":${timestamp}}`;
}
