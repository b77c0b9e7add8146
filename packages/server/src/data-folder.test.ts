// The data folder and what lies in it for commands.

import { chmod, lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemRandom } from './clock.ts';
import {
  ensureAdminToken,
  makeDataFolder,
  readAdminToken,
  readServerFile,
  removeServerFile,
  writeServerFile,
} from './data-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-folder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

test('a folder is made for its owner alone, with all above it, and may exist', async () => {
  const data = join(folder, 'a', 'b');
  await makeDataFolder(data);
  await makeDataFolder(data);
  expect(await modeOf(data)).toBe('700');
  expect(await modeOf(join(folder, 'a'))).toBe('700');
});

test('a folder that cannot be is refused with its reason', async () => {
  await writeFile(join(folder, 'file'), '');
  for (const data of [join(folder, 'file'), join(folder, 'file', 'data')])
    await expect(makeDataFolder(data)).rejects.toMatchObject({ name: 'StartError', code: 'data_unusable' });
});

// Only Linux has a folder that refuses to hold another even from the superuser.
test.runIf(process.platform === 'linux')(
  'a folder that can hold none is refused, not tried for ever',
  async () => {
    await expect(makeDataFolder('/proc/holdfast/data')).rejects.toMatchObject({ code: 'data_unusable' });
  },
);

test('the token is made once, long, and its owner’s alone', async () => {
  expect(await readAdminToken(folder)).toBeUndefined();
  const token = await ensureAdminToken(folder, systemRandom);
  expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  const file = join(folder, 'admin.token');
  expect(await modeOf(file)).toBe('600');
  expect(await ensureAdminToken(folder, systemRandom)).toBe(token);
  expect(await readAdminToken(folder)).toBe(token);
  // Half a token is none.
  await writeFile(file, token.slice(0, 20));
  expect(await ensureAdminToken(folder, systemRandom)).not.toBe(token);
});

test('a token that others may know is made anew: one that they could read, and one that leads elsewhere', async () => {
  const file = join(folder, 'admin.token');
  const first = await ensureAdminToken(folder, systemRandom);
  await chmod(file, 0o644);
  const second = await ensureAdminToken(folder, systemRandom);
  expect(second).not.toBe(first);
  const elsewhere = join(folder, 'of-somebody-else');
  await writeFile(elsewhere, `${first}\n`, { mode: 0o600 });
  await rm(file);
  await symlink(elsewhere, file);
  const third = await ensureAdminToken(folder, systemRandom);
  expect([first, second]).not.toContain(third);
  expect(await modeOf(file)).toBe('600');
  expect((await lstat(file)).isFile()).toBe(true);
  expect(await readFile(elsewhere, 'utf8')).toBe(`${first}\n`);
});

test('a folder in which everybody may write is refused', async () => {
  await chmod(folder, 0o777);
  await expect(makeDataFolder(folder)).rejects.toMatchObject({
    code: 'data_unusable',
    message: expect.stringContaining('Every user of this machine'),
  });
  await chmod(folder, 0o755);
  await makeDataFolder(folder);
});

test('what lies in the folder under a name of ours is not followed when it leads elsewhere', async () => {
  const elsewhere = join(folder, 'letter');
  await writeFile(elsewhere, 'dear');
  const data = join(folder, 'data');
  await makeDataFolder(data);
  for (const name of ['.trial', 'server.json', 'server.json.draft', 'admin.token', 'admin.token.draft'])
    await symlink(elsewhere, join(data, name));
  await makeDataFolder(data);
  await writeServerFile(data, { url: 'http://127.0.0.1:1', pid: 7 });
  await ensureAdminToken(data, systemRandom);
  expect(await readFile(elsewhere, 'utf8')).toBe('dear');
  expect(await readServerFile(data)).toEqual({ url: 'http://127.0.0.1:1', pid: 7 });
});

test('where the server is stands in server.json while it runs', async () => {
  expect(await readServerFile(folder)).toBeUndefined();
  await writeServerFile(folder, { url: 'http://127.0.0.1:1', pid: 7 });
  expect(await readServerFile(folder)).toEqual({ url: 'http://127.0.0.1:1', pid: 7 });
  await removeServerFile(folder);
  await removeServerFile(folder);
  expect(await readServerFile(folder)).toBeUndefined();
  await writeFile(join(folder, 'server.json'), '{"url":1');
  expect(await readServerFile(folder)).toBeUndefined();
});
