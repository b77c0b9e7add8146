// Laws of the changes that a replica makes: the server's door admits them, they carry what they replace, and nothing more.

import {
  admit,
  type Change,
  checkJson,
  defaultLimits,
  defineSchema,
  equalJson,
  type JsonObject,
  type Mutation,
} from '@holdfast/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { makeChange, type Wish } from './make-change.ts';
import { shopSchema } from './replica.fixture.ts';

const collection = shopSchema.collections.get('items')!;
const context = { schema: shopSchema, collection, id: 'a', limits: defaultLimits };

// A record as it stands passed a door before.
const json = fc.jsonValue({ maxDepth: 3 }).filter((value) => !checkJson(value, { depthMax: 9, keysMax: 99 }));
const anything = fc.oneof(
  json,
  fc.constantFrom(undefined, Number.NaN, '\ud800', 'a\0', 2 ** 60, -0, new Date(0), () => 1),
  fc.anything(),
);
const key = fc.oneof(
  fc.constantFrom('name', 'price', 'note', 'quantity', 'id', '__proto__', 'toString'),
  fc.string(),
);
const bodies = fc.record(
  {
    name: fc.oneof({ weight: 5, arbitrary: fc.string({ maxLength: 5 }) }, anything),
    price: fc.oneof({ weight: 3, arbitrary: fc.option(fc.integer(), { nil: undefined }) }, anything),
    quantity: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: -9, max: 9 }) }, anything),
  },
  { requiredKeys: [] },
);
const loose = fc.oneof({ weight: 3, arbitrary: bodies }, fc.dictionary(key, anything));
const wish: fc.Arbitrary<Wish> = fc.oneof(
  loose.map((body): Wish => ({ type: 'put', body })),
  fc
    .tuple(loose, fc.array(key, { maxLength: 2 }))
    .map(([fields, unset]): Wish => ({ type: 'patch', fields, unset })),
  fc.constant<Wish>({ type: 'delete' }),
  fc.dictionary(key, fc.oneof(fc.integer(), anything)).map((amounts): Wish => ({ type: 'add', amounts })),
);
const stood = fc.option(
  fc.record(
    {
      name: fc.string({ maxLength: 5 }),
      price: fc.integer(),
      quantity: fc.integer({ min: -9, max: 9 }),
      extra: json,
    },
    { requiredKeys: ['name'] },
  ),
) as fc.Arbitrary<JsonObject | null>;

test('law: whatever an application hands in, a change that is made is one that the server’s door admits', async () => {
  await fc.assert(
    fc.property(wish, stood, fc.nat(3), (given, body, version) => {
      const made = makeChange(given, { body, version }, context);
      if (made.type === 'problem') {
        expect(made.problem.message).toMatch(/\S/);
        return;
      }
      if (made.type === 'nothing') return;
      const mutation: Mutation = {
        id: '0190a000-0000-7000-8000-000000000000',
        schema: 1,
        changes: [made.change],
        made: { wall: 0, mono: 0, session: 's', offset: 0, seen: 0 },
      };
      expect(admit(mutation, shopSchema, defaultLimits).problem).toBeUndefined();
      expect(made.change.base).toBe(version === 0 ? undefined : version);
    }),
    { numRuns: 2_000 },
  );
});

test('law: `replaced` holds what was there, of the fields that really change and of no others', async () => {
  await fc.assert(
    fc.property(wish, stood, (given, body) => {
      const made = makeChange(given, { body, version: 1 }, context);
      if (made.type !== 'change' || body === null) return;
      const { change, after } = made;
      if (change.type !== 'put' && change.type !== 'patch') return;
      expect(change.replaced).toBeDefined();
      for (const [field, value] of Object.entries(change.replaced ?? {})) {
        expect(equalJson(value, Object.hasOwn(body, field) ? (body[field] ?? null) : null)).toBe(true);
        expect(
          Object.hasOwn(after ?? {}, field) === Object.hasOwn(body, field) &&
            equalJson(after?.[field] ?? null, body[field] ?? null),
        ).toBe(false);
      }
      for (const field of new Set([...Object.keys(body), ...Object.keys(after ?? {})])) {
        if (Object.hasOwn(change.replaced ?? {}, field)) continue;
        expect(equalJson(after?.[field] ?? null, body[field] ?? null)).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('law: what is done twice changes nothing the second time, an add aside', async () => {
  await fc.assert(
    fc.property(wish, stood, (given, body) => {
      const made = makeChange(given, { body, version: 1 }, context);
      if (made.type !== 'change' || given.type === 'add') return;
      expect(makeChange(given, { body: made.after, version: 1 }, context).type).toBe('nothing');
    }),
    { numRuns: 2_000 },
  );
});

test('a field called as a member of every object is a field like others', () => {
  const made = makeChange(
    { type: 'put', body: { name: 'a', toString: 'x', constructor: undefined } },
    { body: { name: 'a' }, version: 1 },
    context,
  );
  expect(made).toMatchObject({ type: 'change' });
  const change = (made as { change: Change }).change;
  expect(change).toMatchObject({ replaced: { toString: null } });
});

test('null where there was nothing is a change, although both read as null', () => {
  const made = makeChange(
    { type: 'patch', fields: { extra: null }, unset: [] },
    { body: { name: 'a' }, version: 1 },
    context,
  );
  expect(made).toMatchObject({
    type: 'change',
    change: { set: { extra: null }, replaced: { extra: null } },
    after: { name: 'a', extra: null },
  });
});

test('a counter is a number even where the schema would let it be null', () => {
  const schema = defineSchema({
    version: 1,
    collections: {
      items: { kind: 'request', fields: z.object({ left: z.number().nullable() }), counters: { left: {} } },
    },
  });
  const nullable = { schema, collection: schema.collections.get('items')!, id: 'a', limits: defaultLimits };
  for (const body of [null, { left: 1 }]) {
    expect(makeChange({ type: 'put', body: { left: null } }, { body, version: 0 }, nullable)).toMatchObject({
      type: 'problem',
      problem: { code: 'invalid_record', field: 'left' },
    });
  }
});

test('a counter is a number, also where the record did not have it', () => {
  const made = makeChange(
    { type: 'patch', fields: { quantity: null }, unset: [] },
    { body: { name: 'a' }, version: 1 },
    context,
  );
  expect(made).toMatchObject({ type: 'problem', problem: { code: 'invalid_record', field: 'quantity' } });
});

test('a counter that holds no number is replaced as none: the server takes nothing else there', () => {
  const stood = { body: { name: 'a', quantity: 'many' }, version: 1 };
  for (const wish of [
    { type: 'patch', fields: { quantity: 3 }, unset: [] },
    { type: 'put', body: { name: 'a', quantity: 3 } },
  ] as const)
    expect(makeChange(wish, stood, context)).toMatchObject({ change: { replaced: { quantity: null } } });
});
