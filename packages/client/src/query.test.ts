// Queries by example: what is read, what is refused, and what the types say.

import { defineSchema, type FieldsOf } from '@holdfast/core';
import { beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { encodeValues, indexEntriesOf, indexName } from './index-key.ts';
import { findRecords, type Query, type QueryField } from './query.ts';
import { type CountingStorage, countingStorage } from './storage/counting.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import type { StorageEntry } from './storage/port.ts';

const schema = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        shop: z.string(),
        price: z.number(),
        note: z.string().nullable().optional(),
        size: z.enum(['small', 'large']).optional(),
        sold: z.boolean(),
        tags: z.array(z.string()),
        either: z.union([z.number(), z.string()]).nullable(),
      }),
      indexes: [['shop', 'price']],
    },
  },
});
const collection = schema.collections.get('items')!;
type Items = FieldsOf<typeof schema, 'items'>;
type ItemQuery = Query<Items>;

const shops = 100;
const perShop = 10_000;
const shopName = (shop: number): string => `shop-${String(shop).padStart(2, '0')}`;
const idOf = (shop: number, at: number): string =>
  `${String(at).padStart(5, '0')}-${String(shop).padStart(2, '0')}`;

describe('among a million records', () => {
  let storage: CountingStorage;
  // Record `at` of a shop has the price `at`, and every tenth is sold. The entries are put in the order of their keys.
  beforeAll(async () => {
    storage = countingStorage(createMemoryStorage());
    const index = indexName(['shop', 'price']);
    const prices = Array.from({ length: perShop }, (_, at) => encodeValues([at]));
    for (let shop = 0; shop < shops; shop += 1) {
      const encoded = encodeValues([shopName(shop)]);
      const entries = prices.map((price, at): StorageEntry => {
        return { key: ['s', 'items', index, encoded + price, idOf(shop, at)], value: null };
      });
      await storage.transaction('write', (tx) => tx.putMany('indexes', entries));
    }
    for (let at = 0; at < perShop; at += 1) {
      const entries = Array.from({ length: shops }, (_, shop): StorageEntry => {
        const body = { shop: shopName(shop), price: at, sold: at % 10 === 0, tags: [] };
        return { key: ['s', 'items', idOf(shop, at)], value: { version: 1, body } };
      });
      await storage.transaction('write', (tx) => tx.putMany('records', entries));
    }
  }, 60_000);

  const ask = async (
    query: ItemQuery,
  ): Promise<{ found: [unknown, unknown][]; records: number; entries: number }> => {
    storage.reset();
    const found = await storage.transaction('read', (tx) =>
      findRecords(tx, { scope: 's', collection }, query),
    );
    return {
      found: found.map(({ body }) => [body.shop, body.price]),
      records: storage.counts('records').read,
      entries: storage.counts('indexes').read,
    };
  };

  test('the index entries are those that a write of the records makes', async () => {
    const body = { shop: shopName(7), price: 1234, sold: false, tags: [] };
    const [entry] = indexEntriesOf({ scope: 's', collection, id: idOf(7, 1234) }, body);
    expect(await storage.transaction('read', (tx) => tx.get('indexes', entry!.key))).toBeNull();
  });

  test('values of all fields of an index: the result is read and nothing else', async () => {
    const { found, records, entries } = await ask({ where: { shop: shopName(42), price: 4_200 } });
    expect(found).toEqual([[shopName(42), 4_200]]);
    expect([records, entries]).toEqual([1, 1]);
  });

  test('a range behind given values: the result and one entry more at most', async () => {
    const { found, records, entries } = await ask({
      where: { shop: shopName(3), price: { gte: 100, lt: 105 } },
      orderBy: [{ field: 'price', direction: 'desc' }],
    });
    expect(found.map(([, price]) => price)).toEqual([104, 103, 102, 101, 100]);
    expect([records, entries]).toEqual([5, 5]);
  });

  test('a limit cuts what is read, in both directions and on later pages', async () => {
    for (const direction of ['asc', 'desc'] as const) {
      const first = await ask({
        where: { shop: 'shop-05' },
        orderBy: [{ field: 'price', direction }],
        limit: 10,
      });
      expect(first.found[9]).toEqual(['shop-05', direction === 'asc' ? 9 : perShop - 10]);
      expect([first.records, first.entries]).toEqual([10, 10]);
      const at = direction === 'asc' ? 5_000 : 4_999;
      const after = { id: idOf(5, at), shop: 'shop-05', price: at };
      const later = await ask({
        where: { shop: 'shop-05' },
        orderBy: [{ field: 'price', direction }],
        limit: 10,
        after,
      });
      expect(later.found[0]).toEqual(['shop-05', direction === 'asc' ? 5_001 : 4_998]);
      expect([later.records, later.entries]).toEqual([10, 10]);
    }
  });

  test('an index that gives only the order is read as far as the limit goes', async () => {
    const orderBy = [
      { field: 'shop' as const, direction: 'desc' as const },
      { field: 'price' as const, direction: 'desc' as const },
    ];
    const { found, records, entries } = await ask({ orderBy, limit: 3 });
    expect(found[2]).toEqual([shopName(shops - 1), perShop - 3]);
    expect([records, entries]).toEqual([3, 3]);
  });

  test('several values, in the order of the whole: a share of each is read, and no record too many', async () => {
    const query: ItemQuery = {
      where: { shop: { in: ['shop-01', 'shop-02', 'shop-03'] } },
      orderBy: 'price',
      limit: 7,
    };
    const { found, records, entries } = await ask(query);
    expect(found.map(([, price]) => price)).toEqual([0, 0, 0, 1, 1, 1, 2]);
    expect(records).toBe(7);
    expect(entries).toBeLessThanOrEqual(14);
    const after = { id: idOf(2, 5_000), shop: 'shop-02', price: 5_000 };
    const later = await ask({ ...query, after });
    expect(later.found.slice(0, 2)).toEqual([
      ['shop-03', 5_000],
      ['shop-01', 5_001],
    ]);
    expect(later.records).toBe(7);
  });

  test('texts that begin alike are a range', async () => {
    const { found, records } = await ask({ where: { shop: { prefix: 'shop-9' }, price: 3 } });
    expect(found).toHaveLength(10);
    expect(records).toBe(10);
  });

  test('an order that the index has not is made from its entries; only the result’s records are read', async () => {
    const query: ItemQuery = {
      where: { shop: { gt: 'shop-98' } },
      orderBy: [{ field: 'price', direction: 'desc' }],
      limit: 2,
    };
    const { found, records, entries } = await ask(query);
    expect(found.map(([, price]) => price)).toEqual([perShop - 1, perShop - 2]);
    expect(records).toBe(2);
    expect(entries).toBe(perShop);
  });

  test('ids are read one by one, ranges of them and the order of ids in the table', async () => {
    const ids = [idOf(9, 9), idOf(8, 8), 'nobody'];
    expect(await ask({ where: { id: { in: ids } } })).toMatchObject({ records: 3, entries: 0 });
    expect(await ask({ where: { id: { prefix: '00123-4' } } })).toMatchObject({ records: 10, entries: 0 });
    expect(await ask({ limit: 5 })).toMatchObject({ records: 5, entries: 0 });
    const after = { id: idOf(0, 500) };
    expect(await ask({ orderBy: [{ field: 'id', direction: 'desc' }], limit: 5, after })).toMatchObject({
      records: 5,
    });
  });

  test('a condition that no index answers is tested on the records that the others leave', async () => {
    const { found, records } = await ask({
      where: { shop: 'shop-05', sold: true },
      orderBy: 'price',
      limit: 3,
    });
    expect(found.map(([, price]) => price)).toEqual([0, 10, 20]);
    expect(records).toBeLessThan(60);
  });
});

describe('what a query refuses', () => {
  const run = (query: unknown): Promise<unknown> =>
    createMemoryStorage().transaction('read', (tx) =>
      findRecords(tx, { scope: 's', collection }, query as ItemQuery),
    );

  test.each<[string, unknown]>([
    ['a forgotten variable, which would find everything', { where: { shop: undefined } }],
    ['a forgotten operand', { where: { shop: { eq: undefined } } }],
    ['an operator that there is not', { where: { price: { between: [1, 2] } } }],
    ['a range from null', { where: { price: { gt: null } } }],
    ['NaN', { where: { price: Number.NaN } }],
    ['an array as a value', { where: { tags: ['a'] } }],
    ['an object as an operand', { where: { shop: { in: [{}] } } }],
    ['in without a list', { where: { shop: { in: 'a' } } }],
    ['a prefix that is no text', { where: { price: { prefix: 1 } } }],
    ['a direction that there is not', { orderBy: [{ field: 'price', direction: 'up' }] }],
    ['an order without a field', { orderBy: [{}] }],
    ['a limit below 0', { limit: -1 }],
    ['a position without an id', { after: { price: 1 } }],
  ])('%s', async (_, query) => {
    await expect(run(query)).rejects.toThrow(TypeError);
  });
});

test('wrong field names and types do not compile', () => {
  expectTypeOf<QueryField<Items>>().toEqualTypeOf<
    'id' | 'shop' | 'price' | 'note' | 'size' | 'sold' | 'either'
  >();
  const accepted: ItemQuery[] = [
    { where: { shop: 'a', price: { gte: 1, lt: 2 }, sold: true, id: { prefix: 'a' } } },
    { where: { note: null, size: { in: ['small', null] }, either: { in: [1, 'a', null] } } },
    { orderBy: 'price', limit: 3, after: { id: 'a', price: 1 } },
    { orderBy: [{ field: 'id', direction: 'desc' }, { field: 'note' }] },
  ];
  expect(accepted).toHaveLength(4);
  const refused: ItemQuery[] = [
    // @ts-expect-error: there is no such field.
    { where: { shopp: 'a' } },
    // @ts-expect-error: a text is no number.
    { where: { price: '1' } },
    // @ts-expect-error: it is never null.
    { where: { shop: null } },
    // @ts-expect-error: it has no such value.
    { where: { size: 'medium' } },
    // @ts-expect-error: an array cannot be compared.
    { where: { tags: ['a'] } },
    // @ts-expect-error: an operand has the field's type.
    { where: { price: { gt: 'a' } } },
    // @ts-expect-error: null has no order.
    { where: { note: { gt: null } } },
    // @ts-expect-error: only texts begin with something.
    { where: { price: { prefix: 'a' } } },
    // @ts-expect-error: there is no such operator.
    { where: { price: { above: 1 } } },
    // @ts-expect-error: an array has no order.
    { orderBy: 'tags' },
    // @ts-expect-error: there is no such direction.
    { orderBy: [{ field: 'price', direction: 'up' }] },
    // @ts-expect-error: a position has an id.
    { after: { price: 1 } },
    // @ts-expect-error: a forgotten variable would find everything.
    { where: { shop: undefined as string | undefined } },
  ];
  expect(refused).toHaveLength(13);
});
