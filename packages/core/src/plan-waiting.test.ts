// A request whose parent is missing waits at the server, whole; what touches its records stands behind it.

import { describe, expect, test } from 'vitest';
import { mutationKey } from './change.ts';
import { add, type Draughted, del, mutation, patch, put, TestScope } from './plan.fixture.ts';

const names = (scope: TestScope, replica: string): string[] =>
  scope.log(replica).map(({ verdict }) => verdict.verdict);
const orphan = (id = 'i1', shelf = 's1') => put('items', id, { name: 'Tea', shelf });

describe('a request whose parent is missing', () => {
  test('waits, and nothing of it is applied', () => {
    const scope = new TestScope();
    const verdict = scope.replica('a').push(put('items', 'i2', { name: 'Oil' }), orphan());
    expect(verdict).toMatchObject({ verdict: 'waiting', code: 'parent_missing', asOf: 0 });
    expect(verdict).not.toHaveProperty('seq');
    expect(scope.stored.records.size).toBe(0);
    expect([...scope.stored.held.values()]).toMatchObject([
      { waitsFor: ['shelves/s1'], replicas: ['a'], conflicts: [] },
    ]);
  });

  test('is judged again when the parent comes, in a commit of its own, and its replica is told', () => {
    const scope = new TestScope();
    const { mutation: id } = scope.replica('a').push(orphan());
    const parent = scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(parent.seq).toBe(1);
    expect(scope.verdict(id)).toMatchObject({ verdict: 'applied', seq: 2, asOf: 2 });
    expect(scope.log('a').map(({ n, verdict }) => [n, verdict.verdict])).toEqual([
      [1, 'waiting'],
      [2, 'applied'],
    ]);
    expect(scope.record('items', 'i1')).toMatchObject({ seq: 2, writer: 'a' });
    expect(scope.stored.commits[1]).toMatchObject({ mutation: id, device: 'device-a', replica: 'a' });
  });

  test('gets the verdict at the end of its push, if the parent comes in the same one', () => {
    const scope = new TestScope();
    const { verdicts } = scope
      .replica('a')
      .batch([mutation([orphan()]), mutation([put('shelves', 's1', { name: 'Top' })])]);
    expect(verdicts).toMatchObject([
      { verdict: 'applied', seq: 2, n: 3 },
      { verdict: 'applied', seq: 1, n: 2 },
    ]);
    expect(names(scope, 'a')).toEqual(['waiting', 'applied', 'applied']);
  });

  test('does not wait if it brings the parent itself', () => {
    const scope = new TestScope();
    expect(scope.replica('a').push(orphan(), put('shelves', 's1', { name: 'Top' }))).toMatchObject({
      verdict: 'applied',
      seq: 1,
    });
  });

  test('is rejected if it deletes the parent itself: nothing would bring it back', () => {
    const scope = new TestScope();
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    const verdict = scope.replica('b').push(orphan(), del('shelves', 's1', 1));
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'parent_missing', field: 'changes[0].shelf' });
    expect(scope.body('shelves', 's1')).toEqual({ name: 'Top' });
  });

  test('waits for each of several, without a word in between', () => {
    const scope = new TestScope();
    const b = scope.replica('b');
    scope.replica('a').push(orphan('i1', 's1'), orphan('i2', 's2'), orphan('i3', 's1'));
    b.push(put('shelves', 's1', { name: 'Top' }));
    expect(names(scope, 'a')).toEqual(['waiting']);
    b.push(put('shelves', 's2', { name: 'Low' }));
    expect(names(scope, 'a')).toEqual(['waiting', 'applied']);
    expect(scope.record('items', 'i3')).toMatchObject({ seq: 3, ordinal: 2 });
  });

  test.each([
    [1, 'the own of whoever has heard of the wait', 'applied'],
    [0, 'perhaps a copy’s for one who has not', 'merged'],
  ])('that has come about since is, with verdict %i seen, %s', (seen, _whose, verdict) => {
    const scope = new TestScope();
    scope.replica('a').push(orphan());
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(names(scope, 'a')).toEqual(['waiting', 'applied']);
    const later = [mutation([put('items', 'i1', { name: 'Oil', shelf: 's1' })])];
    const a = scope.replica('a', { seqSeen: 0, seen });
    expect(a.batch(later, { n: 2 }).verdicts).toMatchObject([{ verdict }]);
  });

  test('waits on when a parent that had come is gone again', () => {
    const scope = new TestScope();
    const b = scope.replica('b');
    scope.replica('a').push(orphan('i1', 's1'), orphan('i2', 's2'));
    b.push(put('shelves', 's1', { name: 'Top' }));
    b.push(del('shelves', 's1', 1));
    b.push(put('shelves', 's2', { name: 'Low' }));
    expect(names(scope, 'a')).toEqual(['waiting']);
    expect([...scope.stored.held.values()]).toMatchObject([{ waitsFor: ['shelves/s1'] }]);
    b.push(put('shelves', 's1', { name: 'Top again' }, { base: 2 }));
    expect(names(scope, 'a')).toEqual(['waiting', 'applied']);
  });

  test('waits for one that was deleted', () => {
    const scope = new TestScope();
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    scope.replica('b').push(del('shelves', 's1', 1));
    expect(scope.replica('a').push(orphan()).verdict).toBe('waiting');
  });

  test('is none if the field is null or absent', () => {
    const a = new TestScope().replica('a');
    expect(a.push(put('items', 'i1', { name: 'Tea', shelf: null })).verdict).toBe('applied');
    expect(a.push(put('items', 'i2', { name: 'Tea' })).verdict).toBe('applied');
  });

  test('is meant only if the request makes the reference itself', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('shelves', 's1', { name: 'Top' }), orphan());
    a.push(del('shelves', 's1', 1));
    expect(a.push(patch('items', 'i1', { note: 'on the floor' }, { base: 1 })).verdict).toBe('applied');
    expect(a.push(patch('items', 'i1', { shelf: 's1', note: 'still' }, { base: 1 })).verdict).toBe('applied');
    const whole = { name: 'Green tea', shelf: 's1', note: 'still' };
    expect(a.push(put('items', 'i1', whole, { base: 1, replaced: { name: 'Tea' } })).verdict).toBe('applied');
    expect(a.push(patch('items', 'i1', { shelf: 's2' }, { base: 1 })).verdict).toBe('waiting');
  });
});

test('what conflicts and lacks a parent is asked about first; decided while the parent is still missing, it is rejected', () => {
  const scope = new TestScope();
  scope.replica('b').push(put('shelves', 's9', { name: 'Old' }));
  const { mutation: id, verdict } = scope
    .replica('a')
    .push(orphan('i1', 's1'), patch('shelves', 's9', { name: 'A' }));
  expect(verdict).toBe('conflict');
  scope.resolve(1, 'device');
  expect(scope.verdict(id)).toMatchObject({
    verdict: 'rejected',
    code: 'parent_missing',
    field: 'changes[0].shelf',
  });
  expect(scope.body('shelves', 's9')).toEqual({ name: 'Old' });
});

describe('waiting', () => {
  test('is bounded in number per replica', () => {
    const scope = new TestScope(undefined, { limits: { waitingPerReplicaMax: 2 } });
    const [a, b] = [scope.replica('a'), scope.replica('b')];
    const { verdicts } = a.batch([1, 2, 3].map((n) => mutation([orphan(`i${n}`)])));
    expect(verdicts).toMatchObject([
      { verdict: 'waiting' },
      { verdict: 'waiting' },
      { verdict: 'rejected', code: 'waiting_too_many' },
    ]);
    expect(b.push(orphan('i4')).verdict).toBe('waiting');
    b.push(put('shelves', 's1', { name: 'Top' }));
    expect(a.push(orphan('i5', 's2')).verdict).toBe('waiting');
  });

  test('is bounded in time, then rejected', () => {
    const scope = new TestScope(undefined, { limits: { waitingMsMax: 1_000 } });
    const { mutation: id } = scope.replica('a').push(orphan());
    scope.nowMs += 999;
    scope.expire(id);
    expect(names(scope, 'a')).toEqual(['waiting']);
    scope.nowMs += 1;
    scope.expire(id);
    expect(scope.verdict(id)).toMatchObject({ verdict: 'rejected', code: 'waiting_too_long' });
    expect(names(scope, 'a')).toEqual(['waiting', 'rejected']);
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.body('items', 'i1')).toBeUndefined();
  });

  test('goes on counting from when it began, though it waits for something else by now', () => {
    const scope = new TestScope(undefined, { limits: { waitingMsMax: 1_000 } });
    const [a, b] = [scope.replica('a'), scope.replica('b')];
    a.push(orphan('i1', 's1'));
    const { mutation: id } = a.push(
      patch('items', 'i1', { shelf: 's2' }),
      put('items', 'i2', { name: 'Oil', shelf: 's3' }),
    );
    scope.nowMs += 900;
    b.push(put('shelves', 's1', { name: 'Top' }));
    b.push(put('shelves', 's3', { name: 'Low' }));
    expect(scope.stored.held.get(id)?.waitsFor).toEqual(['shelves/s2']);
    scope.nowMs += 100;
    scope.expire(id);
    expect(scope.verdict(id)).toMatchObject({ verdict: 'rejected', code: 'waiting_too_long' });
  });

  test('for a person has no such bound', () => {
    const scope = new TestScope(undefined, { limits: { waitingMsMax: 1_000 } });
    scope.replica('z').push(put('shelves', 's1', { name: 'Top' }));
    const { mutation: id } = scope.replica('a').push(patch('shelves', 's1', { name: 'A' }));
    scope.nowMs += 10_000;
    scope.expire(id);
    expect(names(scope, 'a')).toEqual(['conflict']);
  });
});

describe('what comes behind a waiting mutation', () => {
  test('of the same replica and record waits, too, and is judged in order', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(orphan());
    expect(a.push(patch('items', 'i1', { name: 'Second' })).verdict).toBe('waiting');
    expect(a.push(patch('items', 'i1', { name: 'Third' }), put('items', 'i9', { name: 'Oil' })).verdict).toBe(
      'waiting',
    );
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.body('items', 'i1')).toEqual({ name: 'Third', shelf: 's1' });
    expect(names(scope, 'a')).toEqual(['waiting', 'waiting', 'waiting', 'applied', 'applied', 'applied']);
    expect(scope.stored.commits.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  test('stands behind the last that touches any of its records', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const first = a.push(orphan('i1', 's1'));
    const second = a.push(orphan('i2', 's2'));
    const third = a.push(patch('items', 'i1', { note: 'x' }), patch('items', 'i2', { note: 'x' }));
    const fourth = a.push(patch('items', 'i2', { note: 'y' }));
    const waitsFor = (id: string) => scope.stored.held.get(id)?.waitsFor;
    expect(waitsFor(third.mutation)).toEqual([mutationKey(first.mutation), mutationKey(second.mutation)]);
    expect(waitsFor(fourth.mutation)).toEqual([mutationKey(third.mutation)]);
    scope.replica('b').push(put('shelves', 's2', { name: 'Low' }));
    expect(names(scope, 'a').slice(4)).toEqual(['applied']);
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.body('items', 'i2')).toEqual({ name: 'Tea', shelf: 's2', note: 'y' });
    expect(scope.stored.held.size).toBe(0);
  });

  test('on another record, or of another replica, does not wait', () => {
    const scope = new TestScope();
    scope.replica('a').push(orphan());
    expect(scope.replica('a').push(put('items', 'i2', { name: 'Oil' })).verdict).toBe('applied');
    expect(scope.replica('b').push(put('items', 'i1', { name: 'Mine' })).verdict).toBe('applied');
  });

  test('is judged when the one before it is given up', () => {
    const scope = new TestScope(undefined, { limits: { waitingMsMax: 1_000 } });
    const a = scope.replica('a');
    const first = a.push(orphan());
    const second = a.push(patch('items', 'i1', { note: 'x' }));
    const third = a.push(patch('items', 'i1', { note: 'y' }));
    scope.nowMs += 1_000;
    scope.expire(first.mutation);
    for (const { mutation: id } of [second, third])
      expect(scope.verdict(id)).toMatchObject({ verdict: 'rejected', code: 'record_missing' });
  });

  test('waits for its own parents afterwards', () => {
    const scope = new TestScope();
    const [a, b] = [scope.replica('a'), scope.replica('b')];
    a.push(orphan('i1', 's1'));
    const second = a.push(patch('items', 'i1', { shelf: 's2' }));
    b.push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.stored.held.get(second.mutation)?.waitsFor).toEqual(['shelves/s2']);
    expect(names(scope, 'a')).toEqual(['waiting', 'waiting', 'applied']);
    const third = a.push(patch('items', 'i1', { note: 'last' }));
    expect(third.verdict).toBe('waiting');
    b.push(put('shelves', 's2', { name: 'Low' }));
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', shelf: 's2', note: 'last' });
  });

  test('of a woken one that comes into conflict goes on waiting for it', () => {
    const scope = new TestScope();
    const [a, b] = [scope.replica('a'), scope.replica('b')];
    b.push(put('shelves', 's9', { name: 'Old' }));
    const first = a.push(orphan('i1', 's1'), patch('shelves', 's9', { name: 'A' }, { base: 1 }));
    const second = a.push(patch('items', 'i1', { note: 'x' }));
    b.push(patch('shelves', 's9', { name: 'B' }, { base: 1 }));
    // A parent that comes anew, in the same plan even, wakes nobody who no longer waits for it.
    b.batch([
      mutation([put('shelves', 's1', { name: 'Top' })]),
      mutation([del('shelves', 's1')]),
      mutation([put('shelves', 's1', { name: 'Top' })]),
    ]);
    expect(names(scope, 'a')).toEqual(['waiting', 'waiting', 'conflict']);
    expect(scope.conflict(1).changes).toHaveLength(1);
    scope.resolve(1, 'device');
    expect(scope.verdict(first.mutation)?.verdict).toBe('merged');
    expect(scope.verdict(second.mutation)?.verdict).toBe('applied');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', shelf: 's1', note: 'x' });
  });

  test('waits behind it also under the replica’s new id, once that has sent it again', () => {
    const scope = new TestScope();
    const made = mutation([orphan()]);
    scope.replica('a').send(made);
    const renewed = scope.replica('a2', { device: 'device-a', former: { a: 1 } });
    renewed.send(made);
    const later = renewed.push(patch('items', 'i1', { note: 'x' }));
    expect(later.verdict).toBe('waiting');
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.verdict(later.mutation)?.verdict).toBe('applied');
    expect(names(scope, 'a2')).toEqual(['waiting', 'waiting', 'applied', 'applied']);
  });

  test('keeps its place when the one before it is sent again', () => {
    const scope = new TestScope();
    const made = mutation([orphan()]);
    scope.replica('a').send(made);
    const renewed = scope.replica('a2', { device: 'device-a', former: { a: 1 } });
    renewed.batch([made, mutation([patch('items', 'i1', { note: 'x' })])]);
    const third = scope.replica('a3', { device: 'device-a', former: { a2: 2, a: 1 } });
    const ids = [...scope.stored.held.values()].map((held): Draughted => held.mutation);
    const { verdicts } = third.batch([...ids, mutation([patch('items', 'i1', { note: 'y' })])]);
    expect(scope.stored.held.get(verdicts[2]?.mutation ?? '')?.waitsFor).toEqual([
      mutationKey(ids[1]?.id ?? ''),
    ]);
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.body('items', 'i1')?.note).toBe('y');
  });
});

describe('a parent for which many wait', () => {
  test('wakes a chain of any length in a few loads, and in order', () => {
    const length = 1_000;
    const scope = new TestScope(undefined, { laws: false, limits: { waitingPerReplicaMax: length } });
    const a = scope.replica('a');
    scope.replica('z').push(put('shelves', 's9', { name: 'Old' }));
    scope.replica('a').push(patch('shelves', 's9', { name: 'A' }));
    // Each touches the record of the one before it and a new one: nothing but the chain leads from the first to the last.
    const link = (n: number): Draughted =>
      mutation([
        n === 0 ? orphan('i0') : add('items', `i${n - 1}`, { stock: 1 }),
        put('items', `i${n + 1}`, { name: `${n}`, code: `c${n}` }),
        ...(n === 0 ? [] : [patch('items', `i${n}`, { note: `${n}` })]),
      ]);
    const links = Array.from({ length }, (_, n) => link(n));
    for (let n = 0; n < length; n += 250) a.batch(links.slice(n, n + 250));
    expect(scope.stored.state.held).toBe(length + 1);
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.rounds).toBeLessThanOrEqual(10);
    expect(scope.stored.state).toMatchObject({ held: 1, head: length + 2 });
    expect(scope.stored.commits.slice(2).map(({ mutation: id }) => id)).toEqual(links.map(({ id }) => id));
  });

  test('wakes each of many', () => {
    const scope = new TestScope(undefined, { laws: false });
    scope.replica('a').batch(Array.from({ length: 900 }, (_, n) => mutation([orphan(`i${n}`)])));
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.stored.state).toMatchObject({ held: 0, head: 901 });
    expect(scope.rounds).toBeLessThanOrEqual(6);
  });
});
