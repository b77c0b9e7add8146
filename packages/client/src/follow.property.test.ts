// Laws of a replica whose pages come in two ways at once, over random orders of local writes, writes of others, live pages that come
// in time, late, twice or never, and answers that are held back or lost:
// 1. What it shows of a counter is the server's sum at the seq that it shows, with its own writes beyond that seq on top: no effect is
//    seen twice, and none vanishes.
// 2. What it keeps incrementally is what is computed afresh.
// 3. When everything has come, it shows the server's state and its outbox is empty.

import { type LivePage, protocolMarker } from '@holdfast/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeServer, ok } from './fake-server.fixture.ts';
import { openBench, settle, shopSchema } from './replica.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';
import { createLoopbackTransport } from './transport/loopback.ts';
import type { Following } from './transport/port.ts';

const steps = [
  'add',
  'other',
  'page',
  'pageAgain',
  'drop',
  'poke',
  'answer',
  'answer',
  'lose',
  'wait',
] as const;
type Step = (typeof steps)[number];

class World {
  readonly server = new FakeServer(shopSchema);
  /** The sum at each seq. */
  readonly sums: number[] = [];
  /** Own increments, by mutation. */
  readonly own = new Map<string, number>();
  readonly held: { answer: () => void; lose: () => void }[] = [];
  pages: LivePage[] = [];
  last: LivePage | undefined;
  following: Following | undefined;
  isHealed = false;
  #told = 0;
  #mutations: { seq: number; id: string }[] = [];

  constructor() {
    this.server.write('items', 'tea', { name: 'Tea', quantity: 0 });
    this.note();
    const judge = this.server.judge;
    this.server.judge = (mutation) => {
      this.#mutations.push({ seq: this.server.head + 1, id: mutation.id });
      return judge(mutation);
    };
  }

  /** What came since the last page is the next one, as the server's feed makes it. */
  note(): void {
    const { server } = this;
    while (this.sums.length <= server.head) this.sums.push(this.sums.at(-1) ?? 0);
    this.sums[server.head] = Number(server.body('items', 'tea')?.quantity ?? 0);
    if (server.writes === this.#told) return;
    const from = String(this.#told);
    const since = this.pages.at(-1)?.head ?? this.last?.head ?? 0;
    const { checkpoint, head, records } = server.serve({
      ...{ protocol: protocolMarker, device: 'd', replica: 'nobody', scope: 'shop-1', checkpoint: from },
      ...{ schema: 1, clock: { wall: 0, mono: 0, session: 's' }, verdictsSeen: 0 },
    });
    const mutations = this.#mutations.filter(({ seq }) => seq > since).map(({ id }) => id);
    this.#told = server.writes;
    this.pages.push({
      protocol: protocolMarker,
      from,
      checkpoint: checkpoint ?? '',
      head,
      records,
      mutations,
    });
  }

  hear(page: LivePage | undefined): void {
    if (page) this.following?.hear({ type: 'page', page });
  }
}

async function play(script: readonly Step[]): Promise<void> {
  const world = new World();
  const { server } = world;
  const loopback = createLoopbackTransport({
    handler: (body, headers) => {
      // Each exchange is served as it comes; its answer comes when the script says so.
      server.hooks = [
        async (_, serve) => {
          const answer = serve();
          world.note();
          if (world.isHealed) return ok(answer);
          await new Promise<void>((answered, lost) =>
            world.held.push({ answer: answered, lose: () => lost(new Error('lost')) }),
          );
          return ok(answer);
        },
      ];
      return server.handler(body, headers);
    },
  });
  const bench = await openBench({
    server,
    automatic: { everyMs: 60_000 },
    transport: {
      exchange: loopback.exchange,
      follow: (one) => {
        world.following = one;
        return () => undefined;
      },
    },
  });
  const { shop, storage, time } = bench;
  const check = async (): Promise<void> => {
    await settle();
    expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
    const { seq, bootstrapping } = await shop.status();
    if (bootstrapping) return;
    const beyond = [...world.own].filter(([id]) => (server.known.get(id)?.verdict.asOf ?? Infinity) > seq);
    const expected = (world.sums[seq] ?? 0) + beyond.reduce((sum, [, amount]) => sum + amount, 0);
    expect((await shop.items.get('tea'))?.quantity).toBe(expected);
  };
  await settle();
  world.held.shift()?.answer();
  await check();
  for (const [place, step] of script.entries()) {
    await perform(world, bench, { step, amount: place + 1 });
    await check();
  }
  // Everything comes.
  world.isHealed = true;
  while (world.held.length > 0) {
    world.held.shift()?.answer();
    await check();
  }
  await time.pass(130_000);
  await check();
  expect(await shop.status()).toMatchObject({ pending: 0, seq: server.head, state: 'idle' });
  await bench.replica.close();
}

async function perform(
  world: World,
  { shop, time }: Awaited<ReturnType<typeof openBench>>,
  { step, amount }: { step: Step; amount: number },
): Promise<void> {
  switch (step) {
    case 'add': {
      const before = new Set((await shop.outbox.list()).map(({ mutation }) => mutation.id));
      if (!(await shop.items.get('tea'))) return;
      await shop.items.add('tea', { quantity: amount });
      for (const { mutation } of await shop.outbox.list())
        if (!before.has(mutation.id)) world.own.set(mutation.id, amount);
      return;
    }
    case 'other': {
      const now = Number(world.server.body('items', 'tea')?.quantity ?? 0);
      world.server.write('items', 'tea', { name: 'Tea', quantity: now + amount * 1_000 });
      world.note();
      return;
    }
    case 'page':
      world.last = world.pages.shift() ?? world.last;
      world.hear(world.last);
      return;
    case 'pageAgain':
      world.hear(world.last);
      return;
    case 'drop':
      world.last = world.pages.shift() ?? world.last;
      world.following?.hear({ type: 'poke' });
      return;
    case 'poke':
      world.following?.hear({ type: 'poke' });
      return;
    case 'answer':
      world.held.shift()?.answer();
      return;
    case 'lose':
      world.held.shift()?.lose();
      return;
    case 'wait':
      await time.pass(3_000);
  }
}

test('no effect is seen twice or vanishes, whichever way is quicker', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...steps), { minLength: 1, maxLength: 25 }), play),
    { numRuns: 150 },
  );
}, 60_000);
