// `holdfast users`, with a server and without one, and the admin that a first start makes: as processes where what is said, and
// where it goes, matters.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isPassword } from '../identity/password.ts';
import { type AnswerOf, collect, createWorkplace, end, type Workplace } from './commands.fixture.ts';

let at: Workplace;
beforeEach(async () => {
  at = await createWorkplace();
});
afterEach(() => at.close());

// Some tests start servers, and the machine may be busy.
const slow = { timeout: 60_000 };
const password = 'correct horse';
const users = async (): Promise<Record<string, unknown>[]> => {
  const listed = await at.json<AnswerOf<'users'>>(['users', 'list']);
  return listed.users.map(({ name, role, grants }) => ({ name, role, grants }));
};

/** Whether it is what the store keeps for the name. */
async function isKept(name: string, given: string): Promise<boolean> {
  const database = new DatabaseSync(at.path('data/holdfast.db'), { readOnly: true });
  const row = database.prepare('SELECT password_hash AS kept FROM hf_users WHERE name = ?').get(name);
  database.close();
  return typeof row?.kept === 'string' && isPassword(given, row.kept);
}

test('users are added, listed, changed and removed, and no answer holds a password', slow, async () => {
  const said: string[] = [];
  const run = async (...args: string[]): Promise<string> => {
    const { exit, out, err } = await at.run(['users', ...args], `${password}\n`);
    said.push(out, err);
    expect([args, exit, err]).toEqual([args, 0, '']);
    return out;
  };
  expect(await run('add', 'Ann')).toBe('Added Ann, user, for main.\n');
  expect(await run('add', 'kim', '--role', 'viewer', '--scope', 'a', '--scope', 'b')).toContain(
    'a:read, b:read',
  );
  expect(await run('add', 'root', '--role', 'admin')).toContain('for all scopes');
  expect(await run('role', 'kim', '--role', 'user', '--scope', 'a')).toContain('kim is user');
  await run('remove', 'ROOT');
  expect(await run('list')).toMatch(/^NAME +ROLE[\s\S]*2 users\n$/);
  expect(await users()).toEqual([
    { name: 'Ann', role: 'user', grants: [{ scope: 'main', right: 'write' }] },
    { name: 'kim', role: 'user', grants: [{ scope: 'a', right: 'write' }] },
  ]);
  expect(await isKept('Ann', password)).toBe(true);
  await at.run(['users', 'password', 'ann', '--json'], 'battery staple');
  expect([await isKept('Ann', password), await isKept('Ann', 'battery staple')]).toEqual([false, true]);
  expect(said.join('')).not.toContain(password);
});

test('what is wrong is said, and changes nothing', slow, async () => {
  await at.run(['users', 'add', 'ann'], password);
  const fails = async (args: string[], input: string, code: string): Promise<void> => {
    const { exit, out } = await at.run([...args, '--json'], input);
    expect([args, exit, JSON.parse(out)]).toMatchObject([args, 1, { error: { code } }]);
    expect(out).not.toContain('secret');
  };
  await fails(['users', 'add', 'ANN'], 'secret horse', 'user_exists');
  await fails(['users', 'add', 'bob'], '', 'password_missing');
  await fails(['users', 'add', 'bob'], '\n', 'password_short');
  await fails(['users', 'add', 'bob'], 'secret\n', 'password_short');
  await fails(['users', 'add', 'bob'], `secret${'x'.repeat(1_000)}`, 'malformed');
  await fails(['users', 'add', ' bob'], 'secret horse', 'malformed');
  await fails(['users', 'password', 'bob'], 'secret horse', 'user_unknown');
  await fails(['users', 'remove', 'bob'], '', 'user_unknown');
  await fails(['users', 'role', 'bob', '--role', 'user'], '', 'user_unknown');
  for (const args of [['add'], ['add', 'bob', '--role', 'king'], ['role', 'ann'], ['nothing']])
    expect(await at.run(['users', ...args], password)).toMatchObject({ exit: 2, out: '' });
  expect(await users()).toHaveLength(1);
});

test('a person types it twice and unseen', slow, async () => {
  const typed = (...secrets: string[]) => at.run(['users', 'add', 'ann'], '', { secrets });
  expect(await typed(password, 'correct house')).toMatchObject({
    exit: 1,
    err: expect.stringContaining('The two passwords differ'),
  });
  expect(await typed()).toMatchObject({ exit: 130, err: expect.stringContaining('Nothing was changed') });
  expect(await typed(password, password)).toMatchObject({
    exit: 0,
    err: 'Password of ann\nThe same once more\n',
  });
});

test('a process reads one line, whoever keeps the other end open', slow, async () => {
  const child = at.start(['users', 'add', 'ann']);
  child.stdin?.write(`\ufeff${password}\r\nand more`);
  expect(await collect(child, null)).toMatchObject({ exit: 0, out: 'Added ann, user, for main.\n', err: '' });
  expect(await isKept('ann', password)).toBe(true);
});

test(
  'the same while a server runs, which may have another database than the one that is asked for',
  slow,
  async () => {
    const server = await at.serve();
    await at.run(['users', 'add', 'ann', '--role', 'admin'], password);
    expect(await users()).toMatchObject([{ name: 'ann', grants: 'all' }]);
    const rotated = await at.json(['users', 'rotate', '--end-all']);
    expect(rotated).toMatchObject({ kid: expect.stringMatching(/^hf-/), endAll: true });
    const other = await at.run(['users', 'list', '--store', `sqlite:${at.path('other.db')}`, '--json']);
    expect(JSON.parse(other.out)).toMatchObject({ error: { code: 'other_database' } });
    await end(server, 'SIGTERM');
    const elsewhere = ['users', 'add', 'bob', '--store', `sqlite:${at.path('other.db')}`];
    expect(await at.run(elsewhere, password)).toMatchObject({ exit: 0 });
    expect(await users()).toMatchObject([{ name: 'ann' }]);
  },
);

test('the first start makes an admin, whose password is told once and goes into no log', slow, async () => {
  const config = await at.read('holdfast.config.ts');
  const first = "defineConfig({ auth: 'jwt', firstAdmin: 'admin', logFiles: true,";
  const logged = config.replace("'silent'", "'debug'").replace('defineConfig({', first);
  await at.write('holdfast.config.ts', logged);
  const serve = async (...args: string[]) => {
    const child = at.start(['serve', '--port', '0', ...args]);
    const all = collect(child, null);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    await end(child, 'SIGTERM');
    return all;
  };
  const { out, err } = await serve();
  const told = /First user +admin\npassword +([0-9a-z-]+)\n/.exec(out)?.[1] ?? '';
  expect(told).toMatch(/^(\w{5}-){3}\w{5}$/);
  expect(out).toContain('npx holdfast users password admin');
  expect(await isKept('admin', told)).toBe(true);
  const again = await serve();
  const logs = await readdir(at.path('data/logs'));
  const texts = await Promise.all(logs.map((name) => readFile(join(at.path('data/logs'), name), 'utf8')));
  expect(texts.join('')).toContain('serving');
  for (const text of [err, again.out, again.err, ...texts]) expect(text).not.toContain(told);
  expect(again.out).not.toContain('First user');
  // Whoever lost it sets another.
  await at.run(['users', 'password', 'admin'], password);
  expect(await isKept('admin', password)).toBe(true);
  // As JSON it is told, too: to whom else.
  await at.run(['users', 'remove', 'admin']);
  const { firstAdmin } = JSON.parse((await serve('--json')).out) as { firstAdmin: { password: string } };
  expect(await isKept('admin', firstAdmin.password)).toBe(true);
});
