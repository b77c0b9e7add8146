// What the readers of an import make of a file: its rows one by one, each with the line in which it begins.

import type { JsonObject } from '@holdfast/core';

export interface RowProblem {
  field?: string;
  message: string;
}

export type ReadRow =
  /** Comes first, and only from formats whose fields are named once. */
  | { type: 'header'; line: number; columns: readonly string[] }
  /** One text for each column of the header. */
  | { type: 'cells'; line: number; cells: readonly string[] }
  | { type: 'values'; line: number; values: JsonObject }
  /** The row cannot be read; those behind it can. */
  | { type: 'problem'; line: number; problem: RowProblem };

/** From here on the file cannot be read. The rows before are good. */
export class BrokenFileError extends Error {
  override readonly name = 'BrokenFileError';
  readonly line: number;
  readonly help: string;

  constructor(line: number, message: string, help: string) {
    super(message);
    this.line = line;
    this.help = help;
  }
}

/** Bounds of one row, so that memory does not follow what stands in the file. */
export interface RowBounds {
  /** Characters of a record's JSON text, as of a row of a table. */
  recordCharsMax: number;
  recordDepthMax: number;
  jsonKeysMax: number;
}
