// A file, or standard input, as rows: which format it has, and who reads it.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { CommandError } from '../failure.ts';
import { exitCodes, type Terminal } from '../terminal.ts';
import { readCsv } from './csv.ts';
import { decodeText } from './decode.ts';
import { readJsonArray, readNdjson } from './json.ts';
import type { ReadRow, RowBounds } from './row.ts';

export const formats = ['csv', 'json', 'ndjson'] as const;
export type Format = (typeof formats)[number];

export interface SourceWishes {
  /** A path, or `-` for standard input. */
  file: string;
  terminal: Pick<Terminal, 'cwd' | 'input'>;
  format?: Format;
  encoding?: string;
  delimiter?: string;
  /** Ends the reading at once, also while nothing comes. */
  interrupt: AbortSignal;
}

export interface Source {
  rows(bounds: RowBounds): AsyncGenerator<ReadRow>;
  /** How much of the file was read, from 0 to 1; undefined when its size is not known. */
  share(): number | undefined;
}

const byEnding: Readonly<Record<string, Format>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.txt': 'csv',
  '.json': 'json',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
};

/** Throws a CommandError when the format cannot be told or the file cannot be read. */
export async function openSource(wishes: SourceWishes): Promise<Source> {
  const { file, encoding, delimiter, interrupt } = wishes;
  const path = resolve(wishes.terminal.cwd, file);
  const format = wishes.format ?? formatOf(file);
  const size = file === '-' ? undefined : (await fileStat(path)).size;
  let bytesRead = 0;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    const stream = file === '-' ? wishes.terminal.input : createReadStream(path);
    interrupt.addEventListener('abort', () => stream.destroy(), { once: true });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytesRead += chunk.length;
      yield chunk;
    }
  }
  return {
    rows(bounds) {
      const text = decodeText(bytes(), encoding);
      if (format === 'json') return readJsonArray(text, bounds);
      return format === 'ndjson' ? readNdjson(text, bounds) : readCsv(text, bounds, delimiter);
    },
    share: () => (size ? Math.min(1, bytesRead / size) : undefined),
  };
}

/** The ending with its dot. */
export function formatByEnding(ending: string): Format | undefined {
  return byEnding[ending.toLowerCase()];
}

function formatOf(file: string): Format {
  const format = formatByEnding(extname(file));
  if (format) return format;
  throw new CommandError('format_unknown', {
    message:
      file === '-'
        ? 'Standard input has no name that tells its format.'
        : `The name ${file} does not tell its format.`,
    help: `Give --format ${formats.join(', --format ')}.`,
    exit: exitCodes.usage,
  });
}

async function fileStat(path: string): Promise<{ size: number | undefined }> {
  const found = await stat(path);
  if (found.isDirectory())
    throw new CommandError('not_a_file', { message: `${path} is a folder.`, help: 'Name a file.' });
  // A pipe (`<(…)`) can be read, but has no size.
  return { size: found.isFile() ? found.size : undefined };
}
