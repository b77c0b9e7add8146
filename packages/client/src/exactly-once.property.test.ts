// Laws of one counter that only this replica moves, under lost, repeated and late replies, renewed ids, restarts, small pages
// and every verdict:
//   1. At every moment it shows its first value plus every increment made that is not in quarantine or conflict: no effect is
//      seen twice, none vanishes between the verdict and the page.
//   2. In the end the server holds its first value plus every increment that it accepted, each once.

import type { Mutation } from '@holdfast/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeServer, type Hook, ok, refusal } from './fake-server.fixture.ts';
import { type Bench, openBench, shopSchema } from './replica.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';

type Fault =
  | 'none'
  | 'replyLost'
  | 'requestLost'
  | 'stale'
  | 'badCheckpoint'
  | 'large'
  | 'foreign'
  | 'late'
  | 'noVerdicts';
type Name = 'applied' | 'merged' | 'excepted' | 'rejected' | 'waiting' | 'conflict';
type Step =
  | { type: 'add'; amount: number }
  | { type: 'elsewhere' }
  | { type: 'sync'; faults: Fault[]; verdicts: Name[] }
  | { type: 'restart' };

const first = 1_000;
const fault = fc.constantFrom<Fault>(
  'none',
  'none',
  'none',
  'replyLost',
  'requestLost',
  'stale',
  'badCheckpoint',
  'large',
  'foreign',
  'late',
  'noVerdicts',
);
const name = fc.constantFrom<Name>(
  'applied',
  'applied',
  'applied',
  'merged',
  'excepted',
  'rejected',
  'waiting',
  'conflict',
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('add' as const), amount: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('elsewhere' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('sync' as const),
      faults: fc.array(fault, { maxLength: 6 }),
      verdicts: fc.array(name, { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const) }) },
);

test('an increment is seen once, from its making on, and applied once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, pageRecords, batchMutationsMax) => {
        const server = new FakeServer(shopSchema);
        server.pageRecords = pageRecords;
        server.write('items', 'k', { name: 'k', quantity: first });
        let bench = await openBench({ server, limits: { batchMutationsMax } });
        await bench.shop.sync();
        const made = new Map<string, number>();
        const look = async (): Promise<void> => {
          expect((await bench.shop.items.get('k'))?.quantity).toBe(await expected(bench, made));
        };
        for (const one of steps) {
          if (one.type === 'add') await add(bench, made, one.amount);
          else if (one.type === 'elsewhere') server.write('items', `e${server.head % 4}`, { name: 'e' });
          else if (one.type === 'restart') bench = await bench.reopen();
          else await syncWith(bench, one, look);
          await look();
          expect(await checkStorage(bench.storage, shopSchema, 'shop-1')).toEqual([]);
        }
        await settleAll(bench, look);
        expect(server.body('items', 'k')?.quantity).toBe(first + acceptedSum(server, made));
        expect((await bench.shop.items.get('k'))?.quantity).toBe(server.body('items', 'k')?.quantity);
      },
    ),
    { numRuns: 200 },
  );
});

async function add({ shop }: Bench, made: Map<string, number>, amount: number): Promise<void> {
  await shop.mutate(async (tx) => {
    await tx.items.add('k', { quantity: amount });
    made.set(tx.mutation, amount);
  });
}

async function expected({ shop }: Bench, made: ReadonlyMap<string, number>): Promise<number> {
  const out = new Set(
    (await shop.quarantine.list({ limit: 1_000 }))
      .filter(({ held }) => !held)
      .map(({ mutation }) => mutation.id),
  );
  for (const entry of await shop.outbox.list({ limit: 1_000 }))
    if (entry.state === 'conflict') out.add(entry.mutation.id);
  let sum = first;
  for (const [id, amount] of made) if (!out.has(id)) sum += amount;
  return sum;
}

async function syncWith(
  bench: Bench,
  { faults, verdicts }: Extract<Step, { type: 'sync' }>,
  look: () => Promise<void>,
): Promise<void> {
  const { server, shop } = bench;
  const names = [...verdicts];
  server.judge = (mutation) => judged(server, mutation, names.shift() ?? 'applied');
  server.hooks = faults.map((one) => hookOf(one, server, look));
  await shop.sync();
  server.hooks = [];
  server.judge = () => ({ verdict: 'applied' });
}

function hookOf(one: Fault, server: FakeServer, look: () => Promise<void>): Hook {
  return async (request, serve) => {
    await look();
    switch (one) {
      case 'none':
        return undefined;
      case 'replyLost':
        serve();
        throw new Error('The reply was lost.');
      case 'requestLost':
        throw new Error('The request was lost.');
      case 'stale':
        return request.batch ? refusal(409, 'stale_batch') : undefined;
      case 'badCheckpoint':
        return refusal(400, 'bad_checkpoint');
      case 'large':
        return (request.batch?.mutations.length ?? 0) > 1 ? refusal(413, 'too_large') : undefined;
      case 'foreign':
        return { status: 200, body: 'Welcome' };
      case 'late': {
        // What came back was made before somebody else's write.
        const answer = serve();
        server.write('items', 'late', { name: `${server.head}` });
        return ok(answer);
      }
      case 'noVerdicts': {
        // A page that stops before its verdicts' asOf, and holds them back: allowed by the protocol.
        const answer = serve();
        return answer.verdicts.length === 0
          ? ok(answer)
          : ok({ ...answer, verdicts: [], records: [], checkpoint: answer.from, more: true });
      }
    }
  };
}

function judged(server: FakeServer, mutation: Mutation, verdict: Name): ReturnType<FakeServer['judge']> {
  if (verdict !== 'conflict') return { verdict };
  const id = server.conflicts.length + 1;
  server.conflicts.push({
    id,
    collection: 'items',
    record: 'k',
    fields: [],
    state: 'open',
    base: {},
    server: null,
    serverVersion: 0,
    device: [],
    mutations: [mutation.id],
    policy: 'ask',
  });
  return { verdict, conflicts: [id] };
}

/** Everything that waits or is in conflict is taken; everything else is sent. */
async function settleAll(bench: Bench, look: () => Promise<void>): Promise<void> {
  const { server, shop, replica } = bench;
  for (let round = 0; round < 6; round += 1) {
    await shop.sync();
    await look();
    for (const entry of await shop.outbox.list({ limit: 1_000 })) {
      if (entry.state !== 'waiting' && entry.state !== 'conflict') continue;
      server.applyKnown(entry.mutation.id);
      server.conflicts.length = 0;
      server.tell(await replica.id(), {
        mutation: entry.mutation.id,
        verdict: 'applied',
        asOf: server.head,
        seq: server.head,
      });
    }
  }
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(await shop.outbox.list()).toEqual([]);
}

function acceptedSum(server: FakeServer, made: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [id, amount] of made) {
    const verdict = server.known.get(id)?.verdict.verdict;
    if (verdict === 'applied' || verdict === 'merged' || verdict === 'excepted') sum += amount;
  }
  return sum;
}
