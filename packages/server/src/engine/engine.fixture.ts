// An engine on SQLite in memory with a clock that a test moves, and short ways to call it.

import { createHash } from 'node:crypto';
import {
  admit,
  type Change,
  canonicalJson,
  defaultLimits,
  defineSchema,
  hashedPart,
  type JsonObject,
  type Limits,
  type Mutation,
  type Schema,
} from '@holdfast/core';
import { z } from 'zod';
import type { Store } from '../store/port.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createEngine } from './create-engine.ts';
import type { Caller, Engine, PullRequest, PushResult } from './engine.ts';

export const testSchema = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string().optional(),
        sku: z.string().optional(),
        price: z.number().optional(),
        quantity: z.number().optional(),
        shelf: z.string().optional(),
      }),
      counters: { quantity: { minimum: 0 } },
      unique: ['sku'],
      parents: { shelf: 'shelves' },
    },
    shelves: { kind: 'request', fields: z.object({ name: z.string() }), policy: 'ask' },
    sales: { kind: 'fact', fields: z.object({ amount: z.number() }) },
  },
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface TestEngine {
  engine: Engine;
  store: Store;
  clock: { nowMs: number };
  faults: string[];
  fatal: unknown[];
  mutation(
    changes: readonly Change[],
    options?: { id?: string; madeAt?: number },
  ): Mutation & { madeAt: number };
  push(
    who: string,
    n: number,
    mutations: readonly (Mutation & { madeAt: number })[],
    options?: {
      scope?: string;
      caller?: Partial<Caller>;
      seen?: number;
      checkpoint?: string | null;
      pull?: PullRequest;
    },
  ): Promise<PushResult>;
  pull(who: string, request?: Partial<PullRequest>, scope?: string): ReturnType<Engine['pull']>;
  close(): Promise<void>;
}

export async function startEngine(
  options: { schema?: Schema; limits?: Partial<Limits>; store?: (store: Store) => Store } = {},
): Promise<TestEngine> {
  const schema = options.schema ?? testSchema;
  const limits = { ...defaultLimits, ...options.limits };
  const clock = { nowMs: 1_764_000_000_000 };
  const opened = await openSqliteStore({
    file: null,
    life: { id: 'life-1', startedAt: clock.nowMs },
    schema,
    limits,
    sha256,
  });
  const store = options.store?.(opened) ?? opened;
  const faults: string[] = [];
  const fatal: unknown[] = [];
  let ids = 0;
  const engine = createEngine({
    store,
    schema,
    limits,
    sha256,
    clock: { wallMs: () => clock.nowMs, monoMs: () => clock.nowMs },
    random: { bytes: (length) => new Uint8Array(length).fill(++ids), fraction: () => 0.5 },
    timer: { after: () => ({ cancel: () => undefined }) },
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    log: (_level, message) => faults.push(message),
    fatal: (error) => fatal.push(error),
  });
  const callerOf = (who: string): Caller => ({ key: null, device: `device-${who}`, actor: '' });
  return {
    engine,
    store,
    clock,
    faults,
    fatal,
    mutation(
      changes,
      { id = `00000000-0000-7000-8000-${(++ids).toString(16).padStart(12, '0')}`, madeAt = clock.nowMs } = {},
    ) {
      const made = { wall: madeAt, mono: 0, session: 's', offset: 0, seen: 0 };
      return { id, schema: schema.version, made, changes, madeAt };
    },
    push(who, n, mutations, { scope = 'main', caller = {}, seen = 0, checkpoint = null, pull } = {}) {
      const arrived = mutations.map(({ madeAt, ...mutation }) => {
        const { problem } = admit(mutation, schema, limits);
        return {
          mutation,
          madeAt,
          hash: sha256(canonicalJson(hashedPart(mutation) as JsonObject)),
          ...(problem ? { problem } : {}),
        };
      });
      return engine.push({ ...callerOf(who), ...caller }, scope, {
        replica: who,
        former: [],
        n,
        verdictsSeen: seen,
        checkpoint,
        mutations: arrived,
        ...(pull ? { pull } : {}),
      });
    },
    pull: (who, request = {}, scope = 'main') =>
      engine.pull(callerOf(who), scope, { after: null, ...request }),
    async close() {
      await engine.stop();
      await opened.close();
    },
  };
}

export function put(
  collection: string,
  id: string,
  body: JsonObject,
  rest: { base?: number; replaced?: JsonObject } = {},
): Change {
  return { type: 'put', collection, id, body, ...rest };
}
