// The native protocol on the real engine and an SQLite store in memory, at a time that only the test moves.

import {
  defaultLimits,
  defineSchema,
  type ErrorAnswer,
  type ExchangeAnswer,
  type enrolledMessage,
  type Limits,
  protocolMarker,
  type Timer,
} from '@holdfast/core';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sha256 } from '../../digest.ts';
import { createEngine } from '../../engine/create-engine.ts';
import type { Engine } from '../../engine/engine.ts';
import { createTestApp } from '../../http/app.fixture.ts';
import { createIdentity } from '../../identity/identity.ts';
import type { IdentityDeps } from '../../identity/keys.ts';
import type { LiveBounds } from '../../realtime/bounds.ts';
import type { Store } from '../../store/port.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { nativeLive } from './live.ts';
import { nativeRoutes } from './routes.ts';

const former = defineSchema({
  version: 1,
  collections: { items: { kind: 'request', fields: z.object({ name: z.string() }) } },
});

export const schema = defineSchema({
  version: 2,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string(),
        price: z.number().optional(),
        quantity: z.number().optional(),
        shelf: z.string().optional(),
      }),
      counters: { quantity: { minimum: 0 } },
      unique: ['name'],
      parents: { shelf: 'shelves' },
    },
    shelves: { kind: 'request', fields: z.object({ label: z.string() }), policy: 'ask' },
    issues: { kind: 'fact', fields: z.object({ item: z.string(), amount: z.number() }) },
  },
  former: [former],
});

export interface TestServer {
  app: FastifyInstance;
  engine: Engine;
  store: Store;
  identity: IdentityDeps;
  clock: { wall: number; mono: number };
  /** Of the log. */
  lines: readonly Record<string, unknown>[];
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  close(): Promise<void>;
}

/** Whatever it is an answer to. */
export type TestBody = ExchangeAnswer & ErrorAnswer & z.infer<typeof enrolledMessage>;

export interface TestAnswer {
  status: number;
  text: string;
  /** Parsed; a test asks it for what it expects in it. */
  body: TestBody;
}

export async function createTestServer(
  options: {
    auth?: 'none' | 'keys';
    limits?: Partial<Limits>;
    /** Takes live sockets. */
    live?: { bounds: LiveBounds; timer: Timer };
    corsOrigins?: readonly string[];
  } = {},
): Promise<TestServer> {
  const { auth = 'none' } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const now = { wall: 1_700_000_000_000, mono: 0 };
  const clock = { wallMs: () => now.wall, monoMs: () => now.mono };
  let drawn = 0;
  const random = {
    bytes: (length: number) =>
      Uint8Array.from({ length }, () => {
        drawn = (drawn * 131 + 7) % 251;
        return drawn;
      }),
    fraction: () => 0.5,
  };
  const faults: unknown[] = [];
  const life = { id: 'life-1', startedAt: now.wall };
  const store = await openSqliteStore({ file: null, life, schema, limits, sha256 });
  const engine = createEngine({
    store,
    schema,
    limits,
    clock,
    random,
    sha256,
    timer: { after: () => ({ cancel: () => {} }) },
    turn: () => Promise.resolve(),
    log: (_level, message, facts) => faults.push(new Error(message, { cause: facts })),
    fatal: (error) => faults.push(error),
  });
  const identity = { store, clock, random, sha256, limits };
  const native = { engine, identity: createIdentity({ ...identity, auth }), schema, limits, clock, sha256 };
  const { live, corsOrigins = [] } = options;
  const { app, lines } = createTestApp({
    clock,
    random,
    auth,
    corsOrigins,
    limits,
    routes: [nativeRoutes(native)],
    ...(live
      ? {
          sockets: {
            timer: live.timer,
            turn: () => new Promise((resolve) => setImmediate(resolve)),
            bounds: live.bounds,
            routes: (tools) => [nativeLive({ ...native, ...tools, bounds: live.bounds })],
          },
        }
      : {}),
  });
  return {
    app,
    engine,
    store,
    identity,
    lines,
    clock: now,
    async post(path, body, headers) {
      const response = await app.inject({
        method: 'POST',
        url: path,
        headers: { 'content-type': 'application/json', ...headers },
        payload: typeof body === 'string' ? body : JSON.stringify(body),
      });
      return { status: response.statusCode, text: response.body, body: JSON.parse(response.body) };
    },
    async close() {
      await app.close();
      await engine.stop();
      await store.close();
      if (faults.length > 0) throw faults[0];
    },
  };
}

/** A UUID that ends in `n`. */
export function idOf(n: number): string {
  return `018f0000-0000-7000-8000-${String(n).padStart(12, '0')}`;
}

export function mutationOf(n: number, ...changes: readonly object[]): Record<string, unknown> {
  return {
    id: idOf(n),
    schema: 2,
    made: { wall: 1_700_000_000_000, mono: 5, session: 's1', offset: 0, seen: 0 },
    changes,
  };
}

export function exchangeOf(parts: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    protocol: protocolMarker,
    device: 'd1',
    replica: 'r1',
    scope: 'shop-1',
    checkpoint: null,
    schema: 2,
    clock: { wall: 1_700_000_000_000, mono: 10, session: 's1' },
    verdictsSeen: 0,
    seqSeen: 0,
    ...parts,
  };
}
