// A fact has happened: it is never refused, and what is wrong with it is said in its verdict.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { add, del, mutation, patch, put, TestScope } from './plan.fixture.ts';
import { defineSchema } from './schema.ts';

describe('a mutation that holds a fact is a fact whole', () => {
  test('also in its requests: a counter below its minimum flags', () => {
    const scope = new TestScope();
    scope.replica('a').push(put('items', 'i1', { name: 'Tea', stock: 1 }));
    const verdict = scope
      .replica('a')
      .push(add('items', 'i1', { stock: -3 }), put('sales', 'x1', { amount: 3 }));
    expect(verdict).toMatchObject({
      verdict: 'excepted',
      seq: 2,
      exceptions: [{ code: 'counter_minimum', collection: 'items', id: 'i1', field: 'stock' }],
    });
    expect(scope.body('items', 'i1')?.stock).toBe(-2);
  });

  test('also in its requests: a taken unique value is stored but not claimed', () => {
    const scope = new TestScope();
    scope.replica('a').push(put('items', 'i1', { name: 'Tea', code: 'T' }));
    const verdict = scope
      .replica('a')
      .push(put('items', 'i2', { name: 'Oil', code: 'T' }), put('sales', 'x1', { amount: 3 }));
    expect(verdict).toMatchObject({
      verdict: 'excepted',
      exceptions: [{ code: 'unique_taken', collection: 'items', id: 'i2', field: 'code' }],
    });
    expect(scope.body('items', 'i2')).toEqual({ name: 'Oil', code: 'T' });
    expect(scope.owner('items', 'code', 'T')).toBe('i1');
  });

  test('also in its requests: a missing parent does not stop it', () => {
    const scope = new TestScope();
    const verdict = scope
      .replica('a')
      .push(put('items', 'i1', { name: 'Tea', shelf: 's1' }), put('sales', 'x1', { amount: 3, item: 'i7' }));
    expect(verdict).toMatchObject({
      verdict: 'excepted',
      seq: 1,
      exceptions: [
        { code: 'parent_missing', collection: 'items', id: 'i1', field: 'shelf' },
        { code: 'parent_missing', collection: 'sales', id: 'x1', field: 'item' },
      ],
    });
    expect(scope.stored.held.size).toBe(0);
  });

  test('is applied and not flagged when nothing is wrong', () => {
    const scope = new TestScope();
    scope.replica('a').push(put('items', 'i1', { name: 'Tea', stock: 4 }));
    const verdict = scope
      .replica('a')
      .push(put('sales', 'x1', { amount: 3, item: 'i1' }), add('items', 'i1', { stock: -1 }));
    expect(verdict).toMatchObject({ verdict: 'applied', seq: 2 });
    expect(verdict).not.toHaveProperty('exceptions');
  });

  test('lists every reason', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('sales', 'x0', { amount: 1, number: 'N' }), put('items', 'i1', { name: 'Tea', stock: 1 }));
    const verdict = a.push(
      put('sales', 'x1', { amount: 3, number: 'N', item: 'i7', paid: -1 }),
      add('items', 'i1', { stock: -2 }),
      patch('items', 'i9', { name: 'never was' }),
    );
    expect(verdict.exceptions?.map(({ code, id }) => `${code} ${id}`).sort()).toEqual([
      'counter_minimum i1',
      'counter_minimum x1',
      'parent_missing x1',
      'record_missing i9',
      'unique_taken x1',
    ]);
  });
});

describe('a fact never waits', () => {
  test('behind a request of its replica that waits', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    expect(a.push(put('items', 'i1', { name: 'Tea', shelf: 's1' })).verdict).toBe('waiting');
    const verdict = a.push(put('sales', 'x1', { amount: 3, item: 'i1' }), add('items', 'i1', { stock: -1 }));
    expect(verdict).toMatchObject({ verdict: 'excepted', seq: 1 });
    // What it could not change is kept whole.
    expect(verdict.exceptions).toMatchObject([
      { code: 'record_missing', id: 'i1', conflict: 1 },
      { code: 'parent_missing', id: 'x1' },
    ]);
    expect(scope.conflict(1)).toMatchObject({
      changes: [add('items', 'i1', { stock: -1 })],
      state: 'settled',
    });
  });
});

describe('a conflict never holds a fact', () => {
  function inConflict() {
    const scope = new TestScope();
    scope.replica('z').push(put('shelves', 's1', { name: 'Top', load: 5 }));
    scope.replica('b').push(patch('shelves', 's1', { name: 'B' }, { base: 1 }));
    const verdict = scope
      .replica('a')
      .push(
        put('sales', 'x1', { amount: 3 }),
        patch('shelves', 's1', { name: 'A', load: 9 }, { base: 1, replaced: { name: 'Top', load: 5 } }),
      );
    return { scope, verdict };
  }

  test('the conflicting record keeps the server’s values, the conflict stays open, the rest applies', () => {
    const { scope, verdict } = inConflict();
    expect(verdict).toMatchObject({
      verdict: 'excepted',
      seq: 3,
      exceptions: [{ code: 'conflict_open', id: 's1', conflict: 1 }],
    });
    expect(scope.body('shelves', 's1')).toEqual({ name: 'B', load: 5 });
    expect(scope.body('sales', 'x1')).toEqual({ amount: 3 });
    expect(scope.conflicts('open')).toMatchObject([
      { base: { name: 'Top' }, server: { name: 'B', load: 5 }, writer: 'a', policy: 'ask' },
    ]);
    expect(scope.stored.held.size).toBe(0);
  });

  test('the device’s side is applied when a person decides so, and its replica learns that it is settled', () => {
    const { scope, verdict } = inConflict();
    scope.resolve(1, 'device');
    expect(scope.body('shelves', 's1')).toEqual({ name: 'A', load: 9 });
    expect(
      scope.log('a').map(({ n, verdict: { verdict: name, seq, asOf } }) => [n, name, seq, asOf]),
    ).toEqual([
      [1, 'excepted', 3, 3],
      [2, 'excepted', 3, 4],
    ]);
    expect(scope.verdict(verdict.mutation)?.exceptions).toMatchObject([
      { code: 'conflict_open', conflict: 1 },
    ]);
  });

  test('a request that is folded onto it is held, and both parts are settled in order', () => {
    const { scope } = inConflict();
    const later = scope.replica('a').push(patch('shelves', 's1', { note: 'dusty', name: 'A2' }, { base: 1 }));
    expect(later).toMatchObject({ verdict: 'conflict', conflicts: [1] });
    expect(scope.conflict(1).changes).toHaveLength(2);
    scope.resolve(1, 'device');
    expect(scope.body('shelves', 's1')).toEqual({ name: 'A2', note: 'dusty', load: 9 });
    expect(scope.verdict(later.mutation)).toMatchObject({ verdict: 'merged', merged: [{ conflict: 1 }] });
  });

  test('further facts of the replica are folded onto it', () => {
    const { scope } = inConflict();
    const a = scope.replica('a');
    const second = a.push(
      put('sales', 'x2', { amount: 1 }),
      patch('shelves', 's1', { note: 'full' }, { base: 1 }),
    );
    expect(second.exceptions).toMatchObject([{ code: 'conflict_open', conflict: 1 }]);
    expect(scope.conflict(1).mutations).toHaveLength(2);
    scope.resolve(1, 'device');
    expect(scope.body('shelves', 's1')).toEqual({ name: 'A', load: 9, note: 'full' });
  });

  test('what is folded is applied as it came: patch over patch, increments summed', () => {
    const { scope } = inConflict();
    const a = scope.replica('a');
    for (const change of [
      add('shelves', 's1', { load: 2 }, 1),
      patch('shelves', 's1', { name: 'A2', note: 'full' }, { base: 1 }),
      add('shelves', 's1', { load: 0.5 }, 1),
      patch('shelves', 's1', { name: 'A3' }, { base: 1 }),
    ])
      a.push(put('sales', 'x2', { amount: 1 }), change);
    expect(scope.conflicts('open')).toHaveLength(1);
    // Increments conflict with nothing; the 4 that came with the name wait with it.
    expect(scope.body('shelves', 's1')).toEqual({ name: 'B', load: 7.5 });
    scope.resolve(1, 'device');
    expect(scope.body('shelves', 's1')).toEqual({ name: 'A3', note: 'full', load: 11.5 });
  });

  test('beyond the bounds it is logged as settled for the server’s side, and a person may still decide otherwise', () => {
    const scope = new TestScope(undefined, { limits: { conflictMutationsMax: 2, conflictsOpenMax: 1 } });
    scope.replica('z').push(put('shelves', 's1', { name: 'Top' }), put('shelves', 's2', { name: 'Low' }));
    scope
      .replica('b')
      .push(
        patch('shelves', 's1', { name: 'B' }, { base: 1 }),
        patch('shelves', 's2', { name: 'B' }, { base: 1 }),
      );
    const late = (id: string, name: string) =>
      scope
        .replica('a')
        .push(
          put('sales', name, { amount: 1 }),
          patch('shelves', id, { name }, { base: 1 }),
          patch('shelves', id, { note: name }, { base: 1 }),
        );
    expect(
      [late('s1', 'A1'), late('s1', 'A2'), late('s1', 'A3'), late('s2', 'A4')].map(({ verdict }) => verdict),
    ).toEqual(Array(4).fill('excepted'));
    expect(
      scope.conflicts().map(({ state, mutations, changes }) => [state, mutations.length, changes.length]),
    ).toEqual([['open', 2, 4], ...Array(4).fill(['settled', 1, 1])]);
    scope.resolve(4, 'device');
    expect(scope.body('shelves', 's2')).toEqual({ name: 'A4' });
  });
});

describe('a fact whose record is gone', () => {
  test.each([
    ['was deleted unseen', 'record_deleted', 1],
    ['was deleted before its eyes', 'record_deleted', 2],
  ] as const)('%s: the delete stays, the change is kept whole', (_how, code, base) => {
    const scope = new TestScope();
    scope.replica('z').push(put('sales', 'x1', { amount: 3 }));
    scope.replica('b').push(del('sales', 'x1', 1));
    const change = patch('sales', 'x1', { amount: 4 }, { base });
    const verdict = scope.replica('a').push(change, put('sales', 'x2', { amount: 1 }));
    expect(verdict).toMatchObject({
      verdict: 'excepted',
      seq: 3,
      exceptions: [{ code, id: 'x1', conflict: 1 }],
    });
    expect(scope.body('sales', 'x1')).toBeNull();
    expect(scope.body('sales', 'x2')).toEqual({ amount: 1 });
    expect(scope.conflict(1)).toMatchObject({ state: 'settled', changes: [change], server: null });
  });
});

describe('only what is malformed, too large or without a grant is refused', () => {
  test.each([
    ['a field that does not fit', put('sales', 'x1', { amount: 'three' }), 'invalid_record'],
    ['an unknown collection', put('nowhere', 'x1', {}), 'collection_unknown'],
    ['an add that names no counter', add('sales', 'x1', { amount: 1 }), 'counter_by_add'],
    ['an id in the body', put('sales', 'x1', { id: 'x1', amount: 1 }), 'malformed_mutation'],
    ['a number that no store holds', put('sales', 'x1', { amount: 1, note: 2 ** 60 }), 'malformed_mutation'],
    [
      'a record that is too large',
      put('sales', 'x1', { amount: 1, note: 'x'.repeat(300_000) }),
      'record_too_large',
    ],
  ] as const)('%s', (_what, change, code) => {
    const scope = new TestScope();
    const verdict = scope.replica('a').push(put('sales', 'x2', { amount: 1 }), change);
    expect(verdict).toMatchObject({ verdict: 'rejected', code });
    expect(scope.stored.records.size).toBe(0);
    expect(scope.stored.quarantine).toMatchObject([{ inScope: false }]);
  });

  test('a record that grows too large part by part', () => {
    const scope = new TestScope(undefined, { limits: { recordCharsMax: 100 } });
    const a = scope.replica('a');
    a.push(put('sales', 'x1', { amount: 1, note: 'x'.repeat(60) }));
    expect(a.push(patch('sales', 'x1', { more: 'x'.repeat(60) }))).toMatchObject({
      verdict: 'rejected',
      code: 'record_too_large',
    });
  });

  test('not a sum that cannot be held exactly: it is flagged, and kept', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('sales', 'x1', { amount: 1, paid: 0.3 }));
    const verdict = a.push(put('sales', 'x2', { amount: 1 }), add('sales', 'x1', { paid: 1e15 }));
    expect(verdict).toMatchObject({
      verdict: 'excepted',
      seq: 2,
      exceptions: [{ code: 'counter_inexact', id: 'x1', field: 'paid', conflict: 1 }],
    });
    expect(scope.body('sales', 'x1')?.paid).toBe(0.3);
    expect(scope.conflict(1).changes).toEqual([add('sales', 'x1', { paid: 1e15 })]);
    // It was not counted, and can be once there is room for it.
    a.push(add('sales', 'x1', { paid: -0.3 }));
    expect(scope.resolve(1, 'undo').type).toBe('resolved');
    expect(scope.body('sales', 'x1')?.paid).toBe(1e15);
  });

  test('not what a merge makes invalid: it is stored and flagged', () => {
    const fields = z
      .object({ from: z.number(), to: z.number() })
      .refine(({ from, to }) => from <= to, { path: ['to'], message: 'It ends before it begins.' });
    const schema = defineSchema({ version: 1, collections: { shifts: { kind: 'fact', fields } } });
    const scope = new TestScope(schema);
    scope.replica('z').push(put('shifts', 'x', { from: 5, to: 10 }));
    scope.replica('b').push(patch('shifts', 'x', { to: 6 }, { base: 1 }));
    const verdict = scope.replica('a').push(patch('shifts', 'x', { from: 8 }, { base: 1 }));
    expect(verdict).toMatchObject({
      verdict: 'excepted',
      seq: 3,
      exceptions: [{ code: 'invalid_record', field: 'to', message: 'It ends before it begins.' }],
    });
    expect(scope.body('shifts', 'x')).toEqual({ from: 8, to: 6 });
  });
});

test('a request meets what facts cannot: it is rejected for the first reason', () => {
  const scope = new TestScope();
  const a = scope.replica('a');
  a.batch([mutation([put('items', 'i1', { name: 'Tea', code: 'T', stock: 1 })])]);
  expect(a.push(put('items', 'i2', { name: 'Oil', code: 'T' }), add('items', 'i1', { stock: -3 })).code).toBe(
    'counter_minimum',
  );
  expect(a.push(patch('items', 'i9', { name: 'never was' })).code).toBe('record_missing');
});
