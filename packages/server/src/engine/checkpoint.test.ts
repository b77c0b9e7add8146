import { expect, test } from 'vitest';
import type { StoreSnapshot } from '../store/port.ts';
import { checkPosition, readCheckpoint, writeCheckpoint } from './checkpoint.ts';

test('a checkpoint comes back as it was written', () => {
  const position = { life: '0192f0c1-6a3e', seq: 12, stamp: 1_764_000_000_000 };
  expect(readCheckpoint(writeCheckpoint(position))).toEqual(position);
});

test.each([
  '',
  'x',
  'life.1',
  'life.1.2.3',
  'life.-1.2',
  'life.1.2e3',
  'life.01.2',
  'life.1.99999999999999999',
  '../../etc.1.2',
  'life.1.NaN',
])('%j is no checkpoint', (text) => {
  expect(() => readCheckpoint(text)).toThrow(
    expect.objectContaining({ code: 'bad_checkpoint', field: 'checkpoint' }),
  );
});

/** A scope whose life `a` ended at seq 5, and whose commit n has stamps 10n to 10n + 3. */
const snapshot = {
  lifeEnd: async (_scope: string, life: string) => ({ a: 5, b: 9 })[life] ?? null,
  commitStamp: async (_scope: string, seq: number) => ({ first: seq * 10, last: seq * 10 + 3 }),
} as unknown as StoreSnapshot;

test.each([
  ['the beginning', { life: 'a', seq: 0, stamp: 0 }],
  ['the end of a former life', { life: 'a', seq: 5, stamp: 53 }],
  ['the middle of a commit', { life: 'b', seq: 7, stamp: 71 }],
])('%s is a position of the scope', async (_, position) => {
  await expect(checkPosition(snapshot, 's', position)).resolves.toBeUndefined();
});

test.each([
  ['an unknown life', { life: 'c', seq: 1, stamp: 10 }, 'rolled_back', { fork: 0 }],
  ['a seq past its life’s end', { life: 'a', seq: 6, stamp: 60 }, 'rolled_back', { fork: 5 }],
  ['a seq beyond the head', { life: 'b', seq: 10, stamp: 100 }, 'rolled_back', { fork: 9 }],
  ['a stamp of another commit', { life: 'b', seq: 7, stamp: 80 }, 'bad_checkpoint', {}],
  ['a beginning with a stamp', { life: 'b', seq: 0, stamp: 5 }, 'bad_checkpoint', {}],
])('%s is refused', async (_, position, code, details) => {
  await expect(checkPosition(snapshot, 's', position)).rejects.toMatchObject({ code, details });
});
