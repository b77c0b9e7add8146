// The native protocol over real sockets, with a timer that only the test fires.

import type { AddressInfo } from 'node:net';
import {
  type ErrorAnswer,
  type LivePage,
  protocolMarker,
  type ServerFrame,
  type Timer,
} from '@holdfast/core';
import { WebSocket } from 'ws';
import { type LiveBounds, liveBounds } from '../../realtime/bounds.ts';
import { createTestServer, exchangeOf, type TestBody, type TestServer } from './native.fixture.ts';

export interface LiveServer extends TestServer {
  url: string;
  /** Lets this much time pass, in ticks of the hub, and lets what follows from each happen. */
  pass(ms: number): Promise<void>;
  open(options?: ConstructorParameters<typeof WebSocket>[2]): Promise<Peer>;
  /** Opened, and greeted as this device. */
  greet(device: string, key?: string): Promise<Peer>;
}

export interface Frame {
  head: ServerFrame;
  body: TestBody & LivePage;
}

/** A bare client of the protocol. */
export interface Peer {
  socket: WebSocket;
  say(head: object, body?: object): void;
  /** The next frame, however long it takes. */
  next(): Promise<Frame>;
  /** Frames that came and were not asked for by `next`. */
  rest(): Frame[];
  exchange(parts?: Record<string, unknown>): Promise<Frame>;
  ended: Promise<{ code: number; reason: string }>;
}

export async function createLiveServer(
  options: {
    auth?: 'none' | 'keys';
    bounds?: Partial<LiveBounds>;
    corsOrigins?: readonly string[];
    limits?: Parameters<typeof createTestServer>[0] extends infer Given
      ? NonNullable<Given> extends { limits?: infer L }
        ? L
        : never
      : never;
  } = {},
): Promise<LiveServer> {
  const bounds = { ...liveBounds, ...options.bounds };
  const waiting = new Set<{ atMs: number; run: () => void }>();
  let server: TestServer | undefined;
  const timer: Timer = {
    after(delayMs, run) {
      const entry = { atMs: (server?.clock.mono ?? 0) + delayMs, run };
      waiting.add(entry);
      return { cancel: () => waiting.delete(entry) };
    },
  };
  server = await createTestServer({ ...options, live: { bounds, timer } });
  const { app, clock } = server;
  await app.listen({ port: 0, host: '127.0.0.1' });
  const url = `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/v1/live`;
  const peers: Peer[] = [];
  const open = async (given?: ConstructorParameters<typeof WebSocket>[2]): Promise<Peer> => {
    const peer = await connect(url, given);
    peers.push(peer);
    return peer;
  };
  const close = server.close.bind(server);
  return {
    ...server,
    url,
    async pass(ms) {
      const until = clock.mono + ms;
      for (;;) {
        const [next] = [...waiting].sort((a, b) => a.atMs - b.atMs);
        if (!next || next.atMs > until) break;
        clock.wall += next.atMs - clock.mono;
        clock.mono = next.atMs;
        waiting.delete(next);
        next.run();
        await settle();
      }
      clock.wall += until - clock.mono;
      clock.mono = until;
      await settle();
    },
    open,
    async greet(device, key) {
      const peer = await open();
      peer.say({ type: 'hello', protocol: protocolMarker, device, ...(key === undefined ? {} : { key }) });
      const { head } = await peer.next();
      if (head.type !== 'welcome') throw new Error(`No welcome: ${JSON.stringify(head)}`);
      return peer;
    },
    async close() {
      for (const { socket } of peers) socket.terminate();
      await close();
    },
  };
}

/** Lets what is under way on sockets of this machine come to its end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function pageOf({ head, body }: Frame): LivePage {
  if (head.type !== 'page') throw new Error(`No page: ${JSON.stringify(head)}`);
  return body;
}

async function connect(url: string, options?: ConstructorParameters<typeof WebSocket>[2]): Promise<Peer> {
  const socket = new WebSocket(url, options);
  const frames: Frame[] = [];
  const wanted: ((frame: Frame) => void)[] = [];
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    const at = text.indexOf('\n');
    const head = JSON.parse(at < 0 ? text : text.slice(0, at)) as ServerFrame;
    const frame = { head, body: at < 0 ? undefined : JSON.parse(text.slice(at + 1)) };
    const take = wanted.shift();
    if (take) take(frame);
    else frames.push(frame);
  });
  const ended = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.once('unexpected-response', (_, response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => reject(new Refused(response.statusCode ?? 0, response.headers, text)));
    });
  });
  socket.on('error', () => undefined);
  const next = (): Promise<Frame> => {
    const frame = frames.shift();
    return frame ? Promise.resolve(frame) : new Promise((resolve) => wanted.push(resolve));
  };
  let exchanges = 0;
  const say = (head: object, body?: object): void =>
    socket.send(
      body === undefined ? JSON.stringify(head) : `${JSON.stringify(head)}\n${JSON.stringify(body)}`,
    );
  return {
    socket,
    say,
    next,
    rest: () => frames.splice(0),
    exchange(parts) {
      exchanges += 1;
      say({ type: 'exchange', id: exchanges }, exchangeOf(parts));
      return next();
    },
    ended,
  };
}

/** The answer to a request for a socket, where there is none. */
export class Refused extends Error {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: ErrorAnswer;

  constructor(status: number, headers: Record<string, unknown>, text: string) {
    super(`HTTP ${status}`);
    this.status = status;
    this.headers = headers;
    this.body = JSON.parse(text);
  }
}
