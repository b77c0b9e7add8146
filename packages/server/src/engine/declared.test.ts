// Writes of clients that know no base, as the engine takes them; what the judge decides is tested in core.

import type { DeclaredWrite, JsonObject, Judge } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { put, startEngine, type TestEngine } from './engine.fixture.ts';

let t: TestEngine;
beforeEach(async () => {
  t = await startEngine();
});
afterEach(() => t.close());

const byTime: Judge = {
  by: 'time',
  policies: new Map(),
  put: 'fields',
  sameTime: 'conflict',
  ignored: new Set(),
};
const caller = (device: string) => ({ key: null, device, actor: '' });
const declare = (device: string, writes: readonly DeclaredWrite[], judge: Judge = byTime) =>
  t.engine.pushDeclared(caller(device), 'main', { writer: `old/${device}`, judge, writes });
const item = (id: string, body: JsonObject, more: Omit<DeclaredWrite, 'change'> = {}): DeclaredWrite => ({
  change: { type: 'put', collection: 'items', id, body },
  ...more,
});

test('each write is a commit of its own, and one that is refused stops no other', async () => {
  const [good, bad, last] = await declare('d', [
    item('i1', { name: 'Tea' }, { madeAt: 1 }),
    item('i2', { name: 5 }, { madeAt: 1 }),
    item('i3', { name: 'Oil' }, { madeAt: 1 }),
  ]);
  expect(good).toMatchObject({
    verdict: { ruling: 'inserted', seq: 1 },
    record: { writer: 'old/d', madeAt: 1 },
  });
  expect(bad).toMatchObject({ verdict: { verdict: 'rejected', code: 'invalid_record' }, record: null });
  expect(last).toMatchObject({ verdict: { ruling: 'inserted', seq: 2 } });
  expect((await t.pull('n')).records.map(({ id, seq }) => [id, seq])).toEqual([
    ['i1', 1],
    ['i3', 2],
  ]);
  expect(await t.engine.inspect.quarantine({ device: 'd', max: 9 })).toMatchObject([
    { code: 'invalid_record' },
  ]);
});

test('a repeat is known for ever, and by its own device alone', async () => {
  const write = item('i1', { name: 'Tea' }, { madeAt: 1 });
  const [first] = await declare('d', [write]);
  await declare('e', [item('i1', { name: 'Oil' }, { madeAt: 2 })]);
  expect(await declare('d', [write])).toMatchObject([
    { verdict: first?.verdict, repeated: true, record: { seq: 2 } },
  ]);
  expect(await declare('e', [write])).toMatchObject([{ verdict: { ruling: 'older' }, repeated: false }]);
});

test('what was refused leaves the quarantine when it is taken after all', async () => {
  await t.push('n', 1, [t.mutation([put('items', 'i1', { name: 'Tea', sku: 'A' })])]);
  const write = item('i2', { name: 'Oil', sku: 'A' }, { madeAt: 1 });
  for (let n = 0; n < 2; n += 1)
    expect(await declare('d', [write])).toMatchObject([{ verdict: { code: 'unique_taken' }, record: null }]);
  expect(await t.engine.inspect.quarantine({ max: 9 })).toHaveLength(1);
  await t.push('n', 2, [
    t.mutation([{ type: 'patch', collection: 'items', id: 'i1', base: 1, set: { sku: 'B' } }]),
  ]);
  expect(await declare('d', [write])).toMatchObject([{ verdict: { ruling: 'inserted' } }]);
  expect(await t.engine.inspect.quarantine({ max: 9 })).toEqual([]);
});

test('a device that may not write is refused as a whole, and nothing of it is kept', async () => {
  await expect(
    t.engine.pushDeclared({ key: 'none', device: 'd', actor: '' }, 'main', {
      writer: 'old/d',
      judge: byTime,
      writes: [item('i1', { name: 'Tea' }, { madeAt: 1 })],
    }),
  ).rejects.toMatchObject({ code: 'unauthenticated' });
  expect((await t.engine.inspect.counts()).mutations).toBe(0);
});

test('how far a device was sent is known under the name of its way of reading', async () => {
  const judge: Judge = { by: 'version', sentSeq: 0, ignored: new Set() };
  await declare(
    'd',
    [item('i1', { name: 'Tea' }, { version: 1 }), item('i2', { name: 'Oil' }, { version: 1 })],
    judge,
  );
  expect(await t.engine.readTo('main', 'e', { as: 'old' })).toMatchObject({ sent: 0 });
  const page = { after: { stamp: 0 }, collections: ['items'], recordsMax: 1, notedAs: 'old' };
  await t.engine.pull(caller('e'), 'main', page);
  expect(await t.engine.readTo('main', 'e', { as: 'old' })).toMatchObject({ sent: 1 });
  await t.engine.sweep();
  expect(await t.engine.readTo('main', 'e', { as: 'old' })).toMatchObject({ sent: 1 });
  await t.engine.pull(caller('e'), 'main', { ...page, recordsMax: 9 });
  await t.engine.sweep();
  expect(await t.engine.readTo('main', 'e', { as: 'old' })).toMatchObject({ sent: 2 });
  expect(await t.engine.readTo('main', 'e', { as: 'other' })).toMatchObject({ sent: 0 });
});

test('no replica goes by the name of a device of another protocol', async () => {
  const made = t.mutation([put('items', 'i1', { name: 'Tea' })]);
  await expect(t.push('old/d', 1, [made])).rejects.toMatchObject({ code: 'forbidden', field: 'replica' });
});
