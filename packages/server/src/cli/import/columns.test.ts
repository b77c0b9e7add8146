// Which column fills which field.

import { expect, test } from 'vitest';
import { planColumns } from './columns.ts';

const known = ['name', 'unitPrice', 'sku'];
const plan = (columns: string[], wishes: { id?: string; map?: [string, string][] } = {}) =>
  planColumns(columns, { known, id: wishes.id ?? 'id', map: new Map(wishes.map ?? []) });

test('exact names, names as people write them, and the id', () => {
  expect(plan(['id', 'name', 'Unit price'])).toEqual({
    fields: [null, 'name', 'unitPrice'],
    id: 0,
    notes: ['The column Unit price fills the field unitPrice.'],
  });
  expect(plan(['ID', 'Name'])).toMatchObject({ id: 0, fields: [null, 'name'] });
});

test('an id that is a field of the schema is both', () => {
  expect(plan(['sku', 'name'], { id: 'sku' })).toEqual({ fields: ['sku', 'name'], id: 0, notes: [] });
  expect(plan(['number', 'name'], { id: 'number' })).toEqual({ fields: [null, 'name'], id: 0, notes: [] });
});

test('wishes go first; a column can be left out', () => {
  const wishes: [string, string][] = [
    ['Artikel', 'name'],
    ['Notiz', ''],
  ];
  expect(plan(['id', 'Artikel', 'Notiz', ''], { map: wishes })).toEqual({
    fields: [null, 'name', null, null],
    id: 0,
    notes: ['A column without a name: left out.'],
  });
  expect(plan(['id', 'name'], { map: [['Nam', 'name']] })).toMatchObject({
    problem: 'There is no column Nam.',
  });
});

test('a column that the schema does not know is kept, and said', () => {
  expect(plan(['id', 'colour'])).toMatchObject({
    fields: [null, 'colour'],
    notes: [expect.stringContaining('no field colour')],
  });
});

test('what cannot be is said with the columns that there are', () => {
  expect(plan(['number', 'name'])).toMatchObject({
    problem: 'No column id holds the records’ ids.',
    help: expect.stringContaining('number, name'),
  });
  expect(plan(['id', 'name', 'Name'])).toMatchObject({ problem: 'Two columns fill the field name.' });
  expect(plan(['id', 'sku'], { id: 'sku' })).toMatchObject({
    problem: expect.stringContaining('column id is no field'),
  });
  expect(plan(['id', '__proto__'])).toMatchObject({ problem: 'No field may be called __proto__.' });
});
