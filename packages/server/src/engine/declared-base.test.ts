// Writes of clients of which the engine knows what they had in sight, and how far devices have read; what the judge decides is tested
// in core.

import type { DeclaredWrite, JsonObject, Judge } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { put, startEngine, type TestEngine } from './engine.fixture.ts';

let t: TestEngine;
beforeEach(async () => {
  t = await startEngine();
});
afterEach(() => t.close());

const judge: Judge = { by: 'base', policies: new Map(), returns: 'newer', ignored: new Set() };
const caller = (device: string) => ({ key: null, device, actor: '' });
const declare = (device: string, ...writes: readonly DeclaredWrite[]) =>
  t.engine.pushDeclared(caller(device), 'main', { writer: `old/${device}`, judge, writes });
const item = (id: string, body: JsonObject, more: Omit<DeclaredWrite, 'change'> = {}): DeclaredWrite => ({
  change: { type: 'put', collection: 'items', id, body },
  ...more,
});
const bodyOf = async (id: string): Promise<unknown> => {
  const { records } = await t.pull('reader');
  return JSON.parse(records.find((record) => record.id === id)?.body ?? 'null');
};
const page = (device: string, stamp: number, recordsMax: number) =>
  t.engine.pull(caller(device), 'main', {
    after: { stamp },
    collections: ['items'],
    recordsMax,
    notedAs: 'old',
    notedWhole: true,
  });

test('versions counted by edits, own copies and counters hold through the store', async () => {
  await declare('a', item('i1', { name: 'Tea', quantity: 40 }, { base: 'none' }));
  await declare('b', item('i1', { quantity: 45 }, { base: { edits: 1 } }));
  await declare('a', item('i1', { quantity: 50 }, { base: { edits: 1 } }));
  expect(await bodyOf('i1')).toEqual({ name: 'Tea', quantity: 55 });
  const [again] = await declare('a', item('i1', { quantity: 60 }, { base: { edits: 1 } }));
  expect(again).toMatchObject({ verdict: { ruling: 'merged' }, record: { edits: 4 } });
  expect(await bodyOf('i1')).toEqual({ name: 'Tea', quantity: 65 });
  const [stale] = await declare('c', item('i1', { name: 'Oil', quantity: 46 }, { base: { edits: 2 } }));
  expect(stale).toMatchObject({ verdict: { ruling: 'merged', merged: [{ fields: ['name', 'quantity'] }] } });
  expect(await bodyOf('i1')).toEqual({ name: 'Oil', quantity: 66 });
});

test('two changes on one version in one push meet the version that is only just superseded', async () => {
  await declare('a', item('i1', { name: 'Tea' }, { base: 'none' }));
  const answers = await declare(
    'b',
    item('i1', { price: 1 }, { base: { edits: 1 } }),
    item('i1', { price: 2 }, { base: { edits: 1 } }),
  );
  expect(answers).toMatchObject([{ verdict: { ruling: 'updated' } }, { verdict: { ruling: 'updated' } }]);
});

test('how far a device has read: what it comes back with, and what it was sent without more behind it', async () => {
  for (const n of [1, 2, 3]) await t.push('n', n, [t.mutation([put('items', `i${n}`, { name: 'Tea' })])]);
  const read = (stamp?: number) =>
    t.engine.readTo('main', 'e', { as: 'old', ...(stamp === undefined ? {} : { stamp }) });
  expect(await read()).toEqual({ sent: 0, confirmed: 0 });
  const first = await page('e', 0, 2);
  expect(first).toMatchObject({ more: true });
  expect(await read()).toEqual({ sent: 0, confirmed: 0 });
  const second = await page('e', first.stamp, 2);
  expect(second).toMatchObject({ more: false });
  expect(await read()).toEqual({ sent: 3, confirmed: 2 });
  await t.engine.sweep();
  await t.engine.sweep();
  expect(await read()).toEqual({ sent: 3, confirmed: 2 });
  // A stamp between two commits has read the first of them.
  expect(await read(second.stamp - 1)).toEqual({ sent: 3, confirmed: 2 });
  expect(await read(second.stamp)).toEqual({ sent: 3, confirmed: 3 });
  expect(await read(0)).toEqual({ sent: 3, confirmed: 3 });
  expect(await t.engine.readTo('main', 'f', { as: 'old', stamp: first.stamp })).toMatchObject({
    confirmed: 2,
  });
  expect(await t.engine.readTo('main', 'f', { as: 'old' })).toMatchObject({ confirmed: 2 });
});

test('what others have changed behind a reading position is counted, own writes are not', async () => {
  await declare(
    'a',
    item('i1', { name: 'Tea' }, { base: 'none' }),
    item('i2', { name: 'Oil' }, { base: 'none' }),
  );
  await declare('b', item('i3', { name: 'Rice' }, { base: 'none' }));
  await declare('b', { change: { type: 'delete', collection: 'items', id: 'i2' }, base: { edits: 1 } });
  const unread = (writer: string, seq: number) =>
    t.engine.inspect.unread('main', { writer, collections: [{ collection: 'items', seq }] });
  expect(await unread('old/a', 0)).toEqual([{ collection: 'items', live: 2, unread: 2, unreadLive: 1 }]);
  expect(await unread('old/b', 1)).toEqual([{ collection: 'items', live: 2, unread: 0, unreadLive: 0 }]);
  expect(await unread('old/c', 3)).toEqual([{ collection: 'items', live: 2, unread: 1, unreadLive: 0 }]);
});
