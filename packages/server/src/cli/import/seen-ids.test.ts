// Ids noted in bounded memory.

import { expect, test } from 'vitest';
import { createSeenIds } from './seen-ids.ts';

test('an id that comes again is answered with its line, also after the table grew', () => {
  const seen = createSeenIds();
  for (let n = 1; n <= 20_000; n++) expect(seen.add(`id-${n}`, n)).toBeUndefined();
  for (const n of [1, 717, 20_000]) expect(seen.add(`id-${n}`, 99_999)).toBe(n);
  expect(seen.complete).toBe(true);
});

test('beyond its bound it notes no more, and says so', () => {
  const seen = createSeenIds(2);
  for (const [place, id] of ['a', 'b', 'c', 'c'].entries()) expect(seen.add(id, place + 1)).toBeUndefined();
  expect(seen.add('a', 9)).toBe(1);
  expect(seen.complete).toBe(false);
});
