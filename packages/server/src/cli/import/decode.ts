// Turns a file's bytes into text. A byte that the encoding has not stops the import: a guess would store wrong letters.

import { BrokenFileError } from './row.ts';

/** Without an `encoding`: UTF-16 when its mark stands at the beginning, else UTF-8. A mark is no part of the text. */
export async function* decodeText(
  bytes: AsyncIterable<Uint8Array>,
  encoding: string | undefined,
): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let start: Uint8Array = new Uint8Array();
  let line = 1;
  for await (const chunk of bytes) {
    let next: Uint8Array = chunk;
    if (!decoder) {
      start = Buffer.concat([start, chunk]);
      if (start.length < 2) continue;
      next = start;
      decoder = new TextDecoder(encoding ?? markedEncoding(start), { fatal: true });
    }
    const text = decode(decoder, next, line);
    line += text.split('\n').length - 1;
    yield text;
  }
  decoder ??= new TextDecoder(encoding ?? 'utf-8', { fatal: true });
  yield decode(decoder, start.length < 2 ? start : undefined, line);
}

/** Whether the machine knows an encoding of this name. */
export function isEncoding(name: string): boolean {
  try {
    return new TextDecoder(name).encoding !== '';
  } catch {
    return false;
  }
}

function markedEncoding(start: Uint8Array): string {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  return start[0] === 0xfe && start[1] === 0xff ? 'utf-16be' : 'utf-8';
}

/** Without `bytes`: the end, where half a letter may be left over. */
function decode(decoder: TextDecoder, bytes: Uint8Array | undefined, line: number): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch {
    throw new BrokenFileError(
      line,
      `The file is not ${decoder.encoding}: it holds bytes that are no letters there, in or after line ${line}.`,
      'Save it as UTF-8, or name its encoding, such as --encoding windows-1252.',
    );
  }
}
