// Every command, with a server (a process) and without one.

import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AnswerOf, createWorkplace, end, type Workplace } from './commands.fixture.ts';
import { exchange } from './server-process.fixture.ts';

let at: Workplace;
beforeEach(async () => {
  at = await createWorkplace();
});
afterEach(() => at.close());

// Some tests start servers, and the machine may be busy.
const slow = { timeout: 60_000 };

const products = 'id,name,price,stock\na,Bread,2.50,10\nb,"Milk, whole",1.1,\n';

test('help, version and wrong command lines', async () => {
  const help = await at.run(['--help']);
  expect(help).toMatchObject({ exit: 0, err: '' });
  for (const name of [
    'init',
    'serve',
    'import',
    'status',
    'devices',
    'keys',
    'audit',
    'backup',
    'restore',
    'doctor',
  ])
    expect(help.out).toContain(`\n  ${name} `);
  const version = await at.run(['--version']);
  expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
  const wrong = await Promise.all(
    [['nothing'], [], ['import', 'x.csv'], ['keys', 'add'], ['keys', 'add', 'x', '--expires', 'soon']].map(
      (args) => at.run(args),
    ),
  );
  expect(wrong.map(({ exit, out }) => [exit, out])).toEqual(wrong.map(() => [2, '']));
  expect(wrong.map(({ err }) => err).join()).not.toMatch(/^\s+at /m);
  const json = await at.run(['status', '--nonsense', '--json']);
  expect(json.exit).toBe(2);
  expect(JSON.parse(json.out)).toMatchObject({
    error: { code: 'usage', message: "unknown option '--nonsense'." },
  });
});

test('init writes a config that serves, and never overwrites', async () => {
  expect(await at.run(['init'])).toMatchObject({ exit: 1, err: expect.stringContaining('there already') });
  const made = await at.json(['init', '--config', 'fresh.config.ts']);
  expect(made.file).toBe(at.path('fresh.config.ts'));
  const text = await at.read('fresh.config.ts');
  // In the user's folder the package is installed; here it is named by its path.
  const face = /from ("[^"]+")/.exec(await at.read('holdfast.config.ts'))?.[1] ?? '';
  await at.write('fresh.config.ts', text.replace("'holdfast'", face));
  const doctor = await at.json(['doctor', '--config', 'fresh.config.ts', '--port', '0']);
  expect(doctor.findings).toContainEqual({
    check: 'schema',
    state: 'ok',
    message: 'version 1: products, sales',
  });
});

test('what an import cannot do is said before anything is done', async () => {
  await at.write('products.csv', products);
  const refusal = async (...args: string[]) => {
    const { exit, err } = await at.run(['import', 'products.csv', '--collection', 'products', ...args]);
    return [exit, err];
  };
  expect(await refusal('--collection', 'things')).toEqual([
    2,
    expect.stringContaining('It has: products, sales.'),
  ]);
  expect(await refusal('--id', 'sku')).toEqual([
    2,
    expect.stringContaining('The columns are: id, name, price, stock.'),
  ]);
  expect(await refusal('--map', 'nam=name')).toEqual([2, expect.stringContaining('no column nam')]);
  expect(await refusal('--format', 'xml')).toEqual([2, expect.stringContaining('csv, json, ndjson')]);
  expect(await refusal('--encoding', 'klingon')).toEqual([2, expect.stringContaining('windows-1252')]);
  expect(await refusal('--config', 'other.ts')).toEqual([1, expect.stringContaining('npx holdfast init')]);
  expect(await at.run(['import', 'nothing.csv', '--collection', 'products'])).toMatchObject({ exit: 1 });
  expect(await at.run(['import', '-', '--collection', 'products'])).toMatchObject({ exit: 2 });
  expect((await at.json<AnswerOf<'status'>>(['status'])).counts.commits).toBe(0);
});

test('without a server: import, status, keys, devices, backup, restore, doctor', async () => {
  expect(await at.run(['status'])).toMatchObject({ exit: 1, err: expect.stringContaining('no database') });
  expect(existsSync(at.path('data'))).toBe(false);
  await at.write('products.csv', products);
  const imported = await at.run(['import', 'products.csv', '--collection', 'products']);
  expect(imported).toEqual({
    exit: 0,
    out: 'products in main: 2 rows read: 2 created, 0 changed, 0 unchanged, 0 rejected.\n',
    err: '',
  });
  const status = await at.json(['status']);
  expect(status).toMatchObject({
    running: null,
    counts: { commits: 2 },
    scopes: [{ scope: 'main', head: 2 }],
  });
  expect(await at.run(['status'])).toMatchObject({ exit: 0, out: expect.stringContaining('does not run') });
  const args = ['keys', 'add', 'export', '--scope', 'shop:read', '--expires', '3'];
  const { key, text } = await at.json<AnswerOf<'addKey'>>(args);
  expect(key.grants).toEqual([{ scope: 'shop', right: 'read' }]);
  const list = await at.run(['keys', 'list']);
  expect(list.out).toContain('shop:read');
  expect(list.out).not.toContain(text);
  expect(await at.run(['keys', 'remove', key.key])).toMatchObject({ exit: 0 });
  expect(await at.run(['keys', 'remove', key.key])).toMatchObject({ exit: 1 });
  expect(await at.json(['devices', 'enrol', '--name', 'till'])).toMatchObject({
    grants: [{ scope: 'main', right: 'write' }],
  });
  expect(await at.json(['devices', 'list'])).toEqual({ devices: [] });
  expect(await at.run(['devices', 'revoke', 'nobody'])).toMatchObject({ exit: 1 });
  const doctor = await at.run(['doctor', '--port', '0']);
  expect(doctor).toMatchObject({ exit: 0, out: expect.stringContaining('sound, 2 commits') });
});

test('with a server: the same commands reach it, and backup works while it serves', slow, async () => {
  const server = await at.serve();
  const { pid } = JSON.parse(await at.read('data/server.json')) as { pid: number };
  expect(pid).toBe(server.pid);
  const imported = await at.json(['import', '-', '--format', 'csv', '--collection', 'products'], products);
  expect(imported).toMatchObject({ read: 2, created: 2 });
  expect(await at.json(['status'])).toMatchObject({ running: { pid }, counts: { commits: 2 } });
  expect((await at.json<AnswerOf<'addKey'>>(['keys', 'add', 'fleet', '--all-scopes'])).key.grants).toBe(
    'all',
  );
  expect((await at.json(['keys', 'list'])).keys).toHaveLength(1);
  expect(await at.run(['devices', 'revoke', 'nobody'])).toMatchObject({ exit: 1 });
  expect((await at.json(['doctor'])).findings).toContainEqual(
    expect.objectContaining({ check: 'port', state: 'ok' }),
  );
  const backup = await at.json(['backup', 'copy.db']);
  expect(backup).toMatchObject({ file: at.path('copy.db'), verified: true, heads: { main: 2 } });
  expect((await stat(at.path('copy.db'))).mode & 0o077).toBe(0);
  expect(await at.run(['backup', 'copy.db'])).toMatchObject({
    exit: 1,
    err: expect.stringContaining('--force'),
  });
  expect(await at.run(['backup', 'copy.db', '--force'])).toMatchObject({
    exit: 0,
    out: expect.stringMatching(/verified\n$/),
  });
  expect((await readdir(at.folder)).sort()).toEqual(['copy.db', 'data', 'holdfast.config.ts']);
  expect(await at.run(['restore', 'copy.db'])).toMatchObject({
    exit: 1,
    err: expect.stringContaining('Stop the server'),
  });
  expect(await end(server, 'SIGTERM')).toBe(0);
});

test('restore brings the state back, and keeps the one that was there', async () => {
  await at.write('products.csv', products);
  await at.run(['import', 'products.csv', '--collection', 'products']);
  await at.run(['backup', 'copy.db']);
  await at.run(
    ['import', '-', '--format', 'ndjson', '--collection', 'products'],
    '{"id":"c","name":"C","price":1}',
  );
  const restored = await at.json<{ aside: string }>(['restore', 'copy.db']);
  expect(restored).toMatchObject({
    records: 2,
    heads: { main: 2 },
    aside: expect.stringMatching(/holdfast-[\dTZ-]+\.db$/),
  });
  expect((await at.json<AnswerOf<'status'>>(['status'])).counts.commits).toBe(2);
  // What was set aside is whole, too.
  const back = await at.run(['restore', restored.aside]);
  expect(back).toMatchObject({ exit: 0, out: expect.stringContaining('rolled_back') });
  expect((await at.json<AnswerOf<'status'>>(['status'])).counts.commits).toBe(3);
});

test('a device that saw more than a restored server is told so', slow, async () => {
  const first = await at.serve();
  await at.run(['import', '-', '--format', 'csv', '--collection', 'products'], products);
  await at.run(['backup', 'copy.db']);
  await at.run(['import', '-', '--format', 'ndjson', '--collection', 'sales'], '{"id":"s","amount":1}');
  const url = async () => (JSON.parse(await at.read('data/server.json')) as { url: string }).url;
  const seen = (await exchange(await url(), { replica: 'till' })).answer;
  expect(seen.records).toHaveLength(3);
  await end(first, 'SIGTERM');
  expect(await at.run(['restore', 'copy.db'])).toMatchObject({ exit: 0 });
  await at.serve();
  const told = await exchange(await url(), { replica: 'till', checkpoint: seen.checkpoint });
  expect(told).toMatchObject({ status: 409, answer: { error: { code: 'rolled_back' } } });
});

test('a backup that is none touches nothing', async () => {
  await at.write('products.csv', products);
  await at.run(['import', 'products.csv', '--collection', 'products']);
  const before = await readdir(at.path('data'));
  for (const file of ['products.csv', 'missing.db']) {
    const { exit, err } = await at.run(['restore', file]);
    expect([exit, err]).toEqual([
      1,
      expect.stringMatching(/no backup that this version can read|does not exist/),
    ]);
  }
  expect(await at.run(['backup', 'nowhere/copy.db'])).toMatchObject({
    exit: 1,
    err: expect.stringContaining('no folder'),
  });
  expect(await readdir(at.path('data'))).toEqual(before);
});

test('a server that was killed leaves a server.json that commands see through', slow, async () => {
  const server = await at.serve();
  await at.run(['import', '-', '--format', 'csv', '--collection', 'products'], products);
  await end(server, 'SIGKILL');
  const doctor = await at.json(['doctor', '--port', '0']);
  expect(doctor.findings).toContainEqual(
    expect.objectContaining({
      check: 'server',
      state: 'warning',
      message: expect.stringContaining(String(server.pid)),
    }),
  );
  expect(await at.json(['status'])).toMatchObject({ running: null, counts: { commits: 2 } });
  expect(existsSync(at.path('data/server.json'))).toBe(false);
});

test(
  'doctor finds a taken port, a folder that is none, a damaged database and a broken config',
  slow,
  async () => {
    const server = await at.serve();
    const { url } = JSON.parse(await at.read('data/server.json')) as { url: string };
    const { port } = new URL(url);
    const taken = await at.run(['doctor', '--data', 'other', '--port', port]);
    expect(taken).toMatchObject({
      exit: 1,
      out: expect.stringContaining(`Another program listens on port ${port}`),
    });
    await end(server, 'SIGTERM');
    const folder = await at.json(['doctor', '--data', 'holdfast.config.ts', '--port', '0']);
    expect(folder.findings).toContainEqual(
      expect.objectContaining({ check: 'data folder', state: 'problem' }),
    );
    await at.write('data/holdfast.db', 'this is no database');
    const damaged = await at.json(['doctor', '--port', '0']);
    expect(damaged.findings).toContainEqual(expect.objectContaining({ check: 'database', state: 'problem' }));
    await at.write('broken.config.ts', 'export default {');
    const broken = await at.run(['doctor', '--config', 'broken.config.ts']);
    expect(broken).toMatchObject({ exit: 1, out: expect.stringContaining('PROBLEM  config') });
  },
);
