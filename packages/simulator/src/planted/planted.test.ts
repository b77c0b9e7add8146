// Every planted bug still has its place in the product, exactly once. That each is caught takes longer: run.ts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plantedBugs } from './bugs.ts';
import { planted } from './copy.ts';

test.each(plantedBugs)('$name has its place', (bug) => {
  const text = readFileSync(join(import.meta.dirname, '../../../..', bug.file), 'utf8');
  expect(planted(text, bug)).not.toBe(text);
});

test('a bug whose place is gone, or there twice, is refused', () => {
  const bug = { name: 'x', harm: '', file: 'f', find: 'a', replace: 'b' };
  expect(planted('xay', bug)).toBe('xby');
  expect(() => planted('xy', bug)).toThrow('0 times');
  expect(() => planted('aya', bug)).toThrow('2 times');
});
