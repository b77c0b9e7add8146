// Bytes become text, or the import stops: nothing is guessed.

import { expect, test } from 'vitest';
import { decodeText, isEncoding } from './decode.ts';
import { BrokenFileError } from './row.ts';

async function decode(bytes: Uint8Array, encoding?: string): Promise<string> {
  const [whole = '', ...others] = await Promise.all(
    [bytes.length + 1, 1].map(async (size) => {
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      }
      let text = '';
      for await (const part of decodeText(pieces(), encoding)) text += part;
      return text;
    }),
  );
  for (const other of others) expect(other).toBe(whole);
  return whole;
}

test('UTF-8 with and without its mark, and letters cut by pieces', async () => {
  expect(await decode(Buffer.from('id,größe €'))).toBe('id,größe €');
  expect(await decode(Buffer.from('\u{feff}id'))).toBe('id');
  expect(await decode(Buffer.from(''))).toBe('');
  expect(await decode(Buffer.from('x'))).toBe('x');
});

test('UTF-16 says so itself; others are named', async () => {
  expect(await decode(Buffer.from('\u{feff}größe', 'utf16le'))).toBe('größe');
  expect(await decode(Buffer.from('\u{feff}größe', 'utf16le').swap16())).toBe('größe');
  expect(await decode(Buffer.from([0x67, 0xf6, 0x80]), 'windows-1252')).toBe('gö€');
});

test('bytes that are no letters stop the import and say where', async () => {
  const bytes = Buffer.concat([Buffer.from('id\na\nb'), Buffer.from([0xf6, 0x0a])]);
  const failed = decode(bytes);
  await expect(failed).rejects.toBeInstanceOf(BrokenFileError);
  await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('not utf-8') });
  await expect(decode(Buffer.from([0x61, 0xc3]))).rejects.toBeInstanceOf(BrokenFileError);
});

test('encodings are known by name', () => {
  expect(isEncoding('latin1')).toBe(true);
  expect(isEncoding('klingon')).toBe(false);
});
