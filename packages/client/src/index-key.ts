// Texts that order as the values do that they stand for, so that an ordered table of texts is an index.
//
//   null, absent   1                       a record's entry under index ["shop","price"]:
//   false, true    2, 3
//   number         4 + 16 hex digits         [scope, collection, '["shop","price"]', '5main<end>4c059…', id] → null
//   string         5 + escaped text + end
//   array, object  6                       No segment is the beginning of another, so the order of two entries is that of
//                                          their first differing field, and what begins with some segments lies together.
//
// An array or object is not indexable: all of them are one value behind every other, equal to no scalar, in no range. They have
// entries all the same, because an index must hold every record of its collection to answer for other fields and for an order.

import { type Collection, canonicalJson, type Json, type JsonObject } from '@holdfast/core';
import type { StorageEntry, StorageKey } from './storage/port.ts';

/** A whole number from 0 as a text of fixed width, so that texts order as the numbers do. */
export function placeKey(place: number): string {
  if (!Number.isSafeInteger(place) || place < 0)
    throw new RangeError('A place is a whole number from 0 to 2^53 − 1.');
  return String(place).padStart(16, '0');
}

/** A value as a text. Texts of two values compare (compareText) as the values do (compareScalar), containers behind all. */
export function encodeValue(value: Json | undefined): string {
  switch (typeof value) {
    case 'undefined':
      return '1';
    case 'boolean':
      return value ? '3' : '2';
    case 'number':
      return `4${sortableBits(value)}`;
    case 'string':
      return `5${escaped(value)}${stringEnd}`;
    default:
      return value === null ? '1' : '6';
  }
}

/** The texts of several values, in a row. */
export function encodeValues(values: readonly (Json | undefined)[]): string {
  return values.map(encodeValue).join('');
}

/** What the text of every string begins with that begins with `text`, and of no other value. */
export function encodeStringPrefix(text: string): string {
  return `5${escaped(text)}`;
}

/** The segments of a text that encodeValues made, one for each value. */
export function segmentsOf(encoded: string): string[] {
  const segments: string[] = [];
  for (let at = 0; at < encoded.length; at += segments.at(-1)?.length ?? 1) {
    segments.push(encoded.slice(at, segmentEnd(encoded, at)));
  }
  return segments;
}

/** Behind every text that begins with `prefix`, in front of every other that is above it. Undefined: there is none above it. */
export function firstBehind(prefix: string): string | undefined {
  for (let head = prefix; head !== ''; ) {
    const width = /[\udc00-\udfff]$/.test(head) ? 2 : 1;
    const last = head.codePointAt(head.length - width) ?? 0;
    head = head.slice(0, -width);
    // There are no texts with U+10FFFF raised by one, and none with a lone surrogate.
    if (last < 0x10ffff) return head + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}

/** The third part of an index entry's key. JSON, because a field's name may hold any character. */
export function indexName(fields: readonly string[]): string {
  return canonicalJson(fields);
}

/** The field's value, if it is the body's own: `constructor` is a member of every object. */
export function fieldOf(body: JsonObject, field: string): Json | undefined {
  return Object.hasOwn(body, field) ? body[field] : undefined;
}

export interface IndexedRecord {
  scope: string;
  collection: Collection;
  id: string;
}

/** The index entries of one record. */
export function indexEntriesOf({ scope, collection, id }: IndexedRecord, body: JsonObject): StorageEntry[] {
  return collection.indexes.map((fields) => ({
    key: [
      scope,
      collection.name,
      indexName(fields),
      encodeValues(fields.map((field) => fieldOf(body, field))),
      id,
    ],
    value: null,
  }));
}

/** What a write of one record does to the table `indexes`. A body that is undefined: there is no such record, before or after. */
export function indexChanges(
  write: IndexedRecord & { before: JsonObject | undefined; after: JsonObject | undefined },
): { delete: StorageKey[]; put: StorageEntry[] } {
  const before = write.before ? indexEntriesOf(write, write.before) : [];
  const after = write.after ? indexEntriesOf(write, write.after) : [];
  // Both lists follow the order of the indexes, so entries of one index stand at one place.
  const differs = (entry: StorageEntry, other: StorageEntry | undefined): boolean =>
    entry.key[3] !== other?.key[3];
  return {
    delete: before.filter((entry, at) => differs(entry, after[at])).map((entry) => entry.key),
    put: after.filter((entry, at) => differs(entry, before[at])),
  };
}

/** Ends a string: below whatever an escaped text may go on with. */
const stringEnd = '\u0001';

/**
 * Ordered as the number is: a positive double's bits order as a whole number does, a negative one's the other way round; so the
 * sign is flipped for the former and all bits for the latter. -0 is 0.
 */
function sortableBits(value: number): string {
  if (Number.isNaN(value)) throw new TypeError('NaN has no place in an order.');
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value === 0 ? 0 : value);
  const high = view.getUint32(0);
  const low = view.getUint32(4);
  return high < signBit ? hex(high + signBit) + hex(low) : hex(~high >>> 0) + hex(~low >>> 0);
}

const signBit = 0x8000_0000;

function hex(half: number): string {
  return half.toString(16).padStart(8, '0');
}

/** U+0000, U+0001 and U+0002 become pairs that begin with U+0002: in order, and without an end in them. */
function escaped(text: string): string {
  return text.replace(marks, (mark) => `\u0002${String.fromCharCode(mark.charCodeAt(0) + 2)}`);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that the encoding itself uses.
const marks = /[\0-\u0002]/g;

function segmentEnd(encoded: string, start: number): number {
  if (encoded[start] === '4') return start + 17;
  return encoded[start] === '5' ? encoded.indexOf(stringEnd, start) + 1 : start + 1;
}
