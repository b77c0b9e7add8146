// A record that was deleted and begins anew. What was meant for the record before is settled with its delete, whether it arrives
// before the record begins anew or after.
//
// z puts the record, b deletes it, c puts it again in sight of the tombstone; a saw the first record alone.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Change } from './change.ts';
import type { JsonObject } from './json.ts';
import { add, del, patch, put, TestScope } from './plan.fixture.ts';
import { type CollectionKind, defineSchema, type RecordPolicy } from './schema.ts';

const fields = z.object({ name: z.string(), note: z.string().optional(), stock: z.number().optional() });
const first = { name: 'N0', note: 'O0', stock: 10 };
const anew = { name: 'NC', stock: 1 };

function things(policy: RecordPolicy, kind: CollectionKind = 'request'): TestScope {
  const collections = { things: { kind, fields, policy, counters: { stock: {} } } };
  return new TestScope(defineSchema({ version: 1, collections }));
}

function begin(scope: TestScope): void {
  scope.replica('z').push(put('things', 'r', first));
  scope.replica('b').push(del('things', 'r', 1));
}

function beginAnew(scope: TestScope, body: JsonObject = anew): void {
  scope.replica('c').push(put('things', 'r', body, { base: scope.record('things', 'r')?.seq ?? 0 }));
}

const policies: readonly RecordPolicy[] = ['merge', 'server', 'client', 'newest', () => 'client'];
const edits: readonly [string, Change, readonly string[]][] = [
  ['a patch', patch('things', 'r', { name: 'NA' }, { base: 1, replaced: { name: 'N0' } }), ['name']],
  ['a patch of what it has not', patch('things', 'r', { note: 'OA' }, { base: 1 }), ['note']],
  ['a put', put('things', 'r', { ...first, name: 'NA' }, { base: 1, replaced: { name: 'N0' } }), ['name']],
  ['a put of all', put('things', 'r', { name: 'NA' }, { base: 1 }), ['name']],
  ['a put of somebody who saw nothing', put('things', 'r', { name: 'NA' }), ['name']],
  ['an add', add('things', 'r', { stock: 5 }, 1), ['stock']],
];

describe.each(policies)('under %s', (policy) => {
  test.each(edits)('%s loses to the delete that it did not see, whole and logged', (_, change, named) => {
    for (const order of ['before', 'after'] as const) {
      const scope = things(policy);
      begin(scope);
      if (order === 'after') beginAnew(scope);
      const verdict = scope.replica('a').push(change);
      if (order === 'before') beginAnew(scope);
      expect(verdict).toMatchObject({ verdict: 'merged', merged: [{ fields: named, conflict: 1 }] });
      expect(verdict.seq).toBeUndefined();
      expect(scope.body('things', 'r'), order).toEqual(anew);
      expect(scope.conflict(1)).toMatchObject({ changes: [change], state: 'settled' });
    }
  });

  test('a delete of the record before is done already, and takes nothing from the new one', () => {
    for (const order of ['before', 'after'] as const) {
      const scope = things(policy);
      begin(scope);
      if (order === 'after') beginAnew(scope);
      expect(scope.replica('a').push(del('things', 'r', 1))).not.toHaveProperty('seq');
      if (order === 'before') beginAnew(scope);
      expect(scope.body('things', 'r'), order).toEqual(anew);
      expect(scope.conflicts()).toEqual([]);
    }
  });
});

describe('under ask', () => {
  test.each(edits)('a person decides about %s', (_, change, named) => {
    const scope = things('ask');
    begin(scope);
    beginAnew(scope);
    expect(scope.replica('a').push(change).verdict).toBe('conflict');
    expect(scope.conflict(1)).toMatchObject({ fields: named, server: anew, state: 'open' });
    expect(scope.body('things', 'r')).toEqual(anew);
  });

  test('nobody is asked about a delete of the record before', () => {
    const scope = things('ask');
    begin(scope);
    beginAnew(scope);
    expect(scope.replica('a').push(del('things', 'r', 1)).verdict).toBe('applied');
    expect(scope.body('things', 'r')).toEqual(anew);
  });

  test('who decides for the device applies its change to the record as it stands', () => {
    const scope = things('ask');
    begin(scope);
    beginAnew(scope);
    scope.replica('a').push(patch('things', 'r', { note: 'OA' }, { base: 1 }));
    scope.resolve(1, 'device');
    expect(scope.body('things', 'r')).toEqual({ ...anew, note: 'OA' });
  });
});

test('a fact that loses to the delete is flagged', () => {
  const scope = things('merge', 'fact');
  begin(scope);
  beginAnew(scope);
  expect(scope.replica('a').push(patch('things', 'r', { name: 'NA' }, { base: 1 }))).toMatchObject({
    verdict: 'excepted',
    exceptions: [{ code: 'record_deleted', conflict: 1 }],
  });
  expect(scope.body('things', 'r')).toEqual(anew);
});

test('what lost is logged with what its writer saw, as far as that is known', () => {
  const changes = [
    patch('things', 'r', { name: 'NA', other: 1 }, { base: 1 }),
    patch('things', 'r', { name: 'NA' }, { base: 1, replaced: { name: 'N0' } }),
  ];
  const bases = [true, false].flatMap((kept) =>
    changes.map((change) => {
      const scope = things('merge');
      begin(scope);
      beginAnew(scope);
      if (!kept) scope.loseHistory();
      scope.replica('a').push(change);
      return scope.conflict(1).base;
    }),
  );
  expect(bases).toEqual([{ ...first, other: null }, { name: 'N0' }, {}, { name: 'N0' }]);
});

test('what lost is not counted, and is applied whole when a person undoes that', () => {
  const scope = things('merge');
  begin(scope);
  beginAnew(scope);
  scope.replica('a').push(add('things', 'r', { stock: 5 }, 1));
  expect(scope.conflict(1).settlement).toMatchObject({ counted: false, before: anew, after: anew });
  scope.resolve(1, 'undo');
  expect(scope.body('things', 'r')).toEqual({ ...anew, stock: 6 });
});

describe('what is meant for the record that began anew', () => {
  test('is judged as ever', () => {
    const scope = things('merge');
    begin(scope);
    beginAnew(scope);
    // In sight of the tombstone, and of the record that stands.
    const blind = patch('things', 'r', { note: 'OA' }, { base: 2 });
    expect(scope.replica('a').push(blind).verdict).toBe('applied');
    expect(scope.replica('d').push(patch('things', 'r', { name: 'ND' }, { base: 3 })).verdict).toBe(
      'applied',
    );
    expect(scope.body('things', 'r')).toEqual({ name: 'ND', note: 'OA', stock: 1 });
    expect(scope.replica('d').push(del('things', 'r', 5)).verdict).toBe('applied');
    expect(scope.body('things', 'r')).toBeNull();
  });

  test('by two who both saw the tombstone is a conflict in the fields that both give', () => {
    const scope = things('merge');
    begin(scope);
    beginAnew(scope);
    const other = put('things', 'r', { name: 'NA', note: 'OA' }, { base: 2 });
    expect(scope.replica('a').push(other).merged).toMatchObject([{ fields: ['name'] }]);
    expect(scope.body('things', 'r')).toEqual({ name: 'NA', note: 'OA', stock: 1 });
  });

  test('goes on for who deleted it and began anew itself, without having read of it', () => {
    const scope = things('merge');
    scope.replica('z').push(put('things', 'r', first));
    const a = scope.replica('a');
    for (const change of [
      del('things', 'r', 1),
      put('things', 'r', { name: 'N1' }, { base: 1 }),
      patch('things', 'r', { note: 'O1' }, { base: 1 }),
      add('things', 'r', { stock: 2 }, 1),
    ])
      expect(a.push(change).verdict).toBe('applied');
    expect(scope.body('things', 'r')).toEqual({ name: 'N1', note: 'O1', stock: 2 });
    expect(a.push(del('things', 'r', 1)).verdict).toBe('applied');
    expect(scope.body('things', 'r')).toBeNull();
  });

  test('and for who did so under a former id', () => {
    const scope = things('merge');
    scope.replica('z').push(put('things', 'r', first));
    const device = 'till';
    scope
      .replica('a', { device })
      .push(del('things', 'r', 1), put('things', 'r', { name: 'N1' }, { base: 1 }));
    const renewed = scope.replica('a2', { device, former: { a: 2 } });
    expect(renewed.push(patch('things', 'r', { note: 'O1' }, { base: 1 })).verdict).toBe('applied');
  });

  test('while the others lose to the delete of a mutation that deletes and begins anew', () => {
    const scope = things('merge');
    scope.replica('z').push(put('things', 'r', first));
    scope.replica('b').push(del('things', 'r', 1), put('things', 'r', anew, { base: 1 }));
    expect(scope.replica('a').push(patch('things', 'r', { note: 'OA' }, { base: 1 })).verdict).toBe('merged');
    expect(scope.body('things', 'r')).toEqual(anew);
  });
});

describe('a record that a person brought back', () => {
  function broughtBack(): TestScope {
    const scope = things('merge');
    scope.replica('z').push(put('things', 'r', first));
    scope.replica('y').push(patch('things', 'r', { name: 'N1' }, { base: 1 }));
    scope.replica('b').push(del('things', 'r', 1));
    expect(scope.body('things', 'r')).toBeNull();
    scope.resolve(1, 'undo');
    return scope;
  }

  test('is the record that was: changes made on it are judged field by field', () => {
    const scope = broughtBack();
    expect(scope.replica('a').push(add('things', 'r', { stock: 5 }, 1)).verdict).toBe('applied');
    const verdict = scope.replica('a').push(patch('things', 'r', { note: 'OA' }, { base: 1 }));
    expect(verdict.merged).toMatchObject([{ fields: ['note'] }]);
    expect(scope.body('things', 'r')).toEqual({ name: 'N1', note: 'OA', stock: 15 });
  });

  test('has fields that were removed meanwhile: who gives one is in conflict', () => {
    const scope = things('merge');
    scope.replica('z').push(put('things', 'r', first));
    scope.replica('y').push(patch('things', 'r', {}, { base: 1, unset: ['note'] }));
    scope.replica('b').push(del('things', 'r', 1));
    scope.resolve(1, 'undo');
    expect(scope.body('things', 'r')).toEqual({ name: 'N0', stock: 10 });
    const verdict = scope.replica('a').push(patch('things', 'r', { note: 'OA' }, { base: 1 }));
    expect(verdict.merged).toMatchObject([{ fields: ['note'] }]);
  });
});
