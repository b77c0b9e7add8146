// Reads records written as JSON: an array of them, or one on each line. The text of each record goes through core's parser, which
// refuses what JSON.parse would change silently (rounded numbers, keys named twice), so no library that builds values is used: only
// the ends of the records have to be found.

import { parseJson } from '@holdfast/core';
import { BrokenFileError, type ReadRow, type RowBounds } from './row.ts';

/** One record on each line; empty lines are skipped. */
export async function* readNdjson(text: AsyncIterable<string>, bounds: RowBounds): AsyncGenerator<ReadRow> {
  let line = 1;
  let rest: Piece = { line, text: '', tooLong: false };
  for await (const chunk of text) {
    const [first = '', ...others] = chunk.split('\n');
    rest = grown(rest, first, bounds);
    for (const other of others) {
      if (rest.tooLong || rest.text.trim() !== '') yield readPiece(rest, bounds);
      line += 1;
      rest = grown({ line, text: '', tooLong: false }, other, bounds);
    }
  }
  if (rest.tooLong || rest.text.trim() !== '') yield readPiece(rest, bounds);
}

/** An array of records. */
export async function* readJsonArray(
  text: AsyncIterable<string>,
  bounds: RowBounds,
): AsyncGenerator<ReadRow> {
  const splitter = new ArraySplitter(bounds);
  for await (const chunk of text) for (const piece of splitter.split(chunk)) yield readPiece(piece, bounds);
  splitter.end();
}

/** The text of one record, and the line in which it begins. */
interface Piece {
  line: number;
  text: string;
  tooLong: boolean;
}

/** What is too long is not kept; it is only followed to its end. */
function grown(piece: Piece, more: string, bounds: RowBounds): Piece {
  if (piece.tooLong) return piece;
  const tooLong = piece.text.length + more.length > bounds.recordCharsMax;
  return { line: piece.line, text: tooLong ? '' : piece.text + more, tooLong };
}

function readPiece({ line, text, tooLong }: Piece, bounds: RowBounds): ReadRow {
  const problem = (message: string, field?: string): ReadRow => ({
    type: 'problem',
    line,
    problem: field ? { field, message } : { message },
  });
  if (tooLong) return problem(`the record is longer than ${bounds.recordCharsMax} characters`);
  if (text.trim() === '') return problem('there is nothing between two commas');
  const result = parseJson(text, { depthMax: bounds.recordDepthMax, keysMax: bounds.jsonKeysMax });
  if (!result.ok) return problem(result.problem.message, result.problem.field);
  const { value } = result;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return problem('a record is an object: { "id": … }');
  return { type: 'values', line, values: value as Extract<ReadRow, { type: 'values' }>['values'] };
}

const space = /\s/;

/** Finds where the records of an array begin and end. Whether one is sound, the parser says. */
class ArraySplitter {
  readonly #bounds: RowBounds;
  #place: 'before' | 'inside' | 'after' = 'before';
  #line = 1;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Null between records, until something else than a space comes. */
  #piece: Piece | null = null;

  constructor(bounds: RowBounds) {
    this.#bounds = bounds;
  }

  *split(chunk: string): Generator<Piece> {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const char = chunk[at] as string;
      if (this.#place !== 'inside') this.#outside(char);
      else if (this.#ends(char)) {
        const piece = this.#take(chunk.slice(from, at), char);
        if (piece) yield piece;
      } else {
        if (!this.#piece && !space.test(char)) {
          this.#piece = { line: this.#line, text: '', tooLong: false };
          from = at;
        }
        this.#follow(char);
      }
      if (char === '\n') this.#line += 1;
    }
    if (this.#piece) this.#piece = grown(this.#piece, chunk.slice(from), this.#bounds);
  }

  /** Throws when the array was not closed. */
  end(): void {
    if (this.#place === 'before') throw this.#broken('The file is empty.');
    if (this.#place === 'inside') {
      const where = this.#piece ? `in the record that begins in line ${this.#piece.line}` : 'in its array';
      throw this.#broken(`The file ends in the middle, ${where}.`);
    }
  }

  #outside(char: string): void {
    if (space.test(char)) return;
    if (this.#place === 'after') throw this.#broken('Something follows behind the end of the array.');
    if (char !== '[') {
      const help = char === '{' ? 'For one record on each line, give --format ndjson.' : undefined;
      throw this.#broken('The file is no JSON array: it does not begin with [.', help);
    }
    this.#place = 'inside';
  }

  /** Whether the character stands between two records, or behind the last. */
  #ends(char: string): boolean {
    // JSON has no line break in a string: a quote is missing, and the records behind must not be swallowed.
    if (this.#inString) return char === '\n';
    return this.#depth === 0 && (char === ',' || char === ']');
  }

  #take(text: string, char: string): Piece | undefined {
    const piece = this.#piece;
    this.#piece = null;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    if (char === ']') this.#place = 'after';
    if (piece) return grown(piece, text, this.#bounds);
    // Nothing: an empty array, or a comma too many at its end, which does no harm.
    return char === ']' ? undefined : { line: this.#line, text: '', tooLong: false };
  }

  #follow(char: string): void {
    if (this.#escaped) this.#escaped = false;
    else if (char === '"') this.#inString = !this.#inString;
    else if (this.#inString) {
      if (char === '\\') this.#escaped = true;
    } else if (char === '{' || char === '[') this.#depth += 1;
    else if ((char === '}' || char === ']') && this.#depth > 0) this.#depth -= 1;
  }

  #broken(message: string, help = 'Mend the file, then import it again.'): BrokenFileError {
    return new BrokenFileError(this.#line, message, help);
  }
}
