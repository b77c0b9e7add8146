// Rows become records, and again, and again: nothing is doubled, and nobody else's work is lost.

import { createHash } from 'node:crypto';
import { bodyOf, defaultLimits, RequestError } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { put, startEngine, type TestEngine, testSchema } from '../engine/engine.fixture.ts';
import type { AdminInput, ImportedRow } from './admin.ts';
import { importRows } from './import-rows.ts';

let on: TestEngine;
beforeEach(async () => {
  on = await startEngine();
});
afterEach(() => on.close());

type Rows = AdminInput<'import'>['rows'];

async function bring(rows: Rows, collection = 'items'): Promise<ImportedRow[]> {
  const deps = {
    store: on.store,
    engine: on.engine,
    schema: testSchema,
    limits: defaultLimits,
    nowMs: () => on.clock.nowMs,
    sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
  };
  return (await importRows(deps, { scope: 'main', collection, rows })).rows;
}

async function standing(id: string, collection = 'items') {
  const [record] = await on.store.read((snapshot) => snapshot.records('main', [{ collection, id }]));
  return record && { version: record.seq, body: bodyOf(record) };
}

const head = async () =>
  (await on.engine.inspect.scopes('', 10)).find(({ scope }) => scope === 'main')?.head ?? 0;

test('new rows are created, equal ones send nothing, different ones change what they name', async () => {
  const bread = { id: 'a', texts: { name: 'Bread', price: '2.5' } };
  const milk = { id: 'b', values: { name: 'Milk', quantity: 3 } };
  expect(await bring([bread, milk])).toEqual([{ outcome: 'created' }, { outcome: 'created' }]);
  expect(await bring([bread, milk])).toEqual([{ outcome: 'unchanged' }, { outcome: 'unchanged' }]);
  expect(await head()).toBe(2);
  expect(await bring([{ id: 'a', texts: { price: '3' } }])).toEqual([{ outcome: 'changed' }]);
  expect(await standing('a')).toEqual({ version: 3, body: { name: 'Bread', price: 3 } });
});

test('an empty cell takes an optional field away, and a field that is not named stays', async () => {
  await bring([{ id: 'a', values: { name: 'Bread', price: 1, sku: 's' } }]);
  expect(await bring([{ id: 'a', texts: { price: '', name: 'Rye' } }])).toEqual([{ outcome: 'changed' }]);
  expect((await standing('a'))?.body).toEqual({ name: 'Rye', sku: 's' });
});

test('a counter becomes what the file says, whatever was added since', async () => {
  await bring([{ id: 'a', values: { name: 'Bread', quantity: 10 } }]);
  await on.push('till', 1, [
    on.mutation([{ type: 'add', collection: 'items', id: 'a', amounts: { quantity: -4 } }]),
  ]);
  expect(await bring([{ id: 'a', texts: { quantity: '20' } }])).toEqual([{ outcome: 'changed' }]);
  expect((await standing('a'))?.body).toEqual({ name: 'Bread', quantity: 20 });
});

test('the same new row sent twice at once is one mutation', async () => {
  const rows = [{ id: 'a', texts: { name: 'Bread' } }];
  // Both read before either writes, like an import that was killed and begun again while the server still worked on it.
  expect(await Promise.all([bring(rows), bring(rows)])).toEqual([
    [{ outcome: 'created' }],
    [{ outcome: 'created' }],
  ]);
  expect(await head()).toBe(1);
});

test('a record that was deleted since is created again, because the file is the newest word', async () => {
  await bring([{ id: 'a', values: { name: 'Bread' } }]);
  await on.push('till', 1, [on.mutation([{ type: 'delete', collection: 'items', id: 'a', base: 1 }])]);
  expect(await bring([{ id: 'a', values: { name: 'Bread' } }])).toEqual([{ outcome: 'created' }]);
  expect(await standing('a')).toEqual({ version: 3, body: { name: 'Bread' } });
});

test('rows that do not fit are told with field and reason, without leaving anything on the server', async () => {
  const rows = await bring([
    { id: 'a', texts: { price: 'cheap' } },
    { id: 'b', values: { price: 'cheap' } },
    { id: 'c', values: { id: 'c' } },
    { id: 'd', texts: { name: 'Good' } },
  ]);
  expect(rows).toEqual([
    {
      outcome: 'rejected',
      code: 'invalid_record',
      field: 'price',
      message: expect.stringContaining('no number'),
    },
    { outcome: 'rejected', code: 'invalid_record', field: 'price', message: expect.any(String) },
    { outcome: 'rejected', code: 'malformed_mutation', field: 'id', message: expect.any(String) },
    { outcome: 'created' },
  ]);
  expect(await on.engine.inspect.quarantine({ max: 10 })).toEqual([]);
});

test('what stood in the way of a row may be gone at the next run', async () => {
  await bring([{ id: 'a', values: { sku: 's' } }]);
  const second = [{ id: 'b', values: { sku: 's' } }];
  const taken = { outcome: 'rejected', code: 'unique_taken', field: 'sku', message: expect.any(String) };
  expect(await bring(second)).toEqual([taken]);
  expect(await bring(second)).toEqual([taken]);
  await on.push('till', 1, [on.mutation([{ type: 'delete', collection: 'items', id: 'a', base: 1 }])]);
  expect(await bring(second)).toEqual([{ outcome: 'created' }]);
  expect(await bring(second)).toEqual([{ outcome: 'unchanged' }]);
});

test('a row may come before the one that it refers to', async () => {
  const child = [{ id: 'a', values: { shelf: 'left' } }];
  const waiting = { outcome: 'waiting', code: 'parent_missing', message: expect.any(String) };
  expect(await bring(child)).toEqual([waiting]);
  expect(await bring(child)).toEqual([waiting]);
  await bring([{ id: 'left', values: { name: 'Left' } }], 'shelves');
  expect(await bring(child)).toEqual([{ outcome: 'unchanged' }]);
});

test('facts are taken, and flagged where something is odd', async () => {
  expect(await bring([{ id: 's', texts: { amount: '5' } }], 'sales')).toEqual([{ outcome: 'created' }]);
});

test('what a device wrote meanwhile is no conflict: the row is put on the version that stands', async () => {
  await bring([{ id: 'left', values: { name: 'Left' } }], 'shelves');
  await on.push('till', 1, [
    on.mutation([put('shelves', 'left', { name: 'Middle' }, { base: 1, replaced: { name: 'Left' } })]),
  ]);
  expect(await bring([{ id: 'left', values: { name: 'Left' } }], 'shelves')).toEqual([
    { outcome: 'changed' },
  ]);
  expect((await standing('left', 'shelves'))?.body).toEqual({ name: 'Left' });
  expect((await on.engine.inspect.counts()).conflictsOpen).toBe(0);
});

test('an unknown collection, and an id twice, refuse the whole request', async () => {
  await expect(bring([{ id: 'a', values: {} }], 'nothing')).rejects.toBeInstanceOf(RequestError);
  const twice = [
    { id: 'a', values: {} },
    { id: 'a', values: { name: 'x' } },
  ];
  await expect(bring(twice)).rejects.toMatchObject({ code: 'malformed', field: 'rows' });
  expect(await head()).toBe(0);
});
