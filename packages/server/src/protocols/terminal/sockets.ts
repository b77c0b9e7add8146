// The Socket.IO server of terminal: who is let in, which terminal a socket speaks for, and what it is told. Its sockets come through the
// server's one door for upgrades, and its polling through a route beside the others.
//
//   handshake ── room? ──▶ stranger ── key, right ──▶ connected ── terminal:register ──▶ registered: gets triggers
//                             └── says nothing in time: closed

import type { Duplex } from 'node:stream';
import { RequestError } from '@holdfast/core';
import { Server as EngineServer } from 'engine.io';
import type { FastifyPluginAsync } from 'fastify';
import { type DefaultEventsMap, Server, type Socket } from 'socket.io';
import { rightIn } from '../../engine/access.ts';
import type { Caller } from '../../engine/engine.ts';
import type { Proof, RequestHeaders } from '../../identity/identity.ts';
import { liveBounds } from '../../realtime/bounds.ts';
import { createTokens } from '../../realtime/tokens.ts';
import type { SocketTools } from '../../realtime/wire.ts';
import { callerOf } from '../door.ts';
import type { MountDeps, UpgradeRoute } from '../mount.ts';
import { timeText } from '../time.ts';
import type { TerminalOptions } from './options.ts';
import { watchStandings } from './standings.ts';
import type { Terminals } from './terminals.ts';
import type { Trigger } from './trigger.ts';
import type { Triggers } from './triggers.ts';
import { ackMessage, registerMessage } from './wire.ts';

export const socketPath = '/socket.io/';

/** A trigger has less than a hundred bytes, and a terminal says no more. */
const messageBytesMax = 16_384;
const socketsPerAddressMax = 2_000;
/** Messages that a socket has not taken; one that has more is closed, and is told again when it comes back. */
const unsentMax = 32;

export interface SocketParts {
  deps: MountDeps<TerminalOptions>;
  terminals: Terminals;
  triggers: Triggers;
}

/** What is kept with a socket. */
interface Known {
  /** Null: it was let in without a credential. */
  proof: Proof | null;
  caller: Caller | null;
  terminalId: string | null;
}
type TerminalSocket = Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, Known>;
type SocketServer = Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, Known>;

export interface TerminalSockets {
  route: UpgradeRoute;
  /** Clients that begin with requests, before they ask for a socket or because they get none. */
  polling: FastifyPluginAsync;
}

export function createSockets(parts: SocketParts, tools: SocketTools): TerminalSockets {
  const { deps } = parts;
  const admission = createAdmission();
  const engine = new EngineServer({
    pingInterval: liveBounds.pingMs,
    pingTimeout: liveBounds.silentMsMax - liveBounds.pingMs,
    maxHttpBufferSize: messageBytesMax,
    perMessageDeflate: false,
    httpCompression: false,
    allowRequest: ({ socket }, answer) => {
      const hasRoom = admission.hasRoom(engine.clientsCount, socket.remoteAddress ?? '');
      answer(hasRoom ? undefined : 'overloaded', hasRoom);
    },
  });
  const io: SocketServer = new Server({ serveClient: false, connectTimeout: liveBounds.helloMsMax });
  io.bind(engine);
  engine.on('connection', (connection) => {
    const { request } = connection;
    admission.add(request.socket.remoteAddress ?? '', connection);
    const tokens = createTokens({
      perSecond: liveBounds.messagesPerSecond,
      atOnce: liveBounds.messagesAtOnce,
    });
    connection.on('packet', () => {
      if (!tokens.take(deps.clock.monoMs())) connection.close();
    });
  });
  io.use((socket, next) => {
    admit(parts, socket).then(
      (known) => {
        socket.data = known;
        next();
      },
      (error: unknown) => next(refusal(tools, error)),
    );
  });
  io.on('connection', (socket) => {
    admission.greet(socket.conn);
    serve(parts, tools, socket);
  });
  const watch = watchStandings({ ...tools, engine: deps.engine, nowMs: () => deps.clock.wallMs() }, () =>
    [...io.sockets.sockets.values()].flatMap((socket) =>
      socket.data.caller ? [{ caller: socket.data.caller, end: () => void socket.disconnect(true) }] : [],
    ),
  );
  const raw = new Set<Duplex>();
  return {
    route: {
      path: socketPath,
      upgrade(request, socket, head) {
        raw.add(socket);
        socket.once('close', () => raw.delete(socket));
        engine.handleUpgrade(request as Parameters<typeof engine.handleUpgrade>[0], socket, head);
      },
      stop() {
        watch.stop();
        void io.close();
        // A peer that does not answer is not waited for.
        tools.timer.after(liveBounds.closingMsMax, () => {
          for (const socket of raw) socket.destroy();
        });
      },
    },
    polling: pollingOf(engine),
  };
}

/** How many may be there: in all, of one address, and of those that have not said who they are. */
function createAdmission() {
  type Connection = { once(event: 'close', listener: () => void): unknown };
  const byAddress = new Map<string, number>();
  const strangers = new Set<Connection>();
  return {
    hasRoom: (all: number, address: string): boolean =>
      all < liveBounds.socketsMax &&
      strangers.size < liveBounds.strangersMax &&
      (byAddress.get(address) ?? 0) < socketsPerAddressMax,
    add(address: string, connection: Connection): void {
      byAddress.set(address, (byAddress.get(address) ?? 0) + 1);
      strangers.add(connection);
      connection.once('close', () => {
        strangers.delete(connection);
        const left = (byAddress.get(address) ?? 1) - 1;
        if (left > 0) byAddress.set(address, left);
        else byAddress.delete(address);
      });
    },
    greet: (connection: Connection): boolean => strangers.delete(connection),
  };
}

/** Throws RequestError for a credential that is good for nothing here, or where one is missing. */
async function admit({ deps }: SocketParts, { handshake }: TerminalSocket): Promise<Known> {
  const given = credentialIn(handshake.auth, handshake.headers);
  if (given === undefined && deps.options.socketAuth === 'optional')
    return { proof: null, caller: null, terminalId: null };
  const proof = await deps.identity.prove(given ?? {});
  const caller = callerOf(proof);
  await checkRight(deps, caller);
  return { proof, caller, terminalId: null };
}

/** Of the handshake's own `auth`, or of the same headers as over HTTP. Undefined: there is none. */
function credentialIn(auth: unknown, headers: RequestHeaders): RequestHeaders | undefined {
  const { apiKey, token } = (auth ?? {}) as { apiKey?: unknown; token?: unknown };
  const given = apiKey ?? token;
  if (given !== undefined && given !== null && given !== '')
    return { authorization: `Bearer ${String(given)}` };
  const { authorization, 'x-api-key': key } = headers;
  return authorization === undefined && key === undefined ? undefined : headers;
}

async function checkRight({ engine, scope }: MountDeps, caller: Caller): Promise<void> {
  const [standing] = await engine.standings([caller]);
  if (standing instanceof RequestError) throw standing;
  if (!standing || rightIn(standing.grants, scope) === 'none')
    throw new RequestError('forbidden', { field: 'scope' });
}

/** As its client reads it: `connect_error` with the message, and the answer's body as `data`. */
function refusal({ errorReply }: SocketTools, error: unknown): Error & { data?: unknown } {
  const { text } = errorReply(error);
  const body = JSON.parse(text) as { error?: unknown };
  return Object.assign(new Error(String(body.error)), { data: body });
}

type Acknowledge = (answer: unknown) => void;

function serve({ deps, terminals, triggers }: SocketParts, tools: SocketTools, socket: TerminalSocket): void {
  const registering = registerMessage(deps.limits);
  const acking = ackMessage(deps.limits);
  let unsent = 0;
  socket.conn.on('packetCreate', () => {
    unsent += 1;
  });
  socket.conn.on('drain', () => {
    unsent = 0;
  });
  const ear = {
    tell({ type, reason }: Trigger): void {
      const { conn, data } = socket;
      if (unsent >= unsentMax) {
        conn.close();
        return;
      }
      const timestamp = timeText(deps.clock.wallMs());
      socket.emit('sync:trigger', { type, terminalId: data.terminalId, timestamp, reason });
    },
  };
  const register = async (message: unknown): Promise<string> => {
    const read = registering.safeParse(message);
    if (!read.success) throw new RequestError('malformed', { field: 'terminalId' });
    const { terminalId } = read.data;
    const { data } = socket;
    if (data.proof) {
      const caller = callerOf(data.proof, terminalId);
      await checkRight(deps, caller);
      data.caller = caller;
    }
    if (data.terminalId !== null) triggers.leave(data.terminalId, ear);
    data.terminalId = terminalId;
    terminals.hear(terminalId);
    if (socket.connected) await triggers.register(terminalId, ear);
    return terminalId;
  };
  socket.on('terminal:register', (message: unknown, answer?: Acknowledge) => {
    const say = typeof answer === 'function' ? answer : () => undefined;
    register(message).then(
      (terminalId) => say({ success: true, terminalId }),
      (error: unknown) => say(JSON.parse(tools.errorReply(error).text)),
    );
  });
  socket.on('sync:ack', (message: unknown) => {
    const { terminalId } = socket.data;
    if (terminalId === null || !acking.safeParse(message).success) return;
    terminals.hear(terminalId);
    triggers.heard(terminalId);
  });
  // The answer to a ping: what was sent before it has arrived.
  socket.conn.on('heartbeat', () => {
    if (socket.data.terminalId !== null) triggers.heard(socket.data.terminalId);
  });
  socket.on('disconnect', () => {
    if (socket.data.terminalId !== null) triggers.leave(socket.data.terminalId, ear);
  });
}

function pollingOf(engine: EngineServer): FastifyPluginAsync {
  return async (app) => {
    // The library reads the body itself, within its own bound.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));
    app.route({
      method: ['GET', 'POST'],
      url: socketPath,
      // Who asks is proven by what the handshake brings.
      config: { open: true, describes: { summary: 'Socket.IO: triggers' } },
      handler: async (request, reply) => {
        const { raw } = reply;
        for (const [name, value] of Object.entries(reply.getHeaders()))
          if (value !== undefined) raw.setHeader(name, value);
        engine.handleRequest(request.raw as Parameters<typeof engine.handleRequest>[0], raw);
        reply.hijack();
      },
    });
  };
}
