// Runs what stands in a document as TypeScript: its blocks fenced as `ts example`, in a process and a folder of their own.

import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

const sources: Record<string, string> = {
  holdfast: 'packages/server/src/index.ts',
  '@holdfast/client/browser': 'packages/client/src/browser/index.ts',
  '@holdfast/client/node': 'packages/client/src/node/index.ts',
  '@holdfast/react': 'packages/react/src/index.ts',
  './examples/store-room/schema.ts': 'examples/store-room/schema.ts',
};

/** The same text, its imports pointing at the sources and its address at the test's server. */
export function atHome(text: string, url: string): string {
  return text.replaceAll('http://127.0.0.1:4870', url).replace(/from '([^']+)'/g, (whole, name: string) => {
    const source = sources[name];
    return source === undefined ? whole : `from '${pathToFileURL(join(root, source)).href}'`;
  });
}

export function blocksOf(text: string): string[] {
  return [...text.matchAll(/^```ts example\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');
}

/** The document's schema, which is its first block, as the config of a server. */
export function configOf(text: string): string {
  const schema = atHome(/^```ts example\n([\s\S]*?^\}\);\n)/m.exec(text)?.[1] ?? '', '');
  const index = pathToFileURL(join(root, sources.holdfast ?? '')).href;
  return `${schema}\nimport { defineConfig } from '${index}';\nexport default defineConfig({ schema });\n`;
}

/** Answers what it prints; fails the test when it ends otherwise than well. */
export async function runModule(folder: string, module: string): Promise<string> {
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
