// Reports about a replica in plain SQL, through a connection of their own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { defineSchema, type Json, type JsonObject, type Schema } from '@holdfast/core';
import { afterAll, afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Storage } from '../storage/port.ts';
import { openSqliteStorage } from './sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
let files = 0;
const path = (): string => join(folder, `${files}.db`);
const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  files += 1;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function open(schema: Schema): Promise<Storage> {
  const storage = await openSqliteStorage({ path: path(), schema });
  ends.push(() => storage.close());
  return storage;
}

function put(
  storage: Storage,
  key: [scope: string, collection: string, id: string],
  body: JsonObject,
): Promise<void> {
  return storage.transaction('write', (tx) => tx.put('records', key, { version: 7, body } as Json));
}

/** What another program sees that opens the file for reading while the replica has it open. */
function report(sql: string): unknown[] {
  const db = new DatabaseSync(path(), { readOnly: true });
  try {
    return db
      .prepare(sql)
      .all()
      .map((found) => ({ ...found }));
  } finally {
    db.close();
  }
}

const request = 'request' as const;
const fields = z.object({
  name: z.string(),
  quantity: z.number(),
  open: z.boolean(),
  tags: z.array(z.string()),
});
const shop = defineSchema({
  version: 1,
  collections: { items: { kind: request, fields }, others: { kind: request, fields } },
});
const sales = z.object({ quantity: z.number() });

test('a collection is a view under its plain name, of all scopes, with the fields as columns', async () => {
  const storage = await open(shop);
  await put(storage, ['s1', 'items', 'a'], {
    name: 'Tea',
    quantity: 2.5,
    open: true,
    tags: ['x'],
    unknown: 1,
  });
  await put(storage, ['s1', 'items', 'b'], { name: 'Café "noir"', quantity: 4 });
  await put(storage, ['s2', 'items', 'a'], { name: 'Milk', quantity: 10, open: false, tags: [] });
  await put(storage, ['s1', 'others', 'a'], { quantity: 1_000 });
  await put(storage, ['s0', 'others', 'a'], { quantity: 1_000 });
  expect(report('select sum(quantity) as sum from items')).toEqual([{ sum: 16.5 }]);
  expect(report('select * from items order by scope, id')).toEqual([
    { id: 'a', name: 'Tea', quantity: 2.5, open: 1, tags: '["x"]', scope: 's1', version: 7 },
    { id: 'b', name: 'Café "noir"', quantity: 4, open: null, tags: null, scope: 's1', version: 7 },
    { id: 'a', name: 'Milk', quantity: 10, open: 0, tags: '[]', scope: 's2', version: 7 },
  ]);
  expect(report("select name from items where scope = 's2' and id = 'a'")).toEqual([{ name: 'Milk' }]);
  expect(report('select count(*) as n from others')).toEqual([{ n: 2 }]);
});

test('an empty replica has views of nothing', async () => {
  await open(shop);
  expect(report('select count(*) as n, sum(quantity) as sum from items')).toEqual([{ n: 0, sum: null }]);
});

test('a view looks up its collection within each scope instead of reading the whole table', async () => {
  await open(shop);
  const plan = report('explain query plan select sum(quantity) from items').map(
    (step) => (step as { detail: string }).detail,
  );
  expect(plan).toContain('SEARCH r USING PRIMARY KEY (scope=? AND collection=?)');
  expect(plan.filter((step) => /^SCAN (r|hf_records)/.test(step))).toEqual([]);
});

test('names that mean something in SQL, and characters that mean something in a JSON path, are only names', async () => {
  const odd = [
    'select',
    'a.b',
    'a b',
    "it's",
    'say "hi"',
    'back\\slash',
    '$',
    '[0]',
    'naïve',
    'new\nline',
    '',
  ];
  const shape = Object.fromEntries(odd.map((field) => [field, z.number()]));
  const schema = defineSchema({
    version: 1,
    collections: Object.fromEntries(
      ['order', 'select', 'group', 'table', 'index', 'json_each', 'sqlite_thing', 'SQLite_master'].map(
        (name) => [name, { kind: request, fields: z.object(shape) }],
      ),
    ),
  });
  const storage = await open(schema);
  const body = Object.fromEntries(odd.map((field, at) => [field, at]));
  for (const collection of schema.collections.keys()) await put(storage, ['s', collection, 'a'], body);
  for (const view of [
    'order',
    'select',
    'group',
    'table',
    'index',
    '_json_each',
    '_sqlite_thing',
    '_SQLite_master',
  ]) {
    expect(report(`select * from "${view}"`), view).toEqual([{ id: 'a', ...body, scope: 's', version: 7 }]);
  }
});

test('a name that is taken gets a number: SQL does not tell upper from lower case', async () => {
  const both = z.object({
    version: z.number(),
    scope: z.string(),
    ID: z.string(),
    Name: z.string(),
    name: z.string(),
  });
  const kind = request;
  const schema = defineSchema({
    version: 1,
    collections: { items: { kind, fields: both }, Items: { kind, fields: sales } },
  });
  const storage = await open(schema);
  await put(storage, ['s', 'items', 'a'], { version: 1, scope: 'own', ID: 'x', Name: 'A', name: 'b' });
  await put(storage, ['s', 'Items', 'b'], { quantity: 3 });
  expect(report('select * from items')).toEqual([
    { id: 'a', version_2: 1, scope_2: 'own', ID_2: 'x', Name: 'A', name_2: 'b', scope: 's', version: 7 },
  ]);
  expect(report('select id, quantity from Items_2')).toEqual([{ id: 'b', quantity: 3 }]);
});

test('another schema makes other views, the same one touches nothing, and a person’s own views stay', async () => {
  const definitions = (): unknown[] =>
    report("select name, rootpage, sql from sqlite_schema where type = 'view' order by name");
  const first = await open(shop);
  await put(first, ['s', 'items', 'a'], { quantity: 1, weight: 9 });
  await first.close();
  const mine = new DatabaseSync(path());
  mine.exec(
    'create view totals as select sum(quantity) as total from items; create view sales as select 1 as mine',
  );
  const before = mine.prepare('PRAGMA schema_version').get();
  // The same schema needs no write, or this would be busy.
  mine.exec('begin immediate');
  const again = await open(shop);
  mine.close();
  expect(report('PRAGMA schema_version')).toEqual([{ ...before }]);
  await again.close();
  const next = defineSchema({
    version: 2,
    collections: {
      items: { kind: request, fields: z.object({ weight: z.number(), quantity: z.number() }) },
      sales: { kind: request, fields: sales },
    },
  });
  const storage = await open(next);
  await put(storage, ['s', 'sales', 'a'], { quantity: 5 });
  expect(definitions()).toHaveLength(4);
  expect(report('select * from items')).toEqual([
    { id: 'a', weight: 9, quantity: 1, scope: 's', version: 7 },
  ]);
  expect(report('select * from totals')).toEqual([{ total: 1 }]);
  // The name was taken; whoever took it keeps it.
  expect(report('select * from sales')).toEqual([{ mine: 1 }]);
  expect(report('select quantity from sales_2')).toEqual([{ quantity: 5 }]);
});
