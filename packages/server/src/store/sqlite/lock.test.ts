// The data folder's lock, between two processes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataFolder } from './lock.ts';
import { createTestFolder, type TestFolder } from './sqlite.fixture.ts';

let folder: TestFolder;
beforeEach(() => {
  folder = createTestFolder();
});
afterEach(() => folder.remove());

test('the folder is held once within a process, and is free again after release', () => {
  const lock = lockDataFolder(folder.path);
  expect(() => lockDataFolder(folder.path)).toThrow(
    expect.objectContaining({
      code: 'busy',
      message: expect.stringMatching(/Another process works on this data folder/),
    }),
  );
  lock.release();
  lockDataFolder(folder.path).release();
  expect(readdirSync(folder.path)).toEqual(['holdfast.lock']);
});

test('a process that dies lets the folder go; until then no other gets it', async () => {
  const script = fileURLToPath(new URL('./hold-lock.fixture.ts', import.meta.url));
  const child = spawn(process.execPath, [script, folder.path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  try {
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString()).toBe('held\n');
    expect(() => lockDataFolder(folder.path)).toThrow(expect.objectContaining({ code: 'busy' }));
  } finally {
    child.kill('SIGKILL');
  }
  await exited;
  lockDataFolder(folder.path).release();
});

test('a folder that is not there is an error, not a lock', () => {
  expect(() => lockDataFolder(`${folder.path}/none`)).toThrow(expect.objectContaining({ code: 'failed' }));
});
