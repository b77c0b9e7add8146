// The law of queries: whatever indexes there are, the result is what a filter over all records, a sort and a cut would give.
// The oracle below is written from the words of query.ts and shares no code with it.

import { type Collection, defineSchema, type Json, type JsonObject } from '@holdfast/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { indexEntriesOf } from './index-key.ts';
import { findRecords, type Query } from './query.ts';
import { chunkMax } from './query-source.ts';
import { countingStorage } from './storage/counting.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import type { Storage } from './storage/port.ts';

const fieldNames = ['a', 'b', 'c'] as const;
const indexSets: (string | string[])[][] = [
  [],
  ['a'],
  [['a', 'b']],
  [['a', 'c', 'b']],
  ['b', ['a', 'b', 'c']],
  [['b', 'a'], 'c', 'a'],
  [
    ['c', 'b', 'a'],
    ['a', 'c'],
    ['b', 'c'],
  ],
];

function collectionWith(indexes: (string | string[])[]): Collection {
  const field = z.unknown();
  const fields = z.object({ a: field, b: field, c: field }).partial();
  const schema = defineSchema({
    version: 1,
    collections: { items: { kind: 'request', fields, indexes: indexes as 'a'[] } },
  });
  return schema.collections.get('items')!;
}

const collections = indexSets.map(collectionWith);

// Few values, so that they meet; and of each kind some that are next to each other.
const scalar = fc.constantFrom<(null | boolean | number | string)[]>(
  null,
  false,
  true,
  -1,
  0,
  1.5,
  2,
  '',
  'a',
  'a\u0001',
  'ab',
  'b',
  '～',
  '😀',
);
const stored: fc.Arbitrary<Json> = fc.oneof(
  { weight: 9, arbitrary: scalar },
  { weight: 1, arbitrary: fc.constantFrom<Json[]>([], {}, [1], { a: 1 }) },
);
const idText = fc.constantFrom(
  '',
  'a',
  'a/',
  'ab',
  'b',
  'c',
  '1',
  '～',
  '😀',
  'aé',
  'z',
  'zz',
  'y',
  'x',
  'w',
);
const body = fc.record({ a: stored, b: stored, c: stored }, { requiredKeys: [] });
const records = fc.uniqueArray(fc.record({ id: idText, body }), { selector: ({ id }) => id, maxLength: 15 });

const bound = scalar.filter((value) => value !== null);
const operator = fc.oneof(
  fc.record({ eq: scalar }),
  fc.record({ in: fc.array(scalar, { maxLength: 4 }) }),
  fc.record({ gt: bound }),
  fc.record({ gte: bound }),
  fc.record({ lt: bound }),
  fc.record({ lte: bound }),
  fc.record({ prefix: fc.constantFrom('', 'a', 'a\u0001', 'ab', '😀') }),
);
/** One or two operators: with more of them nothing is ever found. */
const few = fc
  .array(operator, { minLength: 1, maxLength: 2 })
  .map((all): Record<string, Json> => Object.assign({}, ...all));
const condition = fc.oneof(scalar, few, fc.record({ in: fc.array(scalar, { minLength: 1, maxLength: 4 }) }));
const where = fc.record(
  {
    a: condition,
    b: condition,
    c: condition,
    id: fc.oneof(idText, few, fc.record({ in: fc.array(idText) })),
  },
  { requiredKeys: [] },
);
/** Rarely all of them at once. */
const fewer = fc
  .tuple(where, fc.subarray(['a', 'b', 'c', 'id'], { maxLength: 3 }))
  .map(([all, dropped]) =>
    Object.fromEntries(Object.entries(all).filter(([field]) => !dropped.includes(field))),
  );
const direction = fc.constantFrom('asc' as const, 'desc' as const);
const orderBy = fc.array(fc.record({ field: fc.constantFrom(...fieldNames, 'id'), direction }), {
  maxLength: 3,
});
/** One direction for all fields is what an index can give. */
const oneWay = fc
  .tuple(orderBy, direction)
  .map(([parts, way]) => parts.map(({ field }) => ({ field, direction: way })));
const after = fc.tuple(idText, body).map(([id, fields]) => ({ ...fields, id }));
const query = fc.record(
  {
    where: fewer,
    orderBy: fc.oneof(orderBy, oneWay, fc.constantFrom(...fieldNames)),
    limit: fc.nat(8),
    after,
  },
  { requiredKeys: [] },
);

/** What an index answers in order: values of its first field, the other fields in one direction, from somewhere in the middle. */
const close = fc.constantFrom<(null | number | string)[]>(null, 1, 'a', 'b');
const closeRecords = fc.uniqueArray(
  fc.record({ id: idText, body: fc.record({ a: close, b: close, c: close }) }),
  {
    selector: ({ id }) => id,
    minLength: 5,
    maxLength: 15,
  },
);
const ordered = fc.record({
  where: fc.record(
    { a: fc.record({ in: fc.array(close, { minLength: 2, maxLength: 5 }) }), b: few },
    { requiredKeys: ['a'] },
  ),
  orderBy: fc
    .tuple(fc.shuffledSubarray([...fieldNames], { minLength: 1 }), fc.boolean(), direction, direction)
    .map(([fields, mixed, way, other]) =>
      fields.map((field) => ({ field, direction: mixed && field === 'a' ? other : way })),
    ),
  limit: fc.integer({ min: 1, max: 8 }),
});

type Stored = { id: string; body: JsonObject };

test('a query answers what filter, sort and cut of all records answer, with every set of indexes', async () => {
  await fc.assert(
    fc.asyncProperty(records, query, (all, wanted) => comparedWithOracle(all, wanted as AnyQuery)),
    { numRuns: 1_500 },
  );
});

test('so does one that goes on in the middle of several streams', async () => {
  await fc.assert(
    fc.asyncProperty(closeRecords, ordered, fc.nat(14), (all, wanted, at) => {
      const last = all[at % all.length]!;
      return comparedWithOracle(all, { ...wanted, after: { ...last.body, id: last.id } } as AnyQuery);
    }),
    { numRuns: 1_500 },
  );
});

test('pages that go on after the last record are the result in one piece', async () => {
  await fc.assert(
    fc.asyncProperty(
      records,
      query,
      fc.integer({ min: 1, max: 4 }),
      async (all, { after: _, limit: __, ...wanted }, limit) => {
        for (const collection of collections) {
          const storage = await filled(collection, all);
          const whole = await run(storage, collection, wanted as Query<object>);
          const pages: Stored[] = [];
          for (
            let page = await run(storage, collection, { ...wanted, limit } as Query<object>);
            page.length > 0;
          ) {
            pages.push(...page);
            const last = { ...page.at(-1)?.body, id: page.at(-1)!.id };
            page = await run(storage, collection, { ...wanted, limit, after: last } as Query<object>);
          }
          expect(pages).toEqual(whole);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('no call reads more than a chunk, and no record is read twice', async () => {
  const all = Array.from({ length: 3 * chunkMax }, (_, at) => ({
    id: String(at).padStart(6, '0'),
    body: { a: at % 7, b: at % 2 === 0 ? 'even' : 'odd', c: at },
  }));
  for (const collection of collections) {
    const storage = countingStorage(await filled(collection, all));
    for (const wanted of [
      {},
      { where: { b: 'odd' } },
      { where: { a: { in: [1, 2, 3] } }, orderBy: 'c' },
      { orderBy: 'b' },
    ]) {
      storage.reset();
      const found = await run(storage, collection, wanted as Query<object>);
      expect(found.map(({ id }) => id)).toEqual(naive(all, wanted).map(({ id }) => id));
      expect(storage.counts('records').read).toBeLessThanOrEqual(all.length);
      expect(storage.counts('records').callMax).toBeLessThanOrEqual(chunkMax);
      expect(storage.counts('indexes').callMax).toBeLessThanOrEqual(chunkMax);
    }
  }
});

async function comparedWithOracle(all: readonly Stored[], wanted: AnyQuery): Promise<void> {
  const expected = naive(all, wanted).map(({ id }) => id);
  for (const collection of collections) {
    const storage = await filled(collection, all);
    const found = await run(storage, collection, wanted as Query<object>);
    const ids = found.map(({ id }) => id);
    expect(ids, JSON.stringify(collection.indexes)).toEqual(expected);
    for (const { id, body: read } of found) expect(read).toEqual(all.find((one) => one.id === id)?.body);
  }
}

async function filled(collection: Collection, all: readonly Stored[]): Promise<Storage> {
  const storage = createMemoryStorage();
  await storage.transaction('write', async (tx) => {
    for (const { id, body: stands } of all) {
      await tx.put('records', ['s', 'items', id], { version: 1, body: stands });
      await tx.putMany('indexes', indexEntriesOf({ scope: 's', collection, id }, stands));
    }
    // Neighbours that are none of the collection's.
    await tx.put('records', ['s', 'item', 'a'], { version: 1, body: { a: 1 } });
    await tx.put('records', ['s', 'itemsb', 'a'], { version: 1, body: { a: 1 } });
    await tx.put('records', ['t', 'items', 'a'], { version: 1, body: { a: 1 } });
    await tx.putMany('indexes', indexEntriesOf({ scope: 't', collection, id: 'a' }, { a: 1 }));
  });
  return storage;
}

function run(storage: Storage, collection: Collection, wanted: Query<object>): Promise<Stored[]> {
  return storage.transaction('read', (tx) => findRecords(tx, { scope: 's', collection }, wanted));
}

interface AnyQuery {
  where?: Record<string, Json>;
  orderBy?: string | { field: string; direction: 'asc' | 'desc' }[];
  limit?: number;
  after?: JsonObject;
}

function naive(all: readonly Stored[], wanted: AnyQuery): Stored[] {
  const { where: filter = {}, orderBy: order = [], limit = all.length, after: behind } = wanted;
  const parts = typeof order === 'string' ? [{ field: order, direction: 'asc' as const }] : order;
  const ties = [...parts, { field: 'id', direction: parts.at(-1)?.direction ?? 'asc' }];
  // No two records have one id, so nothing behind it orders anything.
  const parted = ties.slice(0, ties.findIndex(({ field }) => field === 'id') + 1);
  const compare = (x: JsonObject, y: JsonObject): number => {
    for (const part of parted) {
      const difference = compareValues(x[part.field], y[part.field]);
      if (difference !== 0) return part.direction === 'asc' ? difference : -difference;
    }
    return 0;
  };
  return all
    .map(({ id, body: fields }) => ({ ...fields, id }))
    .filter((one) => Object.entries(filter).every(([field, test]) => holds((one as JsonObject)[field], test)))
    .filter((one) => behind === undefined || compare(one, behind) > 0)
    .sort(compare)
    .slice(0, limit)
    .map(({ id, ...fields }) => ({ id, body: fields }));
}

function holds(value: Json | undefined, wanted: Json): boolean {
  if (typeof wanted !== 'object' || wanted === null)
    return kindOf(value) < 5 && compareValues(value, wanted) === 0;
  return Object.entries(wanted).every(([operator, operand]) => {
    if (operator === 'eq') return holds(value, operand);
    if (operator === 'in') return (operand as Json[]).some((each) => holds(value, each));
    if (operator === 'prefix') return typeof value === 'string' && value.startsWith(String(operand));
    if (typeof value !== typeof operand) return false;
    const difference = compareValues(value, operand);
    return { gt: difference > 0, gte: difference >= 0, lt: difference < 0, lte: difference <= 0 }[
      operator as 'gt'
    ];
  });
}

function compareValues(x: Json | undefined, y: Json | undefined): number {
  const difference = kindOf(x) - kindOf(y);
  if (difference !== 0) return difference;
  if (typeof x === 'string' && typeof y === 'string') return Buffer.compare(Buffer.from(x), Buffer.from(y));
  return typeof x === 'number' && typeof y === 'number' ? x - y : 0;
}

function kindOf(value: Json | undefined): number {
  if (value === null || value === undefined) return 0;
  return { boolean: value === true ? 2 : 1, number: 3, string: 4, object: 5 }[typeof value as 'object'];
}
