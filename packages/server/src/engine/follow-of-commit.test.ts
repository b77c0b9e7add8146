// What followers are told from a commit is what a snapshot right behind it reads.

import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { anyChanges } from './any-change.fixture.ts';
import { put, startEngine, type TestEngine } from './engine.fixture.ts';
import type { FollowBounds, FollowPosition, FollowStep } from './engine.ts';

let t: TestEngine;
beforeEach(async () => {
  t = await startEngine();
});
afterEach(() => t.close());

const wide: FollowBounds = { recordsMax: 100, charsMax: 10_000, mutationsMax: 100 };
const item = (id: string, name = '') => t.mutation([put('items', id, { name })]);
const position = async (): Promise<FollowPosition> =>
  (await t.engine.follow('main', { after: null, bounds: wide })).to;

/** Each commit's word on what comes behind the place that `follower` has then. */
function listen(follower: { after: FollowPosition | null; bounds: FollowBounds }): {
  told: (FollowStep | undefined)[];
} {
  const told: (FollowStep | undefined)[] = [];
  t.engine.subscribe('main', (_, known) => told.push(known({ ...follower })));
  return { told };
}

test('a commit knows the page of who stood at the head that it found, and of nobody else', async () => {
  const beginning = await position();
  await t.push('a', 1, [item('i1')]);
  const head = await position();
  const told = [head, beginning, null, { ...head, stamp: head.stamp + 1 }].map((after) =>
    listen({ after, bounds: wide }),
  );
  await t.push('a', 2, [item('i2'), item('i3')]);
  const [known, ...others] = told.map(({ told: [one] }) => one);
  expect(known?.page?.records.map(({ id }) => id)).toEqual(['i2', 'i3']);
  expect(known).toEqual(await t.engine.follow('main', { after: head, bounds: wide }));
  expect(others).toEqual([undefined, undefined, undefined]);
});

test('what is too much for one page is told without one', async () => {
  const after = await position();
  const bounds = [{ recordsMax: 1 }, { charsMax: 10 }, { mutationsMax: 1 }].map((one) => ({
    ...wide,
    ...one,
  }));
  const told = bounds.map((one) => listen({ after, bounds: one }));
  await t.push('a', 1, [item('i1', 'Salt'), item('i2', 'Pepper')]);
  for (const { told: steps } of told) expect(steps).toMatchObject([{ to: { seq: 2 }, page: undefined }]);
});

test('the law: for groups of pushes, within any bounds, and whoever may come in meanwhile', async () => {
  const sender = fc.record({
    who: fc.constantFrom('a', 'b', 'c'),
    mutations: fc.array(anyChanges, { minLength: 1, maxLength: 3 }),
  });
  const group = fc.record({
    senders: fc.uniqueArray(sender, { minLength: 1, maxLength: 3, selector: ({ who }) => who }),
    audit: fc.boolean(),
    bounds: fc.record({
      recordsMax: fc.integer({ min: 1, max: 8 }),
      charsMax: fc.integer({ min: 1, max: 120 }),
      mutationsMax: fc.integer({ min: 1, max: 8 }),
    }),
  });
  const seen = { pages: 0, cut: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(group, { maxLength: 8 }), async (groups) => {
      await t.close();
      t = await startEngine();
      const counts = { a: 0, b: 0, c: 0 };
      const follower = { after: await position(), bounds: wide };
      const { told } = listen(follower);
      for (const { senders, audit, bounds } of groups) {
        if (audit) await t.store.identity.addAudit({ at: 1, actor: '', action: '', subject: '' });
        Object.assign(follower, { after: await position(), bounds });
        told.length = 0;
        await Promise.all(
          senders.map(({ who, mutations }) =>
            t.push(
              who,
              ++counts[who],
              mutations.map((changes) => t.mutation(changes)),
            ),
          ),
        );
        const read = await t.engine.follow('main', { ...follower });
        const moved = read.to.seq > follower.after.seq;
        expect(told).toEqual(moved ? [read] : []);
        if (moved) seen[read.page ? 'pages' : 'cut'] += 1;
      }
    }),
    { numRuns: 60 },
  );
  expect(seen.pages).toBeGreaterThan(20);
  expect(seen.cut).toBeGreaterThan(20);
});
