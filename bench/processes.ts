// Starts what a workload needs, each in a process of its own, and ends every one of them by its own id.

import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Child {
  /** Rejects when the task fails, the process ends, or nothing comes for five minutes. */
  ask<Result>(task: string, given?: unknown): Promise<Result>;
  /** Of the physical memory, now, in bytes. */
  residentBytes(): number;
  end(): Promise<void>;
}

export interface HoldfastServer {
  url: string;
  residentBytes(): number;
  end(): Promise<void>;
}

export class Processes {
  readonly #running = new Set<ChildProcess>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  readonly #flags: readonly string[];
  #folders = 0;

  /** `profileFolder`: each process writes what it spent its time on there. */
  constructor(profileFolder?: string) {
    this.#flags = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  }

  /** A path in the system's folder for temporary files where nothing is yet. */
  freshPath(): string {
    this.#folders += 1;
    return join(this.#folder, String(this.#folders));
  }

  /** Starts a file of this folder that calls `performTasks`. */
  start(file: string): Child {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, {
      execArgv: [...this.#flags],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // There are many of them, and each would compile the same files.
      env: { ...process.env, NODE_COMPILE_CACHE: join(this.#folder, 'compiled') },
    });
    this.#running.add(child);
    return {
      ask: (task, given) => ask(child, task, given),
      residentBytes: () => residentBytes(child),
      end: () => this.#end(child, () => child.disconnect()),
    };
  }

  /** The real server, as an operator starts it, on a free port of 127.0.0.1 and an empty data folder. */
  async startHoldfast({ preset }: { preset?: string } = {}): Promise<HoldfastServer> {
    const path = fileURLToPath(new URL('../packages/server/src/cli/holdfast.mjs', import.meta.url));
    const config = fileURLToPath(new URL('holdfast/holdfast.config.ts', import.meta.url));
    const what = preset === undefined ? ['--config', config] : ['--preset', preset, ...alone];
    const flags = ['serve', ...what, '--data', this.freshPath(), '--port', '0', '--json'];
    const child = spawn(process.execPath, [...this.#flags, path, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.add(child);
    const url = await addressOf(child);
    return {
      url,
      residentBytes: () => residentBytes(child),
      end: () => this.#end(child, () => child.kill('SIGTERM')),
    };
  }

  /** Whatever happened: no process and no file is left. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#running].map((child) => this.#end(child, () => child.kill('SIGTERM'))));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end(child: ChildProcess, tell: () => void): Promise<void> {
    this.#running.delete(child);
    if (hasEnded(child)) return;
    const gone = once(child, 'exit');
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    tell();
    await gone;
    clearTimeout(late);
  }
}

// Nobody else is to hear of it.
const alone = ['--host', '127.0.0.1', '--no-discovery'];

const answerMsMax = 300_000;

function ask<Result>(child: ChildProcess, task: string, given: unknown): Promise<Result> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      clearTimeout(limit);
      child.off('message', take).off('exit', fail);
      finish();
    };
    const take = (message: { value: Result } | { error: string }): void =>
      settle(() => ('error' in message ? reject(new Error(message.error)) : resolve(message.value)));
    const fail = (code: number | null): void =>
      settle(() => reject(new Error(`The process ended with ${code} during ${task}.`)));
    const limit = setTimeout(
      () => settle(() => reject(new Error(`No answer to ${task} in ${answerMsMax} ms.`))),
      answerMsMax,
    );
    if (hasEnded(child)) fail(child.exitCode);
    child.once('message', take).once('exit', fail);
    child.send({ task, given });
  });
}

/** Its output is read to the end, so that it never waits for a reader. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer): void => {
      if (output.length < 10_000) output += chunk.toString();
      const found = /"url": "(http:[^"]+)"/.exec(output)?.[1];
      if (found) resolve(found);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', (code) => reject(new Error(`The server ended with ${code}: ${output}`)));
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function residentBytes(child: ChildProcess): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)], { encoding: 'utf8' })) * 1_024;
}
