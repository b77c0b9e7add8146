// Unique values of a scope: judged at the mutation's end, freed by delete, claimed next by the earliest who still holds them.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { del, mutation, patch, put, TestScope } from './plan.fixture.ts';
import { defineSchema } from './schema.ts';
import { sha256 } from './scope-store.fixture.ts';
import { uniqueValue } from './unique.ts';

describe('a unique value', () => {
  test('belongs to one record; a request for it is rejected', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea', code: 'T' }));
    expect(a.push(put('items', 'i2', { name: 'Oil', code: 'T' }))).toMatchObject({
      verdict: 'rejected',
      code: 'unique_taken',
      field: 'changes[0].code',
    });
    expect(scope.owner('items', 'code', 'T')).toBe('i1');
    expect(scope.body('items', 'i2')).toBeUndefined();
  });

  test('is claimed by patch, and freed by patch, unset, null and delete', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea' }));
    for (const free of [
      patch('items', 'i1', { code: 'U' }),
      patch('items', 'i1', {}, { unset: ['code'] }),
      patch('items', 'i1', { code: null }),
      del('items', 'i1'),
    ]) {
      a.push(put('items', 'i1', { name: 'Tea' }, { base: scope.record('items', 'i1')?.seq ?? 0 }));
      a.push(patch('items', 'i1', { code: 'T' }));
      expect(scope.owner('items', 'code', 'T')).toBe('i1');
      a.push(free);
      expect(scope.owner('items', 'code', 'T')).toBeUndefined();
    }
    expect(a.push(put('items', 'i2', { name: 'Oil', code: 'T' })).verdict).toBe('applied');
  });

  test('is none when null or absent: many may have none', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    expect(a.push(put('items', 'i1', { name: 'Tea', code: null })).verdict).toBe('applied');
    expect(a.push(put('items', 'i2', { name: 'Oil', code: null })).verdict).toBe('applied');
    expect(a.push(put('items', 'i3', { name: 'Rye' })).verdict).toBe('applied');
    expect(scope.stored.unique.size).toBe(0);
  });

  test('is judged at the mutation’s end: two records may swap', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea', code: 'T' }), put('items', 'i2', { name: 'Oil', code: 'O' }));
    const verdict = a.push(patch('items', 'i1', { code: 'O' }), patch('items', 'i2', { code: 'T' }));
    expect(verdict.verdict).toBe('applied');
    expect([scope.owner('items', 'code', 'T'), scope.owner('items', 'code', 'O')]).toEqual(['i2', 'i1']);
  });

  test('is judged at the mutation’s end: one that it takes and gives up again was never taken', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea', code: 'T' }));
    const verdict = a.push(
      put('items', 'i2', { name: 'Oil', code: 'T' }),
      patch('items', 'i2', { code: 'O' }),
    );
    expect(verdict.verdict).toBe('applied');
  });

  test('is not shared by two records of one mutation', () => {
    const scope = new TestScope();
    const verdict = scope
      .replica('a')
      .push(put('items', 'i1', { name: 'Tea', code: 'T' }), put('items', 'i2', { name: 'Oil', code: 'T' }));
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'unique_taken', field: 'changes[1].code' });
    expect(scope.stored.state.head).toBe(0);
  });

  test('is judged by what a merge makes of the record', () => {
    const scope = new TestScope();
    scope.replica('z').push(put('items', 'i1', { name: 'Tea', code: 'T' }));
    scope.replica('z').push(put('items', 'i2', { name: 'Oil', code: 'O' }));
    scope.replica('b').push(patch('items', 'i1', { code: 'X' }, { base: 1 }));
    // The newer one wins the field, and takes a value that is owned.
    const verdict = scope
      .replica('a')
      .send(mutation([patch('items', 'i1', { code: 'O' }, { base: 1 })], { madeAt: scope.nowMs + 1 }));
    expect(verdict.code).toBe('unique_taken');
    expect(scope.owner('items', 'code', 'X')).toBe('i1');
  });

  test('keeps its owner while the owner changes otherwise', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea', code: 'T' }));
    a.push(patch('items', 'i1', { name: 'Green tea', code: 'T' }));
    expect(scope.owner('items', 'code', 'T')).toBe('i1');
    expect([...scope.stored.unique.values()]).toMatchObject([{ since: 1, claimed: true }]);
  });
});

describe('a value that facts took, too', () => {
  /** Three sales with one number, in this order. */
  function threeSales() {
    const scope = new TestScope();
    const a = scope.replica('a');
    for (const id of ['x3', 'x1', 'x2']) a.push(put('sales', id, { amount: 1, number: 'N' }));
    return { scope, a, owner: () => scope.owner('sales', 'number', 'N') };
  }

  test('is stored but not claimed', () => {
    const { scope, owner } = threeSales();
    expect(owner()).toBe('x3');
    expect(scope.body('sales', 'x2')).toEqual({ amount: 1, number: 'N' });
    expect(scope.verdict(scope.stored.commits[1]?.mutation ?? '')).toMatchObject({
      verdict: 'excepted',
      seq: 2,
      exceptions: [{ code: 'unique_taken', collection: 'sales', id: 'x1', field: 'number' }],
    });
  });

  test('goes in the same commit to the earliest record that still holds it', () => {
    const { a, owner } = threeSales();
    a.push(del('sales', 'x3', 1));
    expect(owner()).toBe('x1');
    a.push(patch('sales', 'x1', { number: 'M' }, { base: 2 }));
    expect(owner()).toBe('x2');
    a.push(patch('sales', 'x2', {}, { base: 3, unset: ['number'] }));
    expect(owner()).toBeUndefined();
  });

  test('passes by a record that no longer holds it', () => {
    const { a, owner } = threeSales();
    a.push(patch('sales', 'x1', { number: 'M' }, { base: 2 }));
    a.push(del('sales', 'x3', 1));
    expect(owner()).toBe('x2');
  });

  test('is not jumped for: who gives it up and takes it again is the last', () => {
    const { a, owner } = threeSales();
    a.batch([
      mutation([patch('sales', 'x1', { number: 'M' }, { base: 2 })]),
      mutation([patch('sales', 'x1', { number: 'N' }, { base: 2 })]),
    ]);
    a.push(del('sales', 'x3', 1));
    expect(owner()).toBe('x2');
    a.push(del('sales', 'x2', 3));
    expect(owner()).toBe('x1');
  });

  test('is claimed in the order of ids by records of one mutation', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('sales', 'x0', { amount: 1, number: 'N' }));
    a.push(put('sales', 'x2', { amount: 1, number: 'N' }), put('sales', 'x1', { amount: 1, number: 'N' }));
    a.push(del('sales', 'x0', 1));
    expect(scope.owner('sales', 'number', 'N')).toBe('x1');
  });

  test('is let go of by those far behind its owner, whom no commit loads', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    for (let i = 10; i < 30; i++) a.push(put('sales', `x${i}`, { amount: 1, number: 'N' }));
    a.push(patch('sales', 'x29', { number: 'M' }, { base: 20 }));
    expect(scope.stored.unique.size).toBe(20);
    a.batch(Array.from({ length: 19 }, (_, i) => mutation([del('sales', `x${i + 10}`, i + 1)])));
    expect(scope.owner('sales', 'number', 'N')).toBeUndefined();
    expect(scope.owner('sales', 'number', 'M')).toBe('x29');
  });

  test('finds its next owner when mutations that waited give it up, more than came', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const ids = Array.from({ length: 9 }, (_, i) => `i${i}`);
    for (const id of ids)
      a.push(put('items', id, { name: 'Tea', code: 'T' }), put('sales', id, { amount: 1 }));
    for (const [i, id] of ids.slice(0, 6).entries())
      a.push(put('items', `new-${id}`, { name: 'Oil', shelf: 's1' }), del('items', id, i + 1));
    expect(scope.stored.held.size).toBe(6);
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.stored.held.size).toBe(0);
    expect(scope.owner('items', 'code', 'T')).toBe('i6');
  });

  test('finds its next owner in one plan, however many give it up there', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    for (let i = 10; i < 30; i++) a.push(put('sales', `x${i}`, { amount: 1, number: 'N' }));
    scope.commit(
      Array.from({ length: 9 }, (_, i) => a.item([mutation([del('sales', `x${i + 10}`, i + 1)])])),
    );
    expect(scope.owner('sales', 'number', 'N')).toBe('x19');
  });
});

describe('a group of fields', () => {
  const schema = defineSchema({
    version: 1,
    collections: {
      slots: {
        kind: 'request',
        fields: z.object({
          room: z.string().optional(),
          at: z.number().optional(),
          note: z.string().optional(),
        }),
        unique: [['room', 'at']],
      },
    },
  });

  test('is one value: no two records share all of it', () => {
    const scope = new TestScope(schema);
    const a = scope.replica('a');
    expect(a.push(put('slots', '1', { room: 'A', at: 9 })).verdict).toBe('applied');
    expect(a.push(put('slots', '2', { room: 'A', at: 10 })).verdict).toBe('applied');
    expect(a.push(put('slots', '3', { room: 'B', at: 9 })).verdict).toBe('applied');
    expect(a.push(put('slots', '4', { room: 'A', at: 9 }))).toMatchObject({
      code: 'unique_taken',
      field: 'changes[0].room,at',
    });
    expect(a.push(put('slots', '5', { room: 'A' })).verdict).toBe('applied');
    expect(a.push(patch('slots', '5', { at: 9 })).verdict).toBe('rejected');
  });

  test('tells numbers from texts, knows no order of keys, and hashes what is long', () => {
    const value = (body: Record<string, never>, ...group: string[]) => uniqueValue(body, group, sha256);
    expect(value({ a: 1 } as never, 'a')).not.toBe(value({ a: '1' } as never, 'a'));
    expect(value({ a: { x: 1, y: 2 } } as never, 'a')).toBe(value({ a: { y: 2, x: 1 } } as never, 'a'));
    expect(value({ a: 'x', b: 'y' } as never, 'a', 'b')).not.toBe(value({ a: 'x,y' } as never, 'a'));
    const long = value({ a: 'x'.repeat(5_000) } as never, 'a');
    expect(long).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(value({ a: `${'x'.repeat(4_999)}y` } as never, 'a')).not.toBe(long);
    expect(value({} as never, 'toString')).toBeUndefined();
  });
});
