import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { errorReference, referenceFile } from './reference.ts';

test('the reference of errors is what the table says; npm run reference writes it anew', async () => {
  expect(await readFile(referenceFile, 'utf8')).toBe(errorReference());
});
