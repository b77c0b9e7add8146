// JSON that a person gives to a command, as text or in a file, read as strictly as what comes over the network.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { defaultLimits, type Json, parseJson } from '@holdfast/core';
import { CommandError } from './failure.ts';
import { exitCodes, type Terminal } from './terminal.ts';

export async function readGiven(
  terminal: Terminal,
  { text, file, flag }: { text: string | undefined; file: string | undefined; flag: string },
): Promise<Json> {
  const given = text ?? (await readFile(resolve(terminal.cwd, file ?? ''), 'utf8'));
  const read = parseJson(given.replace(/^\ufeff/, ''), {
    depthMax: defaultLimits.jsonDepthMax,
    keysMax: defaultLimits.jsonKeysMax,
  });
  if (read.ok) return read.value;
  const where = read.problem.field === '' ? '' : ` (${read.problem.field})`;
  throw new CommandError(read.problem.code, {
    message: `${file ?? flag} holds no JSON that can be taken${where}: ${read.problem.message}`,
    help: 'Correct it, then run the command again.',
    exit: exitCodes.usage,
  });
}
