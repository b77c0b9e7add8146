// The demo as its users run it, with a server and three devices as processes.

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collect, createWorkplace, type Workplace } from './commands.fixture.ts';
import { noColours } from './demo/narrate.ts';
import { runDemo } from './demo/run-demo.ts';

let at: Workplace;
beforeEach(async () => {
  at = await createWorkplace();
});
afterEach(() => at.close());

// It starts six processes, on a machine that may be busy.
const slow = { timeout: 120_000 };

test('the devices are killed, cut off and wrong about the time, and everything adds up', slow, async () => {
  const before = await demoFolders();
  const { exit, out, err } = await at.run(['demo', '--fast', '--json']);
  expect(err).toBe('');
  const result = JSON.parse(out);
  expect(result.problems).toEqual([]);
  expect(exit).toBe(0);
  expect(result).toMatchObject({ ok: true, acknowledged: 14, verdicts: { excepted: 1, rejected: 1 } });
  expect(Object.values<number>(result.verdicts).reduce((sum, count) => sum + count)).toBe(14);
  expect(result.stock).toContainEqual({ item: 'gin', expected: 15, found: 15 });
  expect(result.databases.map(({ records }: { records: number }) => records)).toEqual([11, 11, 11, 11]);
  expect(result.conflicts).toMatchObject([
    { record: 'gin', fields: ['price', 'tags'], state: 'settled', settlement: { by: 'policy' } },
    {
      record: 'acme',
      base: { phone: '555-0100' },
      settlement: { by: 'person', after: { phone: '555-0177' } },
    },
  ]);
  expect(await demoFolders()).toEqual(before);
});

test('a record that was changed behind a device’s back is found', slow, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-demo-test-'));
  try {
    const told: string[] = [];
    const result = await runDemo({
      folder,
      ink: noColours,
      print: (line) => told.push(line),
      pause: () => Promise.resolve(),
      interrupt: new AbortController().signal,
      beforeCompare: ({ devices }) => {
        const database = new DatabaseSync(devices.get('till') ?? '');
        database.exec(
          "UPDATE hf_records SET value = json_set(value, '$.body.price', 1) WHERE collection = 'items' AND id = 'tonic'",
        );
        database.close();
      },
    });
    expect(result.ok).toBe(false);
    expect(result.problems).toEqual(['The till: items/tonic differs in price: 1 here, 3 on the server.']);
    expect(told.at(-1)).toBe('It does not add up.');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('Ctrl-C ends all its processes and leaves nothing', slow, async () => {
  const env = { ...process.env, TMPDIR: at.folder };
  const child = spawn(process.execPath, [at.bin, 'demo', '--fast'], { env, stdio: 'pipe' });
  await new Promise<void>((cut) => {
    child.stdout.on('data', (text: Buffer) => {
      if (text.includes('The network is cut')) cut();
    });
  });
  child.kill('SIGINT');
  const { exit, err } = await collect(child);
  expect([exit, err]).toEqual([130, expect.stringContaining('It was interrupted.')]);
  expect((await readdir(at.folder)).filter((name) => name.startsWith('holdfast-demo-'))).toEqual([]);
});

async function demoFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('holdfast-demo-'));
}
