// The data folder as the doctor sees it. The file system is the test's own: a read-only one and another user's cannot be had
// everywhere, and who runs the tests may be allowed everything.

import { expect, test } from 'vitest';
import type { Finding } from './finding.ts';
import { checkFileSystem, checkFolder, type FolderProbe } from './folder.ts';

const gb = 1_000_000_000;

function probe(given: Partial<FolderProbe> = {}): FolderProbe {
  return {
    stat: async () => ({ folder: true, mode: 0o40700, uid: 5 }),
    write: async () => undefined,
    disk: async () => ({ type: 0xef53, freeBytes: 50 * gb }),
    platform: 'linux',
    uid: 5,
    ...given,
  };
}

const failing = (code: string) => async () => {
  throw Object.assign(new Error(code), { code });
};
const states = (findings: readonly Finding[]) => findings.map(({ check, state }) => `${check}: ${state}`);

test('a folder as it should be', async () => {
  expect(states(await checkFolder('data', probe()))).toEqual([
    'data folder: ok',
    'disk: ok',
    'file system: ok',
  ]);
});

test('a read-only file system, and a folder that this user may not write', async () => {
  const [first] = await checkFolder('data', probe({ write: failing('EROFS') }));
  expect(first).toMatchObject({ state: 'problem', message: 'data cannot be written (EROFS).' });
  expect(first?.help).toContain('mounted read-only');
  const [second] = await checkFolder('data', probe({ write: failing('EACCES') }));
  expect(second).toMatchObject({ state: 'problem', message: 'data cannot be written (EACCES).' });
});

test('a folder that is not there is judged by the one that it will be made in', async () => {
  const only = (there: string) => async (path: string) =>
    path === there ? { folder: true, mode: 0o40755, uid: 0 } : undefined;
  const [good] = await checkFolder('/a/b/c', probe({ stat: only('/a') }));
  expect(good).toMatchObject({ state: 'ok', message: expect.stringContaining('will be made') });
  const [bad] = await checkFolder('/a/b/c', probe({ stat: only('/a'), write: failing('EACCES') }));
  expect(bad).toMatchObject({
    state: 'problem',
    message: '/a/b/c is not there, and /a cannot be written (EACCES).',
  });
});

test('rights of others, other owners, and what is no folder', async () => {
  const stat =
    (mode: number, uid: number, folder = true) =>
    async () => ({ folder, mode, uid });
  const state = async (given: Partial<FolderProbe>) => (await checkFolder('data', probe(given)))[0]?.state;
  expect(await state({ stat: stat(0o40755, 5) })).toBe('warning');
  expect(await state({ stat: stat(0o40700, 6) })).toBe('warning');
  expect(await state({ stat: stat(0o100600, 5, false) })).toBe('problem');
  expect(await state({ stat: stat(0o40777, 0), uid: undefined, platform: 'win32' })).toBe('ok');
});

test('little room is a warning, hardly any a problem', async () => {
  const disk = (freeBytes: number) => async () => ({ type: 0xef53, freeBytes });
  const state = async (freeBytes: number) =>
    (await checkFolder('data', probe({ disk: disk(freeBytes) })))[1]?.state;
  expect([await state(50 * gb), await state(gb), await state(gb / 100)]).toEqual([
    'ok',
    'warning',
    'problem',
  ]);
  expect((await checkFolder('data', probe({ disk: failing('ENOSYS') })))[1]?.state).toBe('warning');
});

test.each([
  [0x6969, 'problem'],
  [0xff534d42, 'problem'],
  // The same number as some systems give it, with a sign.
  [0xff534d42 | 0, 'problem'],
  [0x65735546, 'warning'],
  [0x01021994, 'problem'],
  [0xef53, 'ok'],
])('file system %i is %s', (type, state) => {
  expect(checkFileSystem(type, 'linux').state).toBe(state);
  expect(checkFileSystem(type, 'darwin').state).toBe('ok');
});
