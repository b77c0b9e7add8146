// Writes of clients of which the server knows what they had in sight: by the changes of a record that they count (terminal), or by
// how far they have read (crm).

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { BaseJudge } from './base-question.ts';
import { at, Client, gone, item } from './declared.fixture.ts';
import { morning, put, TestScope } from './plan.fixture.ts';
import { defineSchema, type RecordPolicyName } from './schema.ts';

const byBase = (policy?: RecordPolicyName, more: Partial<BaseJudge> = {}): BaseJudge => ({
  by: 'base',
  policies: new Map(policy ? [['items', policy]] : []),
  returns: 'newer',
  ignored: new Set(['at']),
  ...more,
});
const edits = (n: number) => ({ base: { edits: n } });
const read = (seq: number) => ({ base: { seq } });

/** Two devices under one judge, and a record that both have seen. */
function shopOf(policy?: RecordPolicyName, more: Partial<BaseJudge> = {}) {
  const scope = new TestScope();
  const judge = byBase(policy, more);
  const [a, b] = [new Client(scope, 'a', judge), new Client(scope, 'b', judge)];
  a.one(item('i1', { name: 'Tea', note: 'x', price: 1 }, { ...at(0), base: 'none' }));
  return { scope, a, b };
}

describe('nobody else wrote since the base', () => {
  test('the named fields are written, and the others stay', () => {
    const { scope, b } = shopOf('server');
    expect(b.one(item('i1', { note: 'y' }, { ...at(5), ...edits(1) }))).toMatchObject({
      ruled: 'updated',
      word: 'applied',
      record: { edits: 2 },
    });
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', note: 'y', price: 1 });
    expect(scope.conflicts('settled')).toEqual([]);
  });

  test('two edits on one version, made offline, both apply, in one push or two', () => {
    const { scope, a } = shopOf('server');
    const [first, second] = a.push(
      item('i1', { note: 'y' }, edits(1)),
      item('i1', { note: 'z', price: 2 }, edits(1)),
    );
    expect([first?.verdict.ruling, second?.verdict.ruling]).toEqual(['updated', 'updated']);
    expect(a.one(item('i1', { price: 3 }, edits(1))).ruled).toBe('updated');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', note: 'z', price: 3 });
  });

  test('a version above the record’s counts as current, and a base ahead of the scope as its head', () => {
    const { b } = shopOf('server');
    expect(b.one(item('i1', { note: 'y' }, edits(99))).ruled).toBe('updated');
    expect(b.one(item('i1', { note: 'z' }, { ...at(9), ...read(99) })).ruled).toBe('updated');
  });

  test('what is so already makes no version', () => {
    const { b } = shopOf();
    expect(b.one(item('i1', { note: 'x' }, edits(1)))).toMatchObject({
      ruled: 'unchanged',
      record: { edits: 1 },
    });
  });

  test('an unknown record is created, and a delete of one leaves a tombstone', () => {
    const { scope, b } = shopOf();
    expect(b.one(item('i2', { name: 'Oil' }, edits(7))).ruled).toBe('inserted');
    expect(b.one(gone('i3', edits(7)))).toMatchObject({ ruled: 'deleted', record: { body: null } });
    expect(scope.body('items', 'i2')).toEqual({ name: 'Oil' });
  });
});

describe('somebody else wrote since the base', () => {
  const cases: [RecordPolicyName, number, string, unknown][] = [
    ['server', 9, 'kept', { name: 'Tea', note: 'b', price: 2 }],
    ['client', 1, 'replaced', { name: 'Tea', note: 'a', price: 1 }],
    ['newest', 9, 'replaced', { name: 'Tea', note: 'a', price: 1 }],
    ['newest', 1, 'kept', { name: 'Tea', note: 'b', price: 2 }],
    // The price is as the device had it: there only the other side changed.
    ['merge', 9, 'merged', { name: 'Tea', note: 'a', price: 2 }],
    ['merge', 1, 'merged', { name: 'Tea', note: 'b', price: 2 }],
    ['ask', 9, 'open', { name: 'Tea', note: 'b', price: 2 }],
  ];
  test.each(cases)('%s, made at %d: %s', (policy, madeAt, ruled, body) => {
    for (const base of [edits(1), read(1)]) {
      const { scope, a, b } = shopOf(policy);
      b.one(item('i1', { note: 'b', price: 2 }, { ...at(5), ...edits(1) }));
      const answer = a.one(item('i1', { note: 'a', price: 1 }, { ...at(madeAt), ...base }));
      expect(answer.ruled).toBe(ruled);
      expect(scope.body('items', 'i1')).toEqual(body);
      const [logged] = [...scope.conflicts('settled'), ...scope.conflicts('open')];
      expect(logged).toMatchObject({
        policy,
        device: 'a',
        fields: ['note', 'price'],
        base: base === undefined ? {} : { note: 'x', price: 1 },
        server: { note: 'b', price: 2 },
        state: policy === 'ask' ? 'open' : 'settled',
      });
    }
  });

  test('of what stands so already there is no conflict', () => {
    const { scope, a, b } = shopOf('server');
    b.one(item('i1', { note: 'same' }, { ...at(5), ...edits(1) }));
    expect(a.one(item('i1', { note: 'same' }, { ...at(9), ...edits(1) })).ruled).toBe('unchanged');
    expect(scope.conflicts('settled')).toEqual([]);
  });

  test('whoever creates what is there is in conflict, also with itself', () => {
    const { a } = shopOf('server');
    expect(a.one(item('i1', { name: 'Oil' }, { ...at(9), base: 'none' })).ruled).toBe('kept');
  });

  test('within the tolerance both sides are merged, which is logged and no conflict', () => {
    const { scope, a, b } = shopOf('server', { toleranceMs: 1_000 });
    b.one(item('i1', { note: 'b' }, { ...at(5_000), ...edits(1) }));
    const answer = a.one(item('i1', { note: 'x', price: 3 }, { ...at(4_000), ...edits(1) }));
    expect(answer).toMatchObject({ ruled: 'updated', word: 'merged' });
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', note: 'b', price: 3 });
    expect(scope.conflicts('settled')).toMatchObject([{ policy: 'merge', fields: ['note', 'price'] }]);
    expect(a.one(item('i1', { note: 'late' }, { ...at(3_999), ...edits(1) })).ruled).toBe('kept');
    // The merged record is as new as the newer side.
    expect(scope.record('items', 'i1')).toMatchObject({ madeAt: morning + 5_000 });
  });

  test('the time itself is no conflict, and the later of the two stays', () => {
    const { scope, a, b } = shopOf('merge');
    b.one(item('i1', { at: 50 } as never, { ...at(50), ...edits(1) }));
    a.one(item('i1', { at: 40 } as never, { ...at(40), ...edits(1) }));
    expect(scope.body('items', 'i1')).toMatchObject({ at: 50 });
    expect(a.one(item('i1', { at: 60 } as never, { ...at(60), ...edits(1) })).ruled).toBe('unchanged');
    expect(scope.body('items', 'i1')).toMatchObject({ at: 60 });
    expect(scope.conflicts('settled')).toEqual([]);
  });

  test('a version that history has lost counts as another’s, and every field as changed on both sides', () => {
    const { scope, a, b } = shopOf('merge');
    b.one(item('i1', { price: 2 }, { ...at(5), ...edits(1) }));
    b.one(item('i1', { price: 4 }, { ...at(6), ...edits(2) }));
    scope.loseHistory();
    expect(a.one(item('i1', { name: 'Tea', price: 1 }, { ...at(2), ...edits(2) })).ruled).toBe('merged');
  });
});

describe('what a device sent is what it has', () => {
  test('by reading: what it lost it has seen when it sends again, and its merge base is what it sent', () => {
    const { scope, a, b } = shopOf('server');
    b.one(item('i1', { note: 'b' }, { ...at(5), ...read(1) }));
    expect(a.one(item('i1', { note: 'a' }, { ...at(6), ...read(1) })).ruled).toBe('kept');
    const again = a.one(item('i1', { note: 'a', price: 7 }, { ...at(7), ...read(1) }));
    expect(again.ruled).toBe('updated');
    // The note is as it sent it before, and so no change of its own: the server's stays.
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', note: 'b', price: 7 });
    b.one(item('i1', { name: 'Oil' }, { ...at(8), ...read(3) }));
    new Client(scope, 'a', byBase('merge')).one(
      item('i1', { name: 'Tea', note: 'a', price: 9 }, { ...at(9), ...read(1) }),
    );
    expect(scope.body('items', 'i1')).toEqual({ name: 'Oil', note: 'b', price: 9 });
  });

  test('by reading: when it has read further, what it read is its base again', () => {
    const { scope, a, b } = shopOf('merge');
    b.one(item('i1', { note: 'b' }, { ...at(5), ...read(1) }));
    a.one(item('i1', { note: 'a' }, { ...at(4), ...read(1) }));
    expect(scope.body('items', 'i1')).toMatchObject({ note: 'b' });
    b.one(item('i1', { price: 5 }, { ...at(8), ...read(2) }));
    // It has read note: b and not the price, and says so.
    expect(a.one(item('i1', { note: 'b', price: 1 }, { ...at(9), ...read(2) })).ruled).toBe('merged');
    expect(scope.body('items', 'i1')).toMatchObject({ note: 'b', price: 5 });
  });

  test('by counting: what its last change met is a conflict for the next one, too, also where that overwrote it', () => {
    const { scope, a, b } = shopOf('client');
    b.one(item('i1', { note: 'b' }, edits(1)));
    expect(a.one(item('i1', { note: 'a' }, edits(1))).ruled).toBe('replaced');
    b.one(item('i1', { price: 4 }, edits(3)));
    expect(a.one(item('i1', { name: 'Oil' }, edits(1))).ruled).toBe('replaced');
    expect(a.one(item('i1', { name: 'Rice' }, edits(1))).ruled).toBe('replaced');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Rice', note: 'a', price: 4 });
  });

  test('by counting: a version of another between stays a conflict', () => {
    const { a, b } = shopOf('server');
    b.one(item('i1', { note: 'b' }, edits(1)));
    expect(a.one(item('i1', { note: 'a' }, edits(1))).ruled).toBe('kept');
    expect(a.one(item('i1', { note: 'a2' }, edits(1))).ruled).toBe('kept');
    expect(a.one(item('i1', { note: 'a3' }, edits(2))).ruled).toBe('updated');
  });
});

describe('counters', () => {
  test.each([['server'], ['client'], ['newest'], ['merge']] as const)('are added up under %s', (policy) => {
    const { scope, a, b } = shopOf(policy);
    a.one(item('i1', { stock: 40 }, edits(1)));
    b.one(item('i1', { stock: 45 }, edits(2)));
    a.one(item('i1', { stock: 50 }, edits(2)));
    expect(scope.body('items', 'i1')).toMatchObject({ stock: 55 });
    // Its own last value is where it starts from, as long as it counts no further.
    a.one(item('i1', { stock: 60 }, edits(2)));
    expect(scope.body('items', 'i1')).toMatchObject({ stock: 65 });
    a.one(item('i1', { stock: 66 }, edits(5)));
    expect(scope.body('items', 'i1')).toMatchObject({ stock: 66 });
  });

  test('start from what the client says that it started from', () => {
    const { scope, a, b } = shopOf();
    b.one(item('i1', { stock: 5 }, edits(1)));
    a.one(item('i1', { stock: 41.1 }, { ...edits(1), started: { stock: 41 } }));
    expect(scope.body('items', 'i1')).toMatchObject({ stock: 5.1 });
  });

  test('whose start nobody knows any more are left to a person', () => {
    const { scope, a, b } = shopOf();
    a.one(item('i1', { stock: 40 }, edits(1)));
    b.one(item('i1', { stock: 41 }, edits(2)));
    b.one(item('i1', { stock: 42 }, edits(3)));
    scope.loseHistory();
    const c = new Client(scope, 'c', byBase());
    expect(c.one(item('i1', { stock: 41 }, edits(2))).ruled).toBe('open');
    expect(scope.body('items', 'i1')).toMatchObject({ stock: 42 });
  });
});

describe('deletes', () => {
  test.each([['server'], ['client'], ['newest'], ['merge']] as const)(
    'win over what they did not see, under %s',
    (policy) => {
      const { scope, a, b } = shopOf(policy);
      b.one(item('i1', { note: 'b' }, { ...at(5), ...edits(1) }));
      expect(a.one(gone('i1', { ...at(1), ...edits(1) }))).toMatchObject({
        ruled: 'replaced',
        word: 'merged',
      });
      expect(scope.record('items', 'i1')).toMatchObject({ body: null });
      expect(scope.conflicts('settled')).toMatchObject([{ fields: ['note'], server: { note: 'b' } }]);
      expect(b.one(item('i1', { note: 'older' }, { ...at(0), ...edits(2) })).ruled).toBe('gone');
    },
  );

  test('ask a person under ask', () => {
    const { scope, a, b } = shopOf('ask');
    b.one(item('i1', { note: 'b' }, edits(1)));
    expect(a.one(gone('i1', edits(1))).ruled).toBe('open');
    expect(scope.body('items', 'i1')).toMatchObject({ note: 'b' });
  });

  test('are final but for who has seen them, or came later where that is allowed', () => {
    const { a, b } = shopOf('client', { returns: 'seen' });
    a.one(gone('i1', { ...at(5), ...edits(1) }));
    expect(b.one(item('i1', { name: 'Oil' }, { ...at(9), ...edits(1) })).ruled).toBe('gone');
    expect(b.one(item('i1', { name: 'Oil' }, { ...at(4), base: 'none' })).ruled).toBe('gone');
    expect(b.one(item('i1', { name: 'Oil' }, { ...at(9), base: 'none' })).ruled).toBe('inserted');
    a.one(gone('i1', { ...at(10), ...edits(9) }));
    expect(b.one(item('i1', { name: 'Rice' }, { ...at(4), ...edits(4) })).ruled).toBe('inserted');
    const later = shopOf('client', { returns: 'newer' });
    later.a.one(gone('i1', { ...at(5), ...edits(1) }));
    expect(later.b.one(item('i1', { name: 'Oil' }, { ...at(9), ...edits(1) })).ruled).toBe('inserted');
  });

  test('where later puts come back, no older one does: not of who has read the delete, who made it, or who lost to it before', () => {
    const { scope, a, b } = shopOf('client');
    a.one(gone('i1', { ...at(5), ...read(1) }));
    for (const [writer, seq] of [
      [a, 1],
      [b, 1],
      [b, 1],
      [b, 2],
    ] as const)
      expect(writer.one(item('i1', { name: 'Old', price: seq }, { ...at(4), ...read(seq) })).ruled).toBe(
        'gone',
      );
    const [first, second] = b.push(
      item('i1', { name: 'Oil' }, { ...at(5), ...read(2) }),
      item('i1', { name: 'Oil' }, { ...at(6), ...read(2) }),
    );
    expect([first?.verdict.ruling, second?.verdict.ruling]).toEqual(['gone', 'inserted']);
    expect(scope.body('items', 'i1')).toEqual({ name: 'Oil' });
  });
});

test('a device’s own delete is not undone by an edit of what it deleted, only by a record that it creates', () => {
  const { scope, a } = shopOf('client', { returns: 'seen' });
  a.one(gone('i1', edits(1)));
  expect(a.one(item('i1', { note: 'older' }, edits(1))).ruled).toBe('gone');
  expect(a.one(item('i1', { name: 'Oil' }, { base: 'none' })).ruled).toBe('inserted');
  expect(scope.body('items', 'i1')).toEqual({ name: 'Oil' });
  expect(a.one(item('i1', { name: 'Rice' }, edits(3))).ruled).toBe('updated');
});

test('by time, a device’s put of the very time of its own delete comes later, and that of another does not', () => {
  const { a, b } = shopOf('newest', { returns: 'newer' });
  a.one(gone('i1', { ...at(5), ...read(1) }));
  expect(b.one(item('i1', { name: 'Rice' }, { ...at(5), ...read(2) })).ruled).toBe('gone');
  expect(a.one(item('i1', { name: 'Oil' }, { ...at(4), ...read(2) })).ruled).toBe('gone');
  expect(a.one(item('i1', { name: 'Oil' }, { ...at(5), ...read(2) })).ruled).toBe('inserted');
});

test('what was meant for a record that was deleted and has begun anew since lost to that delete', () => {
  const { scope, a, b } = shopOf('client', { returns: 'seen' });
  const c = new Client(scope, 'c', byBase('client', { returns: 'seen' }));
  b.one(gone('i1', { ...at(5), ...edits(1) }));
  b.one(item('i1', { name: 'Oil' }, { ...at(6), ...edits(2) }));
  expect(a.one(item('i1', { note: 'late' }, { ...at(9), ...edits(1) })).ruled).toBe('gone');
  expect(c.one(gone('i1', { ...at(9), ...edits(1) })).ruled).toBe('unchanged');
  expect(scope.body('items', 'i1')).toEqual({ name: 'Oil' });
  const newer = new Client(scope, 'd', byBase('client'));
  expect(newer.one(item('i1', { note: 'newer' }, { ...at(9), ...edits(1) })).ruled).toBe('replaced');
});

test('a repeat is answered as the first time, whoever wrote since, and is told apart by what it had in sight', () => {
  const { scope, a, b } = shopOf('server');
  const write = item('i1', { note: 'a' }, edits(1));
  expect(a.one(write)).toMatchObject({ ruled: 'updated', repeated: false });
  b.one(item('i1', { note: 'b' }, edits(2)));
  for (let n = 0; n < 3; n += 1) expect(a.one(write)).toMatchObject({ ruled: 'updated', repeated: true });
  expect(a.one(item('i1', { note: 'a' }, edits(3)))).toMatchObject({ ruled: 'updated', repeated: false });
  expect(scope.body('items', 'i1')).toMatchObject({ note: 'a' });
  const timed = item('i1', { note: 'c' }, { ...at(77), ...read(1) });
  a.one(timed);
  expect(a.one({ ...timed, ...read(9) })).toMatchObject({ repeated: true });
});

test('a field with a policy of its own goes by that, whoever changed it', () => {
  const schema = defineSchema({
    version: 1,
    collections: {
      items: {
        kind: 'request',
        fields: z.looseObject({ price: z.number() }),
        policy: 'merge',
        fieldPolicies: { price: 'server' },
      },
    },
  });
  const scope = new TestScope(schema);
  const [a, b] = ['a', 'b'].map((device) => new Client(scope, device, byBase()));
  a?.one(item('i1', { name: 'Tea', price: 1 }, { ...at(0), base: 'none' }));
  b?.one(item('i1', { name: 'Oil' }, { ...at(1), ...edits(1) }));
  expect(a?.one(item('i1', { name: 'Rice', price: 9 }, { ...at(2), ...edits(1) })).ruled).toBe('merged');
  expect(scope.body('items', 'i1')).toEqual({ name: 'Rice', price: 1 });
});

test('a native replica is in conflict with what such a client wrote, and the other way round', () => {
  const { scope, a } = shopOf('server');
  const n = scope.replica('n');
  n.push(put('items', 'i2', { name: 'Oil', note: 'n' }));
  expect(a.one(item('i2', { note: 'a' }, { ...at(9), ...read(1) })).ruled).toBe('kept');
  expect(a.one(item('i2', { note: 'a' }, { ...at(10), ...read(2) })).ruled).toBe('updated');
});

test('a person who decides for the device gets what it sent, counters by the difference', () => {
  const { scope, a, b } = shopOf('ask');
  a.one(item('i1', { stock: 10 }, edits(1)));
  b.one(item('i1', { note: 'b', stock: 15 }, edits(2)));
  expect(a.one(item('i1', { note: 'a', stock: 12 }, edits(2))).ruled).toBe('open');
  expect(scope.resolve(1, 'device')).toMatchObject({ type: 'resolved' });
  expect(scope.body('items', 'i1')).toMatchObject({ note: 'a', stock: 17 });
});
