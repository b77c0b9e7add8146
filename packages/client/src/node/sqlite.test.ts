// The storage in an SQLite file passes the suite of the port, and what only a file can show: locks, full disks, crashes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { storageContract } from '../storage/contract.ts';
import { type Storage, storageTables } from '../storage/port.ts';
import { openSqliteStorage, type SqliteOptions } from './sqlite.ts';
import { keyColumns } from './sqlite-tables.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
let files = 0;
const newPath = (): string => {
  files += 1;
  return join(folder, `${files}.db`);
};
const lastPath = (): string => join(folder, `${files}.db`);

const opened: Storage[] = [];
const open = async (options: Partial<SqliteOptions> = {}): Promise<Storage> => {
  const storage = await openSqliteStorage({ path: newPath(), busyTimeoutMs: 0, ...options });
  opened.push(storage);
  return storage;
};
afterEach(async () => {
  vi.restoreAllMocks();
  for (const storage of opened.splice(0)) await storage.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a process leaves that is killed: the file, and its WAL beside it. */
function copyAsAfterCrash(from: string, to: string): void {
  copyFileSync(from, to);
  copyFileSync(`${from}-wal`, `${to}-wal`);
}

/** The next call of `exec` with this statement throws as SQLite does; the statement is not run. */
function failOnce(statement: string, errcode: number): void {
  const exec = DatabaseSync.prototype.exec;
  const spy = vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
    if (sql !== statement) return exec.call(this, sql);
    spy.mockRestore();
    throw Object.assign(new Error('made to fail'), { code: 'ERR_SQLITE_ERROR', errcode });
  });
}

storageContract({
  name: 'SQLite',
  open,
  reopen: () => openSqliteStorage({ path: lastPath() }),
  failCommit: () => failOnce('COMMIT', 13),
});

const put = (
  storage: Storage,
  id: string,
  value: unknown,
  mode: 'write' | 'durable' = 'write',
): Promise<void> => storage.transaction(mode, (tx) => tx.put('records', ['s', 'items', id], value as never));
const idsIn = (storage: Storage): Promise<string[]> =>
  storage.transaction('read', async (tx) =>
    (await tx.scan('records', { prefix: [], limit: 1e6 })).map(({ key }) => key[2]!),
  );

describe('one process at a time', () => {
  test('a file that is open already is busy, by whatever link, until it is closed', async () => {
    const storage = await open();
    const link = join(folder, 'link.db');
    symlinkSync(lastPath(), link);
    for (const path of [lastPath(), link]) {
      await expect(openSqliteStorage({ path, busyTimeoutMs: 0 })).rejects.toMatchObject({
        name: 'StorageError',
        code: 'busy',
      });
    }
    // Whoever was refused has not taken the lock of the first along.
    await expect(openSqliteStorage({ path: lastPath(), busyTimeoutMs: 0 })).rejects.toMatchObject({
      code: 'busy',
    });
    await storage.close();
    await (await openSqliteStorage({ path: link })).close();
  });

  test('a file that is open already is busy by a hard link too, also while its writes stand in the WAL alone', async () => {
    const storage = await open();
    const home = lastPath();
    const link = newPath();
    linkSync(home, link);
    const other = join(folder, 'elsewhere');
    mkdirSync(other);
    linkSync(link, join(other, 'a.db'));
    for (const path of [link, join(other, 'a.db')]) {
      await put(storage, 'a', 1);
      await expect(openSqliteStorage({ path, busyTimeoutMs: 0 })).rejects.toMatchObject({ code: 'busy' });
    }
  });

  test('whatever link it is opened by, a file has one WAL: what a crash left there is not lost', async () => {
    const storage = await open();
    const home = lastPath();
    await put(storage, 'a', 1);
    const link = newPath();
    linkSync(home, link);
    const crashed = newPath();
    copyAsAfterCrash(home, crashed);
    await storage.close();
    copyAsAfterCrash(crashed, home);
    const byLink = await open({ path: link });
    await put(byLink, 'b', 1);
    expect(await idsIn(byLink)).toEqual(['a', 'b']);
    expect(existsSync(`${link}-wal`)).toBe(false);
    await byLink.close();
    expect(await idsIn(await open({ path: home }))).toEqual(['a', 'b']);
  });

  test('a file that was moved is at home where it is; without its WAL it is refused in words', async () => {
    const from = newPath();
    const storage = await open({ path: from });
    await put(storage, 'a', 1);
    await storage.close();
    const to = newPath();
    renameSync(from, to);
    const moved = await open({ path: to });
    await put(moved, 'b', 1);
    const link = newPath();
    linkSync(to, link);
    await expect(openSqliteStorage({ path: link, busyTimeoutMs: 0 })).rejects.toMatchObject({ code: 'busy' });

    const crashed = newPath();
    copyAsAfterCrash(to, crashed);
    const owner = await open({ path: crashed });
    await put(owner, 'c', 1);
    const kept = newPath();
    copyFileSync(`${crashed}-wal`, kept);
    await owner.close();
    const bare = newPath();
    renameSync(crashed, bare);
    copyFileSync(kept, `${crashed}-wal`);
    await expect(openSqliteStorage({ path: bare })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining(`without ${crashed}-wal`),
    });
    renameSync(`${crashed}-wal`, `${bare}-wal`);
    expect(await idsIn(await open({ path: bare }))).toEqual(['a', 'b', 'c']);
  });

  test('a process that is killed gives the file back, with every durable write and a whole number of transactions', async () => {
    const path = newPath();
    const script = fileURLToPath(new URL('./sqlite-writer.fixture.ts', import.meta.url));
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk) => {
        said += String(chunk);
        if (said.split('\n').length > 20) resolve();
      });
    });
    await expect(openSqliteStorage({ path, busyTimeoutMs: 0 })).rejects.toMatchObject({ code: 'busy' });
    child.kill('SIGKILL');
    await once(child, 'close');
    const acknowledged = said.split('\n').slice(0, -1).map(Number).at(-1)!;
    const storage = await open({ path });
    const ids = await idsIn(storage);
    const transactions = ids.length / 10;
    expect(Number.isInteger(transactions)).toBe(true);
    expect(transactions).toBeGreaterThan(acknowledged);
    expect(ids).toEqual(Array.from(ids, (_, at) => String(at).padStart(8, '0')));
  });
});

describe('faults', () => {
  test('a full file refuses the whole transaction, also if the work goes on, and takes writes again once there is room', async () => {
    const storage = await open({ fileBytesMax: 400_000 });
    await put(storage, 'kept', 'x'.repeat(100_000));
    await put(storage, 'room', 'x'.repeat(100_000));
    const filling = storage.transaction('durable', async (tx) => {
      await tx.put('records', ['s', 'items', 'debit'], 1);
      await tx.put('records', ['s', 'items', 'large'], 'x'.repeat(1_000_000)).catch(() => undefined);
      // SQLite has rolled back by now; run alone, this one would stay.
      await tx.put('records', ['s', 'items', 'credit'], 1).catch(() => undefined);
    });
    await expect(filling).rejects.toMatchObject({ name: 'StorageError', code: 'full' });
    expect(await idsIn(storage)).toEqual(['kept', 'room']);
    await storage.transaction('write', (tx) => tx.delete('records', ['s', 'items', 'room']));
    await put(storage, 'new', 'x'.repeat(90_000));
    expect(await idsIn(storage)).toEqual(['kept', 'new']);
  });

  test('a write lock that somebody else holds makes a write busy, and is over when they are done', async () => {
    const storage = await open();
    const other = new DatabaseSync(lastPath());
    other.exec('BEGIN IMMEDIATE');
    await expect(put(storage, 'a', 1)).rejects.toMatchObject({ name: 'StorageError', code: 'busy' });
    other.exec('ROLLBACK');
    other.close();
    await put(storage, 'a', 1);
    expect(await idsIn(storage)).toEqual(['a']);
  });

  test('after a failed fsync nothing is read or written, because what the disk holds is not known', async () => {
    const storage = await open();
    await put(storage, 'a', 1);
    failOnce('COMMIT', 10 | (4 << 8));
    await expect(put(storage, 'b', 1)).rejects.toMatchObject({ code: 'failed' });
    await expect(put(storage, 'c', 1)).rejects.toMatchObject({ code: 'failed' });
    await expect(idsIn(storage)).rejects.toMatchObject({ code: 'failed' });
  });

  test('a file that is no database is corrupt, and is given back', async () => {
    const path = newPath();
    writeFileSync(path, 'this is no SQLite file, but it is long enough to be looked at'.repeat(100));
    await expect(openSqliteStorage({ path })).rejects.toMatchObject({
      name: 'StorageError',
      code: 'corrupt',
    });
    rmSync(path);
    await open({ path });
  });

  test('a stored value that is no JSON is corrupt', async () => {
    const storage = await open();
    await put(storage, 'a', 1);
    const other = new DatabaseSync(lastPath());
    other.exec("UPDATE hf_records SET value = '{'");
    other.close();
    await expect(idsIn(storage)).rejects.toMatchObject({ name: 'StorageError', code: 'corrupt' });
  });

  test('a folder that is not there, a newer file and another program’s file are refused in words', async () => {
    const opening = (path: string): Promise<Storage> => openSqliteStorage({ path });
    await expect(opening(join(folder, 'nowhere', 'a.db'))).rejects.toThrow(/no folder/);
    await expect(opening(folder)).rejects.toThrow(/is a folder/);
    symlinkSync(newPath(), join(folder, 'dangling.db'));
    await expect(opening(join(folder, 'dangling.db'))).rejects.toThrow(/not there/);
    const storage = await open();
    await storage.close();
    const newer = new DatabaseSync(lastPath());
    newer.exec('PRAGMA user_version = 1000');
    newer.close();
    await expect(opening(lastPath())).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('newer'),
    });
    const foreign = new DatabaseSync(newPath());
    foreign.exec('CREATE TABLE customers (name)');
    foreign.close();
    await expect(opening(lastPath())).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('not a replica'),
    });
  });
});

describe('the file', () => {
  test('has a table for each of the port’s, with a column for each part of its keys', async () => {
    await open();
    const db = new DatabaseSync(lastPath(), { readOnly: true });
    for (const [table, parts] of Object.entries(storageTables)) {
      expect(keyColumns[table as keyof typeof storageTables]).toHaveLength(parts);
      const columns = db.prepare(`SELECT name, pk FROM pragma_table_info('hf_${table}')`).all();
      expect(columns.filter(({ pk }) => Number(pk) > 0)).toHaveLength(parts);
      expect(columns).toHaveLength(parts + 1);
    }
    db.close();
  });

  test('a durable transaction commits with full synchronisation, a plain one without', async () => {
    const storage = await open();
    const seen: string[] = [];
    const exec = DatabaseSync.prototype.exec;
    vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
      exec.call(this, sql);
      if (sql === 'BEGIN IMMEDIATE') seen.push(String(this.prepare('PRAGMA synchronous').get()?.synchronous));
    });
    for (const mode of ['write', 'durable', 'durable', 'write'] as const) await put(storage, 'a', 1, mode);
    expect(seen).toEqual(['1', '2', '2', '1']);
  });

  test('a program that writes in a loop does not keep the event loop from turning', async () => {
    const storage = await open();
    let turns = 0;
    const count = (): void => {
      turns += 1;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    for (let at = 0; at < 20; at += 1) await put(storage, String(at), at);
    clearImmediate(counting);
    expect(turns).toBeGreaterThanOrEqual(19);
  });

  test('its WAL is cut again after a transaction that made it long', async () => {
    const storage = await open();
    const value = 'x'.repeat(1_000);
    const entries = Array.from({ length: 20_000 }, (_, at) => ({ key: ['s', 'items', String(at)], value }));
    await storage.transaction('write', (tx) => tx.putMany('records', entries));
    const long = statSync(`${lastPath()}-wal`).size;
    for (let at = 0; at < 3; at += 1) await put(storage, 'a', at);
    expect(long).toBeGreaterThan(20_000_000);
    expect(statSync(`${lastPath()}-wal`).size).toBeLessThanOrEqual(8 * 1_048_576);
  });

  test('a scan looks its range up in the key’s tree and sorts nothing', async () => {
    const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare');
    const storage = await open();
    await storage.transaction('read', async (tx) => {
      const prefix = ['s', 'items'];
      await tx.scan('records', { prefix, limit: 1 });
      await tx.scan('records', {
        prefix: [],
        from: ['s', 'items'],
        after: ['s', 'items', 'a'],
        to: ['t'],
        limit: 1,
      });
      await tx.scan('indexes', { prefix, from: ['i', 'a'], to: ['i', 'b'], reverse: true, limit: 1 });
      await tx.scan('indexes', { prefix, after: ['s', 'items', 'i', 'a', 'x'], reverse: true, limit: 1 });
    });
    const scans = prepare.mock.calls.map(([sql]) => sql).filter((sql) => sql.includes('LIMIT ?'));
    expect(scans).toHaveLength(4);
    const db = new DatabaseSync(lastPath(), { readOnly: true });
    for (const sql of scans) {
      const plan = db
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => detail);
      expect(plan).toEqual([expect.stringMatching(/^SEARCH hf_\w+ USING PRIMARY KEY/)]);
    }
    expect(
      scans.map((sql) => db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()[0]?.detail),
    ).toMatchInlineSnapshot(`
      [
        "SEARCH hf_records USING PRIMARY KEY (scope=? AND collection=?)",
        "SEARCH hf_records USING PRIMARY KEY ((scope,collection,id)>(?,?,?) AND scope<?)",
        "SEARCH hf_indexes USING PRIMARY KEY (scope=? AND collection=? AND (fields,encoded)>(?,?) AND (fields,encoded)<(?,?))",
        "SEARCH hf_indexes USING PRIMARY KEY (scope=? AND collection=? AND (fields,encoded,id)<(?,?,?))",
      ]
    `);
    db.close();
  });
});
