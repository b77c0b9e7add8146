// The real server as a child process, for tests that kill it, and a bare client of the native protocol.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Change, ExchangeAnswer } from '@holdfast/core';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface ServerProcess {
  url: string;
  /** kill -9, and the process is gone when it resolves. */
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code. */
  end(): Promise<number | null>;
  output(): string;
}

/** Resolves when the server prints where it serves; rejects with its output when it ends before. A preset serves this machine alone. */
export async function startServer(
  options: { data: string; port?: number } & ({ config: string } | { preset: string }),
): Promise<ServerProcess> {
  const args = [
    main,
    'serve',
    '--data',
    options.data,
    ...('config' in options
      ? ['--config', options.config]
      : ['--preset', options.preset, '--host', '127.0.0.1', '--no-discovery']),
    '--port',
    String(options.port ?? 0),
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output);
      if (found) resolve(found[0]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => reject(new Error(`The server ended with ${code}: ${output}`)));
  });
  return {
    url,
    kill: () => stop(child, 'SIGKILL').then(() => undefined),
    end: () => stop(child, 'SIGTERM'),
    output: () => output,
  };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = once(child, 'exit');
  child.kill(signal);
  const [code] = (await gone) as [number | null];
  return code;
}

export interface SentMutation {
  id: string;
  schema: number;
  made: { wall: number; mono: number; session: string; offset: number; seen: number };
  changes: readonly Change[];
}

export function mutationOf(changes: readonly Change[]): SentMutation {
  return {
    id: randomUUID(),
    schema: 1,
    made: { wall: Date.now(), mono: 0, session: 's', offset: 0, seen: 0 },
    changes,
  };
}

export interface Exchange {
  replica: string;
  checkpoint?: string | null;
  verdictsSeen?: number;
  limit?: number;
  batch?: { n: number; mutations: readonly SentMutation[] };
}

/** One exchange; a rejected promise means that no answer came. */
export async function exchange(
  url: string,
  request: Exchange,
  signal?: AbortSignal,
): Promise<{ status: number; answer: ExchangeAnswer }> {
  const body = JSON.stringify({
    protocol: 'holdfast/1',
    device: `device-of-${request.replica}`,
    scope: 'main',
    schema: 1,
    checkpoint: null,
    verdictsSeen: 0,
    seqSeen: 0,
    clock: { wall: Date.now(), mono: 0, session: 's' },
    ...request,
  });
  const response = await fetch(`${url}/v1/exchange`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    ...(signal ? { signal } : {}),
  });
  return { status: response.status, answer: (await response.json()) as ExchangeAnswer };
}

/** Every record of the scope, by `collection/id`, read in pages. */
export async function pullAll(
  url: string,
  replica: string,
  limit: number,
): Promise<Map<string, ExchangeAnswer['records'][number]>> {
  const records = new Map<string, ExchangeAnswer['records'][number]>();
  let checkpoint: string | null = null;
  for (;;) {
    const { answer } = await exchange(url, { replica, checkpoint, limit });
    for (const record of answer.records) records.set(`${record.collection}/${record.id}`, record);
    checkpoint = answer.checkpoint;
    if (!answer.more) return records;
  }
}
