// What a wire protocol is to the server that carries it: it is told its place and gets the engine's face, and it gives routes,
// sockets, and the shape of everything that goes wrong below its prefix. The host does the rest: who may call, bounds, errors.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Limits, Random, Schema, Sha256, Timer } from '@holdfast/core';
import type { FastifyPluginAsync, FastifyRequest, FastifyTypeProvider } from 'fastify';
import type { output, ZodType } from 'zod';
import type { Caller, Engine } from '../engine/engine.ts';
import type { Identity } from '../identity/identity.ts';
import type { SocketRoute, SocketTools } from '../realtime/wire.ts';

/** A collection as the clients of a protocol name it. */
export interface MountedCollection {
  /** Its name on the wire. */
  wire: string;
  /** Its name in the schema. */
  collection: string;
  /** The wire's fields that hold a record's id, and its time of change. */
  id: string;
  time: string;
}

export interface MountDeps<Options = unknown> {
  engine: Engine;
  identity: Identity;
  schema: Schema;
  limits: Limits;
  clock: Clock;
  random: Random;
  timer: Timer;
  sha256: Sha256;
  log: MountLog;
  /** Where requests go: `main` unless configured. */
  scope: string;
  /** By the name on the wire. */
  collections: ReadonlyMap<string, MountedCollection>;
  /** Where the server is reached, once it listens. */
  address(): { host: string; port: number };
  /**
   * The proven caller of a request, speaking for a device (without one: for that of its key, if any). Every route asks for a credential, if it does not say
   * `config: { open: true }`; a socket is proven by its protocol (`identity.prove`, then `callerOf` in door.ts).
   */
  caller(request: FastifyRequest, device?: string): Caller;
  /** Counts a request of a device. Throws RequestError `too_many` when it sends more than it may. */
  countDevice(device: string): void;
  version: string;
  startedAtMs: number;
  /** What is told to whoever asks without a credential. */
  health: 'full' | 'minimal';
  options: Options;
}

export interface MountLog {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** Anything that went wrong below the prefix: thrown by a route, or met before one was found. */
export interface MountError {
  status: number;
  code: string;
  message: string;
  field?: string;
}

/** A place where a library of the protocol makes sockets of upgrades by itself, within bounds that are the protocol's to set. */
export interface UpgradeRoute {
  path: string;
  /** For a peer that was let in: its host, address, origin and number of sockets were judged. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Takes no more sockets, and ends those that are open. */
  stop(): void;
}

export interface Mount {
  /** Registered under the prefix. What a route's `schema` says with zod is checked before its handler runs. */
  routes: FastifyPluginAsync;
  /** Their paths stand below the prefix. */
  sockets?(tools: SocketTools): readonly (SocketRoute | UpgradeRoute)[];
  /** The protocol's own envelope. */
  errorBody(error: MountError): unknown;
}

/** What the registry holds of a protocol. */
export interface Protocol<Options = unknown> {
  options: ZodType<Options>;
  /**
   * The collections that its wire names; null: any. Where the config maps none, each of these that the schema declares is mounted
   * under its own name.
   */
  collections: readonly string[] | null;
  /** Names of the fields that hold id and time, where the config names none. `ids`: of collections whose id has a name of its own. */
  fields: { id: string; time: string; ids?: Readonly<Record<string, string>> };
  /** Whether its clients can say by how much a counter changes. Those that cannot get no collection with counters. */
  counters: boolean;
  /** Pages that may read answers where the config lists none: any, or those whose host is loopback or private. */
  origins: 'any' | 'near';
  /** Whether answers are compressed for clients that accept it. */
  gzip: boolean;
  create(deps: MountDeps<Options>): Mount;
}

/** A protocol whose options are checked before `create` gets them. */
export function defineProtocol<Options>(protocol: Protocol<Options>): Protocol {
  const { options, create } = protocol;
  return { ...protocol, create: (deps) => create({ ...deps, options: options.parse(deps.options) }) };
}

/** `app.withTypeProvider<ZodRoutes>()`: what a route's schema let through has the types that the schema says. */
export interface ZodRoutes extends FastifyTypeProvider {
  validator: this['schema'] extends ZodType ? output<this['schema']> : unknown;
  serializer: unknown;
}
