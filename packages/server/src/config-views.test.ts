// SQL views in a config: what is refused, and by which field.

import { defineSchema } from '@holdfast/core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineConfig } from './config.ts';
import { recordFacts } from './store/sql-views.ts';

const schema = defineSchema({
  version: 1,
  collections: { items: { kind: 'request', fields: z.object({ name: z.string() }) } },
});

const config = (views: unknown) => defineConfig({ schema, views: views as never });
const view = (columns: unknown, more: object = { collection: 'items' }) => [{ name: 'v', ...more, columns }];

test('good views pass, and pass again; without a word there are none', () => {
  const views = view({
    ...Object.fromEntries(recordFacts.map((fact) => [fact, fact])),
    name: { field: 'name' },
    time: { first: [{ iso: 'madeAt' }, { value: '' }, { renamed: 'device', as: { a: 'b' } }] },
  });
  const read = config(views);
  expect(read.views).toEqual(views);
  expect(defineConfig(read).views).toEqual(views);
  expect(config(undefined).views).toEqual([]);
  expect(config(view({ ip: 'address' }, { table: 'devices' })).views).toHaveLength(1);
});

test.each([
  ['views', {}],
  ['views[0].name', [7]],
  ['views[0].name', [{ name: 'a"b' }]],
  ['views[0].collection', view({ id: 'id' }, { collection: 'none' })],
  ['views[0].table', view({ id: 'id' }, { table: 'constructor' })],
  ['views[0].columns', view({})],
  ['views[0].columns.id', view({ id: 'nothing' })],
  ['views[0].columns.id', view({ id: 'place' })],
  ['views[0].columns.id', view({ id: { iso: 'body; drop' } })],
  ['views[0].columns.id', view({ id: { field: 'x', of: 'none' } })],
  ['views[0].columns.id', view({ id: { field: 'x' } }, { table: 'conflicts' })],
  ['views[0].columns.id', view({ id: { first: ['id', {}] } })],
  ['views[0].columns.id', view({ id: { renamed: 'none', as: {} } })],
  ['views[0].columns.id', view({ id: { value: Number.NaN } })],
])('%s is named when it is wrong', (field, views) => {
  expect(() => config(views)).toThrow(expect.objectContaining({ code: 'config_invalid', field }));
});
