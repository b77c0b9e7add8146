// What is published, unpacked in a folder of its own beside the dependencies that it declares and nothing else: it is whole, and runs.

import { execFile } from 'node:child_process';
import { glob, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPackages, packFolders } from './pack.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);
// It compiles all packages, on a machine that may be busy.
const slow = 120_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-packed-'));
  await mkdir(join(folder, 'tarballs'));
  const tarballs = await packFolders(await buildPackages(join(folder, 'built')), join(folder, 'tarballs'));
  for (const tarball of tarballs) await install(tarball);
}, slow);
afterAll(() => rm(folder, { recursive: true, force: true }));

async function install(tarball: string): Promise<void> {
  const { stdout } = await run('tar', ['-xzOf', tarball, 'package/package.json']);
  const { name, dependencies } = JSON.parse(stdout) as { name: string; dependencies: Record<string, string> };
  const place = installed(name);
  await mkdir(place, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', place, '--strip-components=1']);
  for (const dependency of Object.keys(dependencies)) {
    if (dependency === 'holdfast' || dependency.startsWith('@holdfast/')) continue;
    await mkdir(dirname(join(place, 'node_modules', dependency)), { recursive: true });
    await symlink(
      join(root, 'node_modules', dependency),
      join(place, 'node_modules', dependency),
      'junction',
    );
  }
}

function installed(...path: string[]): string {
  return join(folder, 'node_modules', ...path);
}

test('it holds what is compiled, its types and a licence; no sources and no tests', async () => {
  for (const name of [
    'holdfast',
    '@holdfast/client',
    '@holdfast/core',
    '@holdfast/react',
    '@holdfast/simulator',
  ]) {
    const files: string[] = [];
    for await (const entry of glob('**/*', {
      cwd: installed(name),
      exclude: ['node_modules'],
      withFileTypes: true,
    }))
      if (entry.isFile()) files.push(entry.name);
    expect(files).toEqual(expect.arrayContaining(['package.json', 'LICENSE', 'index.js', 'index.d.ts']));
    expect(files.filter((file) => /(?<!\.d)\.ts$|\.(test|fixture)\./.test(file))).toEqual([]);
    const { exports } = JSON.parse(await readFile(installed(name, 'package.json'), 'utf8'));
    for (const face of Object.values<Record<string, string>>(exports))
      for (const file of Object.values(face)) await readFile(installed(name, file));
  }
});

const application = `
import { openReplica } from '@holdfast/client/node';
import { defineSchema, z } from 'holdfast';

const fields = z.object({ name: z.string(), price: z.number() });
const schema = defineSchema({ version: 1, collections: { items: { kind: 'request', fields } } });
const replica = await openReplica({ schema, path: 'till.db', device: 'till' });
const { items } = replica.scope('main');
await items.put({ id: 'gin', name: 'Gin', price: 18.5 });
// @ts-expect-error: the types of the schema arrive here.
await items.put({ id: 'rum', name: 'Rum', price: 'dear' }).catch((error) => console.log(error.code));
console.log(await items.list());
await replica.close();
`;

test(
  'an application imports it, with its types, and runs',
  async () => {
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(folder, 'application.ts'), application);
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'esnext'];
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, ...options, ...types, 'application.ts'], { cwd: folder });
    const { stdout } = await run(process.execPath, ['application.ts'], { cwd: folder });
    expect(stdout).toBe("invalid_record\n[ { name: 'Gin', price: 18.5, id: 'gin' } ]\n");
  },
  slow,
);

test.each<[string, string[], object]>([
  ['the demo, with a server and devices as processes', ['demo', '--fast'], { ok: true, problems: [] }],
  ['the simulator, in its workers', ['simulate', '--seed', '2', '--until', '3000'], { failures: [] }],
])(
  'the command runs: %s',
  async (_, args, expected) => {
    const command = [installed('holdfast/dist/cli/holdfast.mjs'), ...args, '--json'];
    const { stdout } = await run(process.execPath, command, { cwd: folder, maxBuffer: 1e8 });
    expect(JSON.parse(stdout)).toMatchObject(expected);
  },
  slow,
);
