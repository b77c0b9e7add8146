// What an import does between file and server: batches, counts, reports, and its end in the middle.

import { RequestError } from '@holdfast/core';
import { expect, test } from 'vitest';
import type { Admin, AdminInput } from '../../admin/admin.ts';
import { NoAnswerError } from '../admin-client.ts';
import { CommandError } from '../failure.ts';
import { BrokenFileError, type ReadRow } from './row.ts';
import { type ImportReport, runImport } from './run-import.ts';

type Batch = AdminInput<'import'>['rows'];

/** A server that keeps what it gets; `judge` may refuse a batch. */
function createServer(judge: (batch: Batch) => void = () => undefined): { admin: Admin; batches: Batch[] } {
  const batches: Batch[] = [];
  const admin: Partial<Admin> = {
    schema: async () => ({
      version: 1,
      collections: [{ name: 'items', kind: 'request', fields: ['name', 'sku'] }],
      limits: { recordCharsMax: 1_000, recordDepthMax: 5, jsonKeysMax: 10 },
    }),
    startImport: async () => ({}),
    async import({ rows }) {
      judge(rows);
      batches.push(rows);
      return { rows: rows.map(() => ({ outcome: 'created' as const })) };
    },
  };
  return { admin: admin as Admin, batches };
}

async function run(
  admin: Admin,
  rows: Iterable<ReadRow> | AsyncIterable<ReadRow>,
  job: { collection?: string; id?: string; map?: [string, string][]; interrupt?: AbortController } = {},
): Promise<ImportReport> {
  async function* read(): AsyncGenerator<ReadRow> {
    yield* rows;
  }
  return runImport(
    admin,
    {
      source: { rows: read, share: () => undefined },
      scope: 'main',
      collection: job.collection ?? 'items',
      id: job.id ?? 'id',
      map: new Map(job.map ?? []),
      deleted: false,
    },
    {
      note: () => undefined,
      progress: () => undefined,
      interrupt: (job.interrupt ?? new AbortController()).signal,
    },
  );
}

const values = (line: number, given: Record<string, string | number>): ReadRow => ({
  type: 'values',
  line,
  values: given,
});

test('rows go in batches, ids and fields apart', async () => {
  const { admin, batches } = createServer();
  const report = await run(
    admin,
    Array.from({ length: 1_200 }, (_, n) => values(n + 1, { id: n, name: `n${n}` })),
  );
  expect(batches.map((batch) => batch.length)).toEqual([500, 500, 200]);
  expect(batches[0]?.[7]).toEqual({ id: '7', values: { name: 'n7' } });
  expect(report).toMatchObject({ read: 1_200, created: 1_200, rejected: 0 });
});

test('columns become texts, by name or by wish', async () => {
  const { admin, batches } = createServer();
  const rows: ReadRow[] = [
    { type: 'header', line: 1, columns: ['SKU', 'Name', 'Bezeichnung'] },
    { type: 'cells', line: 2, cells: [' a ', 'x', 'y'] },
  ];
  await run(admin, rows, {
    id: 'sku',
    map: [
      ['Bezeichnung', 'name'],
      ['Name', ''],
    ],
  });
  expect(batches).toEqual([[{ id: 'a', texts: { sku: ' a ', name: 'y' } }]]);
});

test('bad rows are counted, and the first of the file are told in its order', async () => {
  const { admin } = createServer();
  const bad = Array.from({ length: 30 }, (_, n) => values(n + 10, { name: 'no id' }));
  const report = await run(admin, [
    values(1, { id: 'a' }),
    values(2, { id: 'a' }),
    values(3, { id: 1.5 }),
    { type: 'problem', line: 4, problem: { message: 'is odd', field: 'x' } },
    ...bad,
  ]);
  expect(report).toMatchObject({ read: 34, created: 1, rejected: 33 });
  expect(report.rejections).toHaveLength(20);
  expect(report.rejections.slice(0, 4)).toEqual([
    { line: 2, field: 'id', reason: 'the id "a" stands in line 1 already' },
    { line: 3, field: 'id', reason: 'there is no id: a text or a whole number' },
    { line: 4, field: 'x', reason: 'is odd' },
    { line: 10, field: 'id', reason: 'there is no id: a text or a whole number' },
  ]);
});

test('a batch that is too much for the server is halved until it is not', async () => {
  const { admin, batches } = createServer((batch) => {
    if (batch.some(({ id }) => id === '2')) throw new RequestError('too_large');
  });
  const report = await run(
    admin,
    [1, 2, 3, 4].map((n) => values(n, { id: n })),
  );
  expect(batches.flat().map(({ id }) => id)).toEqual(['1', '3', '4']);
  expect(report).toMatchObject({ created: 3, rejected: 1, rejections: [{ line: 2 }] });
});

test('large rows make small batches', async () => {
  const { admin, batches } = createServer();
  await run(
    admin,
    Array.from({ length: 10 }, (_, n) => values(n + 1, { id: n, name: 'x'.repeat(150_000) })),
  );
  expect(batches.map((batch) => batch.length)).toEqual([2, 2, 2, 2, 2]);
});

test('a file that breaks off is told, and the rows before are in', async () => {
  const { admin, batches } = createServer();
  function* rows(): Generator<ReadRow> {
    yield values(1, { id: 'a' });
    throw new BrokenFileError(2, 'It ends.', 'Mend it.');
  }
  const report = await run(admin, rows());
  expect(report).toMatchObject({ created: 1, stopped: { line: 2, reason: 'It ends.', help: 'Mend it.' } });
  expect(batches).toHaveLength(1);
});

test('a server that goes away in the middle leaves a report that says how to go on', async () => {
  let sent = 0;
  const { admin } = createServer(() => {
    sent += 1;
    if (sent === 2) throw new NoAnswerError('gone');
  });
  const report = await run(
    admin,
    Array.from({ length: 600 }, (_, n) => values(n + 1, { id: n })),
  );
  expect(report).toMatchObject({ created: 500, stopped: { reason: 'gone' } });
  const never = createServer(() => {
    throw new NoAnswerError('gone');
  });
  await expect(run(never.admin, [values(1, { id: 'a' })])).rejects.toBeInstanceOf(NoAnswerError);
});

test('an interruption ends it after what was read', async () => {
  const { admin } = createServer();
  const interrupt = new AbortController();
  function* rows(): Generator<ReadRow> {
    yield values(1, { id: 'a' });
    interrupt.abort();
    yield values(2, { id: 'b' });
  }
  expect(await run(admin, rows(), { interrupt })).toMatchObject({
    read: 1,
    created: 1,
    stopped: { reason: 'Interrupted.' },
  });
});

test('what cannot begin is a mistake of the command line', async () => {
  const { admin } = createServer();
  const unknown = run(admin, [], { collection: 'thing' });
  await expect(unknown).rejects.toBeInstanceOf(CommandError);
  await expect(unknown).rejects.toMatchObject({ exit: 2, help: 'It has: items.' });
  const header: ReadRow = { type: 'header', line: 1, columns: ['number', 'name'] };
  await expect(run(admin, [header])).rejects.toMatchObject({ code: 'columns', exit: 2 });
});
