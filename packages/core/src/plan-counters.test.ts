// Counters change by increments alone, exactly, and nothing ever sets one.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { add, del, morning, mutation, patch, put, TestScope } from './plan.fixture.ts';
import { defineSchema, type RecordPolicy } from './schema.ts';

function withStock(policy: RecordPolicy = 'merge', minimum?: number) {
  const fields = z.object({
    name: z.string().optional(),
    stock: z.number().optional(),
    sold: z.number().optional(),
  });
  const counters = { stock: minimum === undefined ? {} : { minimum }, sold: {} };
  return new TestScope(
    defineSchema({ version: 1, collections: { items: { kind: 'request', fields, counters, policy } } }),
  );
}

const stock = (scope: TestScope): unknown => scope.body('items', 'i')?.stock;

describe('a counter', () => {
  test('is the sum of all increments, whoever made them and on whatever base', () => {
    const scope = withStock();
    scope.replica('a').push(put('items', 'i', { stock: 10 }));
    scope.replica('b').push(add('items', 'i', { stock: -3 }, 1));
    scope.replica('c').push(add('items', 'i', { stock: 5, sold: 2 }, 1));
    scope.replica('a').push(add('items', 'i', { stock: 1 }));
    expect(scope.body('items', 'i')).toEqual({ stock: 13, sold: 2 });
    expect(scope.stored.conflicts.size).toBe(0);
  });

  test('sums decimals exactly', () => {
    const scope = withStock();
    const a = scope.replica('a');
    a.push(put('items', 'i', { stock: 0.1 }));
    a.push(add('items', 'i', { stock: 0.2 }));
    expect(stock(scope)).toBe(0.3);
    // A sum that no double holds is refused and never rounded.
    expect(a.push(add('items', 'i', { stock: 1e15 }))).toMatchObject({
      verdict: 'rejected',
      code: 'counter_inexact',
      field: 'changes[0].stock',
    });
    expect(stock(scope)).toBe(0.3);
  });

  test('that is absent counts as 0', () => {
    const scope = withStock();
    scope.replica('a').push(put('items', 'i', {}));
    scope.replica('b').push(add('items', 'i', { stock: 4 }));
    expect(stock(scope)).toBe(4);
  });

  test('never conflicts with another increment of it, whatever the policy', () => {
    for (const policy of ['server', 'client', 'newest', 'ask', () => 'server' as const] as const) {
      const scope = withStock(policy);
      scope.replica('a').push(put('items', 'i', { stock: 10 }));
      scope.replica('b').push(add('items', 'i', { stock: 1 }, 1));
      expect(
        scope.replica('c').push(patch('items', 'i', { stock: 12 }, { base: 1, replaced: { stock: 10 } }))
          .verdict,
      ).toBe('applied');
      expect(stock(scope)).toBe(13);
    }
  });
});

describe('a put or patch that names a counter', () => {
  test('counts as an add of (given − replaced)', () => {
    const scope = withStock();
    scope.replica('z').push(put('items', 'i', { name: 'Tea', stock: 10 }));
    scope.replica('b').push(add('items', 'i', { stock: 100 }, 1));
    scope.replica('a').push(patch('items', 'i', { stock: 7 }, { base: 1, replaced: { stock: 10 } }));
    expect(stock(scope)).toBe(107);
    scope
      .replica('c')
      .push(put('items', 'i', { name: 'Tea', stock: 12 }, { base: 1, replaced: { stock: 10 } }));
    expect(stock(scope)).toBe(109);
  });

  test('goes by what its writer saw, which may hold writes of its own that no base has', () => {
    const scope = withStock();
    scope.replica('z').push(put('items', 'i', { stock: 10 }));
    scope.replica('a').push(add('items', 'i', { stock: 5 }, 1));
    scope.replica('a').push(patch('items', 'i', { stock: 18 }, { base: 1, replaced: { stock: 15 } }));
    expect(stock(scope)).toBe(18);
  });

  test('adds all that it gives when it replaced nothing', () => {
    const scope = withStock();
    scope.replica('z').push(put('items', 'i', { name: 'Tea', stock: 10 }));
    scope.replica('a').push(patch('items', 'i', { sold: 2 }, { base: 1, replaced: { sold: null } }));
    scope.replica('b').push(patch('items', 'i', { sold: 3 }, { base: 1, replaced: { sold: null } }));
    expect(scope.body('items', 'i')).toEqual({ name: 'Tea', stock: 10, sold: 5 });
  });

  test('removes what it saw of one that it unsets', () => {
    const scope = withStock();
    scope.replica('z').push(put('items', 'i', { stock: 10 }));
    scope.replica('b').push(add('items', 'i', { stock: 2 }, 1));
    scope.replica('a').push(patch('items', 'i', {}, { base: 1, unset: ['stock'], replaced: { stock: 10 } }));
    expect(stock(scope)).toBe(2);
  });

  test('without a replaced value takes the value at its base, from history too', () => {
    const scope = withStock();
    scope.replica('z').push(put('items', 'i', { stock: 10 }));
    scope.replica('b').push(add('items', 'i', { stock: 5 }, 1));
    scope.replica('b').push(add('items', 'i', { stock: 5 }, 2));
    scope.replica('a').push(patch('items', 'i', { stock: 16 }, { base: 2 }));
    expect(stock(scope)).toBe(21);
    scope.replica('c').push(patch('items', 'i', { stock: 11 }, { base: 1 }));
    expect(stock(scope)).toBe(22);
    scope.replica('d').push(put('items', 'i', { stock: 23 }, { base: 5 }));
    expect(stock(scope)).toBe(23);
  });

  test('finds its base also among what the same plan has written', () => {
    const scope = withStock();
    const item = (replica: string, ...changes: Parameters<typeof mutation>[0]) =>
      scope.replica(replica).item([mutation(changes)]);
    scope.commit([
      item('z', put('items', 'i', { stock: 10 })),
      item(
        'a',
        patch('items', 'i', { name: 'A' }, { base: 1 }),
        patch('items', 'i', { stock: 11 }, { base: 1 }),
      ),
      item('b', patch('items', 'i', { stock: 12 }, { base: 1 })),
    ]);
    expect(stock(scope)).toBe(13);
    expect(scope.stored.conflicts.size).toBe(0);
  });

  test('is a conflict when history has lost its base, under every policy', () => {
    const scope = withStock('client');
    scope.replica('z').push(put('items', 'i', { stock: 10 }));
    scope.replica('b').push(add('items', 'i', { stock: 5 }, 1));
    scope.loseHistory();
    const verdict = scope.replica('a').push(patch('items', 'i', { stock: 11 }, { base: 1 }));
    expect(verdict.verdict).toBe('conflict');
    expect(scope.conflicts('open')).toMatchObject([{ fields: ['stock'], policy: 'counter' }]);
    expect(stock(scope)).toBe(15);
    // Nobody can know what the device meant; who wants the number gives it in sight of the one that stands.
    scope.resolve(1, 'device');
    expect(scope.verdict(verdict.mutation)).toMatchObject({ verdict: 'rejected', code: 'counter_inexact' });
    expect(stock(scope)).toBe(15);
  });

  test('whose base is lost can be settled for the server’s side', () => {
    const scope = withStock();
    scope.replica('z').push(put('items', 'i', { stock: 10 }));
    scope.replica('b').push(add('items', 'i', { stock: 5 }, 1));
    scope.loseHistory();
    const verdict = scope.replica('a').push(patch('items', 'i', { stock: 11 }, { base: 1 }));
    scope.resolve(1, 'server');
    expect(scope.verdict(verdict.mutation)).toMatchObject({ verdict: 'merged' });
    expect(stock(scope)).toBe(15);
  });

  test('leaves one that it omits untouched, whatever it says that it replaced', () => {
    const scope = withStock();
    scope.replica('z').push(put('items', 'i', { name: 'Tea', stock: 10, sold: 1 }));
    scope.replica('a').push(put('items', 'i', { name: 'Oil' }, { base: 1 }));
    expect(scope.body('items', 'i')).toEqual({ name: 'Oil', stock: 10, sold: 1 });
    scope
      .replica('a')
      .push(put('items', 'i', { name: 'Rye' }, { base: 2, replaced: { name: 'Oil', stock: 10 } }));
    expect(scope.body('items', 'i')).toEqual({ name: 'Rye', stock: 10, sold: 1 });
  });

  test('of a record that it did not see adds all that it gives', () => {
    const scope = withStock();
    scope.replica('z').push(put('items', 'i', { stock: 10 }));
    scope.replica('a').push(put('items', 'i', { stock: 4 }));
    expect(stock(scope)).toBe(14);
  });
});

describe('nothing sets a counter', () => {
  test.each([
    'server',
    'client',
    'newest',
    () => 'client' as const,
    () => ({ set: { stock: 0, name: 'set' } }),
  ] satisfies RecordPolicy[])('no policy (%s)', (policy) => {
    const scope = withStock(policy);
    scope.replica('z').push(put('items', 'i', { name: 'Tea', stock: 10 }));
    scope
      .replica('b')
      .push(patch('items', 'i', { name: 'B' }, { base: 1 }), add('items', 'i', { stock: 5 }, 1));
    const whole = put(
      'items',
      'i',
      { name: 'A', stock: 12 },
      { base: 1, replaced: { name: 'Tea', stock: 10 } },
    );
    const verdict = scope.replica('a').send(mutation([whole], { madeAt: morning + 1 }));
    expect(verdict.verdict).toBe('merged');
    expect(stock(scope)).toBe(17);
  });

  test('no function, though the change does not name it', () => {
    const scope = withStock(() => ({ set: { stock: 0, name: 'set' } }));
    scope.replica('z').push(put('items', 'i', { name: 'Tea', stock: 10 }));
    scope.replica('b').push(patch('items', 'i', { name: 'B' }, { base: 1 }));
    scope.replica('a').push(patch('items', 'i', { name: 'A' }, { base: 1 }));
    expect(scope.body('items', 'i')).toEqual({ name: 'set', stock: 10 });
  });

  test('no person who goes back to the server’s side', () => {
    const scope = withStock();
    scope.replica('z').push(put('items', 'i', { stock: 10 }));
    scope.replica('b').push(add('items', 'i', { stock: 5 }, 1));
    scope.loseHistory();
    scope.replica('a').push(patch('items', 'i', { stock: 11 }, { base: 1 }));
    scope.resolve(1, 'server');
    scope.replica('c').push(add('items', 'i', { stock: 7 }, 2));
    scope.resolve(1, 'server');
    expect(stock(scope)).toBe(22);
  });

  test('no whole-record win of a put that omits it', () => {
    const scope = withStock('client');
    scope.replica('z').push(put('items', 'i', { name: 'Tea', stock: 10 }));
    scope.replica('b').push(patch('items', 'i', { name: 'B' }, { base: 1 }));
    scope.replica('a').push(put('items', 'i', { name: 'A' }, { base: 1, replaced: { name: 'Tea' } }));
    expect(scope.body('items', 'i')).toEqual({ name: 'A', stock: 10 });
  });

  test('no undo: it adds the negative', () => {
    const scope = withStock('client');
    scope.replica('z').push(put('items', 'i', { name: 'Tea', stock: 10 }));
    scope.replica('b').push(patch('items', 'i', { name: 'B' }, { base: 1 }));
    scope
      .replica('a')
      .push(patch('items', 'i', { name: 'A', stock: 13 }, { base: 1, replaced: { name: 'Tea', stock: 10 } }));
    scope.replica('c').push(add('items', 'i', { stock: 100 }));
    expect(stock(scope)).toBe(113);
    scope.resolve(1, 'undo');
    expect(scope.body('items', 'i')).toEqual({ name: 'B', stock: 110 });
    scope.resolve(1, 'undo');
    expect(scope.body('items', 'i')).toEqual({ name: 'A', stock: 113 });
  });

  test('a delete ends it, and a new life begins with what its put gives', () => {
    const scope = withStock();
    const a = scope.replica('a');
    a.push(put('items', 'i', { stock: 10 }));
    a.push(del('items', 'i', 1));
    a.push(put('items', 'i', { stock: 3 }, { base: 2 }));
    expect(stock(scope)).toBe(3);
  });
});

describe('a minimum', () => {
  test('rejects a request that would take the counter below', () => {
    const scope = withStock('merge', 0);
    scope.replica('a').push(put('items', 'i', { stock: 2 }));
    expect(scope.replica('b').push(add('items', 'i', { stock: -1.5 })).verdict).toBe('applied');
    expect(scope.replica('c').push(add('items', 'i', { stock: -1.5 }))).toMatchObject({
      verdict: 'rejected',
      code: 'counter_minimum',
      field: 'changes[0].stock',
    });
    expect(stock(scope)).toBe(0.5);
  });

  test('lets a counter rise that is below it already', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i', { name: 'Tea', stock: 0 }));
    // A sale has happened, whatever the stock says.
    a.push(put('sales', 'x', { amount: 1 }), add('items', 'i', { stock: -5 }));
    expect(a.push(add('items', 'i', { stock: 2 })).verdict).toBe('applied');
    expect(a.push(add('items', 'i', { stock: -1 }))).toMatchObject({ code: 'counter_minimum' });
    expect(stock(scope)).toBe(-3);
  });

  test('of a new record counts from 0', () => {
    const scope = withStock('merge', 0);
    expect(scope.replica('a').push(put('items', 'i', { stock: -1 }))).toMatchObject({
      code: 'counter_minimum',
    });
  });

  test('is judged by the sum, not by what the device saw', () => {
    const scope = withStock('merge', 0);
    scope.replica('z').push(put('items', 'i', { stock: 3 }));
    scope.replica('a').push(add('items', 'i', { stock: -2 }, 1));
    // This device believes that one would be left.
    expect(scope.replica('b').push(add('items', 'i', { stock: -2 }, 1)).verdict).toBe('rejected');
    expect(stock(scope)).toBe(1);
  });
});

test('`add` of a field that is no counter is refused at the door', () => {
  const scope = withStock();
  scope.replica('a').push(put('items', 'i', { name: 'Tea' }));
  expect(scope.replica('a').push(add('items', 'i', { name: 1 }))).toMatchObject({
    verdict: 'rejected',
    code: 'counter_by_add',
    field: 'changes[0].amounts.name',
  });
});
