// Laws of the translation, for whatever a till sends:
// 1. what is stored of an item is answered as it came, with the hash of exactly that;
// 2. the hash depends on nothing but the content: not on the order of keys, the creator, the device or the version;
// 3. an item is told as a success exactly when the engine took it or had it.

import { canonicalJson, type JsonObject, type StoredRecord, type Verdict } from '@holdfast/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '../../digest.ts';
import { contentOf, creatorField, hashField, hashOf, resultOf, updatesOf, writeOf } from './translate.ts';
import type { Item } from './wire.ts';

const field = fc.oneof(
  fc.constantFrom('id', '_id', '__id', 'orderNumber', 'body', 'deleted', 'localId', 'pos'),
  fc.string({ maxLength: 5, unit: 'grapheme' }).filter((name) => !(name in {})),
);
const value = fc.oneof(
  fc.constantFrom(null, true, 0, 1.5, '', 'text'),
  fc.array(fc.integer(), { maxLength: 2 }),
  fc.dictionary(field, fc.integer(), { maxKeys: 2 }),
);
const content = fc.dictionary(field, value, { maxKeys: 6 }) as fc.Arbitrary<JsonObject>;
const device = fc.string({ minLength: 1, maxLength: 8 });

function itemOf(given: JsonObject, creator: string, version = 1): Item {
  return { kind: 'orders', localId: 'o1', version, creator, content: given };
}

function stored(item: Item, more: Partial<StoredRecord> = {}): StoredRecord {
  const { change } = writeOf(item, 'orders', sha256);
  const body = change.type === 'put' ? JSON.stringify(change.body) : null;
  return {
    collection: 'orders',
    id: item.localId,
    number: 7,
    seq: 1,
    ordinal: 0,
    stamp: 1_000,
    edits: 1,
    declared: item.version,
    writer: 'pos/sender',
    madeAt: 1_000,
    schema: 1,
    body,
    bodyHash: '',
    touched: '',
    ...more,
  };
}

test('what is stored is answered as it came', () => {
  fc.assert(
    fc.property(content, device, (given, creator) => {
      const record = stored(itemOf(given, creator));
      expect(JSON.parse(record.body ?? '{}')).not.toHaveProperty('id');
      expect(contentOf(record)).toEqual(given);
      const kindOf = new Map([['orders', 'orders' as const]]);
      const { orders } = updatesOf([record], { device: 'other', kindOf, sha256 });
      expect(orders).toEqual([
        expect.objectContaining({
          order: given,
          deviceId: creator,
          serverHash: sha256(canonicalJson(given)),
        }),
      ]);
      expect(updatesOf([record], { device: 'sender', kindOf, sha256 }).orders).toEqual([]);
    }),
  );
});

test('the hash is that of the content alone', () => {
  fc.assert(
    fc.property(content, device, device, (given, one, other) => {
      const turned = Object.fromEntries(Object.entries(given).reverse());
      expect(hashOf(turned, sha256)).toBe(hashOf(given, sha256));
      const [a, b] = [
        writeOf(itemOf(given, one, 1), 'orders', sha256),
        writeOf(itemOf(turned, other, 9), 'orders', sha256),
      ];
      if (a.change.type !== 'put' || b.change.type !== 'put') throw new Error('Both are puts.');
      expect(a.change.body[hashField]).toBe(b.change.body[hashField]);
      expect({ ...a.change.body, [creatorField]: other }).toEqual(b.change.body);
    }),
  );
});

const rulings = [
  ['inserted', true],
  ['updated', true],
  ['deleted', true],
  ['unchanged', true],
  ['older', false],
  ['differs', false],
  ['concurrent', false],
  ['gone', false],
] as const;

test.each(rulings)('%s is a success: %s', (ruling, success) => {
  const item = itemOf({ total: 1 }, 'maker', 3);
  const verdict: Verdict = { mutation: 'm', verdict: success ? 'applied' : 'merged', asOf: 1, ruling };
  const result = resultOf(item, { verdict, record: stored(item), owner: undefined }, sha256);
  expect(result.success).toBe(success);
});

test('a repeat names the version and hash that it made, also when another one stands', () => {
  const item = itemOf({ total: 1 }, 'maker', 3);
  const later = stored(itemOf({ total: 2 }, 'maker', 8), { declared: 8 });
  const verdict: Verdict = { mutation: 'm', verdict: 'applied', asOf: 1, ruling: 'inserted' };
  expect(resultOf(item, { verdict, record: later, owner: undefined }, sha256)).toMatchObject({
    success: true,
    serverId: 7,
    syncVersion: 3,
    serverHash: sha256(canonicalJson({ total: 1 })),
  });
});
