// Laws of the texts that stand for values in an index:
//
//   1. The texts of two tuples compare as the tuples do, value by value, whatever the kinds.
//   2. Equal texts mean equal tuples: no value's text is the beginning of another's.
//   3. The tuples that begin with some values are those whose texts begin with the texts of these values, and lie together.
//   4. The texts that begin with a text are one range.
//   5. What a write does to an index is what taking it down and building it anew would do, and no more.

import { compareText, defineSchema, type Json, type JsonObject } from '@holdfast/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  encodeStringPrefix,
  encodeValue,
  encodeValues,
  firstBehind,
  indexChanges,
  indexEntriesOf,
  indexName,
  placeKey,
  segmentsOf,
} from './index-key.ts';

const character = fc.constantFrom(
  'a',
  'b',
  '\0',
  '\u0001',
  '\u0002',
  '\u0003',
  '\u0004',
  '"',
  '5',
  'é',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '😀',
  '\u{10ffff}',
);
const text = fc.oneof(fc.string({ unit: character, maxLength: 4 }), fc.string({ unit: 'binary' }));
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    Number.MIN_VALUE,
    -Number.MIN_VALUE,
    Number.MAX_VALUE,
    Number.MAX_SAFE_INTEGER,
  ),
);
const value: fc.Arbitrary<Json | undefined> = fc.oneof(
  fc.constantFrom(null, undefined, true, false, [], {}, [1], { a: 1 }),
  number,
  text,
);
const tuple = fc.array(value, { minLength: 2, maxLength: 2 });

test('texts compare as the tuples do that they stand for', () => {
  fc.assert(
    fc.property(tuple, tuple, (a, b) => {
      expect(compareText(encodeValues(a), encodeValues(b))).toBe(compareTuples(a, b));
    }),
    { numRuns: 3_000 },
  );
});

test('0 and -0 are one number, null and absent one value', () => {
  expect(encodeValue(-0)).toBe(encodeValue(0));
  expect(encodeValue(undefined)).toBe(encodeValue(null));
});

test('a text comes apart into the texts of its values', () => {
  fc.assert(
    fc.property(fc.array(value), (values) => {
      expect(segmentsOf(encodeValues(values))).toEqual(values.map(encodeValue));
    }),
  );
});

test('tuples that begin with some values lie together: from their texts up to the first behind them', () => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 2 }),
      fc.array(value, { minLength: 2, maxLength: 3 }),
      (lead, values) => {
        const from = encodeValues(lead);
        const begins = lead.every(
          (each, at) => at < values.length && compareTuples([each], [values[at]]) === 0,
        );
        expect(isIn(from, encodeValues(values))).toBe(begins);
      },
    ),
    { numRuns: 1_000 },
  );
});

test('texts that begin with a text lie together, and no other value among them', () => {
  fc.assert(
    fc.property(text, fc.oneof(value, text), (prefix, other) => {
      const begins = typeof other === 'string' && other.startsWith(prefix);
      expect(isIn(encodeStringPrefix(prefix), encodeValue(other))).toBe(begins);
      expect(isIn(encodeStringPrefix(prefix), encodeValue(prefix + String(other)))).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('firstBehind is above everything that begins with the text, and below everything else above it', () => {
  fc.assert(
    fc.property(text, text, (prefix, other) => {
      const end = firstBehind(prefix);
      if (other.startsWith(prefix)) expect(end === undefined || compareText(other, end) < 0).toBe(true);
      else if (compareText(other, prefix) > 0)
        expect(end !== undefined && compareText(other, end) >= 0).toBe(true);
    }),
    { numRuns: 1_000 },
  );
  expect(firstBehind('\u{10ffff}')).toBeUndefined();
  expect(firstBehind('a\u{10ffff}')).toBe('b');
  expect(firstBehind('\ud7ff')).toBe('\ue000');
  expect(firstBehind('\uffff')).toBe('\u{10000}');
});

test('place keys order as the numbers do, and take whole numbers from 0 alone', () => {
  const place = fc.maxSafeNat();
  fc.assert(
    fc.property(place, place, (a, b) => {
      expect(compareText(placeKey(a), placeKey(b))).toBe(Math.sign(a - b));
    }),
  );
  for (const bad of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => placeKey(bad)).toThrow(RangeError);
});

const schema = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({ a: z.unknown(), b: z.unknown(), constructor: z.unknown() }).partial(),
      indexes: ['a', ['a', 'b'], 'constructor'],
    },
  },
});
const collection = schema.collections.get('items')!;
const record = { scope: 's', collection, id: 'x' };

test('each index holds every record, absent fields as null, and of a body only its own fields', () => {
  expect(indexEntriesOf(record, { a: 'x', b: [] }).map(({ key }) => key)).toEqual([
    ['s', 'items', indexName(['a']), encodeValue('x'), 'x'],
    ['s', 'items', indexName(['a', 'b']), encodeValues(['x', []]), 'x'],
    ['s', 'items', indexName(['constructor']), encodeValue(null), 'x'],
  ]);
});

test('a write leaves the entries that building the index anew would give', () => {
  const body: fc.Arbitrary<JsonObject | undefined> = fc.option(
    fc.record({ a: value as fc.Arbitrary<Json>, b: value as fc.Arbitrary<Json> }, { requiredKeys: [] }),
    { nil: undefined },
  );
  fc.assert(
    fc.property(body, body, (before, after) => {
      const keysOf = (one: JsonObject | undefined): string[] =>
        one ? indexEntriesOf(record, one).map(({ key }) => JSON.stringify(key)) : [];
      const change = indexChanges({ ...record, before, after });
      const kept = new Set(keysOf(before));
      for (const key of change.delete) expect(kept.delete(JSON.stringify(key))).toBe(true);
      for (const { key } of change.put) {
        expect(kept.has(JSON.stringify(key))).toBe(false);
        kept.add(JSON.stringify(key));
      }
      expect([...kept].sort()).toEqual(keysOf(after).sort());
      // What stays as it is, is not written.
      const put = new Set(change.put.map(({ key }) => JSON.stringify(key)));
      expect(change.delete.filter((key) => put.has(JSON.stringify(key)))).toEqual([]);
    }),
  );
});

function isIn(from: string, encoded: string): boolean {
  const to = firstBehind(from);
  return compareText(from, encoded) <= 0 && (to === undefined || compareText(encoded, to) < 0);
}

function compareTuples(a: readonly (Json | undefined)[], b: readonly (Json | undefined)[]): number {
  for (const [at, each] of a.entries()) {
    const order = compareValues(each, b[at]);
    if (order !== 0) return order;
  }
  return 0;
}

/** The reference: kind by kind, texts by the bytes of UTF-8. */
function compareValues(a: Json | undefined, b: Json | undefined): number {
  const difference = kindOf(a) - kindOf(b);
  if (difference !== 0) return Math.sign(difference);
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0;
  return 0;
}

function kindOf(each: Json | undefined): number {
  if (each === null || each === undefined) return 0;
  return { boolean: each === true ? 2 : 1, number: 3, string: 4, object: 5 }[typeof each as 'object'];
}
