// A mutation's id survives retry, re-batching, a new replica, rescue and restore; a batch's number only rises.

import { describe, expect, test } from 'vitest';
import { canonicalJson } from './canonical.ts';
import { hashedPart } from './change.ts';
import { integerMax } from './limits.ts';
import { add, del, morning, mutation, patch, put, TestScope } from './plan.fixture.ts';
import { sha256 } from './scope-store.fixture.ts';

describe('a repeat', () => {
  test('gets the stored verdict and changes nothing, in whatever batch it comes', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const made = mutation([put('items', 'i1', { name: 'Tea', stock: 1 }), add('items', 'i1', { stock: 2 })]);
    const first = a.send(made);
    a.push(add('items', 'i1', { stock: 5 }));
    const before = structuredClone(scope.stored);
    expect(a.batch([made], { n: 1 }).verdicts).toEqual([first]);
    expect(scope.stored).toEqual(before);
    // In a new batch, with others.
    expect(a.batch([mutation([del('items', 'no')]), made]).verdicts[1]).toEqual(first);
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', stock: 8 });
    expect(scope.stored.state.head).toBe(2);
    expect(scope.log('a')).toHaveLength(3);
  });

  test('in the same batch, or in another push of the same plan, counts once', () => {
    const scope = new TestScope();
    const [a, b] = [scope.replica('a'), scope.replica('b')];
    const made = mutation([put('items', 'i1', { name: 'Tea' }), add('items', 'i1', { stock: 2 })]);
    const outcomes = scope.commit([a.item([made, made]), b.item([made])]);
    expect(outcomes).toMatchObject([
      {
        verdicts: [
          { n: 1, seq: 1 },
          { n: 1, seq: 1 },
        ],
      },
      { verdicts: [{ n: 1, seq: 1 }] },
    ]);
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', stock: 2 });
  });

  test('of a rejected mutation stays rejected, though it would pass by now', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const early = mutation([patch('items', 'i1', { name: 'Tea' })]);
    expect(a.send(early).verdict).toBe('rejected');
    scope.replica('b').push(put('items', 'i1', { name: 'Oil' }));
    expect(a.send(early)).toMatchObject({ verdict: 'rejected', code: 'record_missing', n: 1 });
    expect(scope.body('items', 'i1')).toEqual({ name: 'Oil' });
    expect(scope.stored.quarantine).toHaveLength(1);
    // Correct and resend: a new id.
    expect(a.push(patch('items', 'i1', { name: 'Tea' }, { base: 1 })).verdict).toBe('applied');
  });

  test('under a new replica id is entered in that replica’s log too', () => {
    const scope = new TestScope();
    const made = mutation([put('items', 'i1', { name: 'Tea' })]);
    scope.replica('a').send(made);
    const renewed = scope.replica('a2', { device: 'device-a', former: { a: 1 } });
    expect(renewed.push(put('items', 'i2', { name: 'Oil' })).n).toBe(1);
    expect(renewed.send(made)).toMatchObject({ n: 2, verdict: 'applied', seq: 1, asOf: 1 });
    expect(renewed.send(made)).toMatchObject({ n: 2 });
    expect(scope.log('a2')).toHaveLength(2);
    expect(scope.log('a')).toHaveLength(1);
  });

  test('under a new replica id brings later verdicts to that log too', () => {
    const scope = new TestScope();
    const made = mutation([put('items', 'i1', { name: 'Tea', shelf: 's1' })]);
    scope.replica('a').send(made);
    scope.replica('a2', { device: 'device-a', former: { a: 1 } }).send(made);
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    for (const replica of ['a', 'a2'])
      expect(scope.log(replica).map(({ verdict }) => verdict.verdict)).toEqual(['waiting', 'applied']);
  });

  test('keeps the time at which it first arrived', () => {
    const scope = new TestScope();
    const made = mutation([put('items', 'i1', { name: 'Tea', shelf: 's1' })]);
    scope.replica('a').send({ ...made, madeAt: morning - 60 });
    scope.replica('a').send({ ...made, madeAt: morning + 60 });
    scope.replica('c').send({ ...made, madeAt: morning + 90 });
    expect(scope.stored.mutations.get(made.id)?.madeAt).toBe(morning - 60);
    scope.replica('b').push(put('shelves', 's1', { name: 'Top' }));
    expect(scope.record('items', 'i1')?.madeAt).toBe(morning - 60);
    expect(scope.stored.mutations.get(made.id)?.madeAt).toBe(morning - 60);
  });

  test('of a replica with any name is still a repeat', () => {
    const scope = new TestScope();
    for (const name of ['__proto__', 'toString']) {
      const made = mutation([put('items', name, { name: 'Tea' })]);
      const first = scope.replica(name).send(made);
      expect(scope.replica(name).send(made)).toEqual(first);
      expect(first.n).toBe(1);
      expect(scope.log(name)).toHaveLength(1);
    }
  });
});

describe('the hash', () => {
  const made = mutation([put('items', 'i1', { name: 'Tea' })], { actor: 'maria' });
  const hash = (given: typeof made): string => sha256(canonicalJson(hashedPart(given)));

  test.each([
    ['id', { id: '00000000-0000-7000-8000-ffffffffffff' }],
    ['actor', { actor: 'eve' }],
    ['made', { made: { ...made.made, wall: 1 } }],
    ['schema version', { schema: 2 }],
    ['changes', { changes: [put('items', 'i1', { name: 'Oil' })] }],
  ] as const)('covers the %s', (_part, other) => {
    expect(hash({ ...made, ...other })).not.toBe(hash(made));
  });

  test('covers nothing of the envelope, and knows no order of keys', () => {
    const { id, schema, actor, made: clocks, changes } = made;
    const same = { changes, made: clocks, schema, actor, id, batch: 7, replica: 'other' };
    expect(hash(same as typeof made)).toBe(hash(made));
  });
});

describe('an id that was used with another content', () => {
  test('is an error and no verdict: it settles nothing, changes nothing, and stops nothing', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const made = mutation([put('items', 'i1', { name: 'Tea' })]);
    a.send(made);
    const before = structuredClone(scope.stored.mutations.get(made.id));
    const { verdicts, errors } = a.batch([
      { ...made, changes: [del('items', 'i1', 1)] },
      mutation([put('items', 'i2', { name: 'Oil' })]),
    ]);
    expect(errors).toMatchObject([{ mutation: made.id, code: 'id_reused' }]);
    expect(verdicts).toMatchObject([{ verdict: 'applied', seq: 2, n: 2 }]);
    expect(scope.stored.mutations.get(made.id)).toEqual(before);
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea' });
    expect(scope.stored.quarantine).toEqual([]);
  });

  test('is one also within a batch', () => {
    const scope = new TestScope();
    const made = mutation([put('items', 'i1', { name: 'Tea' })]);
    const { verdicts, errors } = scope.replica('a').batch([made, { ...made, actor: 'eve' }]);
    expect([verdicts.length, errors.length]).toEqual([1, 1]);
  });
});

describe('a batch whose number is not above the last one', () => {
  test('gets its verdicts if all its mutations are known', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const [one, two] = [
      mutation([put('items', 'i1', { name: 'Tea' })]),
      mutation([put('items', 'i2', { name: 'Oil' })]),
    ];
    const first = a.batch([one, two], { n: 5 });
    expect(a.batch([one, two], { n: 5 })).toEqual(first);
    expect(a.batch([two], { n: 1 }).verdicts).toEqual([first.verdicts[1]]);
    expect(scope.stored.replicas.get('a')?.batch).toBe(5);
  });

  test('is stale if one is not, and nothing changes', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const one = mutation([put('items', 'i1', { name: 'Tea' })]);
    a.batch([one], { n: 5 });
    const before = structuredClone(scope.stored);
    for (const n of [5, 4])
      expect(
        a.tryBatch([one, mutation([put('items', 'i2', { name: 'Oil' })])], { n, seen: 1 }),
      ).toMatchObject({
        type: 'refused',
        code: 'stale_batch',
        field: 'batch.n',
      });
    expect(scope.stored).toEqual(before);
  });

  test('is never one with a gap before it, nor one without a number', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.batch([mutation([put('items', 'i1', { name: 'Tea' })])], { n: 5 });
    expect(a.tryBatch([mutation([put('items', 'i2', { name: 'Oil' })])], { n: 500 })).toMatchObject({
      type: 'pushed',
    });
    expect(a.tryBatch([mutation([put('items', 'i3', { name: 'Rye' })])], { n: null })).toMatchObject({
      type: 'pushed',
    });
    expect(scope.stored.replicas.get('a')?.batch).toBe(500);
  });

  test('is every later one when the highest number was used: the replica needs a new id, and nobody else notices', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.batch([mutation([put('items', 'i1', { name: 'Tea' })])], { n: integerMax, seen: integerMax });
    const last = mutation([put('items', 'i2', { name: 'Oil' })]);
    expect(a.tryBatch([last], { n: integerMax, seen: integerMax })).toMatchObject({ code: 'stale_batch' });
    const renewed = scope.replica('a2', { device: 'device-a', former: { a: 1 } });
    expect(renewed.batch([last], { n: 1 }).verdicts).toMatchObject([{ verdict: 'applied', n: 1 }]);
    expect(scope.replica('b').push(put('items', 'i3', { name: 'Rye' })).verdict).toBe('applied');
  });

  test('is judged in the order of the plan: the second of two with one number is stale', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const outcomes = scope.commit([
      a.item([mutation([put('items', 'i1', { name: 'Tea' })])], { n: 1 }),
      a.item([mutation([put('items', 'i2', { name: 'Oil' })])], { n: 1 }),
    ]);
    expect(outcomes).toMatchObject([{ type: 'pushed' }, { type: 'refused', code: 'stale_batch' }]);
    expect(scope.body('items', 'i2')).toBeUndefined();
  });
});

describe('a replica', () => {
  test('of another device is refused, and nothing changes', () => {
    const scope = new TestScope();
    scope.replica('a').push(put('items', 'i1', { name: 'Tea' }));
    const before = structuredClone(scope.stored);
    const outcome = scope.replica('a', { device: 'thief' }).tryBatch([mutation([del('items', 'i1', 1)])]);
    expect(outcome).toMatchObject({ type: 'refused', code: 'forbidden', field: 'replica' });
    expect(scope.stored).toEqual(before);
  });

  test('that took a new id names its former ones, whose writes count as its own as far as it knew of them', () => {
    const scope = new TestScope();
    scope.replica('a').push(put('shelves', 's1', { name: 'Top' }));
    const renewed = scope.replica('a2', { device: 'device-a', former: { a: 1 } });
    expect(renewed.push(patch('shelves', 's1', { name: 'Upper' })).verdict).toBe('applied');
    const third = scope.replica('a3', { device: 'device-a', former: { a2: 2, a: 1 } });
    expect(third.push(patch('shelves', 's1', { name: 'Roof' })).verdict).toBe('applied');
  });

  test('is not believed when it names one of another device', () => {
    const scope = new TestScope();
    scope.replica('a').push(put('shelves', 's1', { name: 'Top' }));
    const thief = scope.replica('b', { former: { a: 1, 'unheard of': 1 } });
    expect(thief.push(patch('shelves', 's1', { name: 'Mine' })).verdict).toBe('conflict');
  });

  test('cannot take the server’s name: what a person decided is nobody’s own', () => {
    const scope = new TestScope();
    scope.replica('z').push(put('shelves', 's1', { name: 'Top' }));
    scope.replica('a').push(patch('shelves', 's1', { name: 'A' }, { base: 0 }));
    scope.resolve(1, { type: 'value', body: { name: 'Decided' } });
    const server = scope.replica('server');
    expect(server.push(patch('shelves', 's1', { name: 'Mine' }, { base: 1 })).verdict).toBe('conflict');
    expect(scope.body('shelves', 's1')).toEqual({ name: 'Decided' });
  });
});
