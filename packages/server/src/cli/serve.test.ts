// `serve` as people meet it: the real process, what it prints, and how it refuses.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServerProcess, startServer } from './server-process.fixture.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const example = join(import.meta.dirname, '../../../../examples/store-room/holdfast.config.ts');

// One server serves all of the file, because a process takes a while to start.
let folder: string;
let server: ServerProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-serve-'));
  server = await start();
});
afterAll(async () => {
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

function start(options: { data?: string; config?: string; port?: number } = {}): Promise<ServerProcess> {
  return startServer({ data: join(folder, 'data'), config: example, ...options });
}

/** Resolves when `text` was printed; the process prints it right after its address. */
async function printed(text: string): Promise<string> {
  while (!server.output().includes(text)) await new Promise((resolve) => setImmediate(resolve));
  return server.output();
}

test('it says where it serves, where the data lies, who may come, and lines that work', async () => {
  const output = await printed('Ctrl-C');
  expect(output).toContain(join(folder, 'data'));
  expect(output).toContain('none: every program on this machine may read and write, and nobody else');
  const [, importArgs = ''] = /npx holdfast (import .*)/.exec(output) ?? [];
  const imported = await run(process.execPath, [main, ...importArgs.split(' ')], { cwd: process.cwd() });
  expect(imported.stdout).toContain('21 created');
  const [, url = '', body = ''] = /curl -s (\S+) .*-d '(.*)'/.exec(output) ?? [];
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const { records } = (await answer.json()) as { records: unknown[] };
  expect(records).toHaveLength(21);
});

test.each([
  ['a second server on the folder', async () => ({ port: 0 }), /works on the data folder/],
  [
    'a port that is taken',
    async (url: string) => ({ data: join(folder, 'other'), port: Number(new URL(url).port) }),
    /is taken/,
  ],
  ['no config file', async () => ({ config: join(folder, 'nothing.config.ts') }), /no config file/],
  [
    'a config with a syntax error',
    async () => ({ config: await configFile('export default {') }),
    /bad\.config\.ts, line 1: /,
  ],
  [
    'a config with a wrong option',
    async () => ({ config: await configFile(`${head} export default defineConfig({ schema, prot: 1 });`) }),
    /prot: there is no such option/,
  ],
  [
    'a schema that cannot be',
    async () => ({
      config: await configFile(
        `${head} export default defineConfig({ schema: defineSchema({ version: 1, collections: { hf_x: {} } }) });`,
      ),
    }),
    /Collection hf_x/,
  ],
  ['a data folder that is a file', async () => ({ data: await configFile('') }), /cannot be written/],
])('%s is refused in two lines: what, and what to do', async (_, options, message) => {
  const refused = await start(await options(server.url)).catch((error: Error) => error.message);
  expect(refused).toMatch(/^The server ended with 1: holdfast: .+\n {2}.+\n$/);
  expect(refused).toMatch(message);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
});

const own = JSON.stringify(pathToFileURL(fileURLToPath(new URL('../index.ts', import.meta.url))).href);
const head = `import { defineConfig, defineSchema, z } from ${own}; const schema = defineSchema({ version: 1, collections: {} }); void z;`;

test('its files are its user’s alone, and it ends with 0', async () => {
  for (const file of ['admin.token', 'server.json', 'holdfast.db'])
    expect((await stat(join(folder, 'data', file))).mode & 0o077, file).toBe(0);
  expect(await server.end()).toBe(0);
  await expect(stat(join(folder, 'data', 'server.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(fetch(server.url)).rejects.toThrow(TypeError);
});

async function configFile(text: string): Promise<string> {
  const file = join(folder, 'bad.config.ts');
  await writeFile(file, text);
  return file;
}

test('under npx, which tells it of no signal, it ends with the shell between them', async () => {
  const args = [main, 'serve', '--config', example, '--data', join(folder, 'by-npx'), '--port', '0'];
  // Waits as npx's shell does, and dies of a signal without a word to its child.
  const shell = spawn('sh', ['-c', '"$0" "$@" & wait', process.execPath, ...args], {
    env: { ...process.env, npm_command: 'exec' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const chunk of shell.stdout) if (String(chunk).includes('Ctrl-C')) shell.kill('SIGTERM');
  // What it printed to is closed: the server is gone.
  expect(shell.signalCode).toBe('SIGTERM');
  const again = await start({ data: join(folder, 'by-npx') });
  expect(await again.end()).toBe(0);
});
