// The TypeScript of README and guide, run as it stands against a real server. `// → text` at a line's end is what it prints.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServerProcess, startServer } from '../packages/server/src/cli/server-process.fixture.ts';
import { atHome, blocksOf, configOf, runModule } from './example.fixture.ts';

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

test('the example of the README', async () => {
  server = await startServer({
    data: join(folder, 'data'),
    config: join(root, 'examples/store-room/holdfast.config.ts'),
  });
  await expectPrinted(await readFile(join(root, 'README.md'), 'utf8'), server.url);
}, 60_000);

test('the examples of the guide', async () => {
  const guide = await readFile(join(root, 'docs/guide.md'), 'utf8');
  const config = join(folder, 'holdfast.config.ts');
  await writeFile(config, configOf(guide));
  server = await startServer({ data: join(folder, 'data'), config });
  await expectPrinted(guide, server.url);
}, 60_000);

/** Everything that the document promises is printed, in its order. */
async function expectPrinted(document: string, url: string): Promise<void> {
  const blocks = blocksOf(document);
  expect(blocks.length).toBeGreaterThan(0);
  const module = atHome(blocks.join('\n'), url);
  const promised = [...module.matchAll(/\/\/ → (.+)$/gm)].map((match) => match[1] ?? '');
  expect(promised.length).toBeGreaterThan(0);
  const output = await runModule(folder, module);
  let from = 0;
  for (const text of promised) {
    const found = output.indexOf(text, from);
    expect(found, `"${text}" is not printed in: ${output.slice(from)}`).toBeGreaterThanOrEqual(from);
    from = found + text.length;
  }
}
