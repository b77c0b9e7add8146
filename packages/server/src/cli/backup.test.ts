// A backup is whole and verified, or not there. The server is the test's own, so that it can fail in the middle.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RequestError } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Admin, AdminStatus } from '../admin/admin.ts';
import { put, startEngine, type TestEngine } from '../engine/engine.fixture.ts';
import { StoreError } from '../store/port.ts';
import { writeBackup } from './backup.ts';

let folder: string;
let on: TestEngine;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-backup-'));
  on = await startEngine();
  await on.push('till', 1, [on.mutation([put('shelves', 'left', { name: 'Left' })])]);
});
afterEach(async () => {
  await on.close();
  await rm(folder, { recursive: true, force: true });
});

function adminOf(given: { backup?: Admin['backup']; bytes?: number; head?: number } = {}) {
  const { bytes = 1_000, head = 1 } = given;
  const status = { counts: { bytes }, scopes: [{ scope: 'main', head }] } as unknown as AdminStatus;
  return { status: async () => status, backup: given.backup ?? (({ file }) => on.store.backup(file)) };
}

const write = (admin: ReturnType<typeof adminOf>, force = false, interrupt = new AbortController().signal) =>
  writeBackup(admin, { file: join(folder, 'copy.db'), force, progress: () => undefined, interrupt });

test('a sound copy gets its name, and nothing else is left', async () => {
  const { verified } = await write(adminOf());
  expect(verified).toMatchObject({ records: 1, commits: 1, problems: [] });
  expect(await readdir(folder)).toEqual(['copy.db']);
});

test.each([
  ['the server says so', new RequestError('storage_full')],
  ['the store says so', new StoreError('full', 'full')],
  ['the system says so', Object.assign(new Error('full'), { code: 'ENOSPC' })],
])('a disk that fills up leaves nothing: %s', async (_, error) => {
  const backup: Admin['backup'] = async ({ file }) => {
    await writeFile(`${file}.partial`, 'half');
    await writeFile(file, 'half');
    throw error;
  };
  await expect(write(adminOf({ backup }))).rejects.toMatchObject({ code: 'disk_full', exit: 1 });
  expect(await readdir(folder)).toEqual([]);
});

test('a copy without room for it is not begun', async () => {
  const backup: Admin['backup'] = async () => {
    throw new Error('It was begun.');
  };
  await expect(write(adminOf({ backup, bytes: 1e18 }))).rejects.toMatchObject({ code: 'disk_full' });
});

test('a copy that is not sound, or older than the server was, is removed', async () => {
  const backup: Admin['backup'] = async ({ file }) => {
    await writeFile(file, 'this is no database, however long it may be');
    return { bytes: 4 };
  };
  await expect(write(adminOf({ backup }))).rejects.toBeInstanceOf(Error);
  await expect(write(adminOf({ head: 2 }))).rejects.toMatchObject({ code: 'backup_unsound' });
  expect(await readdir(folder)).toEqual([]);
});

test('a file that came up meanwhile is not overwritten', async () => {
  const backup: Admin['backup'] = async ({ file }) => {
    await writeFile(join(folder, 'copy.db'), 'of somebody else');
    return on.store.backup(file);
  };
  await expect(write(adminOf({ backup }))).rejects.toMatchObject({ code: 'file_exists' });
  expect(await readdir(folder)).toEqual(['copy.db']);
  await rm(join(folder, 'copy.db'));
  await expect(write(adminOf({ backup }), true)).resolves.toMatchObject({ verified: { commits: 1 } });
});

test('an interruption leaves nothing', async () => {
  const interrupt = new AbortController();
  const backup: Admin['backup'] = async ({ file }) => {
    interrupt.abort();
    return on.store.backup(file);
  };
  await expect(write(adminOf({ backup }), false, interrupt.signal)).rejects.toMatchObject({ exit: 130 });
  expect(await readdir(folder)).toEqual([]);
});
