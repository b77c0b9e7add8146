// Laws of the canonical text:
// 1. It is JSON, and reads back as the value.
// 2. The order in which members were written does not show in it.
// 3. It is its own canonical text.
// 4. equalJson(a, b) exactly when both have the same canonical text.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, equalJson } from './canonical.ts';
import type { Json, JsonObject } from './json.ts';

/** Few different leaves and keys, so that equal values and near misses are common. */
const { value: json } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.oneof(
      fc.constantFrom<Json>(null, true, false, 0, -0, 1, 0.1, '', 'a', '\u{1f600}'),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '\ufb33', '\u{1f600}', '1', '10', '__proto__'), tie('value'), {
      maxKeys: 4,
    }),
  ),
}));

test('1: it reads back as the value', () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(equalJson(JSON.parse(canonicalJson(value)), value)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('2, 4: the order of members does not matter', () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(canonicalJson(turned(value))).toBe(canonicalJson(value));
      expect(equalJson(turned(value), value)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('3: it is its own canonical text', () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalJson(value);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
    { numRuns: 1_000 },
  );
});

test('4: equal values are those of equal text', () => {
  // Also near misses: the second one is the first with something else in one place.
  const near = fc
    .tuple(json, json, fc.nat())
    .map(([a, part, at]): [Json, Json] => [a, replaced(a, part, at)]);
  fc.assert(
    fc.property(fc.oneof(fc.tuple(json, json), near), ([a, b]) => {
      expect(equalJson(a, b)).toBe(canonicalJson(a) === canonicalJson(b));
    }),
    { numRuns: 3_000 },
  );
});

function turned(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (isItems(value)) return value.map(turned);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, turned(member)]),
  );
}

function replaced(value: Json, part: Json, at: number): Json {
  if (value === null || typeof value !== 'object') return part;
  if (isItems(value))
    return value.map((item, index) => (index === at % value.length ? replaced(item, part, at >> 2) : item));
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, member], index) => [
      key,
      index === at % entries.length ? replaced(member, part, at >> 2) : member,
    ]),
  );
}

function isItems(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}
