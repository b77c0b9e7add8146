// Tables as people and spreadsheets write them.

import { expect, test } from 'vitest';
import { readCsv, usedDelimiter } from './csv.ts';
import { BrokenFileError, type ReadRow } from './row.ts';

const bounds = { recordCharsMax: 1_000, recordDepthMax: 32, jsonKeysMax: 1_000 };

async function* chunks(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

/** Whatever the pieces in which the text arrives, the rows are the same. */
async function read(text: string, delimiter?: string): Promise<(string | readonly unknown[])[]> {
  const [whole, ...others] = await Promise.all(
    [text.length + 1, 7, 1].map((size) => readInPieces(text, size, delimiter)),
  );
  for (const other of others) expect(other).toEqual(whole);
  return whole ?? [];
}

async function readInPieces(text: string, size: number, delimiter?: string): Promise<(string | unknown[])[]> {
  const rows: (string | unknown[])[] = [];
  try {
    for await (const row of readCsv(chunks(text, size), bounds, delimiter)) rows.push(brief(row));
  } catch (error) {
    if (!(error instanceof BrokenFileError)) throw error;
    rows.push(`broken in ${error.line}: ${error.message}`);
  }
  return rows;
}

function brief(row: ReadRow): unknown[] {
  if (row.type === 'header') return ['header', ...row.columns];
  if (row.type === 'cells') return [row.line, ...row.cells];
  return [row.line, row.type, row.type === 'problem' ? row.problem.message : row.values];
}

test('a header, then rows with the line in which each begins', async () => {
  expect(await read('id,name\n1,Bread\n\n2,"two\nlines"\n3,"a ""b"""\n')).toEqual([
    ['header', 'id', 'name'],
    [2, '1', 'Bread'],
    [4, '2', 'two\nlines'],
    [6, '3', 'a "b"'],
  ]);
});

test('line ends of every system, mixed, and none at the end', async () => {
  expect(await read('id,n\r\n1,a\n2,b\r3,c')).toEqual([
    ['header', 'id', 'n'],
    [2, '1', 'a'],
    [3, '2', 'b'],
    [4, '3', 'c'],
  ]);
});

test('the delimiter is the one that the header uses', async () => {
  expect(await read('id;name\n1;"a;b"\n')).toEqual([
    ['header', 'id', 'name'],
    [2, '1', 'a;b'],
  ]);
  expect(await read('id|a,b\n1|2\n', '|')).toEqual([
    ['header', 'id', 'a,b'],
    [2, '1', '2'],
  ]);
  expect(usedDelimiter('id\t"a,b,c,d"\tc')).toBe('\t');
  expect(usedDelimiter('id')).toBe(',');
});

test('rows of empty cells are what spreadsheets leave behind, not rows', async () => {
  expect(await read('id,n\n,\n1,a\n , \n')).toEqual([
    ['header', 'id', 'n'],
    [3, '1', 'a'],
  ]);
});

test('a row with too few or too many cells is told, and the others are read', async () => {
  expect(await read('id,n\n1\n2,b\n3,c,d\n4,d,,\n')).toEqual([
    ['header', 'id', 'n'],
    [2, 'problem', 'the row has 1 cells, and the header names 2 columns'],
    [3, '2', 'b'],
    [4, 'problem', 'the row has 3 cells, and the header names 2 columns'],
    [5, '4', 'd'],
  ]);
});

test('a quote within a cell is a character', async () => {
  expect(await read('id,n\n1,Pipe 5" wide\n2,"""quoted"""\n')).toEqual([
    ['header', 'id', 'n'],
    [2, '1', 'Pipe 5" wide'],
    [3, '2', '"quoted"'],
  ]);
});

test('a quote that swallowed the next row is told, and nothing wrong is stored', async () => {
  const message = 'a quote does not close its cell; inside a quoted cell, write each quote twice';
  expect(await read('id,n\n1,"4"5\n2,b\n3,"c\n4,"d\n5,e\n')).toEqual([
    ['header', 'id', 'n'],
    [2, 'problem', message],
    [3, '2', 'b'],
    [4, 'problem', message],
    [6, '5', 'e'],
  ]);
});

test('the rows before a quote that never closes are good', async () => {
  expect(await read('id,n\n1,a\n2,b\n3,"c\n4,d\n')).toEqual([
    ['header', 'id', 'n'],
    [2, '1', 'a'],
    [3, '2', 'b'],
    'broken in 4: A quote that opens in or after line 4 is never closed.',
  ]);
});

test('a row beyond the bound ends the reading instead of filling the memory', async () => {
  expect(await read(`id,n\n1,a\n2,"${'x\n'.repeat(4_000)}"\n3,b\n`)).toEqual([
    ['header', 'id', 'n'],
    [2, '1', 'a'],
    'broken in 3: The row in line 3 is longer than 4000 characters.',
  ]);
});

test('nothing in an empty file', async () => {
  expect(await read('')).toEqual([]);
  expect(await read('\n\n')).toEqual([]);
});
