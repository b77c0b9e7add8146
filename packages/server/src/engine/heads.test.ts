import { afterEach, expect, test } from 'vitest';
import { put, startEngine, type TestEngine } from './engine.fixture.ts';
import { createHeads } from './heads.ts';

let t: TestEngine;
afterEach(() => t?.close());

test('a scope is at the head that was noted last, in this life, and nowhere else', () => {
  const heads = createHeads('life', 10);
  heads.note('shop', { head: 1, stamp: 5 });
  heads.note('shop', { head: 2, stamp: 7 });
  const at = { life: 'life', seq: 2, stamp: 7 };
  expect(heads.isAt('shop', at)).toBe(true);
  const others = [{ life: 'other' }, { seq: 1, stamp: 5 }, { stamp: 6 }, { seq: 3 }];
  for (const other of others) expect(heads.isAt('shop', { ...at, ...other })).toBe(false);
  expect(heads.isAt('bar', at)).toBe(false);
  expect(heads.isAt('bar', { life: 'life', seq: 0, stamp: 0 })).toBe(false);
});

test('the scope that has not moved for longest is forgotten first', () => {
  const heads = createHeads('life', 2);
  for (const scope of ['a', 'b', 'a', 'c']) heads.note(scope, { head: 1, stamp: 1 });
  const at = { life: 'life', seq: 1, stamp: 1 };
  expect(['a', 'b', 'c'].filter((scope) => heads.isAt(scope, at))).toEqual(['a', 'c']);
});

test('a batch of who stands at the head is taken without a look at the store; any other checkpoint is looked up', async () => {
  let reads = 0;
  t = await startEngine({
    store: (store) => ({
      ...store,
      life: store.life,
      oneWriter: store.oneWriter,
      commit: (work) => store.commit(work),
      read(work) {
        reads += 1;
        return store.read(work);
      },
    }),
  });
  await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
  const { checkpoint } = await t.pull('a');
  reads = 0;
  await t.push('a', 2, [t.mutation([put('items', 'i2', {})])], { seen: 1, checkpoint });
  expect(reads).toBe(0);
  await t.push('a', 3, [t.mutation([put('items', 'i3', {})])], { seen: 2, checkpoint });
  expect(reads).toBe(1);
  const ahead = (await t.pull('a')).checkpoint?.replace('.3.', '.9.') ?? '';
  await expect(
    t.push('a', 4, [t.mutation([put('items', 'i4', {})])], { seen: 3, checkpoint: ahead }),
  ).rejects.toMatchObject({ code: 'rolled_back' });
});
