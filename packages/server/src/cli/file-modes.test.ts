// Everything that the server and its commands write is for its own user alone, whatever the umask says.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collect, createWorkplace, end, type Workplace } from './commands.fixture.ts';

const bin = fileURLToPath(new URL('./holdfast.mjs', import.meta.url));

let at: Workplace;
beforeEach(async () => {
  at = await createWorkplace();
});
afterEach(() => at.close());

const slow = { timeout: 60_000 };

/** The command with a umask that takes nothing away. */
const open = (...args: string[]) =>
  spawn('sh', ['-c', 'umask 000; exec "$0" "$@"', process.execPath, bin, ...args], { cwd: at.folder });

async function widest(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const modes = await Promise.all(
    ['', ...names].map(async (name) => [name, (await stat(join(folder, name))).mode & 0o077] as const),
  );
  return modes.filter(([, mode]) => mode !== 0).map(([name]) => name);
}

test('data folder, database, its log, the token, backups and what was restored', slow, async () => {
  await at.write('products.csv', 'id,name,price\na,Bread,2.50\n');
  // Commands without a server come first: they make the folder.
  for (const args of [
    ['import', 'products.csv', '--collection', 'products'],
    ['keys', 'add', 'office'],
    ['doctor', '--port', '0'],
  ])
    expect(await collect(open(...args))).toMatchObject({ exit: 0 });
  const server = open('serve', '--port', '0');
  await once(server.stdout, 'data');
  await mkdir(at.path('copies'), { mode: 0o700 });
  expect(await collect(open('backup', 'copies/one.db'))).toMatchObject({ exit: 0 });
  const files = await readdir(at.path('data'));
  for (const name of ['admin.token', 'holdfast.db', 'holdfast.db-wal', 'holdfast.lock', 'server.json'])
    expect(files).toContain(name);
  expect(await widest(at.path('data'))).toEqual([]);
  await end(server, 'SIGTERM');
  expect(await collect(open('restore', 'copies/one.db'))).toMatchObject({ exit: 0 });
  expect(await collect(open('backup', 'copies/two.db'))).toMatchObject({ exit: 0 });
  expect([...(await widest(at.path('data'))), ...(await widest(at.path('copies')))]).toEqual([]);
});

test('the doctor leaves no file that others may read, wherever it looks', slow, async () => {
  await at.run(['keys', 'add', 'office']);
  await rm(at.path('data/holdfast.lock'));
  await collect(open('doctor', '--port', '0'));
  expect(await widest(at.path('data'))).toEqual([]);
});
