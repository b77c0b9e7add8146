// The one door for sockets: judges who asks for one as it judges every request, refuses in plain HTTP, and hands what it lets in
// to the protocol whose path it is.
//
//   upgrade: path → stopping? → host → peer → origin → the protocol's own checks (credential, room) → a socket

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Limits, RequestError, type Timer } from '@holdfast/core';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Room, SocketRoute, SocketTools, Wire, WireEvents } from '../realtime/wire.ts';
import { parseBody } from './body.ts';
import { createBudget } from './budget.ts';
import { type CallerRules, judgeCaller } from './callers.ts';
import { type FaultTelling, rawAnswer, tellError } from './error-answer.ts';

export interface Sockets {
  timer: Timer;
  turn: SocketTools['turn'];
  bounds: { incomingBytesMax: number; outgoingBytesMax: number };
  routes: (tools: SocketTools) => readonly SocketRoute[];
}

export interface SocketDeps extends CallerRules, FaultTelling {
  limits: Limits;
  /** An id by which an error is found in the log. */
  newId: () => string;
}

export function serveSockets(
  server: Server,
  { timer, turn, bounds, routes }: Sockets,
  deps: SocketDeps,
): { paths: readonly string[]; stop(): void } {
  const incoming = createBudget(bounds.incomingBytesMax);
  const byPath = new Map(
    routes({
      timer,
      turn,
      parse: (body) => parseBody(body, deps.limits),
      errorReply: (error) => replyOf(deps, error),
      failed: (error) => deps.log.error({ error }, 'Work for live sockets failed.'),
      incoming,
      outgoing: createBudget(bounds.outgoingBytesMax),
    }).map((route) => [route.path, route]),
  );
  const door = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // It fragments memory, and a small message may become a large one.
    perMessageDeflate: false,
    // A frame's head comes on top of what HTTP takes as a body.
    maxPayload: deps.limits.bodyBytesMax + headRoomBytes,
  });
  // It would answer in words of its own.
  door.on('wsClientError', (_, socket) => refuse(deps, socket, noWebSocket()));
  let stopping = false;
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Its peer may be gone at any moment; what is then written goes nowhere.
    socket.on('error', ignore);
    admit()
      .then((open) => {
        socket.off('error', ignore);
        door.handleUpgrade(request, socket, head, (ws) => connect(ws, socket, { open, incoming }));
      })
      .catch((error: unknown) => refuse(deps, socket, error));

    async function admit(): Promise<Opens> {
      const route = byPath.get(request.url?.split('?', 1)[0] ?? '');
      if (stopping) throw new RequestError('stopping');
      judgeCaller(request, deps);
      if (!route) throw new RequestError('not_found', { field: 'path' });
      return route.admit({ headers: request.headers });
    }
  });
  return {
    paths: [...byPath.keys()],
    stop() {
      stopping = true;
      for (const route of byPath.values()) route.stop();
    },
  };
}

type Opens = (wire: Wire) => WireEvents;

const headRoomBytes = 4_096;

/** Counts what has come and is no whole message yet: that is memory which a peer can make large before anybody looks at it. */
function connect(ws: WebSocket, socket: Duplex, { open, incoming }: { open: Opens; incoming: Room }): void {
  const events = open(wireOf(ws));
  let pending = 0;
  const settle = (): void => {
    incoming.give(pending);
    pending = 0;
  };
  // Before the socket's own listener, which makes messages of it.
  socket.prependListener('data', (chunk: Buffer) => {
    if (pending + chunk.length > events.messageBytesMax() + chunkBytes || !incoming.take(chunk.length)) {
      ws.terminate();
      return;
    }
    pending += chunk.length;
  });
  ws.on('message', (data: Buffer, isBinary: boolean) => {
    settle();
    if (isBinary) events.binary();
    else events.message(data);
  });
  ws.on('ping', () => events.beat());
  ws.on('pong', () => events.beat());
  // What is no frame of WebSocket, or too large a one: the socket closes by itself, and says why.
  ws.on('error', ignore);
  ws.once('close', () => {
    settle();
    events.closed();
  });
}

/** Several small messages may come in one piece. */
const chunkBytes = 65_536;

function wireOf(ws: WebSocket): Wire {
  return {
    send: (bytes, sent) => ws.send(bytes, { binary: false }, () => sent()),
    bufferedBytes: () => ws.bufferedAmount,
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    close: (code, reason) => ws.close(code, reason),
    destroy: () => ws.terminate(),
  };
}

function refuse(deps: SocketDeps, socket: Duplex, error: unknown): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const reply = tellError(deps, error, deps.newId());
  socket.end(rawAnswer(reply), () => socket.destroy());
  deps.log.info({ request: reply.body.error.request, status: reply.status }, 'refused');
}

function noWebSocket(): RequestError {
  return new RequestError('malformed', { field: 'headers', message: 'This is no request for a WebSocket.' });
}

function replyOf(deps: SocketDeps, error: unknown): ReturnType<SocketTools['errorReply']> {
  const { status, headers, body } = tellError(deps, error, deps.newId());
  const retryAfter = Number(headers['retry-after'] ?? Number.NaN);
  return {
    status,
    code: body.error.code,
    ...(Number.isNaN(retryAfter) ? {} : { retryAfter }),
    text: JSON.stringify(body),
  };
}

function ignore(): void {}
