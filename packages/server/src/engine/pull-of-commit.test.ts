// What a commit answers without reading is what a pull right behind it reads.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { anyChanges } from './any-change.fixture.ts';
import { put, startEngine, type TestEngine } from './engine.fixture.ts';
import type { PullRequest } from './engine.ts';

let t: TestEngine;
beforeEach(async () => {
  t = await startEngine();
});
afterEach(() => t.close());

const nothing = (who: string, seen = 0): PullRequest => ({
  after: null,
  recordsMax: 0,
  verdictsOf: { replica: who, seen },
});

async function headOf(who: string, seen = 0): Promise<PullRequest> {
  const { checkpoint } = await t.pull(who);
  return { after: { checkpoint: checkpoint ?? '' }, verdictsOf: { replica: who, seen } };
}

const item = (id: string) => t.mutation([put('items', id, {})]);

describe('a commit answers', () => {
  test('who asks for no page', async () => {
    const { pulled } = await t.push('a', 1, [item('i1')], { pull: nothing('a') });
    expect(pulled).toMatchObject({
      records: [],
      verdicts: [{ n: 1, verdict: 'applied' }],
      head: 1,
      more: true,
    });
    const next = await t.push('a', 2, [item('i2')], { seen: 1, pull: nothing('a', 1) });
    expect(next.pulled).toMatchObject({ verdicts: [{ n: 2, verdict: 'applied' }], head: 2 });
  });

  test('who was at the head, with all that the group wrote', async () => {
    await t.push('b', 1, [item('i1')]);
    const [a, b] = await Promise.all([
      t.push('a', 1, [item('i2')], { pull: await headOf('a') }),
      t.push('b', 2, [item('i3')], { seen: 1, pull: await headOf('b', 1) }),
    ]);
    expect(a.pulled?.records.map(({ id }) => id)).toEqual(['i2', 'i3']);
    expect(a.pulled).toMatchObject({ head: 3, more: false, verdicts: [{ n: 1 }] });
    expect(b.pulled).toMatchObject({ checkpoint: a.pulled?.checkpoint, verdicts: [{ n: 2 }] });
  });

  test('and counts it as read', async () => {
    const { checkpoint } = await t.pull('a');
    const after = { checkpoint: checkpoint ?? '' };
    await t.push('a', 1, [item('i1')], { pull: { after, verdictsOf: { replica: 'a', seen: 0 } } });
    await t.engine.sweep();
    expect(await t.engine.inspect.reads('main')).toMatchObject([
      { device: 'device-a', sent: 1, confirmed: 0 },
    ]);
  });
});

describe('a commit leaves to a snapshot', () => {
  test('a page for who was not at the head or comes from another life, a page in part, and what is too long for one', async () => {
    await t.push('b', 1, [item('i1')]);
    const behind = { after: null, verdictsOf: { replica: 'a', seen: 0 } };
    expect((await t.push('a', 1, [item('i2')], { pull: behind })).pulled).toBeUndefined();
    const some = { ...(await headOf('a', 1)), collections: ['items'] };
    expect((await t.push('a', 2, [item('i3')], { pull: some })).pulled).toBeUndefined();
    const short = { ...(await headOf('a', 2)), recordsMax: 1 };
    expect((await t.push('a', 3, [item('i4'), item('i5')], { pull: short })).pulled).toBeUndefined();
    const { checkpoint } = await t.pull('a');
    const other = {
      ...(await headOf('a', 4)),
      after: { checkpoint: `other${checkpoint?.slice('life-1'.length)}` },
    };
    expect((await t.push('a', 4, [item('i6')], { pull: other })).pulled).toBeUndefined();
  });

  test('verdicts that are older than it', async () => {
    await t.push('a', 1, [item('i1')]);
    expect((await t.push('a', 2, [item('i2')], { pull: nothing('a') })).pulled).toBeUndefined();
  });

  test('a conflict that a verdict names', async () => {
    await t.push('a', 1, [t.mutation([put('shelves', 's1', { name: 'Top' })])]);
    const { pulled, verdicts } = await t.push('b', 1, [t.mutation([put('shelves', 's1', { name: 'Low' })])], {
      pull: nothing('b'),
    });
    expect(verdicts).toMatchObject([{ verdict: 'conflict' }]);
    expect(pulled).toBeUndefined();
  });

  test('who may not read the scope', async () => {
    const at = t.clock.nowMs;
    await t.store.identity.addCredential(
      {
        ...{
          key: 'k1',
          name: '',
          device: null,
          secretHash: '',
          createdAt: at,
          expiresAt: null,
          revokedAt: null,
        },
        grants: [{ scope: 'own', right: 'write' }],
      },
      { at, actor: '', action: '', subject: '' },
    );
    await t.push('a', 1, [item('i1')], { scope: 'own', caller: { key: 'k1' } });
    const asked = { scope: 'foreign', caller: { key: 'k1' }, pull: nothing('a') };
    const { verdicts, pulled } = await t.push('a', 1, [item('i2')], asked);
    expect(verdicts).toMatchObject([{ code: 'no_grant' }]);
    expect(pulled).toBeUndefined();
  });

  test('who goes by an id that another push of the group gave up', async () => {
    await t.push('a', 1, [item('i1')]);
    const caller = { key: null, device: 'device-a', actor: '' };
    const renewal = {
      replica: 'a2',
      former: [{ id: 'a', seqSeen: 1 }],
      n: 1,
      verdictsSeen: 0,
      checkpoint: null,
    };
    const [copy] = await Promise.all([
      t.push('a', 2, [item('i2')], { seen: 1, pull: nothing('a', 1) }),
      t.engine.push(caller, 'main', { ...renewal, mutations: [] }),
    ]);
    expect(copy.pulled).toBeUndefined();
  });
});

describe('the law: what a commit answers, a pull right behind it reads', () => {
  const sender = fc.record({
    who: fc.constantFrom('a', 'b', 'c'),
    mutations: fc.array(anyChanges, { minLength: 1, maxLength: 3 }),
    atHead: fc.boolean(),
    page: fc.constantFrom(undefined, undefined, 0, 2),
    seesAll: fc.boolean(),
  });
  let known = 0;

  test('for groups of pushes of several replicas', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(sender, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
        async (groups) => {
          await t.close();
          t = await startEngine();
          const counts = { a: 0, b: 0, c: 0 };
          for (const group of groups) {
            const senders = await Promise.all(
              group
                .filter(({ who }, place) => group.findIndex((other) => other.who === who) === place)
                .map(async (one) => ({ ...one, pull: await pullOf(one), n: ++counts[one.who as 'a'] })),
            );
            const results = await Promise.all(
              senders.map(({ who, n, mutations, pull }) =>
                t.push(
                  who,
                  n,
                  mutations.map((changes) => t.mutation(changes)),
                  { pull },
                ),
              ),
            );
            for (const [place, { pulled }] of results.entries()) {
              const { who, pull } = senders[place] as (typeof senders)[number];
              if (!pulled) continue;
              known += 1;
              expect(pulled).toEqual(await t.pull(who, pull));
            }
          }
        },
      ),
      { numRuns: 40 },
    );
    expect(known).toBeGreaterThan(30);
  });

  async function pullOf(one: {
    who: string;
    atHead: boolean;
    page: number | undefined;
    seesAll: boolean;
  }): Promise<PullRequest> {
    const { checkpoint, verdicts } = await t.pull(one.who, { verdictsOf: { replica: one.who, seen: 0 } });
    return {
      after: one.atHead ? { checkpoint: checkpoint ?? '' } : null,
      ...(one.page === undefined ? {} : { recordsMax: one.page }),
      verdictsOf: { replica: one.who, seen: one.seesAll ? (verdicts.at(-1)?.n ?? 0) : 0 },
    };
  }
});
