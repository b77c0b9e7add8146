// The one door for sockets: judges who asks for one as it judges every request, refuses in plain HTTP, and hands what it lets in
// to the protocol whose path it is.
//
//   upgrade: path → stopping? → host → peer → origin → room for its address → the protocol's own checks (credential, room) → a socket
//                                                                          └→ the protocol's library, which makes the socket itself

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Limits, RequestError, type Timer } from '@holdfast/core';
import { type WebSocket, WebSocketServer } from 'ws';
import type { UpgradeRoute } from '../protocols/mount.ts';
import type { Room, SocketRoute, SocketTools, Wire, WireEvents } from '../realtime/wire.ts';
import { parseBody, parseBodyItems } from './body.ts';
import { createBudget } from './budget.ts';
import { type CallerRules, judgeCaller } from './callers.ts';
import { createCounts } from './connections.ts';
import { type FaultTelling, rawAnswer, tellError } from './error-answer.ts';
import { type MountedProtocol, mountedAt, originsAt, pathOf, shapeOf, withoutLastSlash } from './mounted.ts';

export interface Sockets {
  timer: Timer;
  turn: SocketTools['turn'];
  bounds: { incomingBytesMax: number; outgoingBytesMax: number };
  routes: (tools: SocketTools) => readonly SocketRoute[];
}

export interface SocketDeps extends CallerRules, FaultTelling {
  limits: Limits;
  mounted: readonly MountedProtocol[];
  /** Of mounted protocols. */
  socketsPerAddressMax: number;
  /** An id by which an error is found in the log. */
  newId: () => string;
}

export function serveSockets(
  server: Server,
  { timer, turn, bounds, routes }: Sockets,
  deps: SocketDeps,
): { /** Where nothing but sockets is taken. */ paths: readonly string[]; stop(): void } {
  const incoming = createBudget(bounds.incomingBytesMax);
  const outgoing = createBudget(bounds.outgoingBytesMax);
  const toolsAt = (at: MountedProtocol | undefined): SocketTools => ({
    timer,
    turn,
    parse: (body) => parseBody(body, deps.limits),
    parseItem: (body) => parseBodyItems(body, deps.limits, [[]]),
    errorReply: (error) => replyOf(deps, error, at),
    failed: (error) => deps.log.error({ error }, 'Work for live sockets failed.'),
    incoming,
    outgoing,
  });
  const doorsAt = (given: readonly (SocketRoute | UpgradeRoute)[], prefix = ''): [string, Door][] =>
    given.map((route) => [`${prefix}${route.path}`, createDoor(deps, route)]);
  const byPath = new Map([
    ...doorsAt(routes(toolsAt(undefined))),
    ...deps.mounted.flatMap((at) => doorsAt(at.mount.sockets?.(toolsAt(at)) ?? [], at.prefix)),
  ]);
  const perAddress = createCounts(deps.socketsPerAddressMax);
  let stopping = false;
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Its peer may be gone at any moment; what is then written goes nowhere.
    socket.on('error', ignore);
    admit()
      .then((take) => {
        socket.off('error', ignore);
        take();
      })
      .catch((error: unknown) => refuse(deps, { request, socket }, error));

    async function admit(): Promise<() => void> {
      const { headers, url = '' } = request;
      const at = mountedAt(deps.mounted, url);
      const door = byPath.get(pathOf(url)) ?? (at && byPath.get(pathOf(withoutLastSlash(url))));
      if (stopping) throw new RequestError('stopping');
      judgeCaller(request, deps, originsAt(deps, at));
      if (!door) throw new RequestError('not_found', { field: 'path' });
      const address = request.socket.remoteAddress ?? '';
      if (at && !perAddress.hold(address, socket))
        throw new RequestError('too_many', { field: 'address', details: { retryAfter: 1 } });
      if (!('server' in door)) return () => door.route.upgrade(request, socket, head);
      const open = await door.route.admit({ headers, url, address });
      const { server: sockets } = door;
      return () =>
        sockets.handleUpgrade(request, socket, head, (ws) => connect(ws, socket, { open, incoming }));
    }
  });
  return {
    paths: [...byPath].flatMap(([path, door]) => ('server' in door ? [path] : [])),
    stop() {
      stopping = true;
      for (const { route } of byPath.values()) route.stop();
    },
  };
}

type Door = { route: SocketRoute; server: WebSocketServer } | { route: UpgradeRoute };

function createDoor(deps: SocketDeps, route: SocketRoute | UpgradeRoute): Door {
  return 'upgrade' in route ? { route } : { route, server: createServer(deps, route) };
}

function createServer(deps: SocketDeps, { messageBytesMax }: SocketRoute): WebSocketServer {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // It fragments memory, and a small message may become a large one.
    perMessageDeflate: false,
    // A frame's head comes on top of what HTTP takes as a body.
    maxPayload: messageBytesMax ?? deps.limits.bodyBytesMax + headRoomBytes,
  });
  // It would answer in words of its own.
  server.on('wsClientError', (_, socket, request) => refuse(deps, { request, socket }, noWebSocket()));
  return server;
}

type Opens = (wire: Wire) => WireEvents;

const headRoomBytes = 4_096;

/** Counts what has come and is no whole message yet: that is memory which a peer can make large before anybody looks at it. */
function connect(ws: WebSocket, socket: Duplex, { open, incoming }: { open: Opens; incoming: Room }): void {
  const events = open(wireOf(ws));
  let pending = 0;
  let refused = false;
  const settle = (): void => {
    incoming.give(pending);
    pending = 0;
  };
  // Before the socket's own listener, which makes messages of it.
  socket.prependListener('data', (chunk: Buffer) => {
    // What comes behind a refused frame is thrown away; if it were cut, the peer would not read why.
    if (refused) return;
    if (pending + chunk.length > events.messageBytesMax() + chunkBytes || !incoming.take(chunk.length)) {
      ws.terminate();
      return;
    }
    pending += chunk.length;
  });
  ws.on('message', (data: Buffer, isBinary: boolean) => {
    settle();
    if (isBinary) events.binary(data);
    else events.message(data);
  });
  ws.on('ping', () => events.beat());
  ws.on('pong', () => events.beat());
  // What is no frame of WebSocket, or too large a one: the socket closes by itself, and says why.
  ws.on('error', () => {
    refused = true;
  });
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
    ping: () => ws.ping(),
    bufferedBytes: () => ws.bufferedAmount,
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    close: (code, reason) => ws.close(code, reason),
    destroy: () => ws.terminate(),
  };
}

function refuse(
  deps: SocketDeps,
  { request, socket }: { request: IncomingMessage; socket: Duplex },
  error: unknown,
): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const reply = tellError(deps, error, deps.newId());
  const body = shapeOf(reply, mountedAt(deps.mounted, request.url));
  socket.end(rawAnswer(reply, body), () => socket.destroy());
  deps.log.info({ request: reply.body.error.request, status: reply.status }, 'refused');
}

function noWebSocket(): RequestError {
  return new RequestError('malformed', { field: 'headers', message: 'This is no request for a WebSocket.' });
}

function replyOf(
  deps: SocketDeps,
  error: unknown,
  at: MountedProtocol | undefined,
): ReturnType<SocketTools['errorReply']> {
  const reply = tellError(deps, error, deps.newId());
  const { status, headers, body } = reply;
  const retryAfter = Number(headers['retry-after'] ?? Number.NaN);
  return {
    status,
    code: body.error.code,
    ...(Number.isNaN(retryAfter) ? {} : { retryAfter }),
    text: JSON.stringify(shapeOf(reply, at)),
  };
}

function ignore(): void {}
