// Collections that clients name themselves.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mutation, patch, put, TestScope } from './plan.fixture.ts';
import { collectionIn, defineSchema } from './schema.ts';

const schema = defineSchema({
  version: 1,
  collections: { notes: { kind: 'request', fields: z.object({ text: z.string() }) } },
  named: { kind: 'request', policy: 'newest' },
});

describe('a collection that no schema declares', () => {
  test('takes any record where the schema allows it, under the rules that it gives', () => {
    const scope = new TestScope(schema);
    const a = scope.replica('a');
    expect(a.push(put('visits', 'v1', { when: 'now', who: { name: 'Kim' } })).verdict).toBe('applied');
    expect(a.push(patch('visits', 'v1', { when: 'later' }, { base: 1 })).verdict).toBe('applied');
    expect(scope.body('visits', 'v1')).toEqual({ when: 'later', who: { name: 'Kim' } });
    expect(collectionIn(schema, 'visits')).toMatchObject({ name: 'visits', policy: 'newest' });
  });

  test.each(['hf_records', 'HF_x', '1st', 'a-b', '', 'x'.repeat(65), '__proto__'])(
    'is none under the name “%s”',
    (name) => {
      const scope = new TestScope(schema);
      expect(scope.replica('a').push(put(name, 'v1', {}))).toMatchObject({ code: 'collection_unknown' });
    },
  );

  test('is refused where the schema names no rules for it', () => {
    expect(new TestScope().replica('a').push(put('visits', 'v1', {}))).toMatchObject({
      code: 'collection_unknown',
    });
  });

  test('finds room up to the limit, in each scope, whether it was there before or came a moment ago', () => {
    const scope = new TestScope(schema, { limits: { collectionsNamedMax: 2 } });
    const a = scope.replica('a');
    a.push(put('notes', 'n1', { text: 'declared' }));
    expect(a.push(put('visits', 'v1', {}), put('bills', 'b1', {}), put('x', 'x1', {}))).toMatchObject({
      code: 'collections_too_many',
      field: 'changes[2].collection',
    });
    expect(a.push(put('visits', 'v1', {}), put('bills', 'b1', {})).verdict).toBe('applied');
    const refused = { verdict: 'rejected', code: 'collections_too_many', field: 'changes[1].collection' };
    expect(a.push(put('notes', 'n2', { text: 'x' }), put('third', 't1', {}))).toMatchObject(refused);
    expect(a.push(put('visits', 'v2', {})).verdict).toBe('applied');
    expect(a.push(put('notes', 'n3', { text: 'declared' })).verdict).toBe('applied');
  });

  test('counts what comes in one push as it comes', () => {
    const scope = new TestScope(schema, { limits: { collectionsNamedMax: 1 } });
    const made = ['a1', 'b1', 'a1'].map((name, nth) => mutation([put(name, `r${nth}`, {})]));
    const outcomes = scope.replica('a').batch(made).verdicts;
    expect(outcomes.map(({ verdict }) => verdict)).toEqual(['applied', 'rejected', 'applied']);
  });
});
