import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { missingParts, recordingFile } from './record-demo.ts';

test('the recorded demo tells the story that is played; npm run record-demo writes it anew', async () => {
  expect(missingParts(await readFile(recordingFile, 'utf8'))).toEqual([]);
});

test('another story is noticed', async () => {
  const recording = await readFile(recordingFile, 'utf8');
  expect(missingParts(recording, [{ title: 'A bakery', steps: [{ do: 'say', text: 'New' }] }])).toEqual([
    'A bakery',
    'New',
  ]);
});
