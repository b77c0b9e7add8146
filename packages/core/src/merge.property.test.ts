// The policies against an oracle that knows nothing of how they are carried out: it is told what everybody did, field by field, and says
// by the words of docs/conflicts.md what the record must be.
//
// 1. Verdict, record and logged fields are what the oracle says, for every policy, field policy, put and patch.
// 2. Without a concurrent write neither policy nor time is consulted: the record becomes what the device wanted.
// 3. Increments count under every policy.
// 4. What carries the values that it replaced is judged alike when history is lost.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { add, morning, mutation, patch, put, TestScope } from './plan.fixture.ts';
import { defineSchema, type FieldPolicyName, type RecordPolicyName, type Schema } from './schema.ts';

type Value = number | readonly number[] | undefined;
type Body = Readonly<Record<string, Value>>;
const names = ['a', 'b', 'c', 'tags'] as const;

const recordPolicies = ['merge', 'server', 'client', 'newest', 'ask'] as const satisfies RecordPolicyName[];
const ownPolicies = ['server', 'client', 'newest', 'max', 'min'] as const satisfies FieldPolicyName[];

interface Rules {
  policy: (typeof recordPolicies)[number];
  /** The policies of `b` and `tags`; `a` and `c` have none. */
  b: FieldPolicyName | undefined;
  tags: FieldPolicyName | undefined;
}

const rules: fc.Arbitrary<Rules> = fc.record({
  policy: fc.constantFrom(...recordPolicies),
  b: fc.constantFrom(undefined, ...ownPolicies),
  tags: fc.constantFrom(undefined, 'union' as const),
});
const number = fc.integer({ min: 0, max: 2 });
const fields = fc.record({ a: number, b: number, c: number, tags: fc.subarray([0, 1, 2]) });
/** New values for some fields; undefined removes one. */
const edit = fc.record(
  {
    ...{
      a: fc.option(number, { nil: undefined }),
      b: fc.option(number, { nil: undefined }),
      c: fc.option(number, { nil: undefined }),
    },
    tags: fc.option(fc.subarray([0, 1, 2]), { nil: undefined }),
  },
  { requiredKeys: [] },
);
const others = fc.array(
  fc.record({ writer: fc.constantFrom('x', 'y'), edit, madeAt: fc.integer({ min: 0, max: 4 }) }),
  { maxLength: 3 },
);
const device = fc.record({
  edit,
  madeAt: fc.integer({ min: 0, max: 4 }),
  asPut: fc.boolean(),
  amount: fc.constantFrom(0, 0.1, 5),
});

interface Told {
  rules: Rules;
  base: Body;
  others: readonly { writer: string; edit: Body; madeAt: number }[];
  device: { edit: Body; madeAt: number; asPut: boolean; amount: number };
}

test('1. verdict, record and log are what the oracle says', () => {
  const told: fc.Arbitrary<Told> = fc.record({ rules, base: fields, others, device });
  fc.assert(
    fc.property(told, (story) => {
      const { base, ...seen } = play(story);
      expect(seen).toEqual(oracle(story));
      expect(Object.keys(base).sort()).toEqual(expect.arrayContaining([...seen.fields]));
    }),
    { numRuns: 800 },
  );
});

test('2. without a concurrent write neither policy nor time is consulted', () => {
  fc.assert(
    fc.property(rules, fields, others, device, (given, base, writes, own) => {
      const scope = new TestScope(schemaOf(given), { laws: false });
      scope.replica('z').push(put('things', 'r', base as never));
      for (const { writer, edit: change, madeAt } of writes) write(scope, writer, change, madeAt);
      // The device has seen everything.
      const stood = scope.body('things', 'r') ?? {};
      const seq = scope.record('things', 'r')?.seq ?? 0;
      const wanted = without({ ...(stood as Body), ...own.edit });
      const verdict = scope
        .replica('a')
        .send(mutation([changeOf(own, stood as Body, seq)], { madeAt: morning + own.madeAt }));
      expect(verdict.verdict).toBe('applied');
      expect(scope.body('things', 'r')).toEqual(wanted);
      expect(scope.stored.conflicts.size).toBe(0);
    }),
    { numRuns: 150 },
  );
});

test('3. increments count under every policy', () => {
  fc.assert(
    fc.property(rules, fields, others, device, (given, base, writes, own) => {
      const scope = new TestScope(schemaOf(given), { laws: false });
      scope.replica('z').push(put('things', 'r', { ...base, n: 1 } as never));
      for (const { writer, edit: change, madeAt } of writes) write(scope, writer, change, madeAt);
      const both = [changeOf(own, base, 1), add('things', 'r', { n: own.amount }, 1)];
      const { verdict } = scope.replica('a').send(mutation(both, { madeAt: morning + own.madeAt }));
      if (verdict === 'conflict') scope.resolve(1, 'server');
      expect(scope.body('things', 'r')?.n).toBe(1 + own.amount);
    }),
    { numRuns: 150 },
  );
});

test('4. what carries the values that it replaced is judged alike when history is lost', () => {
  const told: fc.Arbitrary<Told> = fc.record({ rules, base: fields, others, device });
  fc.assert(
    fc.property(told, (story) => {
      const { base: known, ...found } = play(story);
      const { base: carried, ...lost } = play(story, 'lost');
      expect(lost).toEqual(found);
      // Of the base nothing is missing but what the change does not name.
      expect(known).toMatchObject(carried);
    }),
    { numRuns: 200 },
  );
});

// ── what happens ──

interface Seen {
  verdict: string;
  body: unknown;
  fields: readonly string[];
}

function play(
  { rules: given, base, others: writes, device: own }: Told,
  history: 'kept' | 'lost' = 'kept',
): Seen & { base: object } {
  const scope = new TestScope(schemaOf(given), { laws: false });
  scope.replica('z').push(put('things', 'r', base as never));
  for (const { writer, edit: change, madeAt } of writes) write(scope, writer, change, madeAt);
  if (history === 'lost') scope.loseHistory();
  const { verdict } = scope
    .replica('a')
    .send(mutation([changeOf(own, base, 1)], { madeAt: morning + own.madeAt }));
  const [conflict] = scope.conflicts();
  return {
    verdict,
    body: scope.body('things', 'r'),
    fields: conflict?.fields ?? [],
    base: conflict?.base ?? {},
  };
}

/** Somebody who has seen all that came before. */
function write(scope: TestScope, writer: string, change: Body, madeAt: number): void {
  const base = scope.record('things', 'r')?.seq ?? 0;
  const unset = Object.keys(change).filter((field) => change[field] === undefined);
  scope.replica(writer).send(
    mutation([patch('things', 'r', without(change) as never, { base, unset })], {
      madeAt: morning + madeAt,
    }),
  );
}

function changeOf({ edit: change, asPut }: Told['device'], saw: Body, base: number) {
  const replaced = Object.fromEntries(
    Object.keys(change).map((field) => [field, saw[field] ?? null]),
  ) as never;
  if (asPut) return put('things', 'r', without({ ...saw, ...change }) as never, { base, replaced });
  const unset = Object.keys(change).filter((field) => change[field] === undefined);
  return patch('things', 'r', without(change) as never, { base, unset, replaced });
}

const schemas = new Map<string, Schema>();

function schemaOf(given: Rules): Schema {
  const key = JSON.stringify(given);
  const known = schemas.get(key);
  if (known) return known;
  const schema = defineSchema({
    version: 1,
    collections: {
      things: {
        kind: 'request',
        fields: z.object({
          ...{ a: z.number().optional(), b: z.number().optional(), c: z.number().optional() },
          ...{ tags: z.array(z.number()).optional(), n: z.number().optional() },
        }),
        policy: given.policy,
        fieldPolicies: { b: given.b, tags: given.tags },
        counters: { n: {} },
      },
    },
  });
  schemas.set(key, schema);
  return schema;
}

// ── the oracle ──

function oracle({ rules: given, base, others: writes, device: own }: Told): Seen {
  const server: Record<string, Value> = { ...base };
  const theirs = new Map<string, number>();
  for (const write of writes) {
    for (const [field, value] of Object.entries(write.edit)) {
      if (same(server[field], value)) continue;
      server[field] = value;
      theirs.set(field, write.madeAt);
    }
  }
  const policyOf = (field: string): FieldPolicyName | undefined =>
    field === 'b' ? given.b : field === 'tags' ? given.tags : undefined;
  const differs = Object.keys(own.edit).filter((field) => !same(own.edit[field], server[field]));
  const both = differs.filter((field) => theirs.has(field));
  const byField = both.filter((field) => policyOf(field) !== undefined);
  const plain = differs.filter((field) => policyOf(field) === undefined);
  const agreed = (field: string): boolean =>
    Object.hasOwn(own.edit, field) && same(own.edit[field], server[field]);
  const byRecord =
    given.policy === 'merge'
      ? plain.filter((field) => theirs.has(field))
      : plain.length === 0
        ? []
        : names.filter((field) => theirs.has(field) && policyOf(field) === undefined && !agreed(field));
  const fields = [...byField, ...byRecord].sort();
  if (byRecord.length > 0 && given.policy === 'ask')
    return { verdict: 'conflict', body: without(server), fields };
  const after: Record<string, Value> = { ...server };
  for (const field of differs) after[field] = own.edit[field];
  for (const field of byField) after[field] = fieldAnswer(policyOf(field), field);
  const deviceWins =
    given.policy === 'client' || own.madeAt >= Math.max(...byRecord.map((field) => theirs.get(field) ?? 0));
  if (byRecord.length > 0 && given.policy === 'merge')
    for (const field of byRecord) if (own.madeAt < (theirs.get(field) ?? 0)) after[field] = server[field];
  if (byRecord.length > 0 && given.policy !== 'merge') {
    const wins = given.policy !== 'server' && deviceWins;
    const whole = wins && own.asPut ? names : plain;
    const side = wins ? { ...(own.asPut ? base : server), ...own.edit } : server;
    for (const field of whole) if (policyOf(field) === undefined) after[field] = side[field];
  }
  return { verdict: fields.length > 0 ? 'merged' : 'applied', body: without(after), fields };

  function fieldAnswer(policy: FieldPolicyName | undefined, field: string): Value {
    const [s, d] = [server[field], own.edit[field]];
    const newer = own.madeAt >= (theirs.get(field) ?? 0) ? d : s;
    if (policy === 'server') return s;
    if (policy === 'client') return d;
    if (policy === 'max' || policy === 'min') {
      if (typeof s !== 'number' || typeof d !== 'number') return s ?? d;
      return policy === 'max' ? Math.max(s, d) : Math.min(s, d);
    }
    if (policy !== 'union' || (!Array.isArray(s) && !Array.isArray(d))) return newer;
    if (!Array.isArray(s) || !Array.isArray(d)) return s ?? d;
    const was = (base[field] ?? []) as readonly number[];
    const gone = was.filter((item) => !s.includes(item) || !d.includes(item));
    const kept = s.filter((item: number) => !gone.includes(item));
    return [...kept, ...d.filter((item: number) => !s.includes(item) && !was.includes(item))];
  }
}

function same(a: Value, b: Value): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** JSON has no undefined: such a field is not there. */
function without(body: Body): Body {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}
