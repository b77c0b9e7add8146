// Records of hims and of the engine, in both directions. Pure.
//
//   wire   { uuid, last_modified, is_synced, source_device, is_deleted?, …fields }
//   stored { last_modified, …fields } under the id, with its writer and the time at which it counts as made
//
// What the server sets is metadata and never stored in the body. The time of change stays in it as the device gave it.

import {
  type DeclaredWrite,
  type Json,
  type JsonObject,
  type Schema,
  SpoiledItem,
  type StoredRecord,
  type TimeJudge,
  type TimePolicy,
} from '@holdfast/core';
import { storedName, wireName } from '../field-names.ts';
import type { MountedCollection } from '../mount.ts';
import { readTimeMs, timeText } from '../time.ts';

export const protocolName = 'hims';

/** Under which a device's writes are recorded. */
export function writerOf(device: string): string {
  return `${protocolName}/${device}`;
}

const bookkeeping = ['is_synced', 'source_device'] as const;

/** Says of a tombstone that it is one. What a live record says there comes back with it, because its clients have a column for it. */
const flag = 'is_deleted';

/** How changes are judged: by their time; the schema's policy of a collection says what becomes of one that is not newer. */
export function judgeOf(schema: Schema, tables: Iterable<MountedCollection>): TimeJudge {
  const all = [...tables];
  return {
    by: 'time',
    put: 'fields',
    sameTime: 'conflict',
    ignored: new Set([...bookkeeping, flag, ...all.map(({ time }) => time)]),
    policies: new Map(all.map(({ collection }) => [collection, policyOf(schema, collection)])),
  };
}

function policyOf({ collections }: Schema, collection: string): TimePolicy {
  const policy = collections.get(collection)?.policy;
  return policy === 'ask' || policy === 'server' ? policy : 'newest';
}

/** One record of a push, as the engine takes it. */
export interface Taken {
  table: string;
  uuid: string;
  /** As the device gave it. */
  timestamp: string;
  payload: JsonObject;
  write: DeclaredWrite;
}

export interface Refused {
  table: string;
  uuid: string;
  message: string;
}

/** A record that cannot be read is refused alone. */
export function readRecord(
  table: MountedCollection,
  given: unknown,
  { idCharsMax }: { idCharsMax: number },
): Taken | Refused {
  const { wire, collection } = table;
  if (given instanceof SpoiledItem)
    return { table: wire, uuid: shown(given.told(table.id), idCharsMax), message: given.reason };
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return { table: wire, uuid: '', message: 'A record is a JSON object.' };
  const payload = given as JsonObject;
  const { [table.id]: uuid, [table.time]: timestamp } = payload;
  const refused = (field: string, message: string): Refused => ({
    table: wire,
    uuid: shown(uuid, idCharsMax),
    message: `${field}: ${message}`,
  });
  if (typeof uuid !== 'string' || uuid === '') return refused(table.id, 'a record has one, a text.');
  if (uuid.length > idCharsMax) return refused(table.id, `it has at most ${idCharsMax} characters.`);
  const madeAt = typeof timestamp === 'string' ? readTimeMs(timestamp) : undefined;
  if (typeof timestamp !== 'string' || madeAt === undefined)
    return refused(table.time, 'a time is ISO 8601, such as 2026-01-31T12:00:00.000Z.');
  const deleted = readFlag(payload[flag]);
  if (deleted === undefined) return refused(flag, 'it is 0 or 1.');
  const change = deleted
    ? ({ type: 'delete', collection, id: uuid } as const)
    : ({ type: 'put', collection, id: uuid, body: bodyIn(table, payload) } as const);
  return { table: wire, uuid, timestamp, payload, write: { change, madeAt } };
}

/** A number is told back as text; what is no id at all as none. */
function shown(uuid: Json | undefined, charsMax: number): string {
  return typeof uuid === 'string' || typeof uuid === 'number' ? String(uuid).slice(0, charsMax) : '';
}

function readFlag(value: Json | undefined): boolean | undefined {
  if (value === undefined || value === null || value === 0 || value === false) return false;
  return value === 1 || value === true ? true : undefined;
}

/** The fields of a wire record that are the record's own. */
export function bodyIn(table: MountedCollection, payload: JsonObject): JsonObject {
  const set = new Set<string>([table.id, ...bookkeeping]);
  const own = Object.entries(payload).filter(([field]) => !set.has(field));
  return Object.fromEntries(own.map(([field, value]) => [storedName(field), value]));
}

/** A version of a record, as far as its clients can see it. */
export interface Seen {
  id: string;
  writer: string;
  madeAt: number;
  body: JsonObject | null;
}

export function seenOf({ id, writer, madeAt, body }: StoredRecord): Seen {
  return { id, writer, madeAt, body: body === null ? null : (JSON.parse(body) as JsonObject) };
}

/** As a pull shows it. */
export function wireRecord(table: MountedCollection, seen: Seen): JsonObject {
  const { id, writer, body } = seen;
  const hidden = new Set<string>([table.id, table.time, ...bookkeeping]);
  const fields = Object.entries(body ?? {})
    .map(([field, value]) => [wireName(field), value] as const)
    .filter(([field]) => !hidden.has(field));
  return {
    [table.id]: id,
    ...Object.fromEntries(fields),
    ...(body?.[flag] ? { [flag]: 0 } : {}),
    [table.time]: wireTime(table, seen),
    is_synced: 1,
    source_device: deviceIn(writer),
    ...(body === null ? { [flag]: 1 } : {}),
  };
}

/** The device's own time, where its write made the version; else when that counts as made. */
export function wireTime({ time }: MountedCollection, { writer, madeAt, body }: Seen): string {
  const said = body?.[time];
  return writer.startsWith(`${protocolName}/`) && typeof said === 'string' ? said : timeText(madeAt);
}

/** The device of `<protocol>/<device>`; a replica has its own name, and a resolution is the server's. */
function deviceIn(writer: string): string {
  return writer.slice(writer.indexOf('/') + 1);
}
