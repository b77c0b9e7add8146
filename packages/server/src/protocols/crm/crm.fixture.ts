// A server that speaks crm, as browsers reach it, at a time that only the test moves; and browsers that keep what a client keeps.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@holdfast/core';
import { expect } from 'vitest';
import type { z } from 'zod';
import { systemRandom } from '../../clock.ts';
import { composeServer, type HoldfastServer, type Started } from '../../compose.ts';
import { type ConfigOptions, defineConfig } from '../../config.ts';
import { sha256 } from '../../digest.ts';
import type { IdentityDeps } from '../../identity/keys.ts';
import { crm } from '../../presets/crm.ts';
import { fullAnswer, pullAnswer, pushAnswer, resolvedAnswer, statusAnswer } from './wire.ts';

export interface TestCrm {
  readonly url: string;
  readonly started: Started;
  /** The data folder. */
  readonly data: string;
  clock: { wall: number };
  readonly identity: IdentityDeps;
  send(path: string, body?: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestAnswer {
  status: number;
  text: string;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test asks an answer for whatever it expects in it.
  body: any;
}

export const noon = Date.UTC(2026, 10, 22, 12);

/** Seconds after noon, as browsers write it. */
export function at(seconds: number): string {
  return new Date(noon + seconds * 1_000).toISOString();
}

/** Without a login, unless the options say so: hashing passwords takes its time. */
export async function startCrm(options: Partial<ConfigOptions> = {}): Promise<TestCrm> {
  const data = await mkdtemp(join(tmpdir(), 'holdfast-crm-'));
  const now = { wall: noon };
  const clock = { wallMs: () => now.wall, monoMs: () => now.wall };
  const here = { port: 0, host: '127.0.0.1', data, logLevel: 'silent', discovery: false } as const;
  const config = defineConfig({ ...crm.config, ...here, auth: 'none', ...options });
  let server: HoldfastServer = composeServer(config, { clock });
  let started = await server.start();
  return {
    data,
    get url() {
      return started.url;
    },
    get started() {
      return started;
    },
    get identity() {
      return { store: started.store, clock, random: systemRandom, sha256 };
    },
    clock: now,
    send: (path, body, headers) => sendTo(started.url, path, body, headers),
    async restart() {
      await server.stop();
      server = composeServer(config, { clock });
      started = await server.start();
    },
    async stop() {
      await server.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}

export async function sendTo(
  url: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestAnswer> {
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, headers: response.headers, body: JSON.parse(text) };
}

export function customer(id: string, seconds: number, fields: JsonObject = {}): JsonObject {
  return { customer_id: id, ...fields, updated_at: at(seconds) };
}

export function deletedCustomer(id: string, seconds: number): JsonObject {
  return { customer_id: id, deleted: true, updated_at: at(seconds) };
}

type Changes = Readonly<Record<string, readonly unknown[]>>;

/** One browser: it keeps its timestamp and the customers that it was sent. */
export class Browser {
  timestamp: string | null = null;
  readonly customers = new Map<string, JsonObject>();
  readonly #crm: Pick<TestCrm, 'send'>;
  readonly #device: string;

  constructor(crm: Pick<TestCrm, 'send'>, device: string) {
    this.#crm = crm;
    this.#device = device;
  }

  /** Customers. */
  push(records: readonly unknown[], strategy?: string) {
    return this.pushAll({ customers: records }, strategy);
  }

  async pushAll(changes: Changes, strategy?: string): Promise<z.infer<typeof pushAnswer>> {
    const said = strategy === undefined ? {} : { strategy };
    return pushAnswer.strict().parse(await this.#ask('push', { changes, ...said }));
  }

  /** One page, behind what it has read. */
  async page(): Promise<z.infer<typeof pullAnswer>> {
    const asked = this.timestamp === null ? {} : { lastSyncTimestamp: this.timestamp };
    return this.#keep(pullAnswer.strict().parse(await this.#ask('pull', asked)));
  }

  /** All pages, and one more that tells the server that they came; answers the ids of the customers that came. */
  async pull(): Promise<string[]> {
    const ids: unknown[] = [];
    for (;;) {
      const { changes, hasMore } = await this.page();
      const records = changes.customers ?? [];
      ids.push(...records.map(({ customer_id }) => customer_id));
      if (!hasMore && records.length === 0) return ids.map(String);
    }
  }

  async full(records: readonly unknown[] = [], strategy?: string): Promise<z.infer<typeof fullAnswer>> {
    const said = strategy === undefined ? {} : { strategy };
    const asked = { changes: { customers: records }, lastSyncTimestamp: this.timestamp, ...said };
    const answer = fullAnswer.strict().parse(await this.#ask('full', asked));
    expect(answer.timestamp).toBe(answer.pull.timestamp);
    this.#keep(answer.pull);
    return answer;
  }

  async resolve(asked: object): Promise<z.infer<typeof resolvedAnswer>> {
    const named = { entityType: 'customers', ...asked };
    return resolvedAnswer.strict().parse(await this.#ask('resolve-conflict', named));
  }

  async status(): Promise<z.infer<typeof statusAnswer>> {
    const { status, body } = await this.#crm.send(`/api/sync/status/${encodeURIComponent(this.#device)}`);
    expect({ status, body }).toMatchObject({ status: 200 });
    return statusAnswer.strict().parse(body);
  }

  async #ask(path: string, body: object): Promise<unknown> {
    const answer = await this.#crm.send(`/api/sync/${path}`, { deviceId: this.#device, ...body });
    if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
    return answer.body;
  }

  #keep(answer: z.infer<typeof pullAnswer>): z.infer<typeof pullAnswer> {
    for (const record of answer.changes.customers ?? []) {
      const { customer_id, last_synced_at: _, sync_status: __, ...fields } = record as JsonObject;
      if (record.deleted === true) this.customers.delete(String(customer_id));
      else this.customers.set(String(customer_id), fields);
    }
    this.timestamp = answer.timestamp;
    return answer;
  }
}

/** What stands, as a browser sees it that has never been there. */
export async function all(
  crm: Pick<TestCrm, 'send'>,
  reader = 'auditor',
): Promise<Record<string, JsonObject>> {
  const auditor = new Browser(crm, reader);
  while ((await auditor.page()).hasMore);
  return Object.fromEntries(auditor.customers);
}

/** Of an answer to a push: for each customer its action, or who won, or why it was refused. */
export function said({ applied, conflicts, errors }: z.infer<typeof pushAnswer>): Record<string, string> {
  return Object.fromEntries([
    ...applied.map(({ uniqueId, action }) => [uniqueId, action]),
    ...conflicts.map(({ uniqueId, winner }) => [uniqueId, winner]),
    ...errors.map(({ uniqueId, error }) => [uniqueId, error]),
  ]);
}
