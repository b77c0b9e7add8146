// A server that speaks terminal, as clients reach it, at a time that only the test moves; and terminals that keep what a client keeps.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject, Timer } from '@holdfast/core';
import { io, type Socket } from 'socket.io-client';
import { systemRandom, systemTimer } from '../../clock.ts';
import { composeServer, type HoldfastServer, type Started } from '../../compose.ts';
import { type ConfigOptions, defineConfig } from '../../config.ts';
import { sha256 } from '../../digest.ts';
import { addKey, type IdentityDeps } from '../../identity/keys.ts';
import { presetOptions } from '../../presets/presets.ts';
import { type PulledChange, pullAnswer, pushAnswer, type Result } from './answers.ts';

export interface TestTerminals {
  readonly url: string;
  readonly started: Started;
  readonly data: string;
  clock: { wall: number };
  identity: IdentityDeps;
  send(path: string, body?: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  key(right: 'read' | 'write', scope?: string): Promise<string>;
  /** A socket of a terminal; what it is told is kept. */
  socket(options?: SocketOptions): TestSocket;
  restart(environment?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
}

export interface TestAnswer {
  status: number;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test asks an answer for whatever it expects in it.
  body: any;
}

export interface StartOptions extends Partial<ConfigOptions> {
  environment?: Record<string, string>;
  timer?: Timer;
}

export async function startTerminals({
  environment = {},
  timer = systemTimer,
  ...options
}: StartOptions = {}): Promise<TestTerminals> {
  const data = await mkdtemp(join(tmpdir(), 'holdfast-terminal-'));
  const now = { wall: 1_704_067_200_000 };
  let mono = 0;
  const clock = { wallMs: () => now.wall, monoMs: () => ++mono };
  const configOf = (variables: Record<string, string>) =>
    defineConfig({
      ...presetOptions('terminal', variables),
      ...{ port: 0, host: '127.0.0.1', data, logLevel: 'silent', discovery: false },
      ...options,
    });
  let config = configOf(environment);
  let server: HoldfastServer = composeServer(config, { clock, timer });
  let started = await server.start();
  const sockets: TestSocket[] = [];
  const identity = (): IdentityDeps => ({ store: started.store, clock, random: systemRandom, sha256 });
  return {
    data,
    clock: now,
    get url() {
      return started.url;
    },
    get started() {
      return started;
    },
    get identity() {
      return identity();
    },
    send: (path, body, headers) => sendTo(started.url, path, body, headers),
    async key(right, scope = 'main') {
      const { text } = await addKey(identity(), { name: right, grants: [{ scope, right }], actor: 'test' });
      return text;
    },
    socket(given = {}) {
      const one = openSocket(started.url, given);
      sockets.push(one);
      return one;
    },
    async restart(changed = environment) {
      await server.stop();
      config = configOf(changed);
      // The same address, so that sockets find it again.
      server = composeServer(defineConfig({ ...config, port: Number(new URL(started.url).port) }), {
        clock,
        timer,
      });
      started = await server.start();
    },
    async stop() {
      for (const one of sockets) one.close();
      await server.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}

export async function sendTo(
  url: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestAnswer> {
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
}

export interface SocketOptions {
  transport?: 'polling' | 'websocket';
  auth?: Record<string, unknown>;
  headers?: Record<string, string>;
  path?: string;
}

export interface Told {
  type: string;
  reason: string;
  terminalId: string;
  timestamp: string;
}

export interface TestSocket {
  readonly socket: Socket;
  readonly told: readonly Told[];
  /** Resolves when it is registered. */
  register(terminalId: string): Promise<{ success: boolean; error?: string }>;
  /** Resolves with the next thing that it is told, or was and nobody took. */
  next(): Promise<Told>;
  /** Rejects with what the server says of it. */
  connected(): Promise<void>;
  close(): void;
}

export function openSocket(url: string, options: SocketOptions = {}): TestSocket {
  const { transport, auth, headers, path } = options;
  const socket = io(url, {
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 50,
    ...(transport ? { transports: [transport] } : {}),
    ...(auth ? { auth } : {}),
    ...(headers ? { extraHeaders: headers } : {}),
    ...(path ? { path } : {}),
  });
  const told: Told[] = [];
  const untaken: Told[] = [];
  const waiting: ((next: Told) => void)[] = [];
  socket.on('sync:trigger', (message: Told) => {
    told.push(message);
    const taker = waiting.shift();
    if (taker) taker(message);
    else untaken.push(message);
  });
  return {
    socket,
    told,
    register: (terminalId) =>
      new Promise((resolve) => socket.emit('terminal:register', { terminalId }, resolve)),
    next() {
      const [first] = untaken.splice(0, 1);
      return first ? Promise.resolve(first) : new Promise((resolve) => waiting.push(resolve));
    },
    connected: () =>
      new Promise((resolve, reject) => {
        if (socket.connected) resolve();
        socket.once('connect', resolve);
        socket.once('connect_error', reject);
      }),
    close: () => void socket.close(),
  };
}

/** One terminal: it keeps its cursor, and what it has of each record. */
export class Terminal {
  cursor: string | null = null;
  readonly held = new Map<string, { data: JsonObject | null; version: number }>();
  readonly #server: Pick<TestTerminals, 'send'>;
  readonly id: string;

  constructor(server: Pick<TestTerminals, 'send'>, id: string) {
    this.#server = server;
    this.id = id;
  }

  async push(...changes: readonly JsonObject[]): Promise<Result[]> {
    const { status, body } = await this.#server.send('/api/sync/push', { terminalId: this.id, changes });
    if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
    const { results, synced, conflicts, failed } = pushAnswer.strict().parse(body);
    if (synced + conflicts + failed !== changes.length) throw new Error('The counts are wrong.');
    return results;
  }

  /** One page; answers whether there are more. */
  async page(query: Record<string, string> = {}): Promise<{ changes: PulledChange[]; hasMore: boolean }> {
    const asked = new URLSearchParams({ terminalId: this.id, lastSync: this.cursor ?? '', ...query });
    const { status, body } = await this.#server.send(`/api/sync/pull?${asked}`);
    if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
    const { changes, hasMore, lastSync } = pullAnswer.strict().parse(body);
    for (const { entityType, entityId, data, syncVersion } of changes)
      this.held.set(`${entityType}/${entityId}`, {
        data: (data as JsonObject) ?? null,
        version: syncVersion,
      });
    this.cursor = lastSync;
    return { changes, hasMore };
  }

  /** Reads to the head; answers what came. */
  async pull(query: Record<string, string> = {}): Promise<PulledChange[]> {
    const all: PulledChange[] = [];
    for (;;) {
      const { changes, hasMore } = await this.page(query);
      all.push(...changes);
      if (!hasMore) return all;
    }
  }
}

export function create(entityType: string, entityId: string, data: JsonObject): JsonObject {
  return { entityType, entityId, operation: 'CREATE', data, syncVersion: 1 };
}

export function update(key: [string, string], syncVersion: number, data: JsonObject): JsonObject {
  const [entityType, entityId] = key;
  return { entityType, entityId, operation: 'UPDATE', data, syncVersion };
}

export function remove(key: [string, string], syncVersion: number): JsonObject {
  const [entityType, entityId] = key;
  return { entityType, entityId, operation: 'DELETE', data: null, syncVersion };
}

/** What a result says, in a word. */
export function said(result: Result | undefined): string {
  if (!result) return 'nothing';
  const { status, syncVersion, data, error } = result;
  if (status === 'FAILED') return error ?? 'FAILED';
  return `${status} ${syncVersion}${data === undefined ? '' : ` ${JSON.stringify(data)}`}`;
}
