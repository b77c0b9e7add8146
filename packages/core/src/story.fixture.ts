// Random stories for the laws of plan.property.test.ts: a few devices that read, write, lose touch, come back under new ids; people who
// resolve; clocks that jump. A step says what is wanted; what exactly is sent depends on what the device has seen by then.

import fc from 'fast-check';
import { z } from 'zod';
import { type RecordChange, recordKey } from './change.ts';
import type { JsonObject } from './json.ts';
import { type Draughted, morning, mutation, newId, put, resolve, TestScope } from './plan.fixture.ts';
import type { PlanItem, PushItem } from './plan-item.ts';
import { defineSchema } from './schema.ts';
import { bodyOf, type StoredRecord } from './stored.ts';

const fields = z.object({
  a: z.number().optional(),
  b: z.number().optional(),
  top: z.number().optional(),
  tags: z.array(z.number()).optional(),
  count: z.number().optional(),
  code: z.number().nullable().optional(),
  parent: z.string().nullable().optional(),
});
const rest = {
  fields,
  fieldPolicies: { top: 'max', tags: 'union' },
  counters: { count: {} },
  unique: ['code'],
  parents: { parent: 'merged' },
} as const;

/** A collection for each policy, and two of facts. */
export const storySchema = defineSchema({
  version: 1,
  collections: {
    merged: { ...rest, kind: 'request', policy: 'merge', counters: { count: { minimum: -3 } } },
    asked: { ...rest, kind: 'request', policy: 'ask' },
    newest: { ...rest, kind: 'request', policy: 'newest' },
    server: { ...rest, kind: 'request', policy: 'server' },
    client: { ...rest, kind: 'request', policy: 'client' },
    judged: {
      ...rest,
      kind: 'request',
      policy: ({ server, device }) =>
        server.a === 1 ? 'server' : device.a === 1 ? 'ask' : { set: { a: 7 } },
    },
    facts: { ...rest, kind: 'fact', policy: 'merge' },
    askedFacts: { ...rest, kind: 'fact', policy: 'ask' },
  },
});
const collections = [...storySchema.collections.keys()];

// ── what may happen ──

interface ChangeWish {
  type: 'put' | 'patch' | 'delete' | 'add';
  collection: string;
  id: string;
  set: Partial<
    Record<
      'a' | 'b' | 'top' | 'tags' | 'code' | 'parent' | 'count',
      number | string | readonly number[] | null
    >
  >;
  unset: readonly string[];
  amount: number;
  /** Whether it carries the values that it replaced. */
  replaced: boolean;
}

export type Step =
  /** Two records in each of these collections, which every device has read. */
  | { type: 'begin'; collections: readonly string[] }
  | { type: 'push'; who: number; mutations: readonly { changes: readonly ChangeWish[]; madeAt: number }[] }
  | { type: 'sync'; who: number }
  | { type: 'renew'; who: number }
  | { type: 'repeat'; who: number; picks: readonly number[] }
  | { type: 'resolve'; pick: number; answer: 'server' | 'device' | 'value' | 'undo'; value: number }
  /** The same on a device, about the record as it has read it. */
  | {
      type: 'decide';
      who: number;
      pick: number;
      answer: 'server' | 'device' | 'value' | 'undo';
      value: number;
    }
  | { type: 'tick'; ms: number }
  | { type: 'expire' };

const small = fc.integer({ min: 0, max: 3 });
// Stories begin with `x` and `y`.
const ids = fc.constantFrom('x', 'x', 'y', 'y', 'z');

const changeWish: fc.Arbitrary<ChangeWish> = fc.record({
  type: fc.constantFrom('put', 'put', 'patch', 'patch', 'patch', 'add', 'delete'),
  collection: fc.constantFrom('0', '1'),
  id: ids,
  set: fc.record(
    {
      a: small,
      b: small,
      top: small,
      tags: fc.uniqueArray(small, { maxLength: 3 }),
      code: fc.oneof(fc.constant(null), small),
      parent: fc.constantFrom(null, null, 'x', 'x', 'y', 'z'),
      count: fc.integer({ min: -2, max: 4 }),
    },
    { requiredKeys: [] },
  ),
  unset: fc.subarray(['a', 'b', 'top', 'tags', 'code', 'count']),
  amount: fc.constantFrom(-2, -1, 0.1, 0.25, 1, 3),
  replaced: fc.boolean(),
});

const who = fc.integer({ min: 0, max: 2 });
const pushStep: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('push' as const),
  who,
  mutations: fc.array(
    fc.record({
      changes: fc.array(changeWish, { minLength: 1, maxLength: 3 }),
      madeAt: fc.integer({ min: 0, max: 20 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

const parentWish = {
  type: 'put' as const,
  collection: 'merged',
  id: 'z',
  set: {},
  unset: [],
  amount: 0,
  replaced: false,
};

const otherSteps = {
  /** The parent for which so many wait. */
  parent: who.map(
    (one): Step => ({ type: 'push', who: one, mutations: [{ changes: [parentWish], madeAt: 0 }] }),
  ),
  sync: fc.record({ type: fc.constant('sync' as const), who }),
  renew: fc.record({ type: fc.constant('renew' as const), who }),
  repeat: fc.record({
    type: fc.constant('repeat' as const),
    who,
    picks: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
  }),
  resolve: fc.record({
    type: fc.constant('resolve' as const),
    pick: fc.nat(),
    answer: fc.constantFrom('server', 'device', 'value', 'undo'),
    value: small,
  }),
  decide: fc.record({
    type: fc.constant('decide' as const),
    who,
    pick: fc.nat(),
    answer: fc.constantFrom('server', 'device', 'value', 'undo'),
    value: small,
  }),
  tick: fc.record({ type: fc.constant('tick' as const), ms: fc.integer({ min: -50, max: 100 }) }),
  expire: fc.constant({ type: 'expire' as const }),
} satisfies Record<string, fc.Arbitrary<Step>>;

/**
 * Steps of the kinds that are named, and pushes, in a few collections: in many, changes would hardly ever meet. Most stories begin
 * with records that are there.
 */
export function storyOf(
  kinds: readonly (keyof typeof otherSteps)[],
  maxLength = 14,
): fc.Arbitrary<readonly Step[]> {
  const others = kinds.map((kind) => ({
    arbitrary: otherSteps[kind] as fc.Arbitrary<Step>,
    weight: kind === 'resolve' ? 3 : kind === 'decide' ? 2 : 1,
  }));
  const step = fc.oneof({ arbitrary: pushStep, weight: 8 }, ...others);
  return fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...collections, 'asked', 'asked', 'merged'), {
        minLength: 1,
        maxLength: 2,
      }),
      fc.array(step, { minLength: 3, maxLength, size: 'max' }),
      fc.integer({ min: 0, max: 4 }),
    )
    .map(([cast, steps, empty]): readonly Step[] => {
      const begin = {
        type: 'begin' as const,
        collections: empty === 0 ? [] : [...new Set([...cast, 'merged'])],
      };
      return [begin, ...steps.map((one) => inCast(one, cast))];
    });
}

/** A wish names its collection by its place in the cast. */
function inCast(step: Step, cast: readonly string[]): Step {
  if (step.type !== 'push') return step;
  const named = (wish: ChangeWish): ChangeWish => {
    const place = Number(wish.collection);
    return Number.isNaN(place) ? wish : { ...wish, collection: cast[place % cast.length] ?? '' };
  };
  return {
    ...step,
    mutations: step.mutations.map((made) => ({ ...made, changes: made.changes.map(named) })),
  };
}

// ── what happens ──

/** A push or resolution with the time at which it came, so that it can be played again. */
export interface Played {
  items: readonly PlanItem[];
  nowMs: number;
}

export interface Telling {
  scope: TestScope;
  played: readonly Played[];
  /** Every mutation that was sent, once each, in the order of arrival. */
  sent: readonly Draughted[];
}

interface Device {
  device: string;
  replica: string;
  /** Former id → what it had heard of its commits. */
  former: Record<string, number>;
  /** The highest seq among its verdicts. */
  heard: number;
  /** The seq up to which it has read. */
  seen: number;
}

/** Told the head and the records before a step, what came, and the scope after it. */
export type Watch = (
  before: { head: number; records: ReadonlyMap<string, StoredRecord> },
  items: readonly PlanItem[],
  scope: TestScope,
) => void;

/** Plays a story, one plan for each step. `watch` sees the state before and after each. */
export function tell(
  steps: readonly Step[],
  options: { watch?: Watch; limits?: ConstructorParameters<typeof TestScope>[1] } = {},
): Telling {
  const scope = new TestScope(storySchema, { ...options.limits, nowMs: morning });
  const devices = ['a', 'b', 'c'].map(
    (name): Device => ({ device: name, replica: `${name}1`, former: {}, heard: 0, seen: 0 }),
  );
  const played: Played[] = [];
  const sent: Draughted[] = [];
  for (const step of steps) {
    const items = itemsOf(scope, step, devices, sent);
    if (items.length === 0) continue;
    const before = { head: scope.stored.state.head, records: new Map(scope.stored.records) };
    scope.commit(items);
    if ('who' in step) hear(scope, devices[step.who]);
    played.push({ items, nowMs: scope.nowMs });
    options.watch?.(before, items, scope);
  }
  return { scope, played, sent };
}

function itemsOf(scope: TestScope, step: Step, devices: Device[], sent: Draughted[]): PlanItem[] {
  const device = 'who' in step ? devices[step.who] : undefined;
  switch (step.type) {
    case 'begin':
      return beginItem(scope, step.collections, devices, sent);
    case 'tick':
      scope.nowMs += step.ms;
      return [];
    case 'sync':
      if (device) device.seen = scope.stored.state.head;
      return [];
    case 'renew':
      if (device) renew(device);
      return [];
    case 'expire':
      return [{ type: 'expire', mutations: [...scope.stored.held.keys()] }];
    case 'resolve':
      return resolveItem(scope, step);
    case 'decide': {
      const made = device && decisionOf(scope, step, device.seen);
      if (!device || !made) return [];
      sent.push(made);
      return [pushItem(scope, device, [made])];
    }
    case 'repeat': {
      const again = step.picks.flatMap((pick) => sent[pick % Math.max(1, sent.length)] ?? []);
      return device && again.length > 0 ? [pushItem(scope, device, again)] : [];
    }
    case 'push': {
      if (!device) return [];
      const made = step.mutations.map(({ changes, madeAt }) =>
        mutation(
          changes.map((wish) => changeOf(scope, wish, device.seen)),
          { madeAt: morning + madeAt },
        ),
      );
      sent.push(...made);
      return [pushItem(scope, device, made)];
    }
  }
}

function beginItem(
  scope: TestScope,
  names: readonly string[],
  devices: Device[],
  sent: Draughted[],
): PlanItem[] {
  const puts = names.flatMap((name) =>
    ['x', 'y'].map((id) => put(name, id, { a: 1, b: 1, tags: [1], top: 1, count: 2 })),
  );
  if (puts.length === 0) return [];
  const made = mutation(puts);
  sent.push(made);
  for (const device of devices) device.seen = 1;
  return [scope.pushItem('first', [made])];
}

/** The answer comes, with all that is in the log. */
function hear(scope: TestScope, device: Device | undefined): void {
  if (device) device.heard = Math.max(0, ...scope.log(device.replica).map(({ verdict }) => verdict.seq ?? 0));
}

function renew(device: Device): void {
  device.former = { ...device.former, [device.replica]: device.heard };
  device.replica = `${device.device}${Object.keys(device.former).length + 1}`;
  device.heard = 0;
}

function pushItem(
  scope: TestScope,
  { device, replica, former, heard }: Device,
  mutations: readonly Draughted[],
): PushItem {
  return scope.pushItem(replica, mutations, { device, former, seqSeen: heard });
}

function resolveItem(scope: TestScope, step: Extract<Step, { type: 'resolve' }>): PlanItem[] {
  const all = scope.conflicts();
  const conflict = all[step.pick % Math.max(1, all.length)];
  if (!conflict) return [];
  const seenVersion = scope.record(conflict.collection, conflict.record)?.seq ?? 0;
  const answer =
    step.answer === 'value'
      ? ({ type: 'value', body: { a: step.value, count: step.value } } as const)
      : { type: step.answer };
  return [{ type: 'resolve', conflict: conflict.id, seenVersion, answer, mutation: newId(), actor: 'ann' }];
}

/** One in seven is about no conflict. */
function decisionOf(
  scope: TestScope,
  step: Extract<Step, { type: 'decide' }>,
  seen: number,
): Draughted | undefined {
  const all = scope.conflicts();
  const conflict = all[step.pick % Math.max(1, all.length)];
  if (!conflict) return undefined;
  const { collection, record } = conflict;
  const body = { a: step.value, count: step.value };
  return mutation([
    resolve(step.pick % 7 === 0 ? { ...conflict, id: 1_000 } : conflict, step.answer, {
      base: versionAt(scope, collection, record, seen)?.seq ?? 0,
      ...(step.answer === 'value' ? { body } : {}),
    }),
  ]);
}

/** What a device sends that has read the scope up to `seen`. */
function changeOf(scope: TestScope, wish: ChangeWish, seen: number): RecordChange {
  const saw = versionAt(scope, wish.collection, wish.id, seen);
  const target = { collection: wish.collection, id: wish.id, base: saw?.seq ?? 0 };
  const body = saw?.body ?? {};
  const set = wish.set as JsonObject;
  const unset = wish.unset.filter((field) => !Object.hasOwn(set, field));
  switch (wish.type) {
    case 'delete':
      return { type: 'delete', ...target };
    case 'add':
      return { type: 'add', ...target, amounts: { count: wish.amount } };
    case 'patch': {
      const replaced = Object.fromEntries(
        [...Object.keys(set), ...unset].map((field) => [field, body[field] ?? null]),
      );
      return { type: 'patch', ...target, set, unset, ...(wish.replaced ? { replaced } : {}) };
    }
    case 'put': {
      const whole = Object.fromEntries(
        Object.entries({ ...body, ...set }).filter(([field]) => !unset.includes(field)),
      );
      const changed = Object.keys({ ...body, ...set }).filter((field) => body[field] !== whole[field]);
      const replaced = Object.fromEntries(changed.map((field) => [field, body[field] ?? null]));
      return { type: 'put', ...target, body: whole, ...(saw?.body && wish.replaced ? { replaced } : {}) };
    }
  }
}

export function versionAt(
  scope: TestScope,
  collection: string,
  id: string,
  seq: number,
): { seq: number; body: JsonObject | null } | undefined {
  const { records, history, purged } = scope.stored;
  const all = [...history.map(({ record }) => record), ...purged];
  const current = records.get(recordKey(collection, id));
  if (current) all.push(current);
  const found = all
    .filter((record) => record.collection === collection && record.id === id && record.seq <= seq)
    .sort((a, b) => b.seq - a.seq)[0];
  return found && { seq: found.seq, body: bodyOf(found) };
}
