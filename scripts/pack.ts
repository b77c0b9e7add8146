// Makes of each package what is published: compiled, because Node runs no TypeScript below `node_modules`, with its types and without
// its tests. `npm run packages -- FOLDER` writes the tarballs there.

import { execFile } from 'node:child_process';
import { copyFile, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

interface Manifest {
  name: string;
  bin?: Record<string, string>;
  exports: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies?: Record<string, string>;
  [field: string]: unknown;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);
/** The oldest Node that has what the sources use. The command says so, too, to one that is older. */
const nodeMin = 24;

/** Writes each package as a folder below `into`; answers the folders. */
export async function buildPackages(into: string): Promise<string[]> {
  const folders: string[] = [];
  for await (const file of glob('packages/*/package.json', { cwd: root }))
    folders.push(await buildPackage(dirname(file), into));
  return folders;
}

/** Packs the folders; answers the tarballs. */
export async function packFolders(folders: readonly string[], into: string): Promise<string[]> {
  const args = ['pack', '--json', '--offline', '--pack-destination', into, ...folders];
  const { stdout } = await run('npm', args, { cwd: root, shell: process.platform === 'win32' });
  const packed = JSON.parse(stdout) as { filename: string }[];
  return packed.map(({ filename }) => join(into, filename));
}

async function buildPackage(source: string, into: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(root, source, 'package.json'), 'utf8')) as Manifest;
  const folder = join(into, manifest.name);
  const dist = join(folder, 'dist');
  for await (const project of glob(`${source}/**/tsconfig.json`, { cwd: root }))
    await compile({ project: join(root, project), from: join(root, source, 'src'), to: dist });
  // Plain JavaScript, so that a Node that is too old can read it.
  for await (const plain of glob('**/*.mjs', { cwd: join(root, source, 'src') }))
    await copyFile(join(root, source, 'src', plain), join(dist, plain));
  for await (const file of glob('**/*.{js,mjs}', { cwd: dist })) await pointAtCompiled(join(dist, file));
  await copyFile(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  if (manifest.bin) await copyFile(join(root, 'README.md'), join(folder, 'README.md'));
  const published = await publishedManifest(manifest, await filesOf(dist));
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  return folder;
}

async function compile({ project, from, to }: { project: string; from: string; to: string }): Promise<void> {
  const options = ['--noEmit', 'false', '--incremental', 'false', '--declaration', '--noCheck'];
  const places = ['--rootDir', from, '--outDir', to, '--rewriteRelativeImportExtensions'];
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', project, ...options, ...places], { cwd: root });
}

/** What the compiler does not see as an import: the files of workers and processes, and imports in plain JavaScript. */
async function pointAtCompiled(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const pointed = text.replace(/(new URL\(|import\()'(\.{1,2}\/[^']+)\.ts'/g, "$1'$2.js'");
  if (pointed !== text) await writeFile(file, pointed);
}

async function filesOf(folder: string): Promise<ReadonlySet<string>> {
  const files = new Set<string>();
  for await (const file of glob('**/*.js', { cwd: folder })) files.add(file.replaceAll('\\', '/'));
  return files;
}

async function publishedManifest(manifest: Manifest, compiled: ReadonlySet<string>): Promise<object> {
  const { bin, exports, devDependencies: _, ...facts } = manifest;
  // What only tests import, such as the suite of a port, is not there.
  const faces = Object.entries(exports).flatMap(([name, path]) => {
    const file = path.replace(/^\.\/src\/(.*)\.ts$/, '$1');
    const face = { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` };
    return compiled.has(`${file}.js`) ? [[name, face] as const] : [];
  });
  return {
    ...facts,
    ...(bin && {
      bin: Object.fromEntries(
        Object.entries(bin).map(([name, path]) => [name, path.replace('/src/', '/dist/')]),
      ),
    }),
    exports: Object.fromEntries(faces),
    files: ['dist'],
    engines: { node: `>=${nodeMin}` },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const into = resolve(process.argv[2] ?? 'packed');
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-pack-'));
  try {
    await mkdir(into, { recursive: true });
    for (const file of await packFolders(await buildPackages(folder), into)) console.log(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
