// Calls from the demo to its processes, over the channel that Node gives to a child. A process ends with whoever started it.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { getCompileCacheDir } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Name → what is done. Inputs and results are plain JSON. */
export type Handlers = Readonly<Record<string, (input: never) => Promise<unknown>>>;

type ResultOf<Made extends Handlers, Name extends keyof Made> = Awaited<ReturnType<Made[Name]>>;

interface Question {
  n: number;
  name: string;
  input: unknown;
}

type Reply = { n: number; result: unknown } | { n: number; error: string };

/** In the process: answers calls until the parent is gone. */
export function answerCalls(handlers: Handlers): void {
  process.on('message', ({ n, name, input }: Question) => {
    const work = handlers[name]?.(input as never) ?? Promise.reject(new Error(`There is no call ${name}.`));
    work.then(
      (result) => reply({ n, result: result ?? null }),
      (error: unknown) =>
        reply({ n, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
  reply({ n: 0, result: null });
}

function reply(message: Reply): void {
  process.send?.(message);
}

export interface Started<Made extends Handlers> {
  call<Name extends keyof Made & string>(
    name: Name,
    ...input: Parameters<Made[Name]>
  ): Promise<ResultOf<Made, Name>>;
  /** kill -9; the process is gone when it resolves, and calls under way reject. */
  kill(): Promise<void>;
}

/** Resolves when the process answers calls. */
export async function startProcess<Made extends Handlers>(file: URL, task: object): Promise<Started<Made>> {
  const child = fork(fileURLToPath(file), [JSON.stringify(task)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Ctrl-C is for the demo, which then ends its processes itself.
    detached: true,
    execArgv: [],
    // Where the command keeps its compiled code: a process begins in half the time.
    env: { ...process.env, NODE_COMPILE_CACHE: getCompileCacheDir() },
  });
  const asked = new Map<number, (reply: Reply) => void>();
  let last = 0;
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-saidCharsMax);
  });
  child.on('message', (message: Reply) => asked.get(message.n)?.(message));
  child.on('close', () => {
    for (const [n, settle] of asked) settle({ n, error: `The process has ended. ${said}` });
  });
  const answer = (n: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      asked.set(n, (message) => {
        asked.delete(n);
        if ('error' in message) reject(new Error(message.error));
        else resolve(message.result);
      });
    });
  await answer(0);
  return {
    call(name, ...[input]) {
      last += 1;
      const result = answer(last);
      if (isGone(child)) asked.get(last)?.({ n: last, error: `The process has ended. ${said}` });
      else child.send({ n: last, name, input } satisfies Question);
      return result as Promise<never>;
    },
    async kill() {
      if (isGone(child)) return;
      const gone = once(child, 'close');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** What the process was started with. */
export function readTask<Task>(): Task {
  return JSON.parse(process.argv[2] ?? '{}') as Task;
}

function isGone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

const saidCharsMax = 2_000;
