// Wires the layers on an opened data folder: the only place that knows them all.
//
//   protocols planned → data folder → lock → store (a new life) → engine → identity → protocols → HTTP

import { join } from 'node:path';
import type { RequestError, Timer } from '@holdfast/core';
import type { FastifyInstance } from 'fastify';
import { createAdmin } from './admin/create-admin.ts';
import { systemTurn } from './clock.ts';
import type { Config } from './config.ts';
import { databaseFile, ensureAdminToken, removeServerFile, writeServerFile } from './data-folder.ts';
import { sha256 } from './digest.ts';
import { type Discovery, startDiscovery } from './discovery/start-discovery.ts';
import type { Engine } from './engine/engine.ts';
import { storeFault } from './engine/faults.ts';
import { adminRoutes } from './http/admin-routes.ts';
import { type AppDeps, createApp } from './http/app.ts';
import { thisMachine } from './http/callers.ts';
import { type HttpBounds, httpBounds } from './http/http-bounds.ts';
import { createRates } from './http/rates.ts';
import { addFirstAdmin, type FirstAdmin } from './identity/first-admin.ts';
import { createIdentity, type ServedAuth, servedAuth } from './identity/identity.ts';
import { createTokens } from './identity/tokens.ts';
import { type MountHost, mountProtocol, type PlannedMount, planMounts } from './mounts.ts';
import { endProcess, type OpenFolder, openFolder, type Parts, processParts } from './open-folder.ts';
import { nativeLive } from './protocols/native/live.ts';
import { nativeRoutes } from './protocols/native/routes.ts';
import { type Registry, registry } from './protocols/registry.ts';
import { liveBounds } from './realtime/bounds.ts';
import { unusableAddress } from './start-error.ts';
import { type Store, StoreError } from './store/port.ts';
import { version } from './version.ts';

/** What tests and commands replace. */
export interface Overrides extends Partial<Parts> {
  /** The protocols that the config may mount. */
  protocols?: Registry;
}

export interface Started {
  /** How commands on this machine reach it. */
  url: string;
  /** How others do, as far as the server is bound to such addresses. */
  urls: readonly string[];
  engine: Engine;
  store: Store;
  auth: ServedAuth;
  /** Made by this start; nobody is told the password again. */
  firstAdmin?: FirstAdmin | undefined;
}

export interface HoldfastServer {
  /** Resolves when requests are served. Throws a StartError; then nothing is left open. */
  start(): Promise<Started>;
  /** Answers the requests in flight, closes every socket and the store. Resolves within five seconds. */
  stop(): Promise<void>;
}

// Then sockets that are still open are cut, and the rest is for the engine and the store; then the process ends as it is, which
// loses nothing that was acknowledged.
const drainMsMax = 3_500;
const stopMsMax = 4_900;

/** Throws a ConfigError for protocols that cannot be mounted so. */
export function composeServer(config: Config, overrides: Overrides = {}): HoldfastServer {
  const parts = { ...processParts(logOf(config)), ...overrides };
  const planned = planMounts(config, overrides.protocols ?? registry);
  let running: { app: FastifyInstance; folder: OpenFolder; discovery?: Discovery | undefined } | undefined;
  return {
    async start() {
      const folder = await openFolder(config, parts);
      parts.openLog();
      try {
        const token = await ensureAdminToken(config.data, parts.random);
        const address = { host: config.host, port: config.port };
        const auth = await servedAuth(config.auth, { store: folder.store, keys: config.keys });
        const app = createApp(
          appDeps(config, { parts, folder, token, planned, auth, address: () => address }),
        );
        running = { app, folder };
        await app.listen({ port: config.port, host: config.host }).catch((error: unknown) => {
          throw unusableAddress(config, error);
        });
        const { url, urls } = addressesOf(app, config);
        address.port = Number(new URL(url).port);
        await writeServerFile(config.data, { url, pid: process.pid, database: databaseFile(config) });
        running.discovery = discoveryOf(config, parts, app);
        const firstAdmin =
          auth === 'jwt' && config.firstAdmin !== undefined
            ? await addFirstAdmin({ ...parts, store: folder.store, sha256 }, config.firstAdmin)
            : undefined;
        parts.log.debug({ url, auth }, 'serving');
        return { url, urls, engine: folder.engine, store: folder.store, auth, firstAdmin };
      } catch (error) {
        await running?.app.close();
        running = undefined;
        await folder.close();
        await parts.closeLog();
        throw error;
      }
    },
    async stop() {
      if (!running) return;
      const { app, folder, discovery } = running;
      running = undefined;
      const late = parts.timer.after(stopMsMax, () => {
        parts.log.error('The end takes too long; the process ends as it is.');
        parts.exit(1);
      });
      await Promise.all([discovery?.stop(), drain(app, parts.timer)]);
      await removeServerFile(config.data);
      await folder.close();
      parts.log.info('stopped');
      await parts.closeLog();
      late.cancel();
    },
  };
}

function logOf({ logLevel, logFiles, data }: Config): Parameters<typeof processParts>[0] {
  return { logLevel, ...(logFiles ? { logFolder: join(data, 'logs') } : {}) };
}

function discoveryOf({ discovery }: Config, parts: Parts, app: FastifyInstance): Discovery | undefined {
  const [bound] = app.addresses();
  if (!discovery || typeof bound !== 'object') return undefined;
  return startDiscovery(parts, { ...discovery, host: bound.address, port: bound.port });
}

function appDeps(
  config: Config,
  opened: {
    parts: Parts;
    folder: OpenFolder;
    token: string;
    planned: readonly PlannedMount[];
    auth: ServedAuth;
    address: MountHost['address'];
  },
): AppDeps {
  const { clock, random, timer, log } = opened.parts;
  const { store, engine } = opened.folder;
  const { auth } = opened;
  const { schema, limits, live, keys, hosts, corsOrigins, health } = config;
  const identity = createIdentity({
    store,
    clock,
    random,
    sha256,
    limits,
    auth,
    keys,
    issuer: config.jwt && createTokens(config.jwt, clock),
  });
  const native = { engine, identity, schema, limits, clock, sha256 };
  const bounds = boundsBeside(live, { mounts: opened.planned.length > 0 });
  const devices = createRates(clock, { perSecondMax: bounds.requestsPerDevicePerSecondMax, field: 'device' });
  const host: MountHost = {
    ...native,
    random,
    timer,
    log,
    address: opened.address,
    countDevice: devices.count,
    version,
    startedAtMs: clock.wallMs(),
    health,
  };
  const admin = createAdmin({ store, engine, schema, limits, clock, random, sha256, version });
  return {
    clock,
    random,
    log,
    limits,
    auth,
    hosts,
    corsOrigins,
    machine: thisMachine,
    docs: { version, guarded: auth !== 'none' },
    ready: () => store.probe(),
    requestErrorOf: (error) => answerOf(opened.parts, error),
    sockets: {
      timer,
      turn: systemTurn,
      bounds: live,
      routes: (tools) => [nativeLive({ ...native, ...tools, bounds: live })],
    },
    bounds,
    mounted: opened.planned.map((one) => mountProtocol(host, one)),
    routes: [nativeRoutes(native), adminRoutes({ admin, token: opened.token, clock })],
  };
}

/** However many sockets stay open, there is room for requests. */
function boundsBeside({ socketsMax }: Config['live'], { mounts }: { mounts: boolean }): HttpBounds {
  const { connectionsMax, connectionsPerAddressMax, socketsPerAddressMax } = httpBounds;
  const requestsMax = connectionsMax - liveBounds.socketsMax;
  return {
    ...httpBounds,
    connectionsMax: Math.max(connectionsMax, socketsMax + requestsMax),
    connectionsPerAddressMax: connectionsPerAddressMax + (mounts ? socketsPerAddressMax : 0),
  };
}

/** Nothing more is taken; what is in flight is answered; then every socket is closed. */
async function drain(app: FastifyInstance, timer: Timer): Promise<void> {
  const cut = timer.after(drainMsMax, () => app.server.closeAllConnections());
  await app.close();
  cut.cancel();
}

/** Faults of the store that did not pass through the engine: identity, probes, the operator's work. */
function answerOf(parts: Parts, error: unknown): RequestError | undefined {
  const fault = storeFault(error);
  if (error instanceof StoreError && error.code === 'fsync') endProcess(parts, error);
  return fault;
}

function addressesOf(app: FastifyInstance, { host }: Config): { url: string; urls: string[] } {
  const bound = app.addresses().filter((address) => typeof address === 'object');
  const port = bound[0]?.port ?? 0;
  const everywhere = bound.some(({ address }) => address === '0.0.0.0' || address === '::');
  const name = everywhere ? '127.0.0.1' : (bound[0]?.address ?? host);
  const others = everywhere
    ? thisMachine.addresses().filter((address) => !/^(127\.|::1$|fe80:)/i.test(address))
    : [];
  return { url: urlOf(name, port), urls: [name, ...others].map((address) => urlOf(address, port)) };
}

function urlOf(address: string, port: number): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
