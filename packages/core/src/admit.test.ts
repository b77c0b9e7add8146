// The door: what is said of a mutation by itself, before anything stored is looked at.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { admit, invalidIn, misfit } from './admit.ts';
import type { Change } from './change.ts';
import { defaultLimits } from './limits.ts';
import { add, del, mutation, patch, put, TestScope } from './plan.fixture.ts';
import { defineSchema } from './schema.ts';

const schema = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string().min(1),
        price: z.number().optional(),
        tags: z.array(z.object({ text: z.string() })).optional(),
        stock: z.number().optional(),
      }),
      counters: { stock: {} },
    },
    sales: { kind: 'fact', fields: z.object({ amount: z.number() }) },
  },
});

const problemOf = (...changes: Change[]) => admit(mutation(changes), schema, defaultLimits).problem;

describe('a well-formed mutation passes', () => {
  test.each([
    put('items', 'i1', { name: 'Tea', price: 1, tags: [{ text: 'a' }] }),
    put('items', 'i1', { name: 'Tea', unknown: { to: ['the', 'schema'] } }),
    put('items', 'i1', { name: 'Tea' }, { base: 7, replaced: { name: 'Oil', price: null, stock: null } }),
    patch('items', 'i1', { price: 2 }, { unset: ['tags', 'never heard of'] }),
    patch('items', 'i1', {}),
    del('items', 'i1'),
    add('items', 'i1', { stock: -0.5 }),
    put('items', '../../etc/ and ✓ any text', { name: 'x' }),
  ])('%j', (change) => {
    expect(problemOf(change)).toBeUndefined();
  });
});

describe('what is refused, with the code and the field', () => {
  test.each([
    ['a collection that is unknown', put('other', 'x', {}), 'collection_unknown', 'collection'],
    ['one that every object inherits', put('toString', 'x', {}), 'collection_unknown', 'collection'],
    ['an id that no store holds', del('items', 'x\0'), 'malformed_mutation', 'id'],
    ['a field that does not fit', put('items', 'x', { name: '' }), 'invalid_record', 'body.name'],
    [
      'one deep inside',
      put('items', 'x', { name: 'x', tags: [{ text: 'a' }, { text: 1 }] }),
      'invalid_record',
      'body.tags[1].text',
    ],
    ['one that is missing', put('items', 'x', {}), 'invalid_record', 'body.name'],
    ['an id in the body', put('items', 'x', { id: 'x', name: 'x' }), 'malformed_mutation', 'body.id'],
    ['an id in a patch', patch('items', 'x', { id: 'y' }), 'malformed_mutation', 'set.id'],
    ['a set field that does not fit', patch('items', 'x', { price: 'dear' }), 'invalid_record', 'set.price'],
    [
      'one deep inside',
      patch('items', 'x', { tags: [{ text: null }] }),
      'invalid_record',
      'set.tags[0].text',
    ],
    [
      'an unset field that must be there',
      patch('items', 'x', {}, { unset: ['price', 'name'] }),
      'invalid_record',
      'unset[1]',
    ],
    [
      'a field both set and unset',
      patch('items', 'x', { price: 1 }, { unset: ['tags', 'price'] }),
      'malformed_mutation',
      'unset[1]',
    ],
    [
      'a value that JSON has not',
      put('items', 'x', { name: 'x', price: Number.NaN }),
      'malformed_mutation',
      'body.price',
    ],
    ['a number beyond 2^53', put('items', 'x', { name: 'x', n: 2 ** 53 }), 'malformed_mutation', 'body.n'],
    ['a lone surrogate', patch('items', 'x', { note: '\ud800' }), 'malformed_mutation', 'set.note'],
    [
      'a forbidden key',
      patch('items', 'x', JSON.parse('{"a":{"__proto__":1}}')),
      'malformed_mutation',
      'set.a.__proto__',
    ],
    [
      'a replaced value that JSON has not',
      patch('items', 'x', {}, { replaced: { a: '\0' } }),
      'malformed_mutation',
      'replaced.a',
    ],
    ['an add to what is no counter', add('items', 'x', { price: 1 }), 'counter_by_add', 'amounts.price'],
    [
      'an amount that no store holds',
      add('items', 'x', { stock: Number.POSITIVE_INFINITY }),
      'malformed_mutation',
      'amounts.stock',
    ],
    ['an add of nothing', add('items', 'x', {}), 'malformed_mutation', 'amounts'],
    [
      'a body that is too long',
      put('items', 'x', { name: 'x'.repeat(defaultLimits.recordCharsMax) }),
      'record_too_large',
      'body',
    ],
    [
      'a set that is too long',
      patch('items', 'x', { a: 'x'.repeat(defaultLimits.recordCharsMax) }),
      'record_too_large',
      'set',
    ],
    [
      'a counter that is said to have replaced what is no number',
      put('items', 'x', { name: 'x', stock: 5 }, { replaced: { stock: '3' } }),
      'malformed_mutation',
      'replaced.stock',
    ],
    [
      'the same in a patch',
      patch('items', 'x', { stock: 5 }, { replaced: { name: 'x', stock: [3] } }),
      'malformed_mutation',
      'replaced.stock',
    ],
    [
      'a replaced that is too long',
      patch('items', 'x', {}, { replaced: { a: 'x'.repeat(defaultLimits.recordCharsMax) } }),
      'record_too_large',
      'replaced',
    ],
    [
      'a body that is too deep',
      put('items', 'x', { name: 'x', a: nested(defaultLimits.recordDepthMax) }),
      'malformed_mutation',
      expect.stringMatching(/^body\.a/),
    ],
    [
      'too many fields',
      put('items', 'x', { name: 'x', ...many(defaultLimits.jsonKeysMax) }),
      'malformed_mutation',
      'body',
    ],
  ] as const)('%s', (_what, change, code, field) => {
    const place =
      typeof field === 'string' ? `changes[1].${field}` : expect.stringMatching(/^changes\[1\]\.body\.a/);
    expect(problemOf(del('items', 'fine'), change)).toMatchObject({
      code,
      field: place,
      message: expect.stringMatching(/\S{2}/),
    });
  });

  test('too many changes', () => {
    const many = Array.from({ length: defaultLimits.mutationChangesMax + 1 }, () => del('items', 'x'));
    expect(problemOf(...many)).toMatchObject({ code: 'malformed_mutation', field: 'changes' });
    expect(problemOf(...many.slice(1))).toBeUndefined();
  });
});

test('one change in a collection of facts makes the mutation a fact', () => {
  const isFact = (...changes: Change[]) => admit(mutation(changes), schema, defaultLimits).fact;
  expect(isFact(put('items', 'i', { name: 'x' }))).toBe(false);
  expect(isFact(put('items', 'i', { name: 'x' }), put('sales', 's', { amount: 1 }))).toBe(true);
  expect(isFact(put('sales', 's', { amount: 'malformed' }))).toBe(true);
});

test('a refinement that throws does not fit, and stops nobody for ever', () => {
  const fields = z.object({ at: z.unknown() }).refine((body) => (body.at as { year: number }).year > 2000);
  const own = defineSchema({ version: 1, collections: { days: { kind: 'request', fields } } });
  expect(admit(mutation([put('days', 'd', { at: null })]), own, defaultLimits).problem).toMatchObject({
    code: 'invalid_record',
    field: 'changes[0].body',
  });
  expect(
    admit(mutation([put('days', 'd', { at: { year: 2025 } })]), own, defaultLimits).problem,
  ).toBeUndefined();
});

test('invalidIn tells the first thing that does not fit, fields of `except` aside', () => {
  const items = schema.collections.get('items');
  if (!items) throw new Error('There are items.');
  expect(invalidIn(items, { name: '', price: 'x' })?.field).toBe('name');
  expect(invalidIn(items, { name: '', price: 'x' }, new Set(['name']))?.field).toBe('price');
  expect(invalidIn(items, { name: '', price: 'x' }, new Set(['name', 'price']))).toBeUndefined();
});

describe('a mutation is read by its own version of the schema', () => {
  const first = defineSchema({
    version: 1,
    collections: {
      items: { kind: 'request', fields: z.object({ name: z.string(), size: z.enum(['S', 'L']) }) },
      old: { kind: 'request', fields: z.object({}) },
    },
  });
  const second = defineSchema({
    version: 2,
    former: [first],
    collections: {
      items: {
        kind: 'request',
        fields: z.object({ name: z.string(), size: z.number(), note: z.string().optional() }),
        policy: 'client',
      },
      sales: { kind: 'fact', fields: z.object({}) },
    },
  });
  const from = (version: number, change: Change) =>
    admit(mutation([change], { schema: version }), second, defaultLimits).problem;

  test('by its fields, and by the collections of both', () => {
    expect(from(1, put('items', 'i', { name: 'x', size: 'L' }))).toBeUndefined();
    expect(from(2, put('items', 'i', { name: 'x', size: 'L' }))).toMatchObject({
      field: 'changes[0].body.size',
    });
    expect(from(2, put('items', 'i', { name: 'x', size: 4 }))).toBeUndefined();
    expect(from(1, put('old', 'i', {}))).toMatchObject({ code: 'collection_unknown' });
    expect(from(1, put('sales', 'i', {}))).toMatchObject({ code: 'collection_unknown' });
    // A collection that the writer did not know makes no fact of what it wrote.
    expect(admit(mutation([put('sales', 'i', {})]), second, defaultLimits).fact).toBe(false);
  });

  test('except for counters, which are numbers in every version', () => {
    const counting = defineSchema({
      version: 2,
      former: [first],
      collections: {
        items: { kind: 'fact', fields: z.object({ stock: z.number().nullish() }), counters: { stock: {} } },
      },
    });
    const body = { name: 'x', size: 'L' };
    const by = (change: Change) => admit(mutation([change], { schema: 1 }), counting, defaultLimits).problem;
    expect(by(put('items', 'i', { ...body, stock: 'many' }))).toMatchObject({
      code: 'invalid_record',
      field: 'changes[0].body.stock',
    });
    expect(by(patch('items', 'i', { stock: true }))).toMatchObject({ field: 'changes[0].set.stock' });
    expect(by(put('items', 'i', { ...body, stock: 3 }))).toBeUndefined();
    expect(by(put('items', 'i', { ...body, stock: null }))).toBeUndefined();
  });

  test('which must be known', () => {
    expect(() => admit(mutation([del('items', 'i')], { schema: 3 }), second, defaultLimits)).toThrow(
      /version 3/,
    );
  });

  test('so that a put of an older writer leaves fields that its schema does not know', () => {
    const scope = new TestScope(second);
    const a = scope.replica('a');
    a.send(mutation([put('items', 'i', { name: 'x', size: 4, note: 'new' })], { schema: 2 }));
    a.send(mutation([put('items', 'i', { name: 'y', size: 'L' }, { base: 1 })], { schema: 1 }));
    expect(scope.body('items', 'i')).toEqual({ name: 'y', size: 'L', note: 'new' });
    expect(scope.record('items', 'i')?.schema).toBe(1);
    a.send(mutation([put('items', 'i', { name: 'z', size: 4 }, { base: 2 })], { schema: 2 }));
    expect(scope.body('items', 'i')).toEqual({ name: 'z', size: 4 });
    // The same when it wins as a whole.
    scope
      .replica('b')
      .send(mutation([patch('items', 'i', { name: 'B', note: 'b' }, { base: 3 })], { schema: 2 }));
    const whole = put('items', 'i', { name: 'A', size: 'S' }, { base: 3, replaced: { name: 'z', size: 4 } });
    expect(a.send(mutation([whole], { schema: 1, madeAt: scope.nowMs + 1 })).verdict).toBe('merged');
    expect(scope.body('items', 'i')).toEqual({ name: 'A', size: 'S', note: 'b' });
  });

  test('so that what is stored may not fit the newest version; nothing stumbles over it', () => {
    const scope = new TestScope(second);
    const a = scope.replica('a');
    const send = (schema: number, ...changes: Change[]) => a.send(mutation(changes, { schema })).verdict;
    expect(send(1, put('items', 'i', { name: 'x', size: 'L' }))).toBe('applied');
    // Who writes by the newest version answers for the fields that it changes.
    expect(send(2, patch('items', 'i', { note: 'new' }, { base: 1 }))).toBe('applied');
    expect(scope.body('items', 'i')).toEqual({ name: 'x', size: 'L', note: 'new' });
    expect(send(2, patch('items', 'i', { size: 'S' }, { base: 2 }))).toBe('rejected');
    expect(send(2, put('items', 'i', { name: 'y', size: 'L' }, { base: 2 }))).toBe('rejected');
    expect(send(2, patch('items', 'i', { size: 4 }, { base: 2 }))).toBe('applied');
    expect(send(1, patch('items', 'i', { size: 'S' }, { base: 3 }))).toBe('applied');
    // Policies are told what is there, and a concurrent write of each version is judged by its own.
    expect(
      scope
        .replica('b')
        .send(mutation([put('items', 'i', { name: 'z', size: 5 }, { base: 3 })], { schema: 2 })),
    ).toMatchObject({ verdict: 'merged' });
    expect(scope.body('items', 'i')).toEqual({ name: 'z', size: 5 });
    expect(send(2, del('items', 'i', 5))).toBe('applied');
  });

  test('and answers only for what it changes itself', () => {
    const scope = new TestScope(second);
    const a = scope.replica('a');
    a.send(mutation([put('items', 'i', { name: 'x', size: 4 })], { schema: 2 }));
    expect(a.send(mutation([patch('items', 'i', { name: 'y' }, { base: 1 })], { schema: 1 })).verdict).toBe(
      'applied',
    );
    expect(scope.body('items', 'i')).toEqual({ name: 'y', size: 4 });
    const items = first.collections.get('items');
    const wrong = items && misfit(items, { before: { name: 'x', size: 4 }, after: { name: 'x', size: 5 } });
    expect(wrong?.field).toBe('size');
  });
});

test('what several changes make of a record is judged as a whole', () => {
  const fields = z
    .object({ from: z.number(), to: z.number() })
    .refine(({ from, to }) => from <= to, { path: ['to'] });
  const shifts = defineSchema({ version: 1, collections: { shifts: { kind: 'request', fields } } });
  const scope = new TestScope(shifts);
  const a = scope.replica('a');
  expect(a.push(put('shifts', 'x', { from: 1, to: 5 }), patch('shifts', 'x', { from: 9 }))).toMatchObject({
    verdict: 'rejected',
    code: 'invalid_record',
    field: 'changes[1].to',
  });
  expect(a.push(put('shifts', 'x', { from: 1, to: 5 })).verdict).toBe('applied');
  expect(a.push(patch('shifts', 'x', { from: 9 }, { base: 1 }))).toMatchObject({
    code: 'invalid_record',
    field: 'changes[0].to',
  });
  expect(
    a.push(patch('shifts', 'x', { from: 9 }, { base: 1 }), patch('shifts', 'x', { to: 10 }, { base: 1 }))
      .verdict,
  ).toBe('applied');
});

function nested(depth: number): { a?: unknown } & Record<string, never> {
  let value: object = {};
  for (let level = 1; level < depth; level++) value = { a: value };
  return value as Record<string, never>;
}

function many(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, n]));
}
