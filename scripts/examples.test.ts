// The TypeScript of README and guide, run as it stands against a real server. `// → text` at a line's end is what it prints.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServerProcess, startServer } from '../packages/server/src/cli/server-process.fixture.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
let folder: string;
let server: ServerProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-examples-'));
});
afterEach(async () => {
  await server?.end();
  await rm(folder, { recursive: true, force: true });
});

const sources: Record<string, string> = {
  holdfast: 'packages/server/src/index.ts',
  '@holdfast/client/node': 'packages/client/src/node/index.ts',
  './examples/store-room/schema.ts': 'examples/store-room/schema.ts',
};

/** A document's blocks as one module, its imports pointing at the sources and its address at the test's server. */
function moduleOf(text: string, url: string): string {
  const blocks = [...text.matchAll(/^```ts example\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');
  expect(blocks.length).toBeGreaterThan(0);
  const module = blocks.join('\n').replaceAll('http://127.0.0.1:4870', url);
  return module.replace(/from '([^']+)'/g, (whole, name: string) => {
    const source = sources[name];
    return source === undefined ? whole : `from '${pathToFileURL(join(root, source)).href}'`;
  });
}

async function run(module: string): Promise<string> {
  const file = join(folder, 'example.ts');
  await writeFile(file, module);
  const child = spawn(process.execPath, [file], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  expect(code, output).toBe(0);
  return output;
}

test('the example of the README', async () => {
  server = await startServer({
    data: join(folder, 'data'),
    config: join(root, 'examples/store-room/holdfast.config.ts'),
  });
  await expectPrinted(await readFile(join(root, 'README.md'), 'utf8'), server.url);
});

test('the examples of the guide', async () => {
  const guide = await readFile(join(root, 'docs/guide.md'), 'utf8');
  const schema = /^```ts example\n([\s\S]*?)^```/m.exec(guide)?.[1] ?? '';
  const index = pathToFileURL(join(root, 'packages/server/src/index.ts')).href;
  const config = join(folder, 'holdfast.config.ts');
  const text = schema
    .replace("from 'holdfast'", `from '${index}'`)
    .replace('{ defineSchema', '{ defineConfig, defineSchema');
  await writeFile(config, `${text}\nexport default defineConfig({ schema });\n`);
  server = await startServer({ data: join(folder, 'data'), config });
  await expectPrinted(guide, server.url);
});

/** Everything that the document promises is printed, in its order. */
async function expectPrinted(document: string, url: string): Promise<void> {
  const module = moduleOf(document, url);
  const promised = [...module.matchAll(/\/\/ → (.+)$/gm)].map((match) => match[1] ?? '');
  expect(promised.length).toBeGreaterThan(0);
  const output = await run(module);
  let from = 0;
  for (const text of promised) {
    const found = output.indexOf(text, from);
    expect(found, `"${text}" is not printed in: ${output.slice(from)}`).toBeGreaterThanOrEqual(from);
    from = found + text.length;
  }
}
