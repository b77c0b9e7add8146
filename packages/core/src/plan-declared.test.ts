// Writes of clients that know neither bases nor mutation ids: what they declare decides, and a repeat is known by its content.

import { describe, expect, test } from 'vitest';
import { at, Client, gone, item } from './declared.fixture.ts';
import type { Judge, TimeJudge } from './declared.ts';
import type { DeclaredWrite } from './declared-mutation.ts';
import { morning, patch, put, TestScope } from './plan.fixture.ts';

const ignored = new Set(['at']);
const byTime = (more: Partial<TimeJudge> = {}): Judge => ({
  by: 'time',
  policies: new Map(),
  put: 'fields',
  sameTime: 'conflict',
  ignored,
  ...more,
});
const byVersion = (sentSeq = 0): Judge => ({ by: 'version', sentSeq, ignored });

describe('by time', () => {
  test('newer is written, field by field; older is a conflict that is logged', () => {
    const scope = new TestScope();
    const [a, b] = [new Client(scope, 'a', byTime()), new Client(scope, 'b', byTime())];
    expect(a.one(item('i1', { name: 'Tea', note: 'x' }, at(10))).ruled).toBe('inserted');
    expect(b.one(item('i1', { name: 'Oil' }, at(20))).ruled).toBe('updated');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Oil', note: 'x' });
    const older = a.one(item('i1', { name: 'Rice' }, at(15)));
    expect(older).toMatchObject({ ruled: 'older', word: 'merged', record: { seq: 2 } });
    expect(scope.body('items', 'i1')).toEqual({ name: 'Oil', note: 'x' });
    expect(scope.conflicts('settled')).toMatchObject([
      { writer: 'old/a', device: 'a', fields: ['name'], server: { name: 'Oil' }, settlement: { seq: null } },
    ]);
  });

  test('a put that is the whole record removes what it leaves out', () => {
    const scope = new TestScope();
    const a = new Client(scope, 'a', byTime({ put: 'whole' }));
    a.push(item('i1', { name: 'Tea', note: 'x' }, at(10)), item('i1', { name: 'Tea' }, at(20)));
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea' });
  });

  test.each([
    ['conflict', 'differs', 'Tea'],
    ['wins', 'updated', 'Oil'],
  ] as const)('at the same time other content %s', (sameTime, ruled, name) => {
    const scope = new TestScope();
    new Client(scope, 'a', byTime()).one(item('i1', { name: 'Tea' }, at(10)));
    expect(new Client(scope, 'b', byTime({ sameTime })).one(item('i1', { name: 'Oil' }, at(10))).ruled).toBe(
      ruled,
    );
    expect(scope.body('items', 'i1')).toEqual({ name });
  });

  test('under ask it stays open, holds nothing back, and a person decides', () => {
    const scope = new TestScope();
    const judge = byTime({ policies: new Map([['items', 'ask']]) });
    const [a, b] = [new Client(scope, 'a', judge), new Client(scope, 'b', judge)];
    a.one(item('i1', { name: 'Tea' }, at(20)));
    const older = b.one(item('i1', { name: 'Oil' }, at(10)));
    expect(older).toMatchObject({ ruled: 'older', word: 'excepted' });
    expect(older.verdict.exceptions).toMatchObject([{ code: 'conflict_open', conflict: 1 }]);
    expect(b.one(item('i1', { note: 'newer' }, at(30))).ruled).toBe('updated');
    expect(scope.conflicts('open')).toMatchObject([
      {
        id: 1,
        device: 'b',
        made: { device: morning + 10, server: morning + 20, serverWriter: 'old/a' },
      },
    ]);
    expect(scope.resolve(1, 'device')).toMatchObject({ type: 'resolved' });
    expect(scope.record('items', 'i1')).toMatchObject({ writer: 'server' });
    expect(scope.body('items', 'i1')).toEqual({ name: 'Oil', note: 'newer' });
    expect(scope.conflicts('open')).toEqual([]);
  });

  test('where records are the server’s, what exists takes nothing, also what is newer', () => {
    const scope = new TestScope();
    const judge = byTime({ policies: new Map([['items', 'server']]) });
    const a = new Client(scope, 'a', judge);
    expect(a.one(item('i1', { name: 'Tea' }, at(10))).ruled).toBe('inserted');
    expect(a.one(item('i1', { name: 'Tea' }, at(15))).ruled).toBe('unchanged');
    expect(a.one(item('i1', { name: 'Oil' }, at(20)))).toMatchObject({ ruled: 'reserved', word: 'merged' });
    expect(a.one(gone('i1', at(30))).ruled).toBe('reserved');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea' });
  });

  test('a delete stands against every older put, also one of a record that was never here', () => {
    const scope = new TestScope();
    const [a, b] = [new Client(scope, 'a', byTime()), new Client(scope, 'b', byTime())];
    expect(a.one(gone('i1', at(20))).ruled).toBe('deleted');
    expect(b.one(item('i1', { name: 'Tea' }, at(10)))).toMatchObject({ ruled: 'older', word: 'merged' });
    expect(scope.body('items', 'i1')).toBeNull();
    expect(scope.conflict(1)).toMatchObject({ server: null, changes: [{ body: { name: 'Tea' } }] });
    expect(b.one(gone('i1', at(25))).ruled).toBe('unchanged');
    expect(b.one(item('i1', { name: 'Tea' }, at(30))).ruled).toBe('inserted');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea' });
  });

  test('a clock far ahead counts as the arrival, and does not win for ever', () => {
    const scope = new TestScope();
    const [a, b] = [new Client(scope, 'a', byTime()), new Client(scope, 'b', byTime())];
    a.one(item('i1', { name: 'Tea', at: '2099' }, at(3e12)));
    expect(scope.record('items', 'i1')?.madeAt).toBe(scope.nowMs);
    scope.nowMs += 60_000;
    expect(b.one(item('i1', { name: 'Oil' }, { madeAt: scope.nowMs })).ruled).toBe('updated');
    expect(a.one(item('i1', { name: 'Tea', at: '2099' }, at(3e12)))).toMatchObject({ repeated: true });
    expect(scope.body('items', 'i1')).toEqual({ name: 'Oil', at: '2099' });
  });

  test('what is the same but newer moves the time, so that an older one does not win', () => {
    const scope = new TestScope();
    const [a, b] = [new Client(scope, 'a', byTime()), new Client(scope, 'b', byTime())];
    a.one(item('i1', { name: 'Tea' }, at(10)));
    expect(b.one(item('i1', { name: 'Tea' }, at(30)))).toMatchObject({
      ruled: 'updated',
      record: { seq: 2 },
    });
    expect(a.one(item('i1', { name: 'Oil' }, at(20))).ruled).toBe('older');
  });
});

describe('by version', () => {
  test.each([
    ['the same content', { name: 'Tea' }, 1, 'unchanged', 2],
    ['the same content, raised', { name: 'Tea' }, 5, 'unchanged', 5],
    ['a higher version', { name: 'Oil' }, 3, 'updated', 3],
    ['an equal version', { name: 'Oil' }, 2, 'differs', 2],
    ['a lower version', { name: 'Oil' }, 1, 'older', 2],
  ])('%s', (_what, body, version, ruled, stored) => {
    const scope = new TestScope();
    const a = new Client(scope, 'a', byVersion());
    a.one(item('i1', { name: 'Tea', at: 1 }, { version: 2 }));
    const answer = a.one(item('i1', { ...body, at: 2 }, { version }));
    expect(answer).toMatchObject({ ruled, record: { declared: stored } });
    expect(scope.conflicts()).toHaveLength(ruled === 'differs' || ruled === 'older' ? 1 : 0);
  });

  test('a version that another device has made too is told as concurrent', () => {
    const scope = new TestScope();
    const [a, b] = [new Client(scope, 'a', byVersion()), new Client(scope, 'b', byVersion(1))];
    a.push(item('i1', { name: 'Tea' }, { version: 1 }), item('i1', { name: 'Oil' }, { version: 2 }));
    expect(b.one(item('i1', { name: 'Rice' }, { version: 2 }))).toMatchObject({
      ruled: 'concurrent',
      word: 'merged',
    });
    expect(scope.body('items', 'i1')).toEqual({ name: 'Oil' });
  });

  test.each([
    [0, 1],
    [1, 0],
  ])(
    'what overwrites another’s version of which it was sent up to %i is logged %i times',
    (sentSeq, logged) => {
      const scope = new TestScope();
      new Client(scope, 'a', byVersion()).one(item('i1', { name: 'Tea' }, { version: 1 }));
      const b = new Client(scope, 'b', byVersion(sentSeq));
      expect(b.one(item('i1', { name: 'Oil' }, { version: 2 })).ruled).toBe('updated');
      expect(scope.conflicts('settled')).toHaveLength(logged);
      expect(scope.body('items', 'i1')).toEqual({ name: 'Oil' });
    },
  );

  test('a deleted record takes nothing but another delete', () => {
    const scope = new TestScope();
    const a = new Client(scope, 'a', byVersion());
    a.push(item('i1', { name: 'Tea' }, { version: 1 }), gone('i1', { version: 2 }));
    expect(a.one(gone('i1', { version: 3 })).ruled).toBe('unchanged');
    expect(a.one(item('i1', { name: 'Tea' }, { version: 9 }))).toMatchObject({
      ruled: 'gone',
      word: 'merged',
    });
  });

  test('a number that another record holds is refused before all else, kept once, and judged afresh', () => {
    const scope = new TestScope();
    const a = new Client(scope, 'a', byVersion());
    a.one(item('i1', { name: 'Tea', code: 'A' }, { version: 1 }));
    a.one(item('i2', { name: 'Oil' }, { version: 4 }));
    const taken = item('i2', { name: 'Oil', code: 'A' }, { version: 1 });
    for (let n = 0; n < 3; n += 1)
      expect(a.one(taken)).toMatchObject({ ruled: 'unique_taken', repeated: false });
    expect(scope.stored.quarantine).toHaveLength(1);
    a.one(gone('i1', { version: 2 }));
    expect(a.one({ ...taken, version: 5 })).toMatchObject({ ruled: 'updated' });
    expect(a.one(taken)).toMatchObject({ ruled: 'unchanged' });
    expect(scope.stored.quarantine).toEqual([]);
  });

  test('a write through another protocol raises the version by one', () => {
    const scope = new TestScope();
    const a = new Client(scope, 'a', byVersion());
    a.one(item('i1', { name: 'Tea' }, { version: 7 }));
    scope.replica('n').push(patch('items', 'i1', { name: 'Oil' }, { base: 1 }));
    expect(scope.record('items', 'i1')?.declared).toBe(8);
    expect(a.one(item('i1', { name: 'Rice' }, { version: 8 })).ruled).toBe('concurrent');
  });
});

describe('a repeat', () => {
  test('changes nothing, whatever others wrote in between, and is answered as the first time', () => {
    const scope = new TestScope();
    const [a, b] = [new Client(scope, 'a', byTime()), new Client(scope, 'b', byTime())];
    const writes = [
      item('i1', { name: 'Tea' }, at(10)),
      item('i1', { name: 'Tea' }, at(10)),
      gone('i2', at(10)),
    ];
    const first = a.push(...writes);
    b.one(item('i1', { name: 'Oil' }, at(20)));
    const head = scope.stored.state.head;
    for (let n = 0; n < 10; n += 1)
      expect(a.push(...writes).map(({ verdict, repeated }) => ({ verdict, repeated }))).toEqual(
        first.map(({ verdict }) => ({ verdict, repeated: true })),
      );
    expect(scope.stored.state.head).toBe(head);
    expect(scope.conflicts()).toEqual([]);
  });

  test('of another device is that one’s own write', () => {
    const scope = new TestScope();
    new Client(scope, 'a', byTime()).one(item('i1', { name: 'Tea' }, at(10)));
    const b = new Client(scope, 'b', byTime()).one(item('i1', { name: 'Tea' }, at(10)));
    expect(b).toMatchObject({ ruled: 'unchanged', repeated: false });
  });

  test('bookkeeping does not make it another one; a message id does', () => {
    const scope = new TestScope();
    const a = new Client(scope, 'a', byTime({ sameTime: 'wins' }));
    a.one(item('i1', { name: 'Tea', at: 1 }, at(10)));
    expect(a.one(item('i1', { name: 'Tea', at: 2 }, at(10))).repeated).toBe(true);
    expect(a.one(item('i1', { name: 'Tea', at: 2 }, { ...at(10), message: 'm1' })).repeated).toBe(false);
  });

  test('is none where nothing tells it from a new write', () => {
    const scope = new TestScope();
    const a = new Client(scope, 'a', byTime());
    const write = item('i1', { name: 'Tea' });
    expect([a.one(write).repeated, a.one(write).repeated]).toEqual([false, false]);
  });
});

describe('what does not fit', () => {
  test.each([
    ['a wrong type', item('i1', { name: 5 }, at(10)), 'invalid_record', 'changes[0].set.name'],
    ['a missing field', item('i1', { note: 'x' }, at(10)), 'invalid_record', 'changes[0].name'],
    ['a missing parent', item('i1', { name: 'Tea', shelf: 's9' }, at(10)), 'parent_missing', undefined],
    [
      'an unknown collection',
      {
        change: { type: 'put', collection: 'nowhere', id: 'i1', body: {} },
        ...at(10),
      } satisfies DeclaredWrite,
      'collection_unknown',
      'changes[0].collection',
    ],
  ])('%s is refused alone', (_what, wrong, code, field) => {
    const scope = new TestScope();
    const [bad, good] = new Client(scope, 'a', byTime()).push(wrong, item('i2', { name: 'Oil' }, at(10)));
    expect(bad).toMatchObject({ verdict: { verdict: 'rejected', code }, record: null });
    expect(bad?.verdict.field).toBe(field);
    expect(good?.verdict.ruling).toBe('inserted');
  });

  test('a partial put of a record that is there needs no more than it names', () => {
    const scope = new TestScope();
    scope.replica('n').push(put('items', 'i1', { name: 'Tea' }));
    const write = item('i1', { note: 'x' }, { madeAt: scope.nowMs + 1 });
    expect(new Client(scope, 'a', byTime()).one(write).ruled).toBe('updated');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', note: 'x' });
  });
});

test('to a native replica a declared write is another’s, field by field', () => {
  const scope = new TestScope();
  const n = scope.replica('n');
  n.push(put('items', 'i1', { name: 'Tea', note: 'x' }));
  new Client(scope, 'a', byTime()).one(item('i1', { note: 'y' }, { madeAt: scope.nowMs + 1 }));
  expect(n.push(patch('items', 'i1', { name: 'Oil' }, { base: 1 })).verdict).toBe('applied');
  const same = patch('items', 'i1', { note: 'z' }, { base: 1, replaced: { note: 'x' } });
  expect(n.push(same).verdict).toBe('merged');
});

test('what waits for a parent is judged when a declared write brings it', () => {
  const scope = new TestScope();
  const n = scope.replica('n');
  expect(n.push(put('items', 'i1', { name: 'Tea', shelf: 's1' })).verdict).toBe('waiting');
  new Client(scope, 'a', byTime()).one({
    change: { type: 'put', collection: 'shelves', id: 's1', body: { name: 'Top' } },
    ...at(1),
  });
  expect(scope.body('items', 'i1')).toMatchObject({ name: 'Tea' });
});
