// The protocol on a whole server with a data folder of its own, at a time that only the test moves; bare clients of its socket.

import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Timer } from '@holdfast/core';
import { WebSocket } from 'ws';
import { composeServer, type HoldfastServer, type Started } from '../../compose.ts';
import { type ConfigOptions, defineConfig } from '../../config.ts';
import { presetOptions } from '../../presets/presets.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever came over the wire; a test asks it for what it expects.
export type Said = any;

export interface DocumentsServer {
  started: Started;
  /** The server's ends of the connections that are open. */
  sockets(): Socket[];
  url: string;
  clock: { wall: number; mono: number };
  /** Ends it, and begins anew on the same folder. */
  restart(): Promise<void>;
  /** Lets this much time pass, with what falls due in it. */
  pass(ms: number): Promise<void>;
  connect(userId: string, deviceId: string): Promise<Client>;
  open(query: string, headers?: Record<string, string>): Promise<Client>;
  get(path: string, headers?: Record<string, string>): Promise<{ status: number; body: Said }>;
  post(
    path: string,
    body: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Said }>;
  close(): Promise<void>;
}

export interface Client {
  socket: WebSocket;
  userId: string;
  deviceId: string;
  say(message: unknown): void;
  update(collection: string, document: object, timestamp: number, messageId?: string): void;
  remove(collection: string, documentId: string, timestamp?: number, messageId?: string): void;
  /** The next message, however long it takes. */
  next(): Promise<Said>;
  /** The next of this type; those before it are thrown away. */
  await(type: string): Promise<Said>;
  /** What has come and was not asked for, once all that is under way has come. */
  rest(): Promise<Said[]>;
  /** What has come so far. */
  heard(): Promise<Said[]>;
  ended: Promise<{ code: number; reason: string }>;
}

export const startMs = 1_700_000_000_000;

export async function serve(
  options: Partial<ConfigOptions> & { pingMs?: number; prefix?: string } = {},
): Promise<DocumentsServer> {
  const { pingMs = 30_000, prefix = '', ...config } = options;
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-documents-'));
  const clock = { wall: startMs, mono: 0 };
  const due = new Set<{ atMs: number; run: () => void }>();
  const timer: Timer = {
    after(delayMs, run) {
      const entry = { atMs: clock.mono + delayMs, run };
      due.add(entry);
      return { cancel: () => due.delete(entry) };
    },
  };
  const clients: Client[] = [];
  let server: HoldfastServer | undefined;
  const start = async (): Promise<Started> => {
    server = composeServer(
      defineConfig({
        ...presetOptions('documents', {}),
        discovery: false,
        port: 0,
        host: '127.0.0.1',
        data: folder,
        logLevel: 'silent',
        protocols: { documents: { prefix, options: { pingMs } } },
        ...config,
      }),
      { clock: { wallMs: () => clock.wall, monoMs: () => clock.mono }, timer },
    );
    return server.start();
  };
  let started = await start();
  const request = async (path: string, init: RequestInit): Promise<{ status: number; body: Said }> => {
    const response = await fetch(`${started.url}${prefix}${path}`, init);
    return { status: response.status, body: await response.json() };
  };
  const open: DocumentsServer['open'] = async (query, headers = {}) => {
    const { userId = '', deviceId = '' } = Object.fromEntries(new URLSearchParams(query));
    const url = `${started.url.replace('http', 'ws')}${prefix}/sync?${query}`;
    const client = await clientOf(new WebSocket(url, { headers }), { userId, deviceId });
    clients.push(client);
    return client;
  };
  return {
    get started() {
      return started;
    },
    sockets: () =>
      // What the process holds open: that of this server is told by its port.
      (process as unknown as { _getActiveHandles(): unknown[] })
        ._getActiveHandles()
        .filter((handle): handle is Socket => handle instanceof Socket)
        .filter(({ localPort }) => localPort === Number(new URL(started.url).port)),
    get url() {
      return started.url;
    },
    clock,
    async restart() {
      for (const { socket } of clients.splice(0)) socket.terminate();
      await server?.stop();
      due.clear();
      started = await start();
    },
    async pass(ms) {
      const until = clock.mono + ms;
      const moveTo = (atMs: number): void => {
        clock.wall += atMs - clock.mono;
        clock.mono = atMs;
      };
      for (;;) {
        const [next] = [...due].sort((a, b) => a.atMs - b.atMs);
        if (!next || next.atMs > until) break;
        moveTo(next.atMs);
        due.delete(next);
        next.run();
        await settle();
      }
      moveTo(until);
      await settle();
    },
    open,
    connect: (userId, deviceId) => open(`${new URLSearchParams({ userId, deviceId })}`),
    get: (path, headers = {}) => request(path, { headers }),
    post: (path, body, headers = {}) =>
      request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    async close() {
      for (const { socket } of clients) socket.terminate();
      await server?.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Lets what is under way on sockets of this machine come to its end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function clientOf(
  socket: WebSocket,
  { userId, deviceId }: { userId: string; deviceId: string },
): Promise<Client> {
  const came: Said[] = [];
  const wanted: ((message: Said) => void)[] = [];
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString());
    const take = wanted.shift();
    if (take) take(message);
    else came.push(message);
  });
  const ended = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.on('error', () => undefined);
  const next = (): Promise<Said> =>
    came.length > 0 ? Promise.resolve(came.shift()) : new Promise((resolve) => wanted.push(resolve));
  const say = (message: unknown): void =>
    socket.send(
      typeof message === 'string' ? message : JSON.stringify({ userId, deviceId, ...(message as object) }),
    );
  const until = async (isIt: (message: Said) => boolean): Promise<Said[]> => {
    const all: Said[] = [];
    for (;;) {
      const message = await next();
      if (isIt(message)) return [...all, message];
      all.push(message);
    }
  };
  let asked = 0;
  return {
    socket,
    userId,
    deviceId,
    say,
    update: (collection, document, timestamp, messageId) =>
      say({ type: 'DATA_UPDATE', data: { collection, document, timestamp }, messageId }),
    remove: (collection, documentId, timestamp, messageId) =>
      say({ type: 'DATA_DELETE', data: { collection, documentId, timestamp }, messageId }),
    next,
    await: async (type) => (await until((message) => message.type === type)).at(-1),
    async rest() {
      // All of this is one process: what was caused before is written, and told, by then; and it comes before the answer to this.
      await settle();
      asked += 1;
      say({ type: 'NOTHING', messageId: `rest-${asked}` });
      return (await until(({ messageId }) => messageId === `rest-${asked}`)).slice(0, -1);
    },
    async heard() {
      await settle();
      return came.splice(0);
    },
    ended,
  };
}
