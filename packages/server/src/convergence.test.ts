// Real replicas against the real engine over a network that loses requests and replies, delivers twice and late, with pages
// of one to three records: when it heals, everybody agrees, and every write has its honest end.

import {
  createLoopbackTransport,
  createMemoryStorage,
  createReplica,
  type LoopbackAnswer,
  type OutboxEntry,
  type Replica,
} from '@holdfast/client';
import { type Clock, defaultLimits, defineSchema, type Random, type Timer } from '@holdfast/core';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { sha256 } from './digest.ts';
import { createEngine } from './engine/create-engine.ts';
import type { Engine } from './engine/engine.ts';
import { createTestApp } from './http/app.fixture.ts';
import { createIdentity } from './identity/identity.ts';
import { nativeRoutes } from './protocols/native/routes.ts';
import { openSqliteStore } from './store/sqlite/open.ts';

const schema = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string(),
        note: z.string().optional(),
        price: z.number().optional(),
        quantity: z.number().optional(),
        shelf: z.string().optional(),
        tags: z.array(z.string()).optional(),
      }),
      counters: { quantity: {} },
      fieldPolicies: { price: 'max', tags: 'union' },
      unique: ['name'],
      parents: { shelf: 'shelves' },
    },
    shelves: { kind: 'request', fields: z.object({ label: z.string() }), policy: 'newest' },
    labels: {
      kind: 'request',
      fields: z.object({ text: z.string(), colour: z.string().optional() }),
      policy: 'ask',
    },
    sales: {
      kind: 'fact',
      fields: z.object({ item: z.string(), amount: z.number() }),
      parents: { item: 'items' },
    },
  },
});
type World = typeof schema;

/** sfc32-like stream: the same choices for the same seed. */
function choices(seed: number) {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  const fraction = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  return {
    fraction,
    below: (n: number) => Math.floor(fraction() * n),
    chance: (p: number) => fraction() < p,
  };
}
type Choices = ReturnType<typeof choices>;

interface Net {
  faulty: boolean;
  /** Requests that reached the server and will reach it again. */
  late: string[];
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function startServer(
  clock: Clock,
  random: Random,
  timer: Timer,
): Promise<{ engine: Engine; handle: (body: string) => Promise<LoopbackAnswer> }> {
  const limits = { ...defaultLimits, pageRecordsMax: 3, pageRecordsDefault: 2 };
  const store = await openSqliteStore({
    file: null,
    life: { id: 'life-1', startedAt: 0 },
    schema,
    limits,
    sha256,
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const faults: unknown[] = [];
  const engine = createEngine({
    store,
    schema,
    limits,
    clock,
    random,
    timer,
    sha256,
    turn,
    log: (...line) => faults.push(line),
    fatal: (error) => faults.push(error),
  });
  const identity = createIdentity({ store, clock, random, sha256, limits, auth: 'none' });
  const { app } = createTestApp({
    routes: [nativeRoutes({ engine, identity, schema, limits, clock, sha256 })],
    limits,
  });
  closing.push(async () => {
    await app.close();
    await engine.stop();
    await store.close();
    expect(faults).toEqual([]);
  });
  const handle = async (body: string): Promise<LoopbackAnswer> => {
    const { statusCode, body: text } = await app.inject({
      method: 'POST',
      url: '/v1/exchange',
      remoteAddress: '127.0.0.1',
      headers: { host: 'localhost', 'content-type': 'application/json' },
      payload: body,
    });
    return { status: statusCode, body: text };
  };
  return { engine, handle };
}

/** Loses requests and replies, delivers some twice, and keeps copies that arrive much later. */
function faultyNetwork(handle: (body: string) => Promise<LoopbackAnswer>, net: Net, choose: Choices) {
  return async (body: string): Promise<LoopbackAnswer> => {
    if (!net.faulty) return handle(body);
    for (const old of net.late.splice(0, choose.below(2))) await handle(old);
    if (choose.chance(0.15)) throw new Error('the request was lost');
    if (choose.chance(0.1)) net.late.push(body);
    const answer = await handle(body);
    if (choose.chance(0.15)) await handle(body);
    if (choose.chance(0.2)) throw new Error('the reply was lost');
    if (choose.chance(0.05)) return { status: 200, body: '<html>Welcome to our wireless network</html>' };
    if (choose.chance(0.05))
      return { ...answer, body: answer.body.slice(0, choose.below(answer.body.length)) };
    return answer;
  };
}

interface Counts {
  created: number;
}

async function write(replica: Replica<World>, choose: Choices, counts: Counts): Promise<void> {
  const scope = replica.scope('main');
  const id = `r${choose.below(5)}`;
  const made = [
    () =>
      scope.items.put({
        id,
        name: `name ${choose.below(8)}`,
        price: choose.below(50),
        quantity: choose.below(10),
        tags: [`t${choose.below(4)}`],
      }),
    () => scope.items.patch(id, { note: `note ${choose.below(100)}`, price: choose.below(50) }),
    () => scope.items.patch(id, { note: undefined, tags: [`t${choose.below(4)}`, `t${choose.below(4)}`] }),
    () => scope.items.add(id, { quantity: (choose.below(21) - 10) / 10 }),
    () => scope.items.delete(id),
    () => scope.items.patch(id, { shelf: `s${choose.below(3)}` }),
    () => scope.shelves.put({ id: `s${choose.below(3)}`, label: `label ${choose.below(9)}` }),
    () => scope.labels.put({ id: `l${choose.below(2)}`, text: `text ${choose.below(9)}` }),
    () => scope.labels.patch(`l${choose.below(2)}`, { colour: `colour ${choose.below(9)}` }),
    () =>
      scope.mutate(async (tx) => {
        await tx.sales.put({ item: id, amount: 1 });
        await tx.items.add(id, { quantity: -1 });
      }),
  ];
  const before = (await scope.outbox.list()).length;
  try {
    await made[choose.below(made.length)]?.();
  } catch (error) {
    // The replica refuses what it knows cannot be: there is no such record here.
    if ((error as { code?: string }).code === undefined) throw error;
  }
  counts.created += (await scope.outbox.list()).length - before;
}

/** Everything that an application can read, and what waits for a person. */
async function stateOf(replica: Replica<World>) {
  const scope = replica.scope('main');
  const [items, shelves, labels, sales] = await Promise.all([
    scope.items.list(),
    scope.shelves.list(),
    scope.labels.list(),
    scope.sales.list(),
  ]);
  return { items, shelves, labels, sales };
}

async function serverState(engine: Engine) {
  const state: Record<string, unknown[]> = { items: [], shelves: [], labels: [], sales: [] };
  let after: { checkpoint: string } | null = null;
  for (;;) {
    const page: Awaited<ReturnType<Engine['pull']>> = await engine.pull(
      { key: null, device: '', actor: '' },
      'main',
      { after },
    );
    for (const { collection, id, body } of page.records)
      if (body !== null) state[collection]?.push({ ...JSON.parse(body), id });
    after = { checkpoint: page.checkpoint ?? '' };
    if (!page.more) break;
  }
  for (const list of Object.values(state))
    list.sort((a, b) => ((a as { id: string }).id < (b as { id: string }).id ? -1 : 1));
  return state;
}

test('a storage that is opened as another device takes a new id, and sends what it holds once', async () => {
  const choose = choices(1);
  const clock: Clock = { wallMs: () => 1_764_000_000_000, monoMs: () => 0 };
  const random: Random = {
    fraction: choose.fraction,
    bytes: (length) => Uint8Array.from({ length }, () => choose.below(256)),
  };
  const timer: Timer = { after: () => ({ cancel: () => undefined }) };
  const { engine, handle } = await startServer(clock, random, timer);
  const storage = { ...createMemoryStorage(), close: async () => undefined };
  let lose = false;
  const transport = createLoopbackTransport({
    handler: async (body) => {
      const answer = await handle(body);
      if (lose) throw new Error('the reply was lost');
      return answer;
    },
  });
  const open = (device: string) =>
    createReplica({ schema, storage, device, random, timer, clock, transport });
  const till = await open('till');
  const before = await till.id();
  await till.scope('main').shelves.put({ id: 's0', label: 'one' });
  expect(await till.scope('main').sync()).toMatchObject({ ok: true });
  await till.scope('main').items.put({ id: 'i0', name: 'Tea', quantity: 3 });
  lose = true;
  await till.scope('main').sync();
  lose = false;
  await till.scope('main').items.add('i0', { quantity: 2 });
  await till.close();
  const renamed = await open('till-renamed');
  expect(await renamed.scope('main').sync()).toMatchObject({ ok: true, verdicts: { applied: 2 } });
  expect(await renamed.id()).not.toBe(before);
  expect(await renamed.scope('main').items.get('i0')).toEqual({ id: 'i0', name: 'Tea', quantity: 5 });
  expect((await engine.inspect.counts()).mutations).toBe(3);
});

describe('devices that write offline over a faulty network agree when it heals', () => {
  // CONVERGENCE_SEEDS=7 runs seed 7 alone, CONVERGENCE_SEEDS=100-400 those from 100 to 400.
  const [first = 1, last = first] = (process.env.CONVERGENCE_SEEDS ?? '1-25').split('-').map(Number);
  const seeds = Array.from({ length: last - first + 1 }, (_, place) => first + place);
  test.each(seeds)('seed %i', async (seed) => {
    const choose = choices(seed);
    const time = { now: 1_764_000_000_000 };
    const clock: Clock = { wallMs: () => time.now, monoMs: () => time.now };
    const random: Random = {
      fraction: choose.fraction,
      bytes: (length) => Uint8Array.from({ length }, () => choose.below(256)),
    };
    const timer: Timer = { after: () => ({ cancel: () => undefined }) };
    const { engine, handle } = await startServer(clock, random, timer);
    const net: Net = { faulty: true, late: [] };
    const devices = await Promise.all(
      Array.from({ length: 3 + choose.below(2) }, async (_, place) => {
        const skew = [0, 2_000_000_000_000, -1_000_000_000_000, 60_000][place] ?? 0;
        const replica = await createReplica({
          schema,
          storage: createMemoryStorage(),
          device: `d${place}`,
          random,
          timer,
          clock: { wallMs: () => time.now + skew, monoMs: () => time.now },
          transport: createLoopbackTransport({ handler: faultyNetwork(handle, net, choose) }),
          limits: { batchMutationsMax: 1 + choose.below(4) },
        });
        closing.push(() => replica.close());
        return { replica, counts: { created: 0 } };
      }),
    );
    for (let step = 0; step < 120; step++) {
      time.now += choose.below(5_000);
      const device = devices[choose.below(devices.length)];
      if (!device) continue;
      if (choose.chance(0.6)) await write(device.replica, choose, device.counts);
      else await device.replica.scope('main').sync();
    }
    net.faulty = false;
    for (const late of net.late.splice(0)) await handle(late);
    // A later round reads what the others wrote in an earlier one; a parent that arrives lets others go, round by round.
    for (let round = 0; round < 5; round++) {
      for (const { replica } of devices) {
        const result = await replica.scope('main').sync();
        expect(result).toMatchObject({ ok: true });
      }
    }
    const canonical = await serverState(engine);
    let unsent = 0;
    for (const { replica } of devices) {
      const scope = replica.scope('main');
      const [outbox, conflicts] = [await scope.outbox.list(), await scope.conflicts.list()];
      // What still waits for a parent or a person is this device's alone; everything else is the server's state.
      const own = new Set(
        outbox.flatMap(({ mutation }) => mutation.changes.map(({ collection, id }) => `${collection}/${id}`)),
      );
      expect(outbox.filter((entry) => !mayRest(entry, outbox))).toEqual([]);
      // What the server never saw: what stands behind a waiting one, and what depends on a rejected one. One that was sent and
      // never arrived rests there, too: what arrived has its verdict by now.
      unsent += outbox.filter(({ state }) => state === 'unsent' || state === 'sent').length;
      unsent += (await scope.quarantine.list()).filter(({ rejected }) => !rejected).length;
      const visible = await stateOf(replica);
      for (const [collection, list] of Object.entries(visible)) {
        const unsettled = (record: unknown): boolean =>
          own.has(`${collection}/${(record as { id: string }).id}`);
        const open = (record: unknown): boolean =>
          conflicts.some((conflict) => conflict.record === (record as { id: string }).id);
        expect(list.filter((record) => !unsettled(record) || open(record)).sort(byId)).toEqual(
          (canonical[collection] ?? []).filter((record) =>
            list.some(
              (other) => other.id === (record as { id: string }).id && (!unsettled(other) || open(other)),
            ),
          ),
        );
        expect(
          (canonical[collection] ?? [])
            .filter((record) => !unsettled(record))
            .every((record) => list.some((other) => other.id === (record as { id: string }).id)),
        ).toBe(true);
      }
    }
    const counts = await engine.inspect.counts();
    const created = devices.reduce((sum, { counts: { created } }) => sum + created, 0);
    expect(counts.mutations + unsent).toBe(created);
  });
});

/** Waiting for a parent, held by a conflict, or behind a waiting one of the same record. */
function mayRest(entry: OutboxEntry, outbox: readonly OutboxEntry[]): boolean {
  if (entry.state === 'waiting' || entry.state === 'conflict') return true;
  const touches = ({ mutation }: OutboxEntry): Set<string> =>
    new Set(mutation.changes.map(({ collection, id }) => `${collection}/${id}`));
  const before = outbox.filter(
    (other) => other.place < entry.place && !touches(other).isDisjointFrom(touches(entry)),
  );
  const goes = entry.state === 'unsent' || entry.state === 'sent';
  return goes && before.some((other) => other.state !== 'conflict' && mayRest(other, outbox));
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1;
}
