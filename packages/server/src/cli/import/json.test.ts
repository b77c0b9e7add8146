// Records written as JSON, in pieces of any size.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readJsonArray, readNdjson } from './json.ts';
import { BrokenFileError, type ReadRow } from './row.ts';

const bounds = { recordCharsMax: 100, recordDepthMax: 5, jsonKeysMax: 10 };

async function* chunks(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

type Reader = typeof readNdjson;

async function read(reader: Reader, text: string): Promise<unknown[]> {
  const [whole, ...others] = await Promise.all(
    [text.length + 1, 5, 1].map((size) => readInPieces(reader, text, size)),
  );
  for (const other of others) expect(other).toEqual(whole);
  return whole ?? [];
}

async function readInPieces(reader: Reader, text: string, size: number): Promise<unknown[]> {
  const rows: unknown[] = [];
  try {
    for await (const row of reader(chunks(text, size), bounds)) rows.push(brief(row));
  } catch (error) {
    if (!(error instanceof BrokenFileError)) throw error;
    rows.push(`broken in ${error.line}: ${error.message}`);
  }
  return rows;
}

function brief(row: ReadRow): unknown {
  if (row.type === 'values') return [row.line, row.values];
  return [row.line, row.type === 'problem' ? row.problem.message : row.type];
}

test('NDJSON: a record on each line, empty lines skipped, a last line without an end', async () => {
  expect(await read(readNdjson, '{"id":"a"}\n\n  \r\n{"id":"b","t":"x\\ny"}\r\n{"id":"c"}')).toEqual([
    [1, { id: 'a' }],
    [4, { id: 'b', t: 'x\ny' }],
    [5, { id: 'c' }],
  ]);
});

test('NDJSON: a bad line is told, and the others are read', async () => {
  expect(
    await read(
      readNdjson,
      `{"id":}\n[1]\n{"n":9007199254740993}\n{"a":1,"a":2}\n${`{"x":"${'y'.repeat(200)}`}"}\n{"id":"z"}`,
    ),
  ).toEqual([
    [1, expect.stringContaining('not valid JSON')],
    [2, 'a record is an object: { "id": … }'],
    [3, expect.stringContaining('cannot be held exactly')],
    [4, expect.stringContaining('twice')],
    [5, 'the record is longer than 100 characters'],
    [6, { id: 'z' }],
  ]);
});

test('array: records with the line in which each begins, whatever stands in their strings', async () => {
  expect(await read(readJsonArray, ' [ {"id":"a,]}\\"["} ,\n{"id":\n"b","n":{"x":[1,[2]]}}\n]\n ')).toEqual([
    [1, { id: 'a,]}"[' }],
    [2, { id: 'b', n: { x: [1, [2]] } }],
  ]);
  expect(await read(readJsonArray, '[]')).toEqual([]);
  expect(await read(readJsonArray, '[{"id":"a"},]')).toEqual([[1, { id: 'a' }]]);
});

test('array: a bad record is told, and the others are read', async () => {
  expect(await read(readJsonArray, `[{"id":"a"},,{"id":b},\n1,"${'y'.repeat(200)}",{"id":"c"}]`)).toEqual([
    [1, { id: 'a' }],
    [1, 'there is nothing between two commas'],
    [1, expect.stringContaining('not valid JSON')],
    [2, 'a record is an object: { "id": … }'],
    [2, 'the record is longer than 100 characters'],
    [2, { id: 'c' }],
  ]);
});

test('array: a missing quote does not swallow the records behind it', async () => {
  expect(await read(readJsonArray, '[{"id":"a},\n{"id":"b"}\n,{"id":"c"}]')).toEqual([
    [1, expect.stringContaining('not valid JSON')],
    [2, { id: 'b' }],
    [3, { id: 'c' }],
  ]);
});

test('array: what cannot be an array is said', async () => {
  expect(await read(readJsonArray, '{"id":"a"}\n{"id":"b"}')).toEqual([
    'broken in 1: The file is no JSON array: it does not begin with [.',
  ]);
  expect(await read(readJsonArray, '[{"id":"a"},\n{"id":')).toEqual([
    [1, { id: 'a' }],
    'broken in 2: The file ends in the middle, in the record that begins in line 2.',
  ]);
  expect(await read(readJsonArray, '[{"id":"a"}] x')).toEqual([
    [1, { id: 'a' }],
    'broken in 1: Something follows behind the end of the array.',
  ]);
  expect(await read(readJsonArray, ' ')).toEqual(['broken in 1: The file is empty.']);
});

test('any records come back as JSON.parse has them', async () => {
  const record = fc.dictionary(
    fc.stringMatching(/^[a-z]{1,5}$/),
    fc.oneof(fc.integer(), fc.string({ maxLength: 8 }), fc.boolean()),
    {
      maxKeys: 3,
    },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { maxLength: 6 }),
      fc.nat(2),
      fc.integer({ min: 1, max: 9 }),
      async (records, indent, size) => {
        const sound = records.filter((one) => !JSON.stringify(one).includes('\\u0000'));
        const rows = await readInPieces(readJsonArray, JSON.stringify(sound, null, indent), size);
        expect(rows.map((row) => (row as [number, unknown])[1])).toEqual(sound);
      },
    ),
    { numRuns: 50 },
  );
});
