// The write-ahead log stays short: by its length, when nothing is written for a while, and at the end.

import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Timer } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { series, write } from '../writes.fixture.ts';
import { createTestFolder, type TestFolder } from './sqlite.fixture.ts';

let folder: TestFolder;
beforeEach(() => {
  folder = createTestFolder();
});
afterEach(() => folder.remove());

const logBytes = (): number => (existsSync(`${folder.file}-wal`) ? statSync(`${folder.file}-wal`).size : 0);
const long = JSON.stringify('x'.repeat(20_000));
const bounds = { copyPagesMin: 20, cutPagesMin: 60, idleMs: 5_000 };

/** A timer of which the test says when it goes off. */
function handTimer(): Timer & { due: { delayMs: number; run: () => void }[] } {
  const due: { delayMs: number; run: () => void }[] = [];
  return {
    due,
    after(delayMs, run) {
      const one = { delayMs, run };
      due.push(one);
      return { cancel: () => void due.splice(due.indexOf(one) >>> 0, 1) };
    },
  };
}

test('the log is copied and cut while commits go on, however many there are', async () => {
  const store = await folder.open(1, { walBounds: bounds });
  let longest = 0;
  for (let seq = 1; seq <= 100; seq++) {
    await write(
      store,
      series(seq, seq, () => ({ body: long, id: 'same', number: 1 })),
    );
    longest = Math.max(longest, logBytes());
  }
  // Each commit is some ten pages; the log is cut at 60.
  expect(longest).toBeLessThan(100 * 4_200);
  await store.close();
  expect(existsSync(`${folder.file}-wal`)).toBe(false);
});

test('a reader in another process keeps the log from being cut, and does not keep commits waiting', async () => {
  const store = await folder.open(1, { walBounds: bounds, busyMsMax: 2_000 });
  await write(
    store,
    series(1, 1, () => ({ id: 'same' })),
  );
  const other = new DatabaseSync(folder.file);
  other.exec('BEGIN');
  other.prepare('SELECT count(*) FROM hf_records').get();
  for (let seq = 2; seq <= 30; seq++)
    await write(
      store,
      series(seq, seq, () => ({ body: long, id: 'same', number: 1 })),
    );
  const grown = logBytes();
  expect(grown).toBeGreaterThan(60 * 4_096);
  other.exec('COMMIT');
  other.close();
  await write(
    store,
    series(31, 31, () => ({ id: 'same', number: 1 })),
  );
  expect(logBytes()).toBe(0);
  await store.close();
});

test('the log is cut when nothing was written for a while', async () => {
  const timer = handTimer();
  const store = await folder.open(1, { walBounds: { ...bounds, cutPagesMin: 1_000 }, timer });
  await write(store, series(1, 1));
  await write(store, series(2, 2));
  expect(logBytes()).toBeGreaterThan(0);
  // Each commit puts it off.
  expect(timer.due.map(({ delayMs }) => delayMs)).toEqual([5_000]);
  timer.due.pop()?.run();
  await new Promise((resolve) => setImmediate(resolve));
  expect(logBytes()).toBe(0);
  expect(timer.due).toEqual([]);
  await store.close();
});

test('a closed store leaves no timer', async () => {
  const timer = handTimer();
  const store = await folder.open(1, { timer });
  await write(store, series(1, 1));
  await store.close();
  expect(timer.due).toEqual([]);
});
