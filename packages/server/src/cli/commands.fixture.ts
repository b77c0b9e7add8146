// The command `holdfast` in a folder of its own: run in this process, which is quick, or as its users run it, as a process.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Admin } from '../admin/admin.ts';
import { runCommand } from './program.ts';
import { firstLine } from './terminal.ts';

const bin = fileURLToPath(new URL('./holdfast.mjs', import.meta.url));
const face = pathToFileURL(fileURLToPath(new URL('../index.ts', import.meta.url))).href;

export interface Outcome {
  exit: number | null;
  out: string;
  err: string;
}

export interface RunOptions {
  /** What the person answers when asked; true where nobody is. */
  confirms?: boolean;
  columns?: number;
  /** What the person types unseen, one after the other; without it nobody can be asked. */
  secrets?: readonly string[];
}

/** What an operation of the server answers, which most commands print as it is. */
export type AnswerOf<Operation extends keyof Admin> = Awaited<ReturnType<Admin[Operation]>>;

export interface Workplace {
  /** The command's file. */
  bin: string;
  folder: string;
  path(name: string): string;
  write(name: string, text: string): Promise<void>;
  read(name: string): Promise<string>;
  /** In this process. */
  run(args: readonly string[], input?: string, options?: RunOptions): Promise<Outcome>;
  /** The same with `--json`, and the answer read as what the test says that it is. */
  json<Answer extends object = Record<string, unknown>>(
    args: readonly string[],
    input?: string,
  ): Promise<Answer>;
  /** As a process, which ends with the workplace at the latest. */
  start(args: readonly string[]): ChildProcess;
  /** The server as a process; resolves when it serves. */
  serve(args?: readonly string[]): Promise<ChildProcess>;
  close(): Promise<void>;
}

/** A folder with a config of products (a counter, a unique field) and sales. */
export async function createWorkplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
  const path = (name: string): string => join(folder, name);
  const running = new Set<ChildProcess>();
  const run = async (args: readonly string[], input = '', options: RunOptions = {}): Promise<Outcome> => {
    const [out, err]: [string[], string[]] = [[], []];
    const typed = options.secrets?.values();
    const stdin = Readable.from([Buffer.from(input)]);
    const exit = await runCommand(args, {
      input: stdin,
      print: (text) => out.push(`${text}\n`),
      write: async (text) => void out.push(text),
      note: (line) => err.push(`${line}\n`),
      progress: () => undefined,
      catchInterrupt: () => new AbortController().signal,
      confirm: async (question) => {
        err.push(`${question}\n`);
        return options.confirms ?? true;
      },
      asks: typed !== undefined,
      async secret(question) {
        if (!typed) return firstLine(stdin);
        err.push(`${question}\n`);
        return typed.next().value;
      },
      columns: options.columns,
      cwd: folder,
    });
    return { exit, out: out.join(''), err: err.join('') };
  };
  const start = (args: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, [bin, ...args], { cwd: folder, stdio: 'pipe' });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  };
  await writeFile(path('holdfast.config.ts'), configText(face));
  return {
    bin,
    folder,
    path,
    write: (name, text) => writeFile(path(name), text),
    read: (name) => readFile(path(name), 'utf8'),
    run,
    async json(args, input) {
      const { out, err } = await run([...args, '--json'], input);
      try {
        return JSON.parse(out);
      } catch {
        throw new Error(`No JSON from ${args.join(' ')}: ${out}${err}`);
      }
    },
    start,
    async serve(args = []) {
      const child = start(['serve', '--port', '0', ...args]);
      child.stderr?.resume();
      await once(child.stdout ?? child, 'data');
      child.stdout?.resume();
      return child;
    },
    async close() {
      await Promise.all([...running].map((child) => end(child, 'SIGKILL')));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Ends a process that a test started; answers its exit code. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = once(child, 'exit');
  child.kill(signal);
  const [code] = (await gone) as [number | null];
  return code;
}

/** All that a process says, and its end. Null leaves its input open. */
export async function collect(child: ChildProcess, input: string | null = ''): Promise<Outcome> {
  let [out, err] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  // A command that has ended without reading its input does not want it.
  child.stdin?.on('error', () => undefined);
  if (input !== null) child.stdin?.end(input);
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, out, err };
}

function configText(imports: string): string {
  return `import { defineConfig, defineSchema, z } from ${JSON.stringify(imports)};
export default defineConfig({
  logLevel: 'silent',
  schema: defineSchema({
    version: 1,
    collections: {
      products: {
        kind: 'request',
        fields: z.object({ name: z.string().min(1), price: z.number(), stock: z.number().optional(), sku: z.string().optional() }),
        counters: { stock: {} },
        unique: ['sku'],
      },
      sales: { kind: 'fact', fields: z.object({ amount: z.number() }) },
    },
  }),
});
`;
}
