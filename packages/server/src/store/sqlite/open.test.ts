// What opening does: tables, whose database it is, lives, views, unique values of a new schema.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { defineSchema, uniqueKey } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Store } from '../port.ts';
import { push, puts, sha256 } from '../push.fixture.ts';
import { loaded, record, series, write, writesOf } from '../writes.fixture.ts';
import { inspectSqliteStore } from './open.ts';
import { createTestFolder, type TestFolder } from './sqlite.fixture.ts';
import { verifyBackup } from './verify.ts';

let folder: TestFolder;
beforeEach(() => {
  folder = createTestFolder();
});
afterEach(() => folder.remove());

function withDatabase<Result>(work: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(folder.file);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

const hashOfFile = (): string => createHash('sha256').update(readFileSync(folder.file)).digest('hex');

test('a database of a newer version is refused, and is left as it was', async () => {
  await (await folder.open()).close();
  withDatabase((database) => database.exec("UPDATE hf_meta SET value = '999' WHERE key = 'tables'"));
  const before = hashOfFile();
  await expect(folder.open(2)).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringMatching(/newer version of Holdfast \(tables 999/),
  });
  await expect(inspectSqliteStore({ file: folder.file })).rejects.toMatchObject({ code: 'failed' });
  expect(hashOfFile()).toBe(before);
});

test('another program’s database is refused, and is left as it was', async () => {
  withDatabase((database) =>
    database.exec('CREATE TABLE hf_meta (key TEXT, value TEXT); PRAGMA user_version = 3'),
  );
  const before = hashOfFile();
  await expect(folder.open()).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringMatching(/no database of Holdfast/),
  });
  expect(hashOfFile()).toBe(before);
});

test('a file that is no database is corrupt', async () => {
  writeFileSync(folder.file, 'This is a letter, not a database. '.repeat(100));
  await expect(folder.open()).rejects.toMatchObject({ code: 'corrupt' });
});

test('a folder that is not there is an error', async () => {
  await expect(folder.open(1, { file: `${folder.path}/none/holdfast.db` })).rejects.toMatchObject({
    code: 'failed',
  });
});

test('an open that fails begins no life and leaves nothing locked', async () => {
  await (await folder.open()).close();
  await (await folder.open(2)).close();
  await expect(folder.open(1)).rejects.toMatchObject({ code: 'failed' });
  await (await folder.open(3)).close();
  const lives = withDatabase((database) => database.prepare('SELECT id FROM hf_lives ORDER BY n').all());
  expect(lives.map(({ id }) => id)).toEqual(['life-1', 'life-2', 'life-3']);
});

test('a start that died during a migration starts again from nothing', async () => {
  // As left by a process that was killed between two statements: SQLite undoes them when the file is opened again.
  const dying = new DatabaseSync(folder.file);
  dying.exec('PRAGMA journal_mode = WAL; BEGIN; CREATE TABLE hf_meta (key TEXT, value TEXT)');
  const copy = `${folder.file}-killed`;
  writeFileSync(copy, readFileSync(folder.file));
  dying.close();
  const store = await folder.open(1, { file: copy });
  await write(store, series(1, 1));
  await store.close();
});

test('an inspecting store reads the database while a server writes it, under its newest life', async () => {
  const store = await folder.open(1);
  await write(store, series(1, 2));
  const inspecting = await inspectSqliteStore({ file: folder.file });
  expect(inspecting.life).toEqual({ id: 'life-1', startedAt: 1 });
  const head = () => inspecting.read(async (snapshot) => (await snapshot.scope('shop'))?.head);
  expect(await head()).toBe(2);
  await write(store, series(3, 3));
  expect(await head()).toBe(3);
  await expect(
    inspecting.identity.revokeCredential('k', 1, { at: 1, actor: '', action: '', subject: '' }),
  ).rejects.toMatchObject({ code: 'readonly' });
  const copy = `${folder.file}-copy`;
  expect((await inspecting.backup(copy)).bytes).toBeGreaterThan(0);
  expect(verifyBackup({ file: copy, sha256 }).heads).toEqual(new Map([['shop', 3]]));
  await inspecting.close();
  await write(store, series(4, 4));
  await store.close();
});

const oddFields = [
  "it's",
  'a"b',
  'x.y',
  '$',
  'back\\slash',
  'ärger',
  'id2',
  'Version',
  'SCOPE',
  'name',
  'Name',
];

test('each declared collection has a view of its live records, with the schema’s fields as columns', async () => {
  const schema = defineSchema({
    version: 1,
    collections: {
      orders: {
        kind: 'request',
        fields: z.object({
          total: z.number(),
          paid: z.boolean(),
          lines: z.array(z.string()),
          note: z.string().nullable().optional(),
        }),
      },
      odd: {
        kind: 'request',
        fields: z.object(Object.fromEntries(oddFields.map((field) => [field, z.number()]))),
      },
      Orders: { kind: 'request', fields: z.object({ n: z.number() }) },
      sqlite_x: { kind: 'request', fields: z.object({ n: z.number() }) },
    },
  });
  const store = await folder.open(1, { schema });
  const row = (seq: number, collection: string, body: object | null) =>
    record(seq, { collection, body: body && JSON.stringify(body) });
  await write(
    store,
    writesOf({
      records: [
        row(1, 'orders', { total: 12.5, paid: true, lines: ['a', 'b'], note: null, extra: 1 }),
        row(2, 'orders', { total: 3, paid: false, lines: [] }),
        row(3, 'orders', null),
        row(4, 'odd', Object.fromEntries(oddFields.map((field, n) => [field, n]))),
        row(5, 'Orders', { n: 5 }),
        row(6, 'sqlite_x', { n: 6 }),
      ],
    }),
  );
  await store.close();
  withDatabase((database) => {
    const rows = (sql: string) =>
      database
        .prepare(sql)
        .all()
        .map((one) => ({ ...one }));
    expect(rows('SELECT * FROM orders ORDER BY id')).toEqual([
      { scope: 'shop', id: 'record-1', version: 1, total: 12.5, paid: 1, lines: '["a","b"]', note: null },
      { scope: 'shop', id: 'record-2', version: 2, total: 3, paid: 0, lines: '[]', note: null },
    ]);
    const [odd = {}] = rows('SELECT * FROM odd');
    const names = [
      "it's",
      'a"b',
      'x.y',
      '$',
      'back\\slash',
      'ärger',
      'id2',
      'Version_2',
      'SCOPE_2',
      'name',
      'Name_2',
    ];
    expect(odd).toEqual({
      scope: 'shop',
      id: 'record-4',
      version: 4,
      ...Object.fromEntries(names.map((name, n) => [name, n])),
    });
    expect(rows('SELECT id, n FROM Orders_2')).toEqual([{ id: 'record-5', n: 5 }]);
    expect(rows('SELECT id, n FROM _sqlite_x')).toEqual([{ id: 'record-6', n: 6 }]);
  });
});

const shopSchema = (fields: z.ZodRawShape, collection = 'orders') =>
  defineSchema({ version: 1, collections: { [collection]: { kind: 'request', fields: z.object(fields) } } });

test('views follow the schema, and leave an operator’s own tables alone', async () => {
  const views = () =>
    withDatabase((database) =>
      database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY name").all(),
    );
  await (await folder.open(1, { schema: shopSchema({ a: z.number() }) })).close();
  const [first] = views();
  expect(first?.sql).toContain('AS "a"');
  await (await folder.open(2, { schema: shopSchema({ b: z.number() }) })).close();
  expect(views().map(({ sql }) => String(sql).includes('AS "b"'))).toEqual([true]);
  withDatabase((database) =>
    database.exec('CREATE TABLE reports (n INTEGER); INSERT INTO reports VALUES (7)'),
  );
  await (await folder.open(3, { schema: shopSchema({ a: z.number() }, 'reports') })).close();
  expect(views().map(({ name }) => name)).toEqual(['reports_2']);
  expect(withDatabase((database) => ({ ...database.prepare('SELECT n FROM reports').get() }))).toEqual({
    n: 7,
  });
  const statements: string[] = [];
  await (
    await folder.open(4, {
      schema: shopSchema({ a: z.number() }, 'reports'),
      observe: (it) => statements.push(it),
    })
  ).close();
  expect(statements.filter((statement) => /VIEW/.test(statement))).toEqual([]);
});

const uniqueSchema = (...unique: (string | string[])[]) =>
  defineSchema({
    version: 1,
    collections: {
      items: {
        kind: 'request',
        fields: z.object({ name: z.string().optional(), sku: z.string().optional() }),
        unique: unique as never,
      },
    },
  });

function holdersOf(store: Store, group: string, value: string, scope = 'shop') {
  const key = uniqueKey('items', group, value);
  return loaded(store, (needs) => needs.unique.set(key, { collection: 'items', group, value }), {
    scope,
  }).then((set) => set.unique.get(key)?.map(({ id, claimed, since }) => ({ id, claimed, since })));
}

test('a unique group that is declared later is filled from the records: the earliest that holds a value claims it', async () => {
  const schema = uniqueSchema();
  const store = await folder.open(1, { schema });
  // More than one step of them; every value is held by three records of each scope.
  for (const scope of ['shop', 'other']) {
    await push(store, {
      schema,
      scope,
      changes: puts(1_500, (n) => ({ sku: `sku-${n % 500}`, name: `name-${n}` })),
    });
  }
  await push(store, {
    schema,
    name: 'later',
    replica: 'r2',
    changes: [
      {
        type: 'patch',
        collection: 'items',
        id: 'items-7',
        base: 8,
        set: { name: 'x' },
        replaced: { name: 'name-7' },
      },
      { type: 'delete', collection: 'items', id: 'items-8', base: 9 },
    ],
  });
  await store.close();
  const next = await folder.open(2, { schema: uniqueSchema('sku', ['name', 'sku']) });
  expect(await holdersOf(next, 'sku', '["sku-7"]')).toEqual([
    { id: 'items-7', claimed: true, since: 1_501 },
    { id: 'items-507', claimed: false, since: 508 },
    { id: 'items-1007', claimed: false, since: 1_008 },
  ]);
  expect((await holdersOf(next, 'sku', '["sku-8"]'))?.[0]).toEqual({
    id: 'items-508',
    claimed: true,
    since: 509,
  });
  expect(await holdersOf(next, 'sku', '["sku-499"]', 'other')).toHaveLength(3);
  expect(await holdersOf(next, 'name,sku', '["x","sku-7"]')).toHaveLength(1);
  await next.close();
  // Unchanged groups are not read again, and a group that is gone is removed.
  const statements: string[] = [];
  const third = await folder.open(3, { schema: uniqueSchema('sku'), observe: (it) => statements.push(it) });
  expect(statements.some((statement) => statement.includes('hf_records_number'))).toBe(false);
  expect(await holdersOf(third, 'name,sku', '["x","sku-7"]')).toEqual([]);
  expect(await holdersOf(third, 'sku', '["sku-7"]')).toHaveLength(3);
  await third.close();
  expect(
    withDatabase((database) => ({
      ...database.prepare('SELECT count(DISTINCT grp) AS n, count(*) AS all_ FROM hf_unique').get(),
    })),
  ).toEqual({ n: 1, all_: 2_999 });
});

test('filling goes on where a start that was cut off had come to', async () => {
  const schema = uniqueSchema();
  const store = await folder.open(1, { schema });
  await push(store, { schema, changes: puts(2_500, (n) => ({ sku: `sku-${n % 1_300}` })) });
  await store.close();
  const oops = new Error('cut off');
  let fills = 0;
  const cut = folder.open(2, {
    schema: uniqueSchema('sku'),
    observe: (statement) => {
      if (!statement.includes('hf_records_number')) return;
      fills += 1;
      if (fills === 3) throw oops;
    },
  });
  await expect(cut).rejects.toBe(oops);
  const rows = () =>
    withDatabase((database) =>
      database.prepare('SELECT count(*) AS n, sum(claimed) AS claimed FROM hf_unique').get(),
    );
  expect({ ...rows() }).toEqual({ n: 2_000, claimed: 1_300 });
  let more = 0;
  const observe = (statement: string) => {
    more += Number(statement.includes('hf_records_number'));
  };
  await (await folder.open(3, { schema: uniqueSchema('sku'), observe })).close();
  expect(more).toBe(1);
  expect({ ...rows() }).toEqual({ n: 2_500, claimed: 1_300 });
});

test('a group that is dropped half filled is removed, and filled anew when it comes back', async () => {
  const schema = uniqueSchema();
  const store = await folder.open(1, { schema });
  await push(store, { schema, changes: puts(1_200, (n) => ({ sku: `sku-${n}` })) });
  await store.close();
  await (await folder.open(2, { schema: uniqueSchema('sku') })).close();
  const cut = folder.open(3, {
    schema,
    observe: (statement) => {
      if (statement.includes('min(t.scope)')) throw new Error('cut off');
    },
  });
  await expect(cut).rejects.toThrow('cut off');
  const back = await folder.open(4, { schema: uniqueSchema('sku') });
  expect(await holdersOf(back, 'sku', '["sku-1199"]')).toEqual([
    { id: 'items-1199', claimed: true, since: 1_200 },
  ]);
  await back.close();
});
