// A server that speaks pos, as clients reach it, at a time that only the test moves; and devices that keep what a client keeps.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@holdfast/core';
import { systemRandom } from '../../clock.ts';
import { composeServer, type HoldfastServer, type Started } from '../../compose.ts';
import { type ConfigOptions, defineConfig } from '../../config.ts';
import { sha256 } from '../../digest.ts';
import { addKey, type IdentityDeps } from '../../identity/keys.ts';
import { pos } from '../../presets/pos.ts';
import { batchAnswer, type Result, resultMessage, type Updates, updatesAnswer } from './answers.ts';

export interface TestPos {
  readonly url: string;
  readonly started: Started;
  /** The data folder. */
  readonly data: string;
  clock: { wall: number };
  identity: IdentityDeps;
  send(path: string, body?: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  /** The text of a key with a right to the scope. */
  key(right: 'read' | 'write', scope?: string): Promise<string>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestAnswer {
  status: number;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test asks an answer for whatever it expects in it.
  body: any;
}

export async function startPos(options: Partial<ConfigOptions> = {}): Promise<TestPos> {
  const data = await mkdtemp(join(tmpdir(), 'holdfast-pos-'));
  const now = { wall: 1_704_067_200_000 };
  let mono = 0;
  const clock = { wallMs: () => now.wall, monoMs: () => ++mono };
  const config = defineConfig({
    ...pos.config,
    port: 0,
    host: '127.0.0.1',
    data,
    logLevel: 'silent',
    discovery: false,
    ...options,
  });
  let server: HoldfastServer = composeServer(config, { clock });
  let started = await server.start();
  const identity = (): IdentityDeps => ({ store: started.store, clock, random: systemRandom, sha256 });
  return {
    data,
    get url() {
      return started.url;
    },
    get started() {
      return started;
    },
    get identity() {
      return identity();
    },
    clock: now,
    send: (path, body, headers) => sendTo(started.url, path, body, headers),
    async key(right, scope = 'main') {
      const { text } = await addKey(identity(), { name: right, grants: [{ scope, right }], actor: 'test' });
      return text;
    },
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
  return { status: response.status, text, body: JSON.parse(text) };
}

export interface ItemOptions {
  version?: number;
  creator?: string;
  deleted?: boolean;
}

export function order(localId: string, content: JsonObject, options: ItemOptions = {}): JsonObject {
  return { order: content, ...itemOf(localId, options) };
}

export function transaction(localId: string, content: JsonObject, options: ItemOptions = {}): JsonObject {
  return { transaction: content, ...itemOf(localId, options) };
}

function itemOf(localId: string, { version = 1, creator, deleted }: ItemOptions): JsonObject {
  return {
    localId,
    syncStatus: 'PENDING',
    syncVersion: version,
    ...(creator === undefined ? {} : { deviceId: creator }),
    ...(deleted === undefined ? {} : { deleted }),
  };
}

/** One till: it keeps its token, and what other devices wrote. */
export class Till {
  token: string | number | null = null;
  readonly orders = new Map<string, JsonObject>();
  readonly #pos: Pick<TestPos, 'send'>;
  readonly #device: string;

  constructor(pos: Pick<TestPos, 'send'>, device: string) {
    this.#pos = pos;
    this.#device = device;
  }

  /** Answers the results; what came of others is kept. */
  async sync(items: { orders?: readonly unknown[]; transactions?: readonly unknown[] } = {}) {
    const { status, body } = await this.#pos.send('/api/sync/batch', {
      deviceId: this.#device,
      orders: [],
      transactions: [],
      ...items,
      lastSyncTimestamp: this.token,
    });
    if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
    const answer = batchAnswer.strict().parse(body);
    this.#keep(answer.serverUpdates, answer.nextSyncToken);
    return answer;
  }

  async push(...orders: readonly unknown[]): Promise<Result[]> {
    return (await this.sync({ orders })).syncedOrders;
  }

  async one(item: JsonObject): Promise<Result> {
    const path = 'transaction' in item ? '/api/sync/transaction' : '/api/sync/order';
    const { status, body } = await this.#pos.send(path, { ...item, deviceId: this.#device });
    if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
    return resultMessage.parse(body);
  }

  /** One page; answers whether there are more. */
  async page(): Promise<boolean> {
    const query = new URLSearchParams({ deviceId: this.#device, since: String(this.token ?? 0) });
    const { body } = await this.#pos.send(`/api/sync/updates?${query}`);
    const { nextSyncToken, hasMore, ...updates } = updatesAnswer.strict().parse(body);
    this.#keep(updates, nextSyncToken);
    return hasMore;
  }

  /** All pages; answers how many there were. */
  async pages(): Promise<number> {
    for (let count = 1; ; count += 1) if (!(await this.page())) return count;
  }

  #keep({ orders, deletedOrderIds }: Updates, token: string): void {
    for (const { localId, order: content } of orders) this.orders.set(localId, content as JsonObject);
    for (const localId of deletedOrderIds) this.orders.delete(localId);
    this.token = token;
  }
}

/** What a result says, in a word: the type of its conflict, its message, or the version that is stored. */
export function said(result: Result | undefined): string | number | undefined {
  if (!result) return undefined;
  return result.success ? result.syncVersion : (result.conflicts[0]?.type ?? result.message);
}
