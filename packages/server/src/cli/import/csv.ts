// Reads a table of separated values: RFC 4180, and what spreadsheets make of it (semicolons, tabs, quotes within a cell).

import { Readable } from 'node:stream';
import { type Info, type Options, parse } from 'csv-parse';
import { parse as parseWhole } from 'csv-parse/sync';
import { BrokenFileError, type ReadRow, type RowBounds } from './row.ts';

interface Parsed {
  record: string[];
  raw: string;
  info: Info;
}

const options = {
  info: true,
  raw: true,
  record_delimiter: ['\r\n', '\n', '\r'],
  relax_column_count: true,
  // 5" is an honest cell. What a quote in the wrong place swallowed is found out by `misquoted`.
  relax_quotes: true,
  // Reports an error through on_skip instead of ending the stream, which would throw away rows that are good.
  skip_records_with_error: true,
} as const satisfies Options;

/**
 * Behind a row that is too long the parser has lost its place, so this is far more than a record may have: one that is a little
 * too large is told like any other bad row, and only a quote that is never closed ends the reading.
 */
function rowCharsMax({ recordCharsMax }: RowBounds): number {
  return recordCharsMax * 4;
}

/** `delimiter` undefined: the one that the header uses most. */
export async function* readCsv(
  text: AsyncIterable<string>,
  bounds: RowBounds,
  delimiter?: string,
): AsyncGenerator<ReadRow> {
  const { head, all } = await firstLine(text, rowCharsMax(bounds));
  const faults: { code: string; records: number }[] = [];
  const parser = parse({
    ...options,
    delimiter: delimiter ?? usedDelimiter(head),
    max_record_size: rowCharsMax(bounds),
    on_skip: (error) => {
      if (error) faults.push({ code: error.code, records: Number(error.records) });
      return undefined;
    },
  });
  const rows = Readable.from(all)
    .on('error', (error) => parser.destroy(error))
    .pipe(parser);
  let columns: readonly string[] | undefined;
  let line = 1;
  for await (const { record, raw, info } of rows as AsyncIterable<Parsed>) {
    // Behind its first error the parser has lost its place.
    if (faults[0] && info.records > faults[0].records) break;
    const begins = info.lines - record.reduce((breaks, cell) => breaks + lineBreaks(cell), 0);
    line = info.lines + 1;
    if (record.every((cell) => cell.trim() === '')) continue;
    if (!columns) {
      columns = record.map((name) => name.trim());
      yield { type: 'header', line: begins, columns };
    } else {
      yield readRow(record, columns.length, { line: begins, raw, parser: parser.options });
    }
  }
  if (faults[0]) throw brokenAt(faults[0].code, line, bounds);
}

function readRow(
  record: readonly string[],
  columns: number,
  row: { line: number; raw: string; parser: Options },
): ReadRow {
  const { line } = row;
  if (record.some((cell) => cell.startsWith('"')) && misquoted(row.raw, row.parser)) {
    const message = 'a quote does not close its cell; inside a quoted cell, write each quote twice';
    return { type: 'problem', line, problem: { message } };
  }
  const extra = record.slice(columns).some((cell) => cell !== '');
  if (record.length < columns || extra) {
    const message = `the row has ${record.length} cells, and the header names ${columns} columns`;
    return { type: 'problem', line, problem: { message } };
  }
  return { type: 'cells', line, cells: record.slice(0, columns) };
}

/** A cell that begins with a quote is either one that was written twice, or the trace of a quote that closed nothing. */
function misquoted(raw: string, { delimiter, record_delimiter }: Options): boolean {
  try {
    parseWhole(raw, {
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(record_delimiter === undefined ? {} : { record_delimiter }),
      relax_column_count: true,
    });
    return false;
  } catch {
    return true;
  }
}

function brokenAt(code: string, line: number, bounds: RowBounds): BrokenFileError {
  if (code === 'CSV_QUOTE_NOT_CLOSED') {
    return new BrokenFileError(
      line,
      `A quote that opens in or after line ${line} is never closed.`,
      'Close it; inside a quoted cell, write each quote twice. Then import the file again.',
    );
  }
  if (code === 'CSV_MAX_RECORD_SIZE') {
    return new BrokenFileError(
      line,
      `The row in line ${line} is longer than ${rowCharsMax(bounds)} characters.`,
      'If a quote there is not closed, close it. Then import the file again.',
    );
  }
  return new BrokenFileError(line, `Line ${line} cannot be read (${code}).`, 'Mend it, then import again.');
}

function lineBreaks(cell: string): number {
  return cell.includes('\n') || cell.includes('\r') ? cell.split(/\r\n|\n|\r/).length - 1 : 0;
}

/** The text of the first line with something in it, and the whole text again. */
async function firstLine(
  text: AsyncIterable<string>,
  charsMax: number,
): Promise<{ head: string; all: AsyncIterable<string> }> {
  const source = text[Symbol.asyncIterator]();
  let read = '';
  let done = false;
  while (!done && read.length < charsMax && !/\S.*[\r\n]/.test(read)) {
    const next = await source.next();
    done = next.done === true;
    if (!next.done) read += next.value;
  }
  async function* all(): AsyncGenerator<string> {
    if (read !== '') yield read;
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value;
  }
  return { head: /\S.*/.exec(read)?.[0] ?? '', all: all() };
}

/** Counted outside of quotes; a comma when there is none. */
export function usedDelimiter(header: string): string {
  const plain = header.replace(/"(?:[^"]|"")*"?/g, '');
  const [best] = [',', ';', '\t', '|']
    .map((delimiter) => ({ delimiter, count: plain.split(delimiter).length }))
    .sort((a, b) => b.count - a.count);
  return best?.delimiter ?? ',';
}
