// Bodies read from streams that come in any pieces, within bounds that hold over all of them together.

import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { defaultLimits } from '@holdfast/core';
import { expect, test } from 'vitest';
import { checkMedia, parseBody, readBytes } from './body.ts';
import { type Budget, createBudget } from './budget.ts';

const bounds = { ...defaultLimits, bodyBytesMax: 1_000, bodyInflatedBytesMax: 5_000 };
const roomy: Budget = createBudget(1_000_000);

function inPieces(bytes: Buffer, size: number): Readable {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return Readable.from(pieces);
}

test.each([1, 7, 64, 10_000])(
  'a body in pieces of %i bytes comes whole, plain and compressed',
  async (size) => {
    const bytes = Buffer.from(
      JSON.stringify({ name: 'é\u{1f9fc}', list: Array.from({ length: 50 }, (_, n) => n) }),
    );
    const plain = readBytes(
      { stream: inPieces(bytes, size), length: bytes.length, gzip: false },
      bounds,
      roomy,
    );
    expect(await plain.bytes).toEqual(bytes);
    const zipped = readBytes(
      { stream: inPieces(gzipSync(bytes), size), length: undefined, gzip: true },
      bounds,
      roomy,
    );
    expect(parseBody(await zipped.bytes, bounds)).toEqual(JSON.parse(bytes.toString()));
  },
);

test('the bounds hold to the byte', async () => {
  const read = (count: number) =>
    readBytes(
      { stream: inPieces(Buffer.alloc(count, ' '), 100), length: undefined, gzip: false },
      bounds,
      roomy,
    ).bytes;
  expect(await read(1_000)).toHaveLength(1_000);
  await expect(read(1_001)).rejects.toMatchObject({ code: 'too_large', field: 'body' });
  const inflate = (count: number) =>
    readBytes(
      { stream: inPieces(gzipSync(Buffer.alloc(count, ' ')), 5), length: undefined, gzip: true },
      bounds,
      roomy,
    ).bytes;
  expect(await inflate(5_000)).toHaveLength(5_000);
  await expect(inflate(5_001)).rejects.toMatchObject({ code: 'too_large', field: 'body' });
});

test('what all bodies take together is bounded, and given back', async () => {
  const budget = createBudget(1_500);
  const read = () =>
    readBytes(
      { stream: inPieces(Buffer.alloc(1_000, ' '), 100), length: 1_000, gzip: false },
      bounds,
      budget,
    );
  const first = read();
  await first.bytes;
  const second = read();
  await expect(second.bytes).rejects.toMatchObject({ code: 'overloaded' });
  second.release();
  first.release();
  first.release();
  const third = read();
  expect(await third.bytes).toHaveLength(1_000);
  await expect(read().bytes).rejects.toMatchObject({ code: 'overloaded' });
});

test('a peer that goes away in the middle leaves nothing waiting', async () => {
  const stream = new PassThrough();
  const { bytes } = readBytes({ stream, length: 500, gzip: true }, bounds, roomy);
  stream.write(gzipSync('{}').subarray(0, 10));
  stream.destroy();
  await expect(bytes).rejects.toMatchObject({ code: 'malformed', field: 'body' });
});

test('media types', () => {
  for (const type of [
    'application/json',
    'Application/JSON; charset=UTF-8',
    'application/json;charset="utf-8"',
  ])
    expect(checkMedia({ 'content-type': type })).toEqual({ gzip: false });
  expect(checkMedia({ 'content-type': 'application/json', 'content-encoding': 'GZIP' })).toEqual({
    gzip: true,
  });
  for (const type of [
    undefined,
    '',
    'application/json2',
    'application/jsonp',
    'text/json',
    'application/json; charset=latin1',
    'application/json; x=y',
  ])
    expect(() => checkMedia(type === undefined ? {} : { 'content-type': type }), type).toThrow(
      expect.objectContaining({ code: 'unsupported_media', field: 'content-type' }),
    );
});
