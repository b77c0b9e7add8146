// A record's beginning: two devices that put one id, and fields that a record never had.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mutation, patch, put, TestScope } from './plan.fixture.ts';
import { defineSchema, type RecordPolicy } from './schema.ts';

const fields = z.object({ name: z.string().optional(), note: z.string().optional() });

function things(policy: RecordPolicy): TestScope {
  return new TestScope(
    defineSchema({ version: 1, collections: { things: { kind: 'request', fields, policy } } }),
  );
}

describe('two puts of one id, neither of which saw the other', () => {
  test('remove nothing of each other: under merge the record has the fields of both', () => {
    const scope = things('merge');
    scope.replica('b').push(put('things', 'r', { name: 'N' }));
    const verdict = scope.replica('a').push(put('things', 'r', { note: 'O' }));
    expect(verdict.verdict).toBe('applied');
    expect(scope.body('things', 'r')).toEqual({ name: 'N', note: 'O' });
  });

  test.each(['merge', 'server', 'client', 'newest', 'ask'] as const)(
    'are in conflict in no field that only one of them gives (%s)',
    (policy) => {
      const scope = things(policy);
      scope.replica('b').push(put('things', 'r', { name: 'N' }));
      const older = mutation([put('things', 'r', { name: 'N', note: 'O' })], { madeAt: scope.nowMs - 1 });
      expect(scope.replica('a').send(older).verdict).toBe('applied');
      expect(scope.body('things', 'r')).toEqual({ name: 'N', note: 'O' });
      expect(scope.conflicts()).toEqual([]);
    },
  );

  test('are in conflict in a field that both give', () => {
    const scope = things('merge');
    scope.replica('b').push(put('things', 'r', { name: 'NB' }));
    const verdict = scope.replica('a').push(put('things', 'r', { name: 'NA', note: 'O' }));
    expect(verdict.merged).toMatchObject([{ fields: ['name'] }]);
    expect(scope.body('things', 'r')).toEqual({ name: 'NA', note: 'O' });
  });

  test.each(['server', 'client', 'newest', 'ask'] as const)(
    'are in conflict in a field that the later one lacks, where the policy is one for whole records (%s)',
    (policy) => {
      const scope = things(policy);
      scope.replica('b').push(put('things', 'r', { name: 'N', note: 'O' }));
      scope.replica('a').push(put('things', 'r', { name: 'N', other: 1 }));
      expect(scope.conflicts()).toMatchObject([
        { fields: ['note'], state: policy === 'ask' ? 'open' : 'settled' },
      ]);
    },
  );

  test('give the record to one side as a whole where the policy does', () => {
    const server = things('server');
    server.replica('b').push(put('things', 'r', { name: 'NB' }));
    server.replica('a').push(put('things', 'r', { name: 'NA', note: 'O' }));
    expect(server.body('things', 'r')).toEqual({ name: 'NB' });
    const client = things('client');
    client.replica('b').push(put('things', 'r', { name: 'NB', note: 'O' }));
    client.replica('a').push(put('things', 'r', { name: 'NA' }));
    expect(client.body('things', 'r')).toEqual({ name: 'NA' });
  });
});

describe('a field that the record has not', () => {
  test('and never had, nobody wrote: giving it is no conflict, however old the base', () => {
    const scope = things('merge');
    scope.replica('b').push(put('things', 'r', { name: 'N' }));
    scope.replica('b').push(patch('things', 'r', { name: 'N2' }, { base: 1 }));
    const older = mutation([patch('things', 'r', { note: 'O' })], { madeAt: scope.nowMs - 1 });
    expect(scope.replica('a').send(older).verdict).toBe('applied');
    expect(scope.body('things', 'r')).toEqual({ name: 'N2', note: 'O' });
  });

  test('but had, was written by who removed it', () => {
    const scope = things('merge');
    scope.replica('b').push(put('things', 'r', { name: 'N', note: 'O' }));
    scope.replica('b').push(patch('things', 'r', {}, { base: 1, unset: ['note'] }));
    const older = mutation([patch('things', 'r', { note: 'OA' }, { base: 1 })], { madeAt: scope.nowMs - 1 });
    expect(scope.replica('a').send(older).merged).toMatchObject([{ fields: ['note'] }]);
    expect(scope.body('things', 'r')).toEqual({ name: 'N' });
  });

  test('counts as another’s when so many fields were written that nobody knows who removed it', () => {
    const scope = new TestScope(things('merge').schema, { limits: { touchedFieldsMax: 1 } });
    scope.replica('b').push(put('things', 'r', { name: 'N', note: 'O' }));
    scope.replica('b').push(patch('things', 'r', {}, { base: 1, unset: ['note'] }));
    scope.replica('b').push(patch('things', 'r', { name: 'N2' }, { base: 2 }));
    const change = patch('things', 'r', { note: 'OA' }, { base: 1 });
    expect(scope.replica('a').push(change).merged).toMatchObject([{ fields: ['note'] }]);
  });
});
