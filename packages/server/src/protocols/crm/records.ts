// Records of crm and of the engine, in both directions. Pure.
//
//   wire   { <unique id field>, updated_at, sync_status, last_synced_at, …fields }   deleted: { <unique id field>, deleted, updated_at }
//   stored { updated_at, …fields } under the id, with its writer and the time at which it counts as made
//
// What the server sets is metadata and never stored in the body. The time of change stays in it as the device gave it.

import {
  type DeclaredWrite,
  type Json,
  type JsonObject,
  SpoiledItem,
  type StoredRecord,
} from '@holdfast/core';
import { storedName, wireName } from '../field-names.ts';
import type { MountedCollection } from '../mount.ts';
import { readTimeMs, timeText } from '../time.ts';

export const protocolName = 'crm';

/** Under which a device's writes are recorded. */
export function writerOf(device: string): string {
  return `${protocolName}/${device}`;
}

const bookkeeping = ['sync_status', 'last_synced_at'] as const;

/** Says of a tombstone that it is one. What a live record says there comes back with it, because its clients may index it. */
export const flag = 'deleted';

/** One record of a push, as the engine takes it. */
export interface Taken {
  entity: MountedCollection;
  uniqueId: string;
  /** As the device sent it. */
  sent: JsonObject;
  write: DeclaredWrite;
}

export interface Refused {
  entityType: string;
  uniqueId: string;
  error: string;
}

/** A record that cannot be read is refused alone. `seenSeq`: how far its device has read. */
export function readRecord(
  entity: MountedCollection,
  given: unknown,
  { idCharsMax, seenSeq }: { idCharsMax: number; seenSeq: number },
): Taken | Refused {
  const { wire: entityType, collection, id: idField, time } = entity;
  if (given instanceof SpoiledItem)
    return { entityType, uniqueId: shown(given.told(idField), idCharsMax), error: given.reason };
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return { entityType, uniqueId: '', error: 'A record is a JSON object.' };
  const sent = given as JsonObject;
  const { [idField]: id, [time]: updatedAt, [flag]: deleted } = sent;
  const refused = (field: string, why: string): Refused => ({
    entityType,
    uniqueId: shown(id, idCharsMax),
    error: `${field}: ${why}`,
  });
  if (typeof id !== 'string' || id === '') return refused(idField, 'A record has one, a text.');
  if (id.length > idCharsMax) return refused(idField, `It has at most ${idCharsMax} characters.`);
  const madeAt = readTime(updatedAt);
  if (madeAt === undefined)
    return refused(time, 'A record has one, a time in ISO 8601 such as 2026-01-31T12:00:00.000Z.');
  const isDeleted = readFlag(deleted);
  if (isDeleted === undefined) return refused(flag, 'It is true or false.');
  const change = isDeleted
    ? ({ type: 'delete', collection, id } as const)
    : ({ type: 'put', collection, id, body: bodyIn(entity, sent) } as const);
  return { entity, uniqueId: id, sent, write: { change, madeAt, base: { seq: seenSeq } } };
}

/** Milliseconds since 1970, of a text or of just such a number; undefined for what is no time. */
export function readTime(given: unknown): number | undefined {
  if (typeof given === 'string') return readTimeMs(given);
  const isTime = typeof given === 'number' && Number.isInteger(given) && given >= 0;
  return isTime && !Number.isNaN(new Date(given).getTime()) ? given : undefined;
}

/** A number is told back as text; what is no id at all as none. */
function shown(id: Json | undefined, charsMax: number): string {
  return typeof id === 'string' || typeof id === 'number' ? String(id).slice(0, charsMax) : '';
}

/** IndexedDB cannot index booleans, so its clients may keep numbers. */
function readFlag(value: Json | undefined): boolean | undefined {
  if (value === undefined || value === null || value === 0 || value === false) return false;
  return value === 1 || value === true ? true : undefined;
}

/** The fields of a wire record that are the record's own. */
export function bodyIn(entity: MountedCollection, sent: JsonObject): JsonObject {
  const set = new Set<string>([entity.id, ...bookkeeping]);
  const own = Object.entries(sent).filter(([field]) => !set.has(field));
  return Object.fromEntries(own.map(([field, value]) => [storedName(field), value]));
}

/** A version of a record, as far as its clients can see it. */
export interface Seen {
  id: string;
  writer: string;
  madeAt: number;
  body: JsonObject | null;
  /** When the server took it, where that is known. */
  stamp?: number;
}

export function seenOf({ id, writer, madeAt, body, stamp }: StoredRecord): Seen {
  return { id, writer, madeAt, stamp, body: body === null ? null : (JSON.parse(body) as JsonObject) };
}

/** As a pull shows it. */
export function wireRecord(entity: MountedCollection, seen: Seen): JsonObject {
  const { id, body, stamp } = seen;
  const { id: idField, time } = entity;
  const updatedAt = wireTime(entity, seen);
  if (body === null) return { [idField]: id, [flag]: true, [time]: updatedAt };
  const hidden = new Set<string>([idField, time, ...bookkeeping]);
  const fields = Object.entries(body)
    .map(([field, value]) => [wireName(field), value] as const)
    .filter(([field]) => !hidden.has(field));
  return {
    [idField]: id,
    ...Object.fromEntries(fields),
    ...(body[flag] ? { [flag]: false } : {}),
    [time]: updatedAt,
    sync_status: 'SYNCED',
    ...(stamp === undefined ? {} : { last_synced_at: timeText(stamp) }),
  };
}

/** The device's own time, where its write made the version; else when that counts as made. */
function wireTime({ time }: MountedCollection, { writer, madeAt, body }: Seen): Json {
  const said = body?.[time];
  return writer.startsWith(`${protocolName}/`) && readTime(said) !== undefined && said !== undefined
    ? said
    : timeText(madeAt);
}
