// A process is killed while it commits: what it acknowledged is there, and nothing is there by half.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { sha256 } from '../push.fixture.ts';
import { createTestFolder } from './sqlite.fixture.ts';
import { verifyBackup } from './verify.ts';

const script = fileURLToPath(new URL('./crash.fixture.ts', import.meta.url));

/** Runs the process until it has said `lines` heads, kills it, and answers the last that it said. */
async function killedAfter(file: string, life: string, lines: number): Promise<number> {
  const child = spawn(process.execPath, [script, file, life], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let text = '';
  let count = 0;
  child.stdout.on('data', (part: Buffer) => {
    text += part.toString();
    count = text.split('\n').length - 1;
    if (count >= lines) child.kill('SIGKILL');
  });
  const [, signal] = await exited;
  expect(signal).toBe('SIGKILL');
  return Number(text.split('\n').at(count - 1));
}

test('a killed process loses nothing that it acknowledged, and leaves no commit by half', async () => {
  const folder = createTestFolder();
  let acknowledged = 0;
  for (const [run, lines] of [3, 40, 7, 90].entries()) {
    acknowledged = await killedAfter(folder.file, String(run + 1), lines);
    const { problems, heads } = verifyBackup({ file: folder.file, sha256 });
    expect(problems).toEqual([]);
    expect(heads.get('shop')).toBeGreaterThanOrEqual(acknowledged);
    expect((heads.get('shop') ?? 0) % 2).toBe(0);
  }
  const store = await folder.open(99);
  const { ends, pairs } = await store.read(async (snapshot) => {
    const page = await snapshot.page('shop', { afterStamp: 0, seqMax: 1e9, recordsMax: 1e6, charsMax: 1e9 });
    const ids = new Set(page.records.map(({ id }) => id));
    const lefts = [...ids].filter((id) => id.startsWith('left-'));
    return {
      ends: await Promise.all(['1', '2', '3', '4'].map((life) => snapshot.lifeEnd('shop', life))),
      pairs: lefts.length * 2 === ids.size && lefts.every((id) => ids.has(id.replace('left', 'right'))),
    };
  });
  expect(pairs).toBe(true);
  expect(ends).toEqual([...ends].sort((a, b) => Number(a) - Number(b)));
  expect(ends.at(-1)).toBeGreaterThanOrEqual(acknowledged);
  await store.close();
  folder.remove();
}, 60_000);
