// Two copies of one storage, which go by the same id: what one of them wrote is not the other's own.

import { describe, expect, test } from 'vitest';
import { mutation, patch, put, type TestReplica, TestScope } from './plan.fixture.ts';

const device = 'till';

/** Both copies know of the commit 1, which made one record of each policy. */
function copied(limits: ConstructorParameters<typeof TestScope>[1] = {}): TestScope {
  const scope = new TestScope(undefined, limits);
  const first = [put('shelves', 's1', { name: 'Top' }), put('items', 'i1', { name: 'Tea' })];
  scope.replica('a', { device }).push(...first);
  return scope;
}

const named = (name: string) => mutation([patch('shelves', 's1', { name }, { base: 1 })]);
const renamed = (name: string) =>
  mutation([patch('items', 'i1', { name }, { base: 1, replaced: { name: 'Tea' } })]);

/** The other copy has written both records. */
function otherWrote(scope: TestScope): void {
  const other = scope.replica('a', { device, seqSeen: 1 });
  expect(other.batch([named('Other'), renamed('Other')], { n: 2 }).verdicts).toMatchObject([
    { verdict: 'applied', seq: 2 },
    { verdict: 'applied', seq: 3 },
  ]);
}

describe('what the other copy wrote is in conflict with what this one writes', () => {
  test.each([
    ['under a new id', (scope: TestScope) => scope.replica('a2', { device, former: { a: 1 } })],
    ['under the same id', (scope: TestScope) => scope.replica('a', { device, seqSeen: 1 })],
  ])('%s', (_how, replicaIn) => {
    const scope = copied();
    otherWrote(scope);
    const verdicts = replicaIn(scope).batch([named('Mine'), renamed('Mine')], { n: 9 }).verdicts;
    expect(verdicts).toMatchObject([
      { verdict: 'conflict', conflicts: [1] },
      { verdict: 'merged', merged: [{ fields: ['name'], conflict: 2 }] },
    ]);
    expect(scope.body('shelves', 's1')).toEqual({ name: 'Other' });
  });

  test('also what it only repeated, of which the one that takes a new id has not heard', () => {
    const scope = copied();
    const theirs = [named('Theirs'), renamed('Theirs')];
    scope.replica('b', { device: 'tablet' }).batch(theirs);
    scope.replica('a', { device, seqSeen: 1 }).batch(theirs);
    expect(scope.stored.replicas.get('a')?.repeated).toEqual([2, 3]);
    const renewed = scope.replica('a2', { device, former: { a: 1 } });
    expect(renewed.send(named('Mine')).verdict).toBe('conflict');
    expect(renewed.send(renamed('Mine')).verdict).toBe('merged');
  });

  test('also what it made later itself, which the other copy sent without what stands before it', () => {
    const scope = copied();
    const [first, second] = [
      [named('First'), renamed('First')],
      [named('Second'), renamed('Second')],
    ];
    scope.replica('a', { device, seqSeen: 1 }).batch(second);
    const renewed = scope.replica('a2', { device, former: { a: 1 }, seqSeen: 0 });
    expect(renewed.batch([...first, ...second]).verdicts).toMatchObject([
      { verdict: 'conflict', conflicts: [1] },
      { verdict: 'merged', merged: [{ fields: ['name'], conflict: 2 }] },
      { verdict: 'applied', seq: 2 },
      { verdict: 'applied', seq: 3 },
    ]);
    // What it makes from now on is made in sight of all of it.
    expect(renewed.batch([renamed('Third')], { seqSeen: 4 }).verdicts).toMatchObject([
      { verdict: 'applied' },
    ]);
  });

  test('for the one that goes on under the old id, too, once it has taken a new one', () => {
    const scope = copied();
    scope.replica('a2', { device, former: { a: 1 } }).send(named('Mine'));
    const other = scope.replica('a3', { device, former: { a: 1 } });
    expect(other.send(named('Other')).verdict).toBe('conflict');
  });
});

describe('what a replica wrote itself is its own', () => {
  test('as soon as it has heard of it', () => {
    const scope = copied();
    otherWrote(scope);
    expect(scope.replica('a', { device, seqSeen: 3 }).send(named('Mine')).verdict).toBe('applied');
    const renewed = scope.replica('a2', { device, former: { a: 3 } });
    expect(renewed.send(renamed('Mine')).verdict).toBe('applied');
  });

  test('in the push that it came in, and in one that repeats it when the answer was lost', () => {
    const scope = copied();
    const a = scope.replica('a', { device, seqSeen: 1 });
    const mine = [named('One'), named('Two'), named('Three')];
    expect(a.batch(mine.slice(0, 2)).verdicts).toMatchObject([{ seq: 2 }, { seq: 3 }]);
    expect(a.batch(mine).verdicts).toMatchObject([{ seq: 2 }, { seq: 3 }, { seq: 4 }]);
  });

  function lost(scope: TestScope): TestReplica {
    const made = [named('One'), renamed('One')];
    scope.replica('a', { device, seqSeen: 1 }).batch(made);
    const renewed = scope.replica('a2', { device, former: { a: 1 }, seqSeen: 0 });
    expect(renewed.batch(made).verdicts).toMatchObject([{ seq: 2 }, { seq: 3 }]);
    return renewed;
  }

  test('when it repeated it under a new id, also later and under the next id', () => {
    const scope = copied();
    const renewed = lost(scope);
    expect(renewed.batch([named('Two')], { seqSeen: 3 }).verdicts).toMatchObject([{ seq: 4 }]);
    const third = scope.replica('a3', { device, former: { a2: 4, a: 1 }, seqSeen: 0 });
    expect(third.batch([renamed('Three')]).verdicts).toMatchObject([{ seq: 5 }]);
  });

  test('when a copy was the first to send it, under an id of its own, or of another device', () => {
    for (const owner of [device, 'another']) {
      const scope = copied();
      const made = [named('One'), renamed('One')];
      scope.replica('a2', { device: owner, former: { a: 1 }, seqSeen: 0 }).batch(made);
      const renewed = { device, former: { a: 1 }, seqSeen: 0 };
      const left =
        owner === device ? scope.replica('a3', renewed) : scope.replica('a', { device, seqSeen: 1 });
      expect(left.batch([...made, named('Two')]).verdicts).toMatchObject([
        { seq: 2 },
        { seq: 3 },
        { seq: 4 },
      ]);
      expect(left.batch([renamed('Two')], { seqSeen: 4 }).verdicts).toMatchObject([{ verdict: 'applied' }]);
    }
  });

  test('as far as that is remembered: what is forgotten counts as another’s', () => {
    const scope = copied({ limits: { repeatedMax: 1 } });
    const renewed = lost(scope);
    expect(scope.stored.replicas.get('a2')?.repeated).toEqual([3]);
    expect(renewed.send(renamed('Two')).verdict).toBe('applied');
    expect(renewed.send(named('Two')).verdict).toBe('conflict');
  });

  test('when it waited and was let go under the former id', () => {
    const scope = new TestScope();
    const made = mutation([
      put('shelves', 's2', { name: 'Low' }),
      put('items', 'i1', { name: 'Tea', shelf: 's1' }),
    ]);
    scope.replica('a', { device, seqSeen: 0 }).send(made);
    const renewed = scope.replica('a2', { device, former: { a: 0 }, seqSeen: 0 });
    renewed.send(made);
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(renewed.push(patch('shelves', 's2', { name: 'Lower' })).verdict).toBe('applied');
  });
});

describe('an id that was given up', () => {
  test('is taken from nobody any more, be it with something new or with what is known', () => {
    const scope = copied();
    const made = named('Mine');
    scope.replica('a', { device, seqSeen: 1 }).batch([made], { n: 2 });
    scope.replica('a2', { device, former: { a: 1 } }).send(made);
    const before = structuredClone(scope.stored);
    const old = scope.replica('a', { device, seqSeen: 1 });
    for (const sent of [[made], [renamed('Mine')]])
      expect(old.tryBatch(sent, { n: 2 })).toMatchObject({
        type: 'refused',
        code: 'forbidden',
        field: 'replica',
      });
    expect(scope.stored).toEqual(before);
  });

  test('goes on where only another device says that it had it', () => {
    const scope = copied();
    scope.replica('b', { device: 'tablet', former: { a: 1 } }).send(renamed('Other'));
    expect(scope.replica('a', { device, seqSeen: 1 }).send(named('Mine')).verdict).toBe('applied');
  });
});

describe('a copy that is behind', () => {
  test('is told when the other one has said that it knows more', () => {
    const scope = copied();
    scope.replica('a', { device, seqSeen: 1 }).batch([named('Other')], { n: 2, seen: 1 });
    const before = structuredClone(scope.stored);
    const behind = scope.replica('a', { device, seqSeen: 0, seen: 0 });
    expect(behind.tryBatch([named('Mine')], { n: 9 })).toMatchObject({
      type: 'refused',
      code: 'stale_batch',
      field: 'verdictsSeen',
    });
    expect(scope.stored).toEqual(before);
  });

  test('is taken for the replica itself when it does not say what it has heard of', () => {
    const scope = copied();
    scope.replica('a', { device, seqSeen: 1 }).batch([named('Other')], { n: 2, seen: 1 });
    const silent = scope.replica('a', { device, seen: 0 });
    expect(silent.batch([named('Mine')], { n: 9 }).verdicts).toMatchObject([{ verdict: 'applied' }]);
  });

  test('gets its verdicts all the same', () => {
    const scope = copied();
    const made = named('Other');
    scope.replica('a', { device, seqSeen: 1 }).batch([made], { n: 2, seen: 1 });
    expect(scope.replica('a', { device, seqSeen: 0 }).batch([made], { n: 9 }).verdicts).toMatchObject([
      { seq: 2 },
    ]);
  });
});
