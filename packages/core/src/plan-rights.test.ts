// Pushes of those who may not write: what they are told, and how little is remembered of them.

import { expect, test } from 'vitest';
import { type Draughted, mutation, put, TestScope } from './plan.fixture.ts';

const withoutRight = { type: 'refused', code: 'forbidden', field: 'scope' };
const oil = (): Draughted => mutation([put('items', 'i2', { name: 'Oil' })]);

test.each(['read', 'none'] as const)(
  'to write (%s), a mutation is rejected, fact or not; it is kept in no scope',
  (right) => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea' }));
    const sale = mutation([put('sales', 'x1', { amount: 3 })]);
    const { verdicts } = a.batch([sale], { right });
    expect(verdicts).toMatchObject([{ verdict: 'rejected', code: 'no_grant' }]);
    expect(scope.body('sales', 'x1')).toBeUndefined();
    expect(scope.stored.quarantine).toMatchObject([
      { device: 'device-a', code: 'no_grant', payload: { id: sale.id }, inScope: false },
    ]);
  },
);

test('to read, a device is not told how far the scope has come', () => {
  const scope = new TestScope();
  const a = scope.replica('a');
  a.push(put('items', 'i1', { name: 'Tea' }));
  expect(a.batch([oil()], { right: 'none' }).verdicts[0]?.asOf).toBe(0);
  expect(scope.replica('b').batch([oil()], { right: 'read' }).verdicts[0]?.asOf).toBe(1);
});

test('to anything, a device is not told whose replica it names: it gets verdicts of its own under that name', () => {
  const scope = new TestScope();
  const sent = mutation([put('items', 'i1', { name: 'Tea' })]);
  scope.replica('z').send(sent);
  const before = structuredClone(scope.stored.replicas.get('z'));
  const fresh = oil();
  const expected = new TestScope().replica('z', { right: 'none', device: 'device-a' }).batch([sent, fresh]);
  const thief = scope.replica('z', { right: 'none', device: 'device-a' });
  expect(thief.batch([sent, fresh], { n: 1 })).toEqual(expected);
  expect(thief.batch([sent, fresh], { n: 1 })).toEqual(expected);
  expect(scope.stored.replicas.get('z')).toEqual(before);
  // With a right it is told.
  expect(scope.replica('z', { device: 'device-a', right: 'read' }).tryBatch([fresh])).toMatchObject({
    code: 'forbidden',
    field: 'replica',
  });
});

test.each(['read', 'none'] as const)(
  'to write (%s), no more is remembered than there is room for',
  (right) => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea' }));
    const first = oil();
    expect(a.batch([first], { right, room: { refusals: 1, replicas: 0 } }).verdicts).toHaveLength(1);
    const before = structuredClone(scope.stored);
    const full = { right, room: { refusals: 0, replicas: 0 } };
    expect(a.tryBatch([first, oil()], full)).toMatchObject(withoutRight);
    expect(
      scope.replica('a2', { device: 'device-a', former: { a: 1 } }).tryBatch([first], full),
    ).toMatchObject(withoutRight);
    expect(scope.stored).toEqual(before);
    // What is remembered already is answered.
    expect(a.batch([first], full).verdicts).toMatchObject([{ verdict: 'rejected', code: 'no_grant' }]);
  },
);
