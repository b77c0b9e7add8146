// What `export` writes, `import` reads as the same records: also odd values, also while others write.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { defineSchema, type JsonObject } from '@holdfast/core';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Admin } from '../admin/admin.ts';
import { defineConfig } from '../config.ts';
import { type AnswerOf, collect, createWorkplace, type Workplace } from './commands.fixture.ts';
import { runExport } from './export/run-export.ts';
import { runImport } from './import/run-import.ts';
import { type Format, formats, openSource } from './import/source.ts';
import { openOwnFolder } from './own-folder.ts';

let at: Workplace;
beforeEach(async () => {
  at = await createWorkplace();
});
afterEach(() => at.close());

const slow = { timeout: 120_000 };
const calm = { interrupt: new AbortController().signal, progress: () => undefined, note: () => undefined };

const schema = defineSchema({
  version: 1,
  collections: {
    things: {
      kind: 'request',
      fields: z.object({
        name: z.string(),
        note: z.string().optional(),
        remark: z.string().nullable(),
        both: z.string().nullable().optional(),
        amount: z.number().optional(),
        mixed: z.union([z.string(), z.number(), z.boolean()]).optional(),
        yes: z.boolean().optional(),
        tags: z.array(z.string()).optional(),
        any: z.any().optional(),
      }),
    },
  },
});

const text = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.constantFrom(
      '',
      ' ',
      '"',
      '""',
      'a\nb',
      'a\r\nb',
      ',;\t|',
      '5',
      '1e3',
      '007',
      'true',
      'null',
      '[1]',
      '{}',
      'json:',
      'json:1',
      'json:absent',
      '=1+1',
      '\u{feff}',
      '\u{1f600}',
    ),
  )
  .filter((value) => !value.includes('\0') && value.isWellFormed());
const number = fc.oneof(fc.integer(), fc.constantFrom(0.1, -2.5, 1e-7, 2 ** 53 - 1, 0));
const odd = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.constant(null),
  fc.array(text, { maxLength: 2 }),
  fc.dictionary(fc.constantFrom('a', 'b', 'ü'), fc.array(number, { maxLength: 2 })),
);
const thing = fc.record(
  {
    name: text,
    note: text,
    remark: fc.option(text),
    both: fc.option(text),
    amount: number,
    mixed: fc.oneof(text, number, fc.boolean()),
    yes: fc.boolean(),
    tags: fc.array(text, { maxLength: 3 }),
    any: odd,
  },
  { requiredKeys: ['name', 'remark'] },
);
/** Of fields that the schema does not name a table has no column. */
const strange = fc.dictionary(
  fc.constantFrom('', ' ', 'Name', 'toString', '$x', 'json:', 'ü', 'a,b', '\u{1f600}'),
  odd,
  { maxKeys: 3 },
);
const things = fc.dictionary(
  text.filter((id) => id !== '' && id !== '__proto__'),
  thing,
  { minKeys: 1, maxKeys: 8 },
);

async function exported(admin: Pick<Admin, 'export'>, scope: string, format: Format): Promise<string> {
  let written = '';
  const sink = {
    write: async (part: string) => {
      written += part;
    },
    finish: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  await runExport(admin, { scope, collection: 'things', format, deleted: false }, { sink, events: calm });
  return written;
}

async function imported(admin: Admin, scope: string, [format, file]: [Format, string]) {
  const terminal = { cwd: at.folder, input: Readable.from([Buffer.from(file)]) };
  const source = await openSource({ file: '-', terminal, format, interrupt: calm.interrupt });
  return runImport(
    admin,
    { source, scope, collection: 'things', id: 'id', map: new Map(), deleted: false },
    calm,
  );
}

test('import, export, import: the same records in every format, whatever they hold', slow, async () => {
  const folder = await openOwnFolder(defineConfig({ schema, data: at.path('odd'), logLevel: 'silent' }));
  let scopes = 0;
  try {
    await fc.assert(
      fc.asyncProperty(things, strange, fc.constantFrom(...formats), async (records, more, format) => {
        const [from, to] = [`from-${++scopes}`, `to-${scopes}`];
        const unnamed = format === 'csv' ? {} : (more as JsonObject);
        const rows = Object.entries(records).map(([id, values]) => ({
          id,
          values: { ...(values as JsonObject), ...unnamed },
        }));
        const { rows: taken } = await folder.admin.import({ scope: from, collection: 'things', rows });
        expect(taken.filter(({ outcome }) => outcome !== 'created')).toEqual([]);
        const file = await exported(folder.admin, from, format);
        expect(await imported(folder.admin, to, [format, file])).toMatchObject({
          created: rows.length,
          rejected: 0,
        });
        expect(await exported(folder.admin, to, 'ndjson')).toBe(await exported(folder.admin, from, 'ndjson'));
        expect(await imported(folder.admin, from, [format, file])).toMatchObject({ unchanged: rows.length });
      }),
      { numRuns: 60 },
    );
  } finally {
    await folder.close();
  }
});

const products = 'id,name,price,sku\na,Bread,1,\nb,"Jam, red",2.5,J-1\n';

test('the formats, and the answer', slow, async () => {
  await at.run(['import', '-', '--format', 'csv', '--collection', 'products'], products);
  const csv = await at.run(['export', '--collection', 'products', '--format', 'csv']);
  expect(csv).toEqual({
    exit: 0,
    out: 'id,name,price,stock,sku\na,Bread,1,,\nb,"Jam, red",2.5,,J-1\n',
    err: '',
  });
  const ndjson = await at.run(['export', '--collection', 'products', '--format', 'ndjson']);
  expect(ndjson.out).toBe(
    '{"id":"a","name":"Bread","price":1}\n{"id":"b","name":"Jam, red","price":2.5,"sku":"J-1"}\n',
  );
  const json = await at.run(['export', '--collection', 'products', '--format', 'json']);
  expect(JSON.parse(json.out)).toEqual(
    ndjson.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );
  const empty = await at.run(['export', '--collection', 'sales', '--format', 'json']);
  expect(JSON.parse(empty.out)).toEqual([]);
  expect(await at.json(['export', '--collection', 'products', '--out', 'p.csv'])).toEqual({
    file: at.path('p.csv'),
    scope: 'main',
    collection: 'products',
    format: 'csv',
    seq: 2,
    records: 2,
    bytes: Buffer.byteLength(csv.out),
    leftOut: 0,
    leftOutFields: [],
  });
  expect(await at.read('p.csv')).toBe(csv.out);
  const { entries } = await at.json<AnswerOf<'audit'>>(['audit']);
  expect(entries[0]).toMatchObject({ action: 'export', subject: 'main/products' });
});

test('what fails leaves no file, and the one that was there', slow, async () => {
  await at.run(['import', '-', '--format', 'csv', '--collection', 'products'], products);
  await at.write('p.csv', 'before');
  const wrong: [string[], string][] = [
    [['--collection', 'nothing'], 'The schema has no collection nothing.'],
    [['--collection', 'products', '--scope', 'shop-9'], 'Nothing was ever written to the scope shop-9.'],
  ];
  for (const [args, message] of wrong) {
    const { exit, err } = await at.run(['export', ...args, '--out', 'p.csv']);
    expect([exit, err]).toEqual([1, expect.stringContaining(message)]);
  }
  expect((await at.run(['export', '--collection', 'products', '--out', 'none/p.csv'])).exit).toBe(1);
  expect((await at.run(['export', '--collection', 'products'])).exit).toBe(2);
  expect(await at.read('p.csv')).toBe('before');
  expect((await readdir(at.folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('fields that the schema does not name are kept in JSON, and told of in a table', slow, async () => {
  const rows = '{"id":"a","name":"Bread","price":1,"colour":"brown"}\n';
  await at.run(['import', '-', '--format', 'ndjson', '--collection', 'products'], rows);
  expect((await at.run(['export', '--collection', 'products', '--format', 'ndjson'])).out).toBe(rows);
  const { out, err } = await at.run(['export', '--collection', 'products', '--format', 'csv']);
  expect(out).toBe('id,name,price,stock,sku\na,Bread,1,,\n');
  expect(err).toContain('1 record with fields that the schema does not name (colour)');
});

test.each(formats)(
  'what was deleted, in %s: left out and counted, or deleted there, too',
  slow,
  async (format) => {
    const bring = (scope: string, text: string, ...more: string[]) =>
      at.json(
        ['import', '-', '--format', 'ndjson', '--collection', 'products', '--scope', scope, ...more],
        text,
      );
    const all = ['a', 'b', 'c'].map((id) => `{"id":"${id}","name":"${id}","price":1}\n`).join('');
    await bring('here', all);
    await bring('there', all);
    const gone = '{"id":"b","$deleted":true}\n';
    expect(await bring('here', gone)).toMatchObject({ read: 1, leftOut: 1, deleted: 0, rejected: 0 });
    expect(await bring('here', gone, '--deleted')).toMatchObject({ read: 1, leftOut: 0, deleted: 1 });
    expect(await bring('here', gone, '--deleted')).toMatchObject({ unchanged: 1, deleted: 0 });
    const written = (scope: string) =>
      at.run(['export', '--collection', 'products', '--scope', scope, '--deleted', '--format', format]);
    const { out } = await written('here');
    const args = ['import', '-', '--format', format, '--collection', 'products', '--scope', 'there'];
    const without = await at.run(args, out);
    expect(without).toMatchObject({
      exit: 0,
      out: expect.stringContaining('1 of deleted records left out (--deleted'),
    });
    expect(await at.json([...args, '--deleted'], out)).toMatchObject({ read: 3, unchanged: 2, deleted: 1 });
    expect((await written('there')).out).toBe(out);
  },
);

test('all pages hold what stood when the first was read', slow, async () => {
  const folder = await openOwnFolder(defineConfig({ schema, data: at.path('busy'), logLevel: 'silent' }));
  const { admin } = folder;
  const put = (ids: readonly string[], name: string) =>
    admin.import({
      scope: 'main',
      collection: 'things',
      rows: ids.map((id) => ({ id, values: { name, remark: null } })),
    });
  const ids = Array.from({ length: 2_400 }, (_, n) => `t${String(n).padStart(4, '0')}`);
  let pages = 0;
  try {
    for (let from = 0; from < ids.length; from += 400) await put(ids.slice(from, from + 400), 'before');
    const busy: Pick<Admin, 'export'> = {
      async export(input) {
        const page = await admin.export(input);
        pages += 1;
        await put([ids[0] ?? '', ids.at(-1) ?? '', `new-${pages}`, `u-${pages}`], `after page ${pages}`);
        return page;
      },
    };
    const lines = (await exported(busy, 'main', 'ndjson')).trim().split('\n');
    expect(pages).toBe(2);
    expect(lines).toEqual(ids.map((id) => `{"id":"${id}","name":"before","remark":null}`));
    expect((await exported(admin, 'main', 'ndjson')).trim().split('\n')).toHaveLength(ids.length + 4);
  } finally {
    await folder.close();
  }
});

test('who reads only the beginning ends it, and the folder is free', slow, async () => {
  const many = Array.from({ length: 20_000 }, (_, n) => `p${n},Product number ${n},${n}`).join('\n');
  await at.run(['import', '-', '--format', 'csv', '--collection', 'products'], `id,name,price\n${many}\n`);
  const child = at.start(['export', '--collection', 'products', '--format', 'csv']);
  child.stdout?.once('data', () => child.stdout?.destroy());
  const { exit, err } = await collect(child);
  expect([exit, err]).toEqual([0, '']);
  expect((await at.json<AnswerOf<'status'>>(['status'])).counts.commits).toBe(20_000);
});

// A device that is always full: Linux has one.
test.runIf(existsSync('/dev/full'))(
  'a full disk behind standard output is told, with exit code 1',
  slow,
  async () => {
    await at.run(['import', '-', '--format', 'csv', '--collection', 'products'], products);
    const full = await open('/dev/full', 'w');
    const args = [at.bin, 'export', '--collection', 'products', '--format', 'csv'];
    const child = spawn(process.execPath, args, { cwd: at.folder, stdio: ['ignore', full.fd, 'pipe'] });
    const { exit, err } = await collect(child, null);
    await full.close();
    expect([exit, err]).toEqual([1, expect.stringContaining('the disk is full')]);
  },
);
