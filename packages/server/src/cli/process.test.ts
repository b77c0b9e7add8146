// The command as a process: what a shell, a cron job and a kill see.

import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AnswerOf, collect, createWorkplace, end, type Workplace } from './commands.fixture.ts';

let at: Workplace;
beforeEach(async () => {
  at = await createWorkplace();
});
afterEach(() => at.close());

// A busy machine takes its time to start processes.
const slow = { timeout: 60_000 };

test('results go to standard output, all else to standard error, and the exit code tells', slow, async () => {
  const csv = 'id,name,price\na,Bread,1\nb,,2\n';
  const imported = await collect(
    at.start(['import', '-', '--format', 'csv', '--collection', 'products']),
    csv,
  );
  expect(imported).toEqual({
    exit: 1,
    out: 'products in main: 2 rows read: 1 created, 0 changed, 0 unchanged, 1 rejected.\n',
    err: expect.stringMatching(/^rejected {2}line 3, name: .*\n$/),
  });
  const wrong = await collect(at.start(['import', 'x.csv', '--collection', 'nothing', '--json']));
  expect(wrong.exit).toBe(1);
  expect(JSON.parse(wrong.out)).toMatchObject({ error: { code: 'ENOENT' } });
  expect(wrong.err).not.toMatch(/\s+at /);
  expect((await collect(at.start(['import']))).exit).toBe(2);
});

test('an import that is killed in the middle is finished by running it again', slow, async () => {
  await at.serve();
  const rows = Array.from({ length: 4_000 }, (_, n) => `p${n},Product ${n},${n}`);
  await at.write('products.csv', `id,name,price\n${rows.join('\n')}\n`);
  const first = at.start(['import', '-', '--format', 'csv', '--collection', 'products']);
  const half = createReadStream(at.path('products.csv'), { end: 60_000 });
  half.pipe(first.stdin as NodeJS.WritableStream, { end: false });
  // It waits for more input, so it is in the middle when the server has some.
  await expect
    .poll(async () => (await at.json<AnswerOf<'status'>>(['status'])).counts.commits, { timeout: 30_000 })
    .toBeGreaterThan(500);
  await end(first, 'SIGKILL');
  const before = (await at.json<AnswerOf<'status'>>(['status'])).counts.commits;
  expect(before).toBeLessThan(4_000);
  const again = await at.json(['import', 'products.csv', '--collection', 'products']);
  expect(again).toMatchObject({
    read: 4_000,
    created: 4_000 - before,
    unchanged: before,
    changed: 0,
    rejected: 0,
  });
  const status = await at.json<AnswerOf<'status'>>(['status']);
  expect(status).toMatchObject({ counts: { commits: 4_000 }, scopes: [{ scope: 'main', head: 4_000 }] });
  expect(status.counts.collections).toEqual([{ collection: 'products', records: 4_000, tombstones: 0 }]);
});

test('Ctrl-C ends an import after what it has, and says how to go on', slow, async () => {
  await at.serve();
  const child = at.start(['import', '-', '--format', 'ndjson', '--collection', 'sales', '--json']);
  const outcome = collect(child, null);
  child.stdin?.write(Array.from({ length: 600 }, (_, n) => `{"id":"${n}","amount":1}\n`).join(''));
  await expect
    .poll(async () => (await at.json<AnswerOf<'status'>>(['status'])).counts.commits, { timeout: 30_000 })
    .toBe(500);
  child.kill('SIGINT');
  const { exit, out } = await outcome;
  expect(exit).toBe(130);
  const report = JSON.parse(out);
  expect(report).toMatchObject({ read: 600, created: 600, stopped: { reason: 'Interrupted.' } });
});

test('commands that come at once take turns with the folder', slow, async () => {
  const names = ['one', 'two', 'three'];
  const added = await Promise.all(names.map((name) => collect(at.start(['keys', 'add', name]))));
  expect(added.map(({ exit }) => exit)).toEqual([0, 0, 0]);
  expect((await at.json(['keys', 'list'])).keys).toHaveLength(3);
});

test('a Node that is too old is told so in one line', slow, async () => {
  // One that is old cannot be had everywhere: this one claims to be.
  await at.write('old.mjs', "Object.defineProperty(process.versions, 'node', { value: '20.20.2' });\n");
  const bin = fileURLToPath(new URL('./holdfast.mjs', import.meta.url));
  const old = pathToFileURL(at.path('old.mjs')).href;
  const { exit, out, err } = await collect(spawn(process.execPath, ['--import', old, bin, 'status']));
  expect([exit, out]).toEqual([1, '']);
  expect(err).toMatch(/^holdfast: needs Node 24 or newer, and this is 20\.20\.2\. .*\n$/);
});
