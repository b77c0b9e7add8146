// The fold of the view, change by change; and its law.

import type { JsonObject, RecordChange } from '@holdfast/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { shopSchema } from './replica.fixture.ts';
import { foldChange, foldChanges } from './view.ts';

const target = { collection: 'items', id: 'a' };
const server: JsonObject = { name: 'n', price: 1, quantity: 10, colour: 'red' };

const cases: [string, JsonObject | null, RecordChange, JsonObject | null][] = [
  ['a delete', server, { type: 'delete', ...target }, null],
  ['a delete of nothing', null, { type: 'delete', ...target }, null],
  ['a put of nothing makes it', null, { type: 'put', ...target, body: { name: 'x' } }, { name: 'x' }],
  [
    'a put that saw the tombstone makes it anew',
    null,
    { type: 'put', ...target, base: 3, body: { name: 'x' } },
    { name: 'x' },
  ],
  [
    'a put that saw the record alive, which is gone now: the delete wins',
    null,
    { type: 'put', ...target, base: 3, body: { name: 'x' }, replaced: { name: 'n' } },
    null,
  ],
  [
    'a put of what this device alone had made',
    null,
    { type: 'put', ...target, body: { name: 'x' }, replaced: { name: 'n' } },
    { name: 'x' },
  ],
  [
    'a patch of nothing',
    null,
    { type: 'patch', ...target, set: { name: 'x' }, replaced: { name: 'n' } },
    null,
  ],
  ['an add to nothing', null, { type: 'add', ...target, amounts: { quantity: 1 } }, null],
  [
    'a patch',
    server,
    { type: 'patch', ...target, set: { name: 'x' }, unset: ['price'], replaced: { name: 'n', price: 1 } },
    { name: 'x', quantity: 10, colour: 'red' },
  ],
  [
    'a patch of a counter moves it',
    server,
    { type: 'patch', ...target, set: { quantity: 5 }, replaced: { quantity: 7 } },
    { ...server, quantity: 8 },
  ],
  [
    'a put changes the fields that it replaced, and no others',
    server,
    { type: 'put', ...target, body: { name: 'x', price: 9 }, replaced: { name: 'o' } },
    { ...server, name: 'x' },
  ],
  [
    'a put removes a replaced field that it does not name',
    server,
    { type: 'put', ...target, body: { name: 'n' }, replaced: { price: 1 } },
    { name: 'n', quantity: 10, colour: 'red' },
  ],
  [
    'a put moves a counter that it replaced',
    server,
    { type: 'put', ...target, body: { name: 'n', quantity: 12 }, replaced: { quantity: 11 } },
    { ...server, quantity: 11 },
  ],
  [
    'two devices made it: what either gave, and the counters of both',
    server,
    { type: 'put', ...target, body: { name: 'x', quantity: 3 } },
    { ...server, name: 'x', quantity: 13 },
  ],
  [
    'an add is exact',
    { name: 'n', quantity: 0.1 },
    { type: 'add', ...target, amounts: { quantity: 0.2 } },
    { name: 'n', quantity: 0.3 },
  ],
  [
    'an add to an absent counter',
    { name: 'n' },
    { type: 'add', ...target, amounts: { quantity: 2 } },
    { name: 'n', quantity: 2 },
  ],
  [
    'an add whose sum no double holds',
    { name: 'n', quantity: 2 ** 53 - 1 },
    { type: 'add', ...target, amounts: { quantity: 1 } },
    { name: 'n', quantity: 2 ** 53 - 1 },
  ],
];

test.each(cases)('%s', (_, body, change, after) => {
  expect(foldChange(shopSchema, body, { change, schema: 1 })).toEqual(after);
});

test('a collection that the schema no longer has is left alone', () => {
  const change: RecordChange = { type: 'patch', collection: 'old', id: 'a', set: { x: 1 } };
  expect(foldChange(shopSchema, { y: 1 }, { change, schema: 1 })).toEqual({ y: 1 });
});

const field = fc.constantFrom('name', 'price', 'note', 'quantity', 'constructor', 'toString');
const value = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constantFrom('x', 'y', null));
const fields = fc.dictionary(field, value, { maxKeys: 3 });
const change: fc.Arbitrary<RecordChange> = fc.oneof(
  fc.record({
    type: fc.constant('put' as const),
    collection: fc.constant('items'),
    id: fc.constant('a'),
    body: fields,
  }),
  fc.record({
    type: fc.constant('put' as const),
    collection: fc.constant('items'),
    id: fc.constant('a'),
    base: fc.nat(2),
    body: fields,
    replaced: fields,
  }),
  fc.record({
    type: fc.constant('patch' as const),
    collection: fc.constant('items'),
    id: fc.constant('a'),
    set: fields,
    unset: fc.uniqueArray(field),
    replaced: fields,
  }),
  fc.record({
    type: fc.constant('add' as const),
    collection: fc.constant('items'),
    id: fc.constant('a'),
    amounts: fc.record({ quantity: fc.integer({ min: -3, max: 3 }) }),
  }),
  fc.record({ type: fc.constant('delete' as const), collection: fc.constant('items'), id: fc.constant('a') }),
);

test('law: folding in steps is folding at once, and nothing that was given is changed', async () => {
  await fc.assert(
    fc.property(fc.option(fields), fc.array(change, { maxLength: 8 }), fc.nat(8), (body, changes, at) => {
      const writes = changes.map((one) => ({ change: one, schema: 1 }));
      const given = JSON.stringify([body, writes]);
      const whole = foldChanges(shopSchema, body as JsonObject | null, writes);
      const first = foldChanges(shopSchema, body as JsonObject | null, writes.slice(0, at));
      expect(foldChanges(shopSchema, first, writes.slice(at))).toEqual(whole);
      expect(JSON.stringify([body, writes])).toBe(given);
    }),
  );
});
