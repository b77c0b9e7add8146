// How a command fails: what is wrong, what to do, and the exit code. A stack trace is shown for our own bugs alone, and only to who
// asks for it.

import { RequestError, requestErrors } from '@holdfast/core';
import { CommanderError } from 'commander';
import { ConfigError } from '../config-error.ts';
import { StartError } from '../start-error.ts';
import { StoreError } from '../store/port.ts';
import { exitCodes } from './terminal.ts';

export interface CommandErrorOptions {
  message: string;
  /** What to do. */
  help: string;
  /** Default: failed. */
  exit?: number;
  cause?: unknown;
}

/** A mistake or a problem that a command found, said in one sentence. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: string;
  readonly help: string;
  readonly exit: number;

  constructor(code: string, options: CommandErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.help = options.help;
    this.exit = options.exit ?? exitCodes.failed;
  }
}

export interface Failure {
  code: string;
  message: string;
  help: string;
  exit: number;
  field?: string;
  /** Only of a bug. */
  stack?: string;
}

export function failureOf(error: unknown): Failure {
  const exit = exitCodes.failed;
  if (error instanceof CommandError) return pick(error, error.exit);
  if (error instanceof ConfigError || error instanceof StartError) return pick(error, exit);
  if (error instanceof RequestError) {
    // The table's help for it is for those who write clients; the message says what was typed wrong.
    const help = error.code === 'malformed' ? '' : requestErrors[error.code].help;
    return pick({ ...error, message: error.message, help }, exit);
  }
  if (error instanceof StoreError)
    return { code: error.code, message: error.message, help: 'Run npx holdfast doctor.', exit };
  if (error instanceof CommanderError) return { ...usage(error), exit: exitCodes.usage };
  const system = systemFailure(error);
  if (system) return { ...system, exit };
  const bug = error instanceof Error ? error : new Error(String(error));
  return {
    code: 'internal',
    message: `This is a fault of holdfast itself: ${firstLine(bug.message)}`,
    help: 'Please report it with what HOLDFAST_TRACE=1 prints in addition.',
    exit,
    stack: bug.stack ?? '',
  };
}

function pick(
  { code, message, help, field }: { code: string; message: string; help: string; field?: string | undefined },
  exit: number,
): Failure {
  return { code, message, help, exit, ...(field === undefined ? {} : { field }) };
}

function usage(error: CommanderError): { code: string; message: string; help: string } {
  const message = firstLine(error.message.replace(/^error: /, ''));
  return { code: 'usage', message: `${message}.`.replace(/\.\.$/, '.'), help: 'See holdfast --help.' };
}

const systemReasons: Readonly<Record<string, { reason: string; help: string }>> = {
  ENOENT: { reason: 'does not exist', help: 'Check the path.' },
  EACCES: { reason: 'may not be used by this user', help: 'Check who owns it and its mode.' },
  EPERM: { reason: 'may not be used by this user', help: 'Check who owns it and its mode.' },
  EROFS: { reason: 'lies on a file system that is read-only', help: 'Name another place.' },
  EISDIR: { reason: 'is a folder', help: 'Name a file.' },
  ENOTDIR: { reason: 'leads through something that is no folder', help: 'Check the path.' },
  ENOSPC: { reason: 'cannot be written: the disk is full', help: 'Free space, or name another disk.' },
  EDQUOT: { reason: 'cannot be written: the quota is used up', help: 'Free space, or name another disk.' },
  EIO: { reason: 'cannot be used: the disk reports an error', help: 'Check the disk.' },
};

/** Faults of the file system, which are the user's surroundings and no bug. */
export function systemFailure(error: unknown): { code: string; message: string; help: string } | undefined {
  const { code, path, dest } = error as NodeJS.ErrnoException & { dest?: string };
  const known = typeof code === 'string' ? systemReasons[code] : undefined;
  if (code === undefined || !known) return undefined;
  return { code, message: `${dest ?? path ?? 'A file'} ${known.reason}.`, help: known.help };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
