// Where a command writes: results to standard output, everything else to standard error, and progress only where somebody watches.

import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import { lookEvery } from '../clock.ts';

/** Exit codes: what a script may rely on. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

export interface Terminal {
  /** Standard input. */
  readonly input: Readable;
  /** Standard output: the result, for people or as one JSON value. */
  print(text: string): void;
  /** Standard output: a part of a long result, as it is. Resolves when there is room for more. */
  write(text: string): Promise<void>;
  /** Standard error: a whole line. */
  note(line: string): void;
  /** A line that the next one replaces; nothing where standard error is no terminal. Empty: gone. */
  progress(line: string): void;
  /**
   * From now on the first Ctrl-C or SIGTERM aborts this instead of ending the process. The second ends it. Under npx and npm it is
   * aborted too when these are ended.
   */
  catchInterrupt(): AbortSignal;
  /**
   * Asks whether to go on. Where nobody can be asked, who gave the command has answered: true.
   */
  confirm(question: string): Promise<boolean>;
  /**
   * Asks for what is not to be seen. Where nobody can be asked: the first line of standard input. Undefined: there was none, or it was
   * interrupted.
   */
  secret(question: string): Promise<string | undefined>;
  /** Whether somebody can be asked. */
  readonly asks: boolean;
  /** How wide standard output is; undefined where it is no terminal. */
  readonly columns: number | undefined;
  /** Where relative paths begin. */
  readonly cwd: string;
}

export function processTerminal(): Terminal {
  const { stderr } = process;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader went away (`| head`): there is nobody left to tell.
    if (error.code === 'EPIPE') process.exit();
    const isFull = error.code === 'ENOSPC' || error.code === 'EDQUOT';
    stderr.write(`holdfast: Standard output cannot be written${isFull ? ': the disk is full' : ''}.\n`);
    process.exit(exitCodes.failed);
  });
  let progressShown = false;
  let interruption: AbortSignal | undefined;
  const clear = (): void => {
    if (progressShown) stderr.write('\r\u001b[K');
    progressShown = false;
  };
  return {
    // Asked for only when it is read: the process waits for an input that it has touched.
    get input() {
      return process.stdin;
    },
    print(text) {
      clear();
      process.stdout.write(`${text}\n`);
    },
    write(text) {
      clear();
      return new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
      });
    },
    note(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    progress(line) {
      clear();
      if (!stderr.isTTY || line === '') return;
      stderr.write(printable(line).slice(0, (stderr.columns || 80) - 1));
      progressShown = true;
    },
    catchInterrupt() {
      interruption ??= catchSignals();
      return interruption;
    },
    async confirm(question) {
      clear();
      if (!this.asks) return true;
      const asking = createInterface({ input: process.stdin, output: stderr });
      try {
        return /^y(es)?$/i.test((await asking.question(`${printable(question)} Go on? [y/N] `)).trim());
      } finally {
        asking.close();
      }
    },
    get asks() {
      return process.stdin.isTTY === true && stderr.isTTY === true;
    },
    secret(question) {
      clear();
      return this.asks ? askUnseen(`${printable(question)}: `) : firstLine(process.stdin);
    },
    get columns() {
      // A terminal that does not know its width says 0.
      return (process.stdout.isTTY && process.stdout.columns) || undefined;
    },
    cwd: process.cwd(),
  };
}

/** What is typed goes nowhere; the line can be edited all the same. */
async function askUnseen(prompt: string): Promise<string | undefined> {
  process.stderr.write(prompt);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const asking = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  const gone = new AbortController();
  asking.once('close', () => gone.abort());
  asking.once('SIGINT', () => asking.close());
  try {
    return await asking.question('', { signal: gone.signal });
  } catch (error) {
    if (gone.signal.aborted) return undefined;
    throw error;
  } finally {
    asking.close();
    process.stderr.write('\n');
  }
}

const lineBytesMax = 8_192;

/** Reads no further than it has to: whoever writes may leave the other end open. */
export async function firstLine(input: Readable): Promise<string | undefined> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of input) {
    bytes = Buffer.concat([bytes, Buffer.from(chunk as Uint8Array | string)]);
    if (bytes.includes('\n') || bytes.length > lineBytesMax) break;
  }
  if (bytes.length === 0) return undefined;
  // Also takes away the mark that some shells put before a text.
  return new TextDecoder().decode(bytes).split('\n')[0]?.replace(/\r$/, '');
}

function catchSignals(): AbortSignal {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  // npx and npm hand a signal to the shell between them and this process, which ends of it and tells nobody.
  const { ppid } = process;
  if (process.env.npm_command !== undefined)
    lookEvery(parentEveryMs, () => {
      if (process.ppid !== ppid) interruption.abort();
    });
  return interruption.signal;
}

const parentEveryMs = 250;

/** Without control characters: a name in a file could otherwise move the terminal's cursor or hide what it prints. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\u{fffd}');
}

/** Columns as wide as their widest cell; the last one runs free. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map((cells) => cells.map(printable));
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Names and values, one below the other. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n');
}

export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const step = bytes < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}

/** With spaces between the thousands: a comma would be a decimal sign elsewhere. */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${numberText(count)} ${count === 1 ? one : many}`;
}

export function numberText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, '\u00a0');
}

export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([amount], place) => place === 0 || amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

/** `2026-11-21 10:30`, in UTC: a server and its operator may be in different zones. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
