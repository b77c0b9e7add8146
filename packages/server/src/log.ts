// The server's log: one JSON line per event. It holds no bodies, no tokens, no names of records; an error is described by what
// our own code said about it, because the text of a parser's error quotes what it parsed.

import type { Clock } from '@holdfast/core';
import { type Logger, multistream, pino, type StreamEntry } from 'pino';
import type { LineSink, LogFiles } from './log-files.ts';

export const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];
export type Log = Logger;

export interface LogOptions {
  level: LogLevel;
  clock: Clock;
  /** Gets one line at a time and must have written it when it returns: the last one may tell why the process ends. */
  write: (line: string) => void;
  /** Get the same lines, a little later. */
  files?: Pick<LogFiles, 'combined' | 'error'> | undefined;
}

export function createLog(options: LogOptions): Log {
  const { write, files } = options;
  return pino(
    {
      level: options.level,
      // Neither process id nor host name: the log says nothing about the machine.
      base: null,
      timestamp: () => `,"time":${Math.round(options.clock.wallMs())}`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError, err: describeError },
    },
    files ? multistream(streamsOf({ write }, files)) : { write },
  );
}

/** The log's own level comes first; these let everything through that it does. */
function streamsOf(
  terminal: LineSink,
  { combined, error }: Pick<LogFiles, 'combined' | 'error'>,
): StreamEntry[] {
  return [
    { level: 'trace', stream: terminal },
    { level: 'trace', stream: combined },
    { level: 'error', stream: error },
  ];
}

export interface ErrorDescription {
  name: string;
  code?: string;
  message?: string;
  /** Where it was thrown, without the message. */
  stack?: readonly string[];
  cause?: ErrorDescription;
}

const messageCharsMax = 300;
const stackLinesMax = 12;

export function describeError(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { name: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    name: error.name,
    ...(code === undefined ? {} : { code }),
    ...(error instanceof SyntaxError ? {} : { message: error.message.slice(0, messageCharsMax) }),
    ...(stack.length === 0 ? {} : { stack: stack.slice(0, stackLinesMax).map((line) => line.trim()) }),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
