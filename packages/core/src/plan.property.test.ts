// The laws of the plan. Those of plan-laws.fixture.ts hold after every commit of every story here, too: seqs and stamps, one seq for
// one mutation, logs, counts, owners of unique values, the chain of commits.
//
// 1. Whatever is pushed, resolved or given up, and however clocks step: the laws hold.
// 2. A repeat of any earlier mutations, in any order, under other batch numbers and replicas changes nothing but logs, and answers
//    the verdicts in force.
// 3. How pushes are grouped into plans does not matter: one by one or all at once, everything stored is the same.
// 4. A plan is pure: the same items on the same state give the same plan, and change neither.
// 5. All or none: a mutation that is `applied` did exactly what it says to the records as they stood; one that has no seq did nothing.
// 6. No fact is rejected or held, and no mutation is left without a verdict.
// 7. Every automatic resolution is logged with its base, the server's side as it was, and the device's change.
// 8. A counter is the exact sum of the increments that were accepted.
// 9. What a person undoes twice is as it was.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Change, recordKey } from './change.ts';
import { addDecimal, subtractDecimal, sumDecimals } from './decimal.ts';
import type { JsonObject } from './json.ts';
import { add, type Draughted, morning, mutation, patch, put, TestScope } from './plan.fixture.ts';
import { plan } from './plan.ts';
import type { PlanItem, PushItem } from './plan-item.ts';
import { defineSchema, type RecordPolicyName } from './schema.ts';
import { sha256 } from './scope-store.fixture.ts';
import { storyOf, storySchema, tell, versionAt } from './story.fixture.ts';
import { emptyScope, emptyWorkingSet } from './working-set.ts';

const everything = storyOf(['parent', 'sync', 'renew', 'repeat', 'resolve', 'decide', 'tick', 'expire']);
const runs = (numRuns: number) => ({ numRuns });
// The laws of every commit are checked in the first two properties; the others would only be slower for it.
const unchecked = { laws: false };

test('the stories meet what they are about', () => {
  const met = new Map<string, number>();
  const meet = (what: string): void => {
    met.set(what, (met.get(what) ?? 0) + 1);
  };
  for (const steps of fc.sample(everything, { numRuns: 300, seed: 1 })) {
    const { scope } = tell(steps, { limits: unchecked });
    for (const log of scope.stored.verdicts.values())
      for (const [place, { verdict }] of log.entries()) {
        meet(verdict.verdict);
        if (verdict.code) meet(verdict.code);
        for (const { code } of verdict.exceptions ?? []) meet(`flagged ${code}`);
        const before = log.findLast((other, at) => at < place && other.verdict.mutation === verdict.mutation);
        if (before) meet(`${before.verdict.verdict}, then ${verdict.verdict}`);
      }
    for (const { policy, settlement } of scope.stored.conflicts.values()) {
      for (const name of policy.split(',')) meet(`logged ${name}`);
      if (settlement) meet(`${settlement.by} ${settlement.resolution}`);
    }
  }
  const wanted = [
    ...['applied', 'merged', 'waiting', 'conflict', 'rejected', 'excepted'],
    ...[
      'counter_minimum',
      'unique_taken',
      'record_missing',
      'record_deleted',
      'parent_missing',
      'conflict_open',
      'conflict_unknown',
      'conflict_changed',
      'conflict_settled',
    ],
    ...[
      'flagged unique_taken',
      'flagged parent_missing',
      'flagged conflict_open',
      'flagged record_missing',
      'flagged record_deleted',
    ],
    ...[
      'waiting, then applied',
      'waiting, then conflict',
      'conflict, then merged',
      'conflict, then conflict',
    ],
    ...[
      'logged merge',
      'logged ask',
      'logged newest',
      'logged server',
      'logged client',
      'logged function',
      'logged max',
      'logged union',
    ],
    ...['policy merge', 'person server', 'person device', 'person value', 'person undo'],
  ];
  expect(
    wanted.filter((what) => (met.get(what) ?? 0) < 2).map((what) => `${what}: ${met.get(what) ?? 0}`),
  ).toEqual([]);
});

test('1. the laws hold after every commit', () => {
  fc.assert(
    fc.property(everything, (steps) => {
      tell(steps);
    }),
    runs(150),
  );
});

test('1. the laws hold under tight limits', () => {
  const limits = {
    waitingPerReplicaMax: 1,
    conflictMutationsMax: 2,
    conflictsOpenMax: 2,
    quarantinePerDeviceMax: 1,
    touchedFieldsMax: 1,
    waitingMsMax: 60,
  };
  fc.assert(
    fc.property(everything, (steps) => {
      tell(steps, { limits: { limits } });
    }),
    runs(100),
  );
});

test('2. repeats change nothing but logs, and answer the verdicts in force', () => {
  fc.assert(
    fc.property(everything, fc.infiniteStream(fc.nat()), (steps, picks) => {
      const { scope, sent } = tell(steps, { limits: unchecked });
      const again = sent.filter(() => (picks.next().value ?? 0) % 2 === 0);
      const shuffled = again
        .map((made) => ({ made, at: picks.next().value ?? 0 }))
        .sort((a, b) => a.at - b.at);
      const before = structuredClone(scope.stored);
      for (const { made, at } of shuffled) {
        const verdict = scope.replica(`r${at % 3}`).send(made);
        expect({ ...verdict, n: 0 }).toEqual({ ...before.mutations.get(made.id)?.verdict, n: 0 });
      }
      const { state, records, history, commits, unique, conflicts, quarantine } = scope.stored;
      expect({ state, records, history, commits, unique, conflicts, quarantine }).toEqual({
        ...{ state: before.state, records: before.records, history: before.history, commits: before.commits },
        ...{ unique: before.unique, conflicts: before.conflicts, quarantine: before.quarantine },
      });
    }),
    runs(60),
  );
});

test('3. the grouping of pushes into plans does not matter', () => {
  fc.assert(
    fc.property(
      storyOf(['parent', 'sync', 'renew', 'repeat', 'resolve', 'decide']),
      fc.integer({ min: 2, max: 30 }),
      (steps, size) => {
        const { scope, played } = tell(steps);
        const grouped = new TestScope(storySchema, { nowMs: morning });
        const items = played.flatMap((one) => one.items);
        for (let at = 0; at < items.length; at += size) grouped.commit(items.slice(at, at + size));
        for (const part of [
          'state',
          'records',
          'history',
          'commits',
          'replicas',
          'verdicts',
          'unique',
          'held',
          'conflicts',
          'quarantine',
          'mutations',
        ] as const)
          expect(grouped.stored[part], part).toEqual(scope.stored[part]);
      },
    ),
    runs(70),
  );
});

test('4. a plan is pure', () => {
  fc.assert(
    fc.property(storyOf([], 3), (steps) => {
      const { played } = tell(steps, { limits: unchecked });
      const items = played.flatMap((one) => one.items);
      const frozen = structuredClone(items);
      const scope = new TestScope(storySchema);
      const context = { schema: scope.schema, limits: scope.limits, sha256, nowMs: morning };
      const once = plan(items, emptyWorkingSet({ ...emptyScope }), context);
      expect(plan(items, emptyWorkingSet({ ...emptyScope }), context)).toEqual(once);
      expect(items).toEqual(frozen);
      // The fixture freezes what it loads: a plan that wrote to it would have thrown in every property here.
    }),
    runs(20),
  );
});

test('5. all or none: what is applied did exactly what it says, and what has no seq did nothing', () => {
  fc.assert(
    fc.property(storyOf(['parent', 'sync', 'renew']), (steps) => {
      const changes = new Map<string, readonly Change[]>();
      tell(steps, {
        limits: unchecked,
        watch: (before, items, scope) => {
          for (const { mutation: made } of mutationsOf(items)) changes.set(made.id, made.changes);
          if (scope.stored.state.head === before.head) expect(scope.stored.records).toEqual(before.records);
          for (const { mutation: made } of mutationsOf(items)) {
            const verdict = scope.verdict(made.id);
            if (verdict?.verdict !== 'applied' || verdict.seq === undefined) continue;
            if (verdict.seq <= before.head) continue;
            // Whose delete comes after another’s may mean a record that is gone (plan-anew.test.ts).
            if (made.changes.some((change) => isDeletedTwice(scope, change, changes))) continue;
            for (const [key, body] of played(scope, made, verdict.seq)) {
              const { collection, id } = recordOfKey(key);
              expect(versionAt(scope, collection, id, verdict.seq)?.body ?? null, key).toEqual(body);
            }
          }
        },
      });
    }),
    runs(80),
  );
});

test('6. no fact is rejected or held, and every mutation gets a verdict', () => {
  fc.assert(
    fc.property(everything, (steps) => {
      const { scope, sent } = tell(steps, { limits: unchecked });
      for (const made of sent) {
        const verdict = scope.verdict(made.id);
        expect(verdict).toBeDefined();
        // A person's answer to a conflict is no fact.
        const fact = made.changes.some(
          ({ type, collection }) =>
            type !== 'resolve' && storySchema.collections.get(collection)?.kind === 'fact',
        );
        if (fact) expect(['applied', 'merged', 'excepted']).toContain(verdict?.verdict);
      }
    }),
    runs(50),
  );
});

test('7. every automatic resolution is logged with base and both sides', () => {
  const oneChange = storyOf(['sync', 'renew']).map((steps) =>
    steps.map((step) =>
      step.type === 'push'
        ? {
            ...step,
            mutations: step.mutations.map((made) => ({ ...made, changes: made.changes.slice(0, 1) })),
          }
        : step,
    ),
  );
  fc.assert(
    fc.property(oneChange, (steps) => {
      const { scope, sent } = tell(steps, { limits: unchecked });
      const changes = new Map(sent.map((made) => [made.id, made.changes]));
      for (const conflict of scope.conflicts()) {
        const [change, ...folded] = conflict.changes;
        if (folded.length > 0) continue;
        const base = change?.base ?? 0;
        expect(changes.get(conflict.mutations[0] ?? '')).toEqual([change]);
        expect(conflict.server).toEqual(
          versionAt(scope, conflict.collection, conflict.record, conflict.serverVersion)?.body ?? null,
        );
        const seen =
          base === 0 ? undefined : versionAt(scope, conflict.collection, conflict.record, base)?.body;
        // A counter that was set without its base is the one conflict that has none.
        if (!seen || conflict.policy === 'counter') continue;
        for (const field of conflict.fields)
          expect(conflict.base[field] ?? null, field).toEqual(seen[field] ?? null);
      }
    }),
    runs(70),
  );
});

describe('8. a counter is the exact sum of the accepted increments', () => {
  const amount = fc.oneof(
    fc.integer({ min: -50, max: 50 }),
    fc.integer({ min: -999, max: 999 }).map((n) => n / 100),
    fc.constantFrom(0.1, 0.2, -0.3, 1e9),
  );
  const move = fc.record({
    who: fc.constantFrom('a', 'b', 'c'),
    how: fc.constantFrom('add', 'patch', 'put', 'twice', 'both'),
    amount,
    name: fc.constantFrom('A', 'B', 'C'),
    sync: fc.boolean(),
  });
  const answers = fc.array(fc.constantFrom('server', 'device', 'undo', 'device', 'server'), { maxLength: 6 });

  test.each(['merge', 'server', 'client', 'newest', 'ask'] as const)('under %s', (policy) => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 12 }), answers, amount, (moves, people, start) => {
        const scope = counting(policy);
        scope.replica('z').push(put('items', 'i', { name: 'Z', n: start }));
        const seen = new Map<string, number>();
        const moved = new Map<string, number>();
        for (const wish of moves) {
          const base = wish.sync ? scope.stored.state.head : (seen.get(wish.who) ?? 1);
          seen.set(wish.who, base);
          const made = mutation(changesFor(wish, scope, base), { madeAt: morning + moved.size });
          moved.set(
            made.id,
            sumDecimals(wish.how === 'twice' ? [wish.amount, wish.amount] : [wish.amount]) ?? 0,
          );
          scope.replica(wish.who).send(made);
        }
        for (const conflict of scope.conflicts('open'))
          scope.resolve(conflict.id, people[0] === 'device' ? 'device' : 'server');
        const accepted = [...moved].filter(([id]) =>
          ['applied', 'merged'].includes(scope.verdict(id)?.verdict ?? ''),
        );
        const sum = sumDecimals([start, ...accepted.map(([, by]) => by)]);
        expect(scope.body('items', 'i')?.n ?? 0).toBe(sum);
        // Answering otherwise, in any order and number, never counts an increment twice; an undo takes back what was undone, exactly.
        const conflict = scope.conflicts().at(-1);
        if (!conflict) return;
        const change = conflict.mutations.reduce((total, id) => total + (moved.get(id) ?? 0), 0);
        for (const answer of people) {
          scope.resolve(conflict.id, answer);
          const now = scope.body('items', 'i')?.n as number;
          const off = subtractDecimal(now, sum ?? 0) ?? Number.NaN;
          expect(
            [0, -change].some((wanted) => Math.abs(off - wanted) < 1e-6),
            `${off} after ${answer}`,
          ).toBe(true);
        }
      }),
      runs(40),
    );
  });

  function counting(policy: RecordPolicyName): TestScope {
    const fields = z.object({ name: z.string(), n: z.number().optional() });
    return new TestScope(
      defineSchema({
        version: 1,
        collections: { items: { kind: 'request', fields, policy, counters: { n: {} } } },
      }),
    );
  }

  function changesFor(
    wish: { how: string; amount: number; name: string },
    scope: TestScope,
    base: number,
  ): Change[] {
    const saw = versionAt(scope, 'items', 'i', base)?.body ?? {};
    const n = addDecimal((saw.n as number) ?? 0, wish.amount) ?? 0;
    const both = { name: wish.name, n };
    const replaced = { name: saw.name ?? null, n: saw.n ?? null };
    const version = versionAt(scope, 'items', 'i', base)?.seq ?? 0;
    switch (wish.how) {
      case 'add':
        return [add('items', 'i', { n: wish.amount }, version)];
      case 'twice':
        return [
          add('items', 'i', { n: wish.amount }, version),
          add('items', 'i', { n: wish.amount }, version),
        ];
      case 'patch':
        return [patch('items', 'i', { n }, { base: version, replaced: { n: saw.n ?? null } })];
      case 'both':
        return [patch('items', 'i', both, { base: version, replaced })];
      default:
        return [put('items', 'i', { ...saw, ...both }, { base: version, replaced })];
    }
  }
});

test('9. what a person undoes twice is as it was', () => {
  fc.assert(
    fc.property(storyOf(['sync']), (steps) => {
      const { scope } = tell(steps, { limits: unchecked });
      for (const conflict of scope.conflicts('settled')) {
        // A counter that is absent counts as 0, and comes back as 0.
        const body = (): JsonObject | null => {
          const now = scope.body(conflict.collection, conflict.record);
          return now ? { ...now, count: now.count ?? 0 } : null;
        };
        const before = body();
        const first = scope.resolve(conflict.id, 'undo');
        const after = body();
        if (first.type !== 'resolved') continue;
        const second = scope.resolve(conflict.id, 'undo');
        if (second.type !== 'resolved') continue;
        // An undo that had nothing to take back or to do leaves all as it is.
        if (JSON.stringify(before) !== JSON.stringify(after)) expect(body()).toEqual(before);
      }
    }),
    runs(50),
  );
});

function mutationsOf(items: readonly PlanItem[]): PushItem['mutations'] {
  return items.flatMap((item) => (item.type === 'push' ? item.mutations : []));
}

function recordOfKey(key: string): { collection: string; id: string } {
  const [collection = '', id = ''] = key.split('/');
  return { collection, id };
}

/** What a mutation's changes make of the records as they stood before its commit, with nobody else about. */
function played(
  scope: TestScope,
  made: Draughted | PushItem['mutations'][number]['mutation'],
  seq: number,
): Map<string, JsonObject | null> {
  const after = new Map<string, JsonObject | null>();
  for (const change of made.changes) {
    const key = recordKey(change.collection, change.id);
    const stood = after.has(key)
      ? (after.get(key) ?? null)
      : (versionAt(scope, change.collection, change.id, seq - 1)?.body ?? null);
    const base = versionAt(scope, change.collection, change.id, change.base ?? 0)?.body ?? {};
    after.set(key, playedChange(change, stood, base));
  }
  return after;
}

/** Whether another mutation that was applied since the change's base also deletes the record. */
function isDeletedTwice(
  { stored }: TestScope,
  { type, collection, id, base = 0 }: Change,
  changes: ReadonlyMap<string, readonly Change[]>,
): boolean {
  if (type !== 'delete') return false;
  const deletes = stored.commits
    .slice(base)
    .flatMap((commit) => changes.get(commit.mutation) ?? [])
    .filter((change) => change.type === 'delete' && change.collection === collection && change.id === id);
  return deletes.length > 1;
}

function playedChange(change: Change, stood: JsonObject | null, base: JsonObject): JsonObject | null {
  if (change.type === 'delete') return null;
  if (change.type === 'resolve') return stood;
  if (stood === null) return change.type === 'put' ? change.body : null;
  const next: Record<string, JsonObject[string]> = { ...stood };
  const count = (by: number | undefined): void => {
    if (by) next.count = addDecimal((stood.count as number) ?? 0, by) ?? Number.NaN;
  };
  if (change.type === 'add') {
    count(change.amounts.count);
    return next;
  }
  const given = change.type === 'put' ? change.body : (change.set ?? {});
  const { replaced } = change;
  const whole = change.type === 'put' && !replaced && (change.base ?? 0) > 0 ? Object.keys(stood) : [];
  const named =
    change.type === 'put'
      ? [...whole, ...Object.keys(replaced ?? given)]
      : [...Object.keys(given), ...(change.unset ?? [])];
  for (const field of new Set(named)) {
    if (field === 'count') {
      const omitted = change.type === 'put' && !Object.hasOwn(given, 'count');
      const saw = (replaced && Object.hasOwn(replaced, 'count') ? replaced.count : base.count) as
        | number
        | null
        | undefined;
      if (!omitted) count(subtractDecimal((given.count as number) ?? 0, saw ?? 0));
    } else if (Object.hasOwn(given, field)) next[field] = given[field] ?? null;
    else delete next[field];
  }
  return next;
}
