// The laws of writes whose clients' sight is known (base-judge.ts). Devices read and push at random, honest about what they saw.
//
// 1. A counter is the exact sum of what devices added to what they had.
// 2. Nothing that another wrote and the device had not seen is overwritten without a conflict in the log.
// 3. A repeat, whenever it comes, is answered as the first time and changes nothing.
// 4. A device that has seen everything is in no conflict, under any policy.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { BaseJudge } from './base-question.ts';
import { addDecimal, subtractDecimal } from './decimal.ts';
import { at, Client, gone, item } from './declared.fixture.ts';
import type { DeclaredWrite } from './declared-mutation.ts';
import type { JsonObject } from './json.ts';
import { TestScope } from './plan.fixture.ts';
import type { Declared } from './plan-declared.ts';
import { defineSchema, type RecordPolicyName } from './schema.ts';
import { bodyOf } from './stored.ts';

const schema = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string().optional(),
        note: z.string().optional(),
        price: z.number().optional(),
        stock: z.number().optional(),
      }),
      counters: { stock: {} },
    },
  },
});
const policies = ['server', 'client', 'newest', 'merge', 'ask'] as const;
const fields = ['name', 'note', 'price'] as const;

interface Step {
  device: 'a' | 'b' | 'c';
  /** It reads all before it writes. */
  reads: boolean;
  kind: 'put' | 'delete';
  set: Partial<Record<(typeof fields)[number], number>>;
  added: number;
  madeAt: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  device: fc.constantFrom('a' as const, 'b' as const, 'c' as const),
  reads: fc.boolean(),
  kind: fc.oneof({ weight: 12, arbitrary: fc.constant('put' as const) }, fc.constant('delete' as const)),
  set: fc.record(
    {
      name: fc.integer({ min: 1, max: 3 }),
      note: fc.integer({ min: 1, max: 3 }),
      price: fc.integer({ min: 1, max: 3 }),
    },
    { requiredKeys: [] },
  ),
  added: fc.integer({ min: -5, max: 5 }).map((tenths) => tenths / 10),
  madeAt: fc.integer({ min: 0, max: 50 }),
});
const story = fc.record({
  policy: fc.constantFrom(...policies),
  counts: fc.boolean(),
  steps: fc.array(step, { maxLength: 12 }),
});

/** What a device knows of the record, as an existing client keeps it. */
interface Held {
  body: JsonObject;
  /** As the server's answer to its last conflict said that it stands. */
  told: JsonObject | null;
  edits: number;
  seq: number;
}

interface Told {
  write: DeclaredWrite;
  device: Step['device'];
  before: JsonObject | null;
  after: JsonObject | null;
  held: Held;
  added: number;
  answer: Declared;
}

/** One record, which all devices write. `counts`: they name the changes that they count, else how far they have read. */
class World {
  readonly scope = new TestScope(schema);
  readonly #clients: Readonly<Record<Step['device'], Client>>;
  readonly #held = new Map<Step['device'], Held>();
  readonly #counts: boolean;
  #n = 0;

  constructor({ policy, counts }: { policy: RecordPolicyName; counts: boolean }) {
    const judge: BaseJudge = {
      by: 'base',
      policies: new Map([['items', policy]]),
      returns: 'seen',
      ignored: new Set(),
    };
    const client = (device: string) => new Client(this.scope, device, judge);
    this.#clients = { a: client('a'), b: client('b'), c: client('c') };
    this.#counts = counts;
    this.#clients.a.one(item('i1', { name: 'x', stock: 10 }, { ...at(0), base: 'none', message: 'first' }));
  }

  body(): JsonObject | null {
    return this.scope.body('items', 'i1') ?? null;
  }

  tell({ device, reads, kind, set, added, madeAt }: Step): Told {
    const known = this.#held.get(device);
    const held = reads || !known ? this.#read() : known;
    const before = this.body();
    this.#n += 1;
    const base = this.#counts ? { edits: held.edits } : { seq: held.seq };
    const more = { ...at(madeAt), base, message: `${this.#n}` };
    const texts = Object.fromEntries(
      Object.entries(set).map(([field, value]) => [field, field === 'price' ? value : `${value}`]),
    );
    const stock = addDecimal((held.body.stock as number | undefined) ?? 0, added) ?? 0;
    const sent = { ...held.body, ...texts, stock };
    const write = kind === 'delete' ? gone('i1', more) : item('i1', sent, more);
    const answer = this.#clients[device].push(write)[0];
    if (!answer) throw new Error('There is no answer.');
    const isTold = ['kept', 'replaced', 'merged', 'open', 'gone'].includes(answer.verdict.ruling ?? '');
    const told = isTold ? this.body() : held.told;
    // It goes on from what it sent, until it reads.
    const next = kind === 'delete' ? { ...held, told } : { ...held, told, body: sent };
    this.#held.set(device, next);
    return { write, device, before, after: this.body(), held, added: kind === 'delete' ? 0 : added, answer };
  }

  repeat({ device, write }: Told): Declared | undefined {
    return this.#clients[device].push(write)[0];
  }

  #read(): Held {
    const record = this.scope.record('items', 'i1');
    if (!record) throw new Error('The record is there from the beginning.');
    return { body: bodyOf(record) ?? {}, told: null, edits: record.edits, seq: this.scope.stored.state.head };
  }
}

const tellAll = (given: { policy: RecordPolicyName; counts: boolean; steps: readonly Step[] }) => {
  const world = new World(given);
  return { world, told: given.steps.map((one) => world.tell(one)) };
};
const rulingOf = ({ answer }: Told): string => answer.verdict.ruling ?? answer.verdict.code ?? '';

describe('devices that are honest about what they saw', () => {
  test('meet every ruling', () => {
    const met = new Set(
      fc.sample(story, { numRuns: 400, seed: 7 }).flatMap((given) => tellAll(given).told.map(rulingOf)),
    );
    for (const ruling of [
      'inserted',
      'updated',
      'deleted',
      'unchanged',
      'gone',
      'kept',
      'replaced',
      'merged',
      'open',
    ])
      expect(met).toContain(ruling);
  });

  test('1. a counter is the exact sum of what they added', () => {
    fc.assert(
      fc.property(story, (given) => {
        for (const one of tellAll(given).told) {
          if (!one.before || !one.after) continue;
          const stood = (one.before.stock as number | undefined) ?? 0;
          const moved = subtractDecimal((one.after.stock as number | undefined) ?? 0, stood);
          const counts = !['gone', 'open'].includes(rulingOf(one));
          expect(moved).toBe(counts ? one.added : 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('2. nothing unseen is overwritten without a conflict in the log', () => {
    fc.assert(
      fc.property(story, (given) => {
        for (const { before, after, held, answer } of tellAll(given).told) {
          const lost = fields.filter(
            (field) =>
              before?.[field] !== held.body[field] &&
              before?.[field] !== held.told?.[field] &&
              before?.[field] !== after?.[field],
          );
          const { merged = [], exceptions = [] } = answer.verdict;
          // What stood there was what it had itself sent last, or it is in the log.
          if (before && lost.length > 0) expect([...merged, ...exceptions]).not.toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('3. a repeat changes nothing, and is answered as the first time', () => {
    fc.assert(
      fc.property(story, (given) => {
        const { world, told } = tellAll(given);
        const before = JSON.stringify([...world.scope.stored.records, ...world.scope.stored.conflicts]);
        for (const one of told) {
          const again = world.repeat(one);
          expect(again).toMatchObject({ repeated: true, verdict: one.answer.verdict });
        }
        expect(JSON.stringify([...world.scope.stored.records, ...world.scope.stored.conflicts])).toBe(before);
      }),
      { numRuns: 100 },
    );
  });

  test('4. who has seen everything is in no conflict', () => {
    fc.assert(
      fc.property(story, ({ steps, ...given }) => {
        const { told } = tellAll({ ...given, steps: steps.map((one) => ({ ...one, reads: true })) });
        for (const one of told)
          expect(['updated', 'unchanged', 'deleted', 'inserted']).toContain(rulingOf(one));
      }),
      { numRuns: 200 },
    );
  });
});
