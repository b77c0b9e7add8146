// The HTTP application, built from what it needs, so that tests can inject requests without a socket. It judges who calls, reads
// bodies within bounds, gives every fault its answer, and leaves the rest to the routes that it is given.
//
//   onRequest: stopping? → host → peer → origin (preflight ends here) → rate → unknown route → the route's own checks (credential)
//   body: media type → bytes within bounds → strict JSON → the route

import type { ServerOptions, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Limits, type Random, RequestError } from '@holdfast/core';
import {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import { boundAnswers } from './answers.ts';
import { type ApiDocs, describeRoutes } from './api-docs.ts';
import { checkMedia, parseBodyItems, readBytes } from './body.ts';
import { createBudget } from './budget.ts';
import { type CallerRules, judgeCaller } from './callers.ts';
import { capConnections } from './connections.ts';
import { errorHeaders, errorReply, type FaultTelling, rawAnswer, tellError } from './error-answer.ts';
import { healthRoutes } from './health.ts';
import { type HttpBounds, httpBounds } from './http-bounds.ts';
import {
  type MountedProtocol,
  mountedAt,
  originsAt,
  pathOf,
  registerMounted,
  shapeOf,
  withoutLastSlash,
} from './mounted.ts';
import { createRates, type Rates } from './rates.ts';
import { noteRoutes } from './unknown-route.ts';
import { type Sockets, serveSockets } from './upgrade.ts';

export interface AppDeps extends CallerRules, FaultTelling {
  random: Random;
  limits: Limits;
  /** Resolves when the store takes a write now. */
  ready: () => Promise<void>;
  /** The native protocol and the operator's routes. */
  routes: readonly FastifyPluginAsync[];
  /** The other protocols, each with rules and errors of its own below its prefix. */
  mounted?: readonly MountedProtocol[];
  /** How routes are described at `/api-docs`. Absent: they are not. */
  docs?: ApiDocs;
  /** Where sockets are taken. */
  sockets?: Sockets;
  /** Default `httpBounds`. */
  bounds?: HttpBounds;
}

export function createApp(deps: AppDeps): FastifyInstance {
  const { bounds = httpBounds, mounted = [] } = deps;
  const slashed = new Set<string>();
  const app = fastify({
    // Fastify's own lines, of which only the grave ones are wanted; the application writes its own.
    loggerInstance: deps.log.child({}, { level: deps.log.isLevelEnabled('warn') ? 'warn' : deps.log.level }),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }),
    genReqId: () => requestId(deps.random),
    bodyLimit: deps.limits.bodyBytesMax,
    // Ids stand in paths: one that is too long is told so by its route.
    routerOptions: { maxParamLength: bounds.headersBytesMax },
    rewriteUrl: ({ url = '/' }) =>
      mountedAt(mounted, url) && !slashed.has(pathOf(url)) ? withoutLastSlash(url) : url,
    requestTimeout: bounds.requestMsMax,
    connectionTimeout: bounds.silentMsMax,
    keepAliveTimeout: bounds.keepAliveMsMax,
    http: nodeOptions(deps, bounds),
    // The application answers `stopping` itself, in its own shape.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: (error, socket) => refuseSocket(deps, error, socket),
    frameworkErrors: (error, request, reply) => sendError(deps, error, request, reply),
  }) as unknown as FastifyInstance;
  capConnections(app.server, bounds);
  app.server.on('checkExpectation', (_request, response) => refuseExpectation(deps, response));

  const sockets =
    deps.sockets &&
    serveSockets(app.server, deps.sockets, {
      ...deps,
      mounted,
      socketsPerAddressMax: bounds.socketsPerAddressMax,
      newId: () => requestId(deps.random),
    });
  const rates = createRates(deps.clock, {
    perSecondMax: bounds.requestsPerAddressPerSecondMax,
    field: 'address',
  });
  const unknownRoute = noteRoutes(app);
  app.addHook('onRoute', ({ url }) => {
    if (url.endsWith('/')) slashed.add(url);
  });
  let stopping = false;
  app.addHook('preClose', async () => {
    stopping = true;
    sockets?.stop();
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    if (stopping) throw new RequestError('stopping');
    return receiveCaller(deps, { request, reply, rates, unknownRoute });
  });
  app.addHook('onSend', async (_request, reply) => {
    // Else a socket whose last answer is this one would stay open, and hold up the end.
    if (stopping) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => logAnswer(deps.log, request, reply));
  app.setErrorHandler((error, request, reply) => sendError(deps, error, request, reply));
  app.setNotFoundHandler(() => {
    throw new RequestError('not_found', { field: 'path' });
  });
  readJson(app, deps.limits, bounds);
  boundAnswers(app, { answersBytesMax: bounds.answersBytesMax, restBytesMax: 8 * deps.limits.bodyBytesMax });
  if (deps.docs) describeRoutes(app, deps.docs, mounted);
  void app.register(healthRoutes(deps));
  for (const routes of deps.routes) void app.register(routes);
  for (const one of mounted) registerMounted(app, one);
  void app.register(socketRoutes(sockets?.paths ?? []));
  return app;
}

/** What Node itself is to keep to. */
function nodeOptions({ sockets }: AppDeps, bounds: HttpBounds): ServerOptions {
  return {
    headersTimeout: bounds.headersMsMax,
    // Node looks every 30 s by itself, and a time-out is no shorter than that.
    connectionsCheckingInterval: bounds.checkEveryMs,
    maxHeaderSize: bounds.headersBytesMax,
    // A request without a host is answered as one with a host that nobody knows.
    requireHostHeader: false,
    // Whoever asks for anything else than a socket, such as HTTP/2, goes on with a request like any other.
    shouldUpgradeCallback: ({ headers }) =>
      sockets !== undefined && headers.upgrade?.toLowerCase() === 'websocket',
  };
}

/** Answers undefined, or the reply when it was sent: Fastify then goes no further. */
function receiveCaller(
  deps: AppDeps,
  given: {
    request: FastifyRequest;
    reply: FastifyReply;
    rates: Rates;
    unknownRoute: ReturnType<typeof noteRoutes>;
  },
): FastifyReply | undefined {
  const { request, reply, rates, unknownRoute } = given;
  const { headers } = request;
  const at = mountedAt(deps.mounted ?? [], request.url);
  const origin = judgeCaller(request.raw, deps, originsAt(deps, at));
  if (origin !== undefined) {
    reply.headers({
      'access-control-allow-origin': origin,
      ...(origin === '*' ? {} : { vary: 'Origin' }),
      'access-control-expose-headers': 'retry-after',
    });
    if (request.method === 'OPTIONS' && headers['access-control-request-method'] !== undefined)
      return reply
        .headers(at ? preflight.mounted : preflight.own)
        .code(204)
        .send();
  }
  if (at) rates.count(request.raw.socket.remoteAddress ?? '');
  // Before its body is read: nobody would look at it.
  if (request.is404) throw unknownRoute(request);
  return undefined;
}

const preflight = {
  own: {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'authorization, content-encoding, content-type, x-api-key',
    'access-control-max-age': '600',
  },
  mounted: {
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': 'authorization, content-encoding, content-type, device-id, x-api-key',
    'access-control-max-age': '600',
  },
} as const;

/** What is told to who asks there for anything else than a WebSocket. */
function socketRoutes(paths: readonly string[]): FastifyPluginAsync {
  const config = { open: true, describes: { summary: 'Takes WebSockets, and nothing else' } };
  return async (app) => {
    for (const path of paths)
      app.get(path, { config }, async () => {
        throw new RequestError('upgrade_needed', { field: 'upgrade', details: { upgrade: 'websocket' } });
      });
  };
}

/** Makes JSON the only content that is read. What a body took of the common budget is given back with its answer. */
function readJson(app: FastifyInstance, limits: Limits, bounds: HttpBounds): void {
  const budget = createBudget(Math.max(bounds.bodiesBytesMax, limits.bodyInflatedBytesMax));
  const bodies = new WeakMap<FastifyRequest, { release: () => void; gone: boolean }>();
  // Given back when the answer is sent, or its peer is gone, which may be before anything was read.
  app.addHook('onRequest', async (request, reply) => {
    const body = { release: () => {}, gone: false };
    bodies.set(request, body);
    reply.raw.once('close', () => {
      body.gone = true;
      body.release();
    });
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (request: FastifyRequest, stream: FastifyRequest['raw']) => {
    const { gzip } = checkMedia(request.headers);
    const announced = request.headers['content-length'];
    const length = announced === undefined ? undefined : Number(announced);
    const { bytes, release } = readBytes({ stream, length, gzip }, limits, budget);
    const body = bodies.get(request);
    if (body) body.release = release;
    try {
      return parseBodyItems(await bytes, limits, request.routeOptions.config.items ?? []);
    } finally {
      if (body?.gone) release();
    }
  });
}

function sendError(
  deps: AppDeps,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const answer = tellError(deps, error, request.id);
  return reply
    .code(answer.status)
    .headers({ ...errorHeaders, ...answer.headers })
    .send(JSON.stringify(shapeOf(answer, mountedAt(deps.mounted ?? [], request.url))));
}

// Who was refused is worth a line; who was answered only when somebody looks.
const noted: ReadonlySet<number> = new Set([401, 403, 421, 429]);

/** The route's pattern, never the URL, which a peer writes as it likes. */
function logAnswer(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode: status } = reply;
  const facts = {
    request: request.id,
    method: request.method,
    route: request.routeOptions.url ?? 'none',
    status,
    ms: Math.round(reply.elapsedTime),
  };
  if (status >= 500) log.warn(facts, 'answered');
  else if (noted.has(status)) log.info(facts, 'refused');
  else log.debug(facts, 'answered');
}

/** What is no HTTP, too long in coming or too large in its headers never becomes a request; the answer has the same shape. */
function refuseSocket(deps: AppDeps, error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const reply = errorReply(socketError(error.code), {
    request: requestId(deps.random),
    nowMs: deps.clock.wallMs(),
  });
  socket.end(rawAnswer(reply, shapeOf(reply, mountedAt(deps.mounted ?? [], undefined))));
  deps.log.debug({ request: reply.body.error.request, status: reply.status, code: error.code }, 'refused');
}

function socketError(code: string | undefined): RequestError {
  if (code === 'HPE_HEADER_OVERFLOW') return new RequestError('headers_too_large', { field: 'headers' });
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestError('request_late');
  return new RequestError('malformed', { field: 'headers', message: 'This is no HTTP request.' });
}

/** Node asks here before it makes a request of it, and would answer without a body. */
function refuseExpectation(deps: AppDeps, response: ServerResponse): void {
  const reply = errorReply(new RequestError('expectation_refused', { field: 'expect' }), {
    request: requestId(deps.random),
    nowMs: deps.clock.wallMs(),
  });
  // Whether a body follows is not known, so that nothing after this can be read as a request.
  const body = shapeOf(reply, mountedAt(deps.mounted ?? [], response.req.url));
  response.writeHead(reply.status, { ...errorHeaders, connection: 'close' }).end(JSON.stringify(body));
}

function requestId(random: Random): string {
  return Buffer.from(random.bytes(9)).toString('base64url');
}
