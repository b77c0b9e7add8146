// A shop's schema, virtual time, and replicas over the fake server: what the replica's tests are made of.

import { type Clock, defineSchema, type Random, type Timer } from '@holdfast/core';
import { z } from 'zod';
import { FakeServer } from './fake-server.fixture.ts';
import type { ReplicaOptions } from './options.ts';
import { createReplica, type Replica } from './replica.ts';
import { createMemoryStorage } from './storage/memory.ts';
import type { Storage } from './storage/port.ts';
import { createLoopbackTransport } from './transport/loopback.ts';

export const shopSchema = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string().max(50),
        price: z.number().optional(),
        note: z.string().optional(),
        quantity: z.number().optional(),
      }),
      counters: { quantity: {} },
      indexes: ['name'],
    },
    sales: {
      kind: 'fact',
      fields: z.object({ item: z.string(), total: z.number() }),
      parents: { item: 'items' },
      priority: (sale: { total: number }) => (sale.total >= 100 ? 9 : 5),
    },
    notes: { kind: 'request', fields: z.object({ text: z.string() }), priority: 2 },
  },
});
export type ShopSchema = typeof shopSchema;

export class VirtualTime implements Clock, Timer {
  now = 1_000_000;
  offset = 1_700_000_000_000;
  readonly waiting = new Set<{ at: number; run: () => void }>();

  wallMs(): number {
    return this.now + this.offset;
  }

  monoMs(): number {
    return this.now;
  }

  after(delayMs: number, run: () => void): { cancel(): void } {
    const entry = { at: this.now + Math.max(0, delayMs), run };
    this.waiting.add(entry);
    return { cancel: () => this.waiting.delete(entry) };
  }

  /** Lets time pass, firing what falls due, and lets everything that follows from it happen. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    await settle();
    for (;;) {
      const [next] = [...this.waiting].sort((a, b) => a.at - b.at);
      if (!next || next.at > until) break;
      this.now = Math.max(this.now, next.at);
      this.waiting.delete(next);
      next.run();
      await settle();
    }
    this.now = until;
    await settle();
  }
}

/** Lets all that is under way without a timer come to its end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** The same bytes for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return { fraction: next, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)) };
}

export interface Bench {
  server: FakeServer;
  time: VirtualTime;
  storage: Storage;
  replica: Replica<ShopSchema>;
  shop: ReturnType<Replica<ShopSchema>['scope']>;
  /** Another replica on the same storage, as after a restart. */
  reopen(options?: Partial<ReplicaOptions<ShopSchema>>): Promise<Bench>;
}

let seeds = 0;

export async function openBench(
  options: Partial<ReplicaOptions<ShopSchema>> & { server?: FakeServer } = {},
): Promise<Bench> {
  const { server = new FakeServer(shopSchema), ...given } = options;
  const time = new VirtualTime();
  const storage = given.storage ?? createMemoryStorage();
  seeds += 1;
  const replica = await createReplica({
    schema: shopSchema,
    transport: createLoopbackTransport({ handler: server.handler, wallMs: () => time.wallMs() }),
    device: `till-${seeds}`,
    clock: time,
    timer: time,
    random: seededRandom(seeds),
    ...given,
    storage,
  });
  return {
    server,
    time,
    storage,
    replica,
    shop: replica.scope('shop-1'),
    reopen: (more) => openBench({ server, ...given, ...more, storage }),
  };
}
