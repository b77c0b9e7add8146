// One server with every protocol mounted, and for each of them a client that does the same few things in the words of its wire, so that
// a case is written once and holds for all.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { z } from 'zod';
import { systemClock } from '../clock.ts';
import { composeServer, type HoldfastServer } from '../compose.ts';
import { type ConfigOptions, defineConfig } from '../config.ts';
import hardCases from './hard-cases.fixture.config.ts';

/** What a device wrote. A null name deletes. Each protocol takes of it what its wire can say. */
export interface Write {
  id: string;
  name: string | null;
  atMs: number;
  version: number;
}

export type Answer = 'taken' | 'conflict' | 'error';

export interface WireClient {
  /** In one request, with an answer for each write, in order. */
  push(device: string, writes: readonly Write[]): Promise<{ answers: readonly Answer[]; status: number }>;
  /** One page behind a cursor. A null name: deleted. */
  pull(
    device: string,
    cursor: string | null,
  ): Promise<{ names: ReadonlyMap<string, string | null>; cursor: string; more: boolean }>;
}

export interface HardServer {
  /** What the server takes for the time; null: the machine's clock. */
  clock: { nowMs: number | null };
  client(protocol: string): WireClient;
  url(): string;
  restart(): Promise<void>;
  close(): Promise<void>;
}

type Mounts = NonNullable<ConfigOptions['protocols']>;

/** `protocols`: other mounts than those of the cases. */
export async function startHardServer(protocols: Mounts = hardCases.protocols): Promise<HardServer> {
  const data = mkdtempSync(join(tmpdir(), 'holdfast-hard-'));
  const clock: HardServer['clock'] = { nowMs: null };
  const config = defineConfig({ ...hardCases, data, port: 0, protocols });
  let server: HoldfastServer;
  let url = '';
  const start = async (): Promise<void> => {
    const { wallMs, monoMs } = systemClock;
    const parts = {
      clock: { wallMs: () => clock.nowMs ?? wallMs(), monoMs },
      log: pino({ level: 'silent' }),
    };
    server = composeServer(config, parts);
    ({ url } = await server.start());
  };
  await start();
  return {
    clock,
    client: (protocol) => wireClient(protocol, () => url),
    url: () => url,
    async restart() {
      await server.stop();
      await start();
    },
    async close() {
      await server.stop();
      rmSync(data, { recursive: true });
    },
  };
}

/** A client of a protocol that the config of the cases mounts. `url`: where the server is now. */
export function wireClient(protocol: string, url: () => string): WireClient {
  const call: Call = async (path, init = {}) => {
    const reply = await fetch(`${url()}${path}`, init);
    return { status: reply.status, body: await reply.json() };
  };
  const clients = {
    hims: himsClient,
    pos: posClient,
    documents: documentsClient,
    crm: crmClient,
    terminal: terminalClient,
  };
  const client = clients[protocol as keyof typeof clients];
  if (!client) throw new Error(`There is no client for ${protocol}.`);
  return client(call);
}

type Call = (path: string, init?: RequestInit) => Promise<{ status: number; body: unknown }>;

function post(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
}

const uuids = z.array(z.object({ uuid: z.string() }).transform(({ uuid }) => uuid)).default([]);
const himsRecord = z.object({
  uuid: z.string(),
  name: z.string().default(''),
  is_deleted: z.number().default(0),
});
const himsPage = z.object({
  data: z.object({ purchases: z.array(himsRecord) }),
  timestamp: z.iso.datetime(),
  hasMore: z.boolean().default(false),
});

function himsClient(call: Call): WireClient {
  return {
    async push(deviceUuid, writes) {
      const purchases = writes.map(({ id, name, atMs }) => ({
        uuid: id,
        last_modified: new Date(atMs).toISOString(),
        is_synced: 0,
        ...(name === null ? { is_deleted: 1 } : { name: name }),
      }));
      const { status, body } = await call('/hims/sync/push', post({ deviceUuid, data: { purchases } }));
      const told = z.object({ conflicts: uuids, errors: uuids }).parse(body);
      const [conflicts, errors] = [new Set(told.conflicts), new Set(told.errors)];
      const answers = writes.map(({ id }): Answer => {
        if (status !== 200 || errors.has(id)) return 'error';
        return conflicts.has(id) ? 'conflict' : 'taken';
      });
      return { status, answers };
    },
    async pull(deviceUuid, since) {
      const request = { deviceUuid, tables: ['purchases'], ...(since === null ? {} : { since }) };
      const { body } = await call('/hims/sync/pull', post(request));
      const { data, timestamp, hasMore } = himsPage.parse(body);
      const names = data.purchases.map((one) => [one.uuid, one.is_deleted ? null : one.name] as const);
      return { names: new Map(names), cursor: timestamp, more: hasMore };
    },
  };
}

const posAnswers = z.object({
  syncedOrders: z
    .array(z.object({ success: z.boolean(), conflicts: z.array(z.unknown()).default([]) }))
    .default([]),
});
const posPage = z.object({
  orders: z.array(z.object({ localId: z.string(), order: z.object({ name: z.string() }) })),
  deletedOrderIds: z.array(z.string()),
  nextSyncToken: z.string(),
  hasMore: z.boolean(),
});

function posClient(call: Call): WireClient {
  return {
    async push(deviceId, writes) {
      const orders = writes.map(({ id, name, version }) => ({
        order: { name: name ?? 'gone', total: 5 },
        localId: id,
        syncStatus: 'PENDING',
        syncVersion: version,
        deviceId,
        ...(name === null ? { deleted: true } : {}),
      }));
      const { status, body } = await call(
        '/pos/api/sync/batch',
        post({ deviceId, orders, transactions: [] }),
      );
      const synced = posAnswers.parse(body).syncedOrders;
      const answers = writes.map((_, place): Answer => {
        if (synced[place]?.success) return 'taken';
        return synced[place]?.conflicts.length ? 'conflict' : 'error';
      });
      return { status, answers };
    },
    async pull(deviceId, since) {
      const query = new URLSearchParams({ deviceId, since: since ?? '0' });
      const { body } = await call(`/pos/api/sync/updates?${query}`);
      const { orders, deletedOrderIds, nextSyncToken, hasMore } = posPage.parse(body);
      const names = new Map<string, string | null>(orders.map(({ localId, order }) => [localId, order.name]));
      for (const id of deletedOrderIds) names.set(id, null);
      return { names, cursor: nextSyncToken, more: hasMore };
    },
  };
}

const documentsAnswer = z.object({
  applied: z.number().default(0),
  errors: z.array(z.object({ index: z.number() })).default([]),
});
const documentsPage = z.object({
  data: z.object({ appointments: z.array(z.object({ id: z.string(), name: z.string() })) }),
  deleted: z.object({ appointments: z.array(z.string()).default([]) }).default({ appointments: [] }),
  timestamp: z.number(),
});

function documentsClient(call: Call): WireClient {
  const userId = 'ann';
  return {
    async push(deviceId, writes) {
      const changes = writes.map(({ id, name, atMs: timestamp }) => ({
        ...(name === null
          ? { type: 'DATA_DELETE', data: { collection: 'appointments', documentId: id, timestamp } }
          : { type: 'DATA_UPDATE', data: { collection: 'appointments', document: { id, name }, timestamp } }),
        userId,
        deviceId,
      }));
      const { status, body } = await call(
        `/documents/api/sync/${userId}`,
        post({ changes }, { 'device-id': deviceId }),
      );
      const { applied, errors } = documentsAnswer.parse(body);
      // The wire counts what was applied and names what was wrong; in these tests nothing is applied behind what was older.
      const wrong = new Set(errors.map(({ index }) => index));
      const right = writes.map((_, place) => place).filter((place) => !wrong.has(place));
      const taken = new Set(right.slice(0, applied));
      const answers = writes.map((_, place): Answer => {
        if (wrong.has(place)) return 'error';
        return taken.has(place) ? 'taken' : 'conflict';
      });
      return { status, answers };
    },
    async pull(deviceId, since) {
      // Without `since` nothing is said of what was deleted.
      const query = `?since=${since ?? 0}`;
      const headers = { 'device-id': deviceId };
      const { body } = await call(`/documents/api/sync/${userId}${query}`, { headers });
      const { data, deleted, timestamp } = documentsPage.parse(body);
      const names = new Map<string, string | null>(data.appointments.map(({ id, name }) => [id, name]));
      for (const id of deleted.appointments) names.set(id, null);
      return { names, cursor: String(timestamp), more: false };
    },
  };
}

const uniqueIds = z
  .array(z.object({ uniqueId: z.string() }).transform(({ uniqueId }) => uniqueId))
  .default([]);
const crmAnswer = z.object({
  applied: uniqueIds,
  conflicts: z.array(z.object({ uniqueId: z.string(), winner: z.string() })).default([]),
});
const crmPage = z.object({
  changes: z.object({
    customers: z.array(
      z.object({
        customer_id: z.string(),
        name: z.string().default(''),
        deleted: z.boolean().default(false),
      }),
    ),
  }),
  timestamp: z.iso.datetime(),
  hasMore: z.boolean(),
});

function crmClient(call: Call): WireClient {
  return {
    async push(deviceId, writes) {
      const customers = writes.map(({ id, name, atMs }) => ({
        customer_id: id,
        updated_at: new Date(atMs).toISOString(),
        ...(name === null ? { deleted: true } : { name }),
      }));
      const { status, body } = await call('/crm/api/sync/push', post({ deviceId, changes: { customers } }));
      const { applied, conflicts } = crmAnswer.parse(body);
      const taken = new Set(applied);
      const winners = new Map(conflicts.map(({ uniqueId, winner }) => [uniqueId, winner]));
      const answers = writes.map(({ id }): Answer => {
        if (taken.has(id)) return 'taken';
        // What the client won is written as it wished.
        return winners.has(id) ? (winners.get(id) === 'server' ? 'conflict' : 'taken') : 'error';
      });
      return { status, answers };
    },
    async pull(deviceId, lastSyncTimestamp) {
      const { body } = await call('/crm/api/sync/pull', post({ deviceId, lastSyncTimestamp }));
      const { changes, timestamp, hasMore } = crmPage.parse(body);
      const names = changes.customers.map((one) => [one.customer_id, one.deleted ? null : one.name] as const);
      return { names: new Map(names), cursor: timestamp, more: hasMore };
    },
  };
}

const terminalAnswer = z.object({
  results: z
    .array(
      z.object({
        status: z.enum(['SYNCED', 'CONFLICT', 'FAILED']),
        data: z.object({ name: z.string().optional() }).nullable().optional(),
      }),
    )
    .default([]),
});
const terminalPage = z.object({
  changes: z.array(z.object({ entityId: z.string(), data: z.object({ name: z.string() }).optional() })),
  hasMore: z.boolean(),
  lastSync: z.iso.datetime(),
});

function terminalClient(call: Call): WireClient {
  return {
    async push(terminalId, writes) {
      const changes = writes.map(({ id: entityId, name, atMs, version }) => ({
        entityType: 'Product',
        entityId,
        operation: name === null ? 'DELETE' : version === 1 ? 'CREATE' : 'UPDATE',
        data: { ...(name === null ? {} : { name }), updatedAt: new Date(atMs).toISOString() },
        syncVersion: version,
      }));
      const { status, body } = await call('/terminal/api/sync/push', post({ terminalId, changes }));
      const { results } = terminalAnswer.parse(body);
      const answers = writes.map(({ name }, place): Answer => {
        const result = results[place];
        if (!result || result.status === 'FAILED') return 'error';
        // What it is told stands as it wished, or is something else.
        const stands = result.data === undefined || (result.data?.name ?? null) === name;
        return result.status === 'SYNCED' && stands ? 'taken' : 'conflict';
      });
      return { status, answers };
    },
    async pull(terminalId, lastSync) {
      const query = new URLSearchParams({
        terminalId,
        entityType: 'Product',
        lastSync: lastSync ?? '',
        limit: '7',
      });
      const { body } = await call(`/terminal/api/sync/pull?${query}`);
      const page = terminalPage.parse(body);
      const names = page.changes.map(({ entityId, data }) => [entityId, data?.name ?? null] as const);
      return { names: new Map(names), cursor: page.lastSync, more: page.hasMore };
    },
  };
}
