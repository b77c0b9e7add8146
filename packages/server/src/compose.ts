// Opens the drivers and wires the layers: the only place that knows them all. `serve` uses it whole; a command that holds the
// folder's lock uses `openFolder` alone.
//
//   data folder → lock → store (a new life) → engine → identity → protocols → HTTP

import type { Clock, Random, RequestError, Timer } from '@holdfast/core';
import type { FastifyInstance } from 'fastify';
import { createAdmin } from './admin/create-admin.ts';
import { systemClock, systemRandom, systemTimer, systemTurn } from './clock.ts';
import type { Config } from './config.ts';
import {
  databaseFile,
  ensureAdminToken,
  makeDataFolder,
  removeServerFile,
  writeServerFile,
} from './data-folder.ts';
import { sha256 } from './digest.ts';
import { createEngine } from './engine/create-engine.ts';
import type { Engine } from './engine/engine.ts';
import { storeFault } from './engine/faults.ts';
import { adminRoutes } from './http/admin-routes.ts';
import { createApp, type HttpBounds, httpBounds } from './http/app.ts';
import { thisMachine } from './http/callers.ts';
import { createIdentity } from './identity/identity.ts';
import { createLog, type Log } from './log.ts';
import { nativeLive } from './protocols/native/live.ts';
import { nativeRoutes } from './protocols/native/routes.ts';
import { liveBounds } from './realtime/bounds.ts';
import { StartError, unusableAddress } from './start-error.ts';
import { type Store, StoreError, type StoreErrorCode } from './store/port.ts';
import { type DataFolderLock, lockDataFolder } from './store/sqlite/lock.ts';
import { openSqliteStore } from './store/sqlite/open.ts';
import { version } from './version.ts';

/** What the process gives; tests and the simulator give their own. */
export interface Parts {
  clock: Clock;
  random: Random;
  timer: Timer;
  log: Log;
  openStore: typeof openSqliteStore;
  /** Ends the process at once. */
  exit: (code: number) => void;
}

/** A data folder that this process holds. */
export interface OpenFolder {
  store: Store;
  engine: Engine;
  /** Answers what was taken, closes the store, lets the folder go. */
  close(): Promise<void>;
}

export interface Started {
  /** How commands on this machine reach it. */
  url: string;
  /** How others do, as far as the server is bound to such addresses. */
  urls: readonly string[];
  engine: Engine;
  store: Store;
}

export interface HoldfastServer {
  /** Resolves when requests are served. Throws a StartError; then nothing is left open. */
  start(): Promise<Started>;
  /** Answers the requests in flight, closes every socket and the store. Resolves within five seconds. */
  stop(): Promise<void>;
}

/** The exit code after a failed fsync: an input or output error, as sysexits.h has it. */
export const fatalExitCode = 74;

// Then sockets that are still open are cut, and the rest is for the engine and the store; then the process ends as it is, which
// loses nothing that was acknowledged.
const drainMsMax = 3_500;
const stopMsMax = 4_900;

export function processParts(config: Pick<Config, 'logLevel'>): Parts {
  const clock = systemClock;
  return {
    clock,
    random: systemRandom,
    timer: systemTimer,
    log: createLog({ level: config.logLevel, clock, write: (line) => process.stderr.write(line) }),
    openStore: openSqliteStore,
    exit: (code) => process.exit(code),
  };
}

/** Takes the folder's lock and opens the store in a new life, with an engine on it. Throws a StartError. */
export async function openFolder(config: Config, parts: Parts): Promise<OpenFolder> {
  const { clock, random, timer, log } = parts;
  await makeDataFolder(config.data);
  const lock = takeLock(config.data);
  try {
    const life = { id: Buffer.from(random.bytes(8)).toString('hex'), startedAt: clock.wallMs() };
    const { schema, limits, sizeBytesMax } = config;
    const store = await parts.openStore({
      file: databaseFile(config.data),
      life,
      schema,
      limits,
      sha256,
      timer,
      ...(sizeBytesMax === undefined ? {} : { sizeBytesMax }),
    });
    const engine = createEngine({
      store,
      schema,
      limits,
      clock,
      random,
      timer,
      sha256,
      turn: systemTurn,
      log: (level, message, facts) => log[level](facts, message),
      fatal: (error) => endProcess(parts, error),
    });
    return {
      store,
      engine,
      async close() {
        try {
          await engine.stop();
          await store.close();
        } finally {
          lock.release();
        }
      },
    };
  } catch (error) {
    lock.release();
    throw unusableStore(error);
  }
}

function takeLock(data: string): DataFolderLock {
  try {
    return lockDataFolder(data);
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'busy')) throw unusableStore(error);
    throw new StartError('data_locked', {
      message: `Another process works on the data folder ${data}.`,
      help: 'Stop that one, or name another folder with --data.',
      cause: error,
    });
  }
}

export function composeServer(config: Config, overrides: Partial<Parts> = {}): HoldfastServer {
  const parts = { ...processParts(config), ...overrides };
  let running: { app: FastifyInstance; folder: OpenFolder } | undefined;
  return {
    async start() {
      const folder = await openFolder(config, parts);
      try {
        const token = await ensureAdminToken(config.data, parts.random);
        const app = createApp(appDeps(config, { parts, folder, token }));
        running = { app, folder };
        await app.listen({ port: config.port, host: config.host }).catch((error: unknown) => {
          throw unusableAddress(config, error);
        });
        const { url, urls } = addressesOf(app, config);
        await writeServerFile(config.data, { url, pid: process.pid });
        parts.log.debug({ url, auth: config.auth }, 'serving');
        return { url, urls, engine: folder.engine, store: folder.store };
      } catch (error) {
        await running?.app.close();
        running = undefined;
        await folder.close();
        throw error;
      }
    },
    async stop() {
      if (!running) return;
      const { app, folder } = running;
      running = undefined;
      const late = parts.timer.after(stopMsMax, () => {
        parts.log.error('The end takes too long; the process ends as it is.');
        parts.exit(1);
      });
      await drain(app, parts.timer);
      await removeServerFile(config.data);
      await folder.close();
      late.cancel();
      parts.log.info('stopped');
    },
  };
}

function appDeps(
  config: Config,
  opened: { parts: Parts; folder: OpenFolder; token: string },
): Parameters<typeof createApp>[0] {
  const { clock, random, timer, log } = opened.parts;
  const { store, engine } = opened.folder;
  const { schema, limits, live, auth, hosts, corsOrigins } = config;
  const identity = createIdentity({ store, clock, random, sha256, limits, auth });
  const native = { engine, identity, schema, limits, clock, sha256 };
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
    ready: () => store.probe(),
    requestErrorOf: (error) => answerOf(opened.parts, error),
    sockets: {
      timer,
      turn: systemTurn,
      bounds: live,
      routes: (tools) => [nativeLive({ ...native, ...tools, bounds: live })],
    },
    bounds: boundsBeside(live),
    routes: [nativeRoutes(native), adminRoutes({ admin, token: opened.token, clock })],
  };
}

/** However many sockets stay open, there is room for requests. */
function boundsBeside({ socketsMax }: Config['live']): HttpBounds {
  const { connectionsMax } = httpBounds;
  const requestsMax = connectionsMax - liveBounds.socketsMax;
  return { ...httpBounds, connectionsMax: Math.max(connectionsMax, socketsMax + requestsMax) };
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

/** After a failed fsync nothing that was written since can be trusted, so nothing may be acknowledged any more. */
function endProcess({ log, exit }: Parts, error: unknown): void {
  log.fatal({ error }, 'The disk did not confirm a write. The process ends; nothing of it was acknowledged.');
  exit(fatalExitCode);
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

const storeHelp: Record<StoreErrorCode, string> = {
  full: 'Free space or raise sizeBytesMax, then start again.',
  busy: 'End the program that has the database open, then start again.',
  readonly: 'Give this user the right to write the database file.',
  fsync: 'Check the disk, then start again.',
  corrupt: 'Keep the file, and bring a backup back with `npx holdfast restore`.',
  closed: 'Start again.',
  newer:
    'Use the config with that version or a later one. To go back for good, restore a backup that was made before it.',
  failed: 'Run `npx holdfast doctor`.',
};

function unusableStore(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  return new StartError('store_unusable', {
    message: error.message,
    help: storeHelp[error.code],
    cause: error,
  });
}
