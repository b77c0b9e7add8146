// Backups: taken under load, verified, and seen to fail verification when something is changed.

import { closeSync, existsSync, openSync, readdirSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../port.ts';
import { push, puts, sha256 } from '../push.fixture.ts';
import { series } from '../writes.fixture.ts';
import { openSqliteStore } from './open.ts';
import { createTestFolder, type TestFolder, testOptions } from './sqlite.fixture.ts';
import { verifyBackup } from './verify.ts';

let folder: TestFolder;
let store: Store;
let target: string;
beforeEach(async () => {
  folder = createTestFolder();
  target = join(folder.path, 'backup.db');
  store = await folder.open();
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

const some = (name: string, scope = 'shop') =>
  push(store, { name, scope, changes: puts(20, (n) => ({ name: `${name} ${n}` }), 'shelves') });

test('a backup taken while commits go on is one state, and can be opened and gone on with', async () => {
  for (let n = 0; n < 10; n++) await some(`before-${n}`);
  let done = false;
  const backup = store.backup(target).finally(() => {
    done = true;
  });
  let during = 0;
  for (; !done; during++) {
    await some(`during-${during}`);
    // Commits alone would keep the loop from ever seeing that the copy is finished.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { bytes } = await backup;
  await some('after');
  const verified = verifyBackup({ file: target, sha256 });
  expect(verified.problems).toEqual([]);
  expect(during).toBeGreaterThan(0);
  const head = verified.heads.get('shop') ?? 0;
  expect(head).toBeGreaterThanOrEqual(20);
  expect(head).toBeLessThanOrEqual((10 + during) * 20);
  expect(verified).toMatchObject({ scopes: 1, records: 20, commits: head });
  expect(bytes).toBeGreaterThan(10_000);
  // One file, which needs no other beside it.
  expect(readdirSync(folder.path).filter((name) => name.startsWith('backup'))).toEqual(['backup.db']);
  const restored = await openSqliteStore({ ...testOptions(target), life: { id: 'life-2', startedAt: 2 } });
  expect(await restored.read((snapshot) => snapshot.lifeEnd('shop', 'life-1'))).toBe(head);
  await restored.close();
});

test('a file that exists is refused, and stays', async () => {
  writeFileSync(target, 'mine');
  await expect(store.backup(target)).rejects.toMatchObject({ code: 'failed' });
  await expect(store.backup(join(folder.path, 'none', 'backup.db'))).rejects.toThrow();
  expect(readdirSync(folder.path).filter((name) => name.includes('partial'))).toEqual([]);
});

test('a copy that was cut off is no backup, and the next one takes its place', async () => {
  await some('a');
  writeFileSync(`${target}.partial`, 'half');
  await store.backup(target);
  expect(verifyBackup({ file: target, sha256 }).problems).toEqual([]);
  expect(existsSync(`${target}.partial`)).toBe(false);
});

test('a database in memory is copied between its commits, never within one', async () => {
  const memory = await openSqliteStore(testOptions(null));
  await push(memory, { changes: puts(5, () => ({})) });
  let copied = false;
  let backup: Promise<unknown> | undefined;
  const undone = memory.commit(async (transaction) => {
    await transaction.write(new Map([['shop', series(6, 9)]]), memory.life);
    backup = memory.backup(target).finally(() => {
      copied = true;
    });
    // Longer than the copy would take if it did not wait.
    for (let turn = 0; turn < 1_000 && !copied; turn++) await new Promise((resolve) => setImmediate(resolve));
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  await backup;
  const { problems, heads } = verifyBackup({ file: target, sha256 });
  expect(problems).toEqual([]);
  expect(heads.get('shop')).toBe(5);
  await memory.close();
});

const damages: Record<string, [sql: string, problem: RegExp]> = {
  'a commit was changed': [
    "UPDATE hf_commits SET actor = 'Eve' WHERE seq = 7",
    /commit 8 of scope shop does not continue/,
  ],
  'the last commit was changed': [
    "UPDATE hf_commits SET actor = 'Eve' WHERE seq = 20",
    /last commit of scope shop is not the one/,
  ],
  'a commit was removed': [
    'DELETE FROM hf_commits WHERE seq = 7',
    /Before commit 8 of scope shop, commits are missing/,
  ],
  'the last commit was removed': [
    'DELETE FROM hf_commits WHERE seq = 20',
    /has head 20, and its last commit is 19/,
  ],
  'a scope was removed': ['DELETE FROM hf_scopes', /unknown scope shop/],
  'a record was removed': [
    'DELETE FROM hf_records WHERE number = 3',
    /has 19 records and tombstones, not 20/,
  ],
  'a body was changed': [
    'UPDATE hf_records SET body = \'{"name":"Eve"}\' WHERE number = 3',
    /body of record 3 of scope shop does not match/,
  ],
  'a record is from the future': [
    'UPDATE hf_records SET seq = 99 WHERE number = 3',
    /record 3 of scope shop is newer/,
  ],
};

test.each(Object.entries(damages))('verification finds that %s', async (_, [sql, problem]) => {
  await some('a');
  await store.backup(target);
  const database = new DatabaseSync(target);
  database.exec(sql);
  database.close();
  expect(verifyBackup({ file: target, sha256 }).problems.join('\n')).toMatch(problem);
});

/** Changes the first page of a table or index of the backup. */
function damage(name: string, change: (page: Buffer) => void): void {
  const database = new DatabaseSync(target);
  const { root } = database
    .prepare('SELECT rootpage AS root FROM sqlite_schema WHERE name = ?')
    .get(name) as {
    root: number;
  };
  database.close();
  const page = Buffer.alloc(4_096);
  const handle = openSync(target, 'r+');
  readSync(handle, page, 0, page.length, (root - 1) * page.length);
  change(page);
  writeSync(handle, page, 0, page.length, (root - 1) * page.length);
  closeSync(handle);
}

test('verification finds a page that cannot be read', async () => {
  await some('a');
  await store.backup(target);
  damage('hf_records', (page) => page.fill(0xaa));
  const { problems } = verifyBackup({ file: target, sha256 });
  expect(problems).toContain('The file is damaged and cannot be read to its end.');
});

test('verification finds an index that does not match its table', async () => {
  await some('a');
  await store.backup(target);
  damage('hf_records_number', (page) => page.write('shoq', page.indexOf('shop'), 'latin1'));
  expect(verifyBackup({ file: target, sha256 }).problems.join('\n')).toMatch(/index hf_records_number/);
});

test('verification refuses what is no database of ours, and what is not there', () => {
  writeFileSync(target, 'no database '.repeat(100));
  expect(() => verifyBackup({ file: target, sha256 })).toThrow(expect.objectContaining({ code: 'corrupt' }));
  expect(() => verifyBackup({ file: `${target}-2`, sha256 })).toThrow(
    expect.objectContaining({ name: 'StoreError' }),
  );
  expect(existsSync(`${target}-2`)).toBe(false);
});
