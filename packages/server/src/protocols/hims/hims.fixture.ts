// hims on the real engine, mounted at the root with a schema of its own, at a time that only the test moves.

import { defaultLimits, defineSchema, type JsonObject, type Limits, type Schema } from '@holdfast/core';
import type { FastifyInstance } from 'fastify';
import { expect } from 'vitest';
import { z } from 'zod';
import { sha256 } from '../../digest.ts';
import { createEngine } from '../../engine/create-engine.ts';
import type { Engine } from '../../engine/engine.ts';
import { createTestApp } from '../../http/app.fixture.ts';
import { createIdentity, type Identity } from '../../identity/identity.ts';
import type { IdentityDeps } from '../../identity/keys.ts';
import { mountProtocol, planMounts } from '../../mounts.ts';
import type { Store } from '../../store/port.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { hims } from './protocol.ts';
import type { conflictsAnswer, pullAnswer, pushAnswer } from './wire.ts';

const text = z.string().nullish();
const fields = z.looseObject({ item_name: text, current_stock: z.number().nullish() });

export const himsSchema = defineSchema({
  version: 1,
  collections: {
    stock_items: { kind: 'request', fields, policy: 'ask' },
    purchases: { kind: 'request', fields: z.looseObject({}), policy: 'newest' },
    settings: { kind: 'request', fields: z.looseObject({}), policy: 'server' },
  },
});

export interface TestHims {
  app: FastifyInstance;
  engine: Engine;
  store: Store;
  keys: IdentityDeps;
  identity: Identity;
  clock: { wall: number; mono: number };
  ask(method: 'GET' | 'POST', path: string, body?: unknown, key?: string): Promise<Answer>;
  push(device: string, data: Record<string, unknown>): Promise<z.infer<typeof pushAnswer>>;
  pull(device: string, more?: { tables?: string[]; since?: string }): Promise<z.infer<typeof pullAnswer>>;
  /** From a time on, page by page, to the end: the records as they came, and the time to go on from. */
  pullAll(since?: string): Promise<{ records: JsonObject[]; since: string }>;
  conflicts(device?: string): Promise<z.infer<typeof conflictsAnswer>['data']>;
  close(): Promise<void>;
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever it is an answer to; a test asks it for what it expects in it.
  body: any;
}

/** 2026-11-21T12:00:00.000Z */
export const noon = Date.UTC(2026, 10, 21, 12);

export function at(ms: number): string {
  return new Date(noon + ms).toISOString();
}

export async function startHims(
  options: {
    auth?: 'none' | 'keys';
    limits?: Partial<Limits>;
    maxSyncRecords?: number;
    schema?: Schema;
    /** Absent: in memory. */
    file?: string;
    /** Of the wire: name → where it is. */
    collections?: Record<string, { collection?: string; id?: string; time?: string }>;
  } = {},
): Promise<TestHims> {
  const { auth = 'none', schema = himsSchema, file = null, collections } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const now = { wall: noon, mono: 0 };
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
  const timer = { after: () => ({ cancel: () => {} }) };
  const faults: unknown[] = [];
  const life = { id: `life-${process.hrtime.bigint()}`, startedAt: now.wall };
  const store = await openSqliteStore({ file, life, schema, limits, sha256 });
  const engine = createEngine({
    ...{ store, schema, limits, clock, random, timer, sha256 },
    turn: () => Promise.resolve(),
    log: (_level, message, facts) => faults.push(new Error(message, { cause: facts })),
    fatal: (error) => faults.push(error),
  });
  const keys = { store, clock, random, sha256, limits };
  const identity = createIdentity({ ...keys, auth });
  const at = {
    prefix: '',
    scope: 'main',
    options: { maxSyncRecords: options.maxSyncRecords },
    ...(collections ? { collections } : {}),
  };
  const [planned] = planMounts({ protocols: { hims: at }, schema }, { hims });
  if (!planned) throw new Error('Nothing is mounted.');
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const mounted = mountProtocol(
    {
      ...{ engine, identity, schema, limits, clock, random, timer, sha256, log },
      address: () => ({ host: '192.168.1.10', port: 5000 }),
      countDevice: () => {},
      version: '0',
      startedAtMs: noon - 3_600_500,
      health: 'full',
    },
    planned,
  );
  const { app } = createTestApp({ clock, random, auth, limits, mounted: [mounted] });

  const ask: TestHims['ask'] = async (method, url, body, key) => {
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key ? { authorization: `Bearer ${key}` } : {}),
    };
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await app.inject({ method, url, headers, ...(body === undefined ? {} : { payload }) });
    return { status: response.statusCode, body: JSON.parse(response.body) };
  };
  const taken = async (answer: Promise<Answer>): Promise<Answer['body']> => {
    const { status, body } = await answer;
    expect({ status, body }).toMatchObject({ status: 200, body: { success: true } });
    return body;
  };
  const pull: TestHims['pull'] = (deviceUuid, more) =>
    taken(ask('POST', '/sync/pull', { deviceUuid, ...more }));
  return {
    ...{ app, engine, store, keys, identity, ask, pull },
    clock: now,
    push: (deviceUuid, data) => taken(ask('POST', '/sync/push', { deviceUuid, data })),
    async pullAll(since) {
      const records: JsonObject[] = [];
      for (let from = since; ; ) {
        const page = await pull('reader', from === undefined ? {} : { since: from });
        records.push(...(Object.values(page.data).flat() as JsonObject[]));
        from = page.timestamp;
        if (!page.hasMore) return { records, since: from };
      }
    },
    conflicts: async (device) =>
      (await taken(ask('GET', device === undefined ? '/conflicts' : `/conflicts/${device}`))).data,
    async close() {
      await app.close();
      await engine.stop();
      await store.close();
      if (faults.length > 0) throw faults[0];
    },
  };
}

export function item(uuid: string, ms: number, more: JsonObject = {}): JsonObject {
  return { uuid, item_name: 'Towel', current_stock: 10, last_modified: at(ms), is_synced: 0, ...more };
}
