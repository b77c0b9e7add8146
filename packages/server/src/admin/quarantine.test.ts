// What lies in the server's quarantine is settled once, in one commit with what is sent in its place.

import { type Change, defaultLimits, type Json } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../digest.ts';
import { put, startEngine, type TestEngine, testSchema } from '../engine/engine.fixture.ts';
import { StoreError } from '../store/port.ts';
import { quarantined, write, writesOf } from '../store/writes.fixture.ts';
import { discardQuarantined, listQuarantine, type QuarantineDeps, resendQuarantined } from './quarantine.ts';

let at: TestEngine;
let drawn = 0;
beforeEach(async () => {
  at = await startEngine();
});
afterEach(() => at.close());

function deps(): QuarantineDeps {
  const random = { bytes: (length: number) => new Uint8Array(length).fill(++drawn), fraction: () => 0.5 };
  const { engine, store, clock } = at;
  return {
    engine,
    store,
    schema: testSchema,
    limits: defaultLimits,
    random,
    sha256,
    nowMs: () => clock.nowMs,
  };
}

const items = async () => (await listQuarantine(deps(), { max: 10 })).items;
const body = async (id: string) => {
  const [record] = await at.engine.inspect.history('main', 'items', id, 1);
  return JSON.parse(record?.body ?? 'null');
};
const audits = () => at.store.read((snapshot) => snapshot.audit({ max: 10 }));

/** Lets `changes` lie there; answers their place. */
async function lies(changes: readonly Change[], more: object = {}): Promise<number> {
  const payload = { schema: 1, changes } as unknown as Json;
  const scope = await at.store.read((snapshot) => snapshot.scope('main'));
  const quarantine = [quarantined('m-1', { payload, ...more })];
  await write(at.store, writesOf({ ...(scope ? { scope } : {}), quarantine }), 'main');
  return (await items()).at(-1)?.place ?? 0;
}

const add = (quantity: number): Change => ({
  type: 'add',
  collection: 'items',
  id: 'tea',
  amounts: { quantity },
});

beforeEach(async () => {
  await at.push('a', 1, [at.mutation([put('items', 'tea', { name: 'Tea', quantity: 5 })])]);
});

describe('what is sent again', () => {
  test('by two at once is sent once', async () => {
    const place = await lies([add(2)]);
    const both = await Promise.allSettled([
      resendQuarantined(deps(), { place }),
      resendQuarantined(deps(), { place }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'not_found' } });
    expect(await body('tea')).toMatchObject({ quantity: 7 });
    expect(await items()).toEqual([]);
    expect(await audits()).toHaveLength(1);
  });

  test('is made in sight of the records as they are; a counter moves by what it was to move', async () => {
    const { collection, id } = { collection: 'items', id: 'tea' };
    const place = await lies([
      {
        type: 'patch',
        collection,
        id,
        set: { name: 'Chai', quantity: 4 },
        replaced: { name: 'Tee', quantity: 1 },
      },
    ]);
    expect(await resendQuarantined(deps(), { place })).toMatchObject({
      verdict: { verdict: 'applied', seq: 2 },
    });
    expect(await body('tea')).toEqual({ name: 'Chai', quantity: 8 });
  });

  test('and rejected again stays as it is, once, and without an audit entry', async () => {
    const place = await lies([add(-9)]);
    expect(await resendQuarantined(deps(), { place })).toMatchObject({
      verdict: { verdict: 'rejected', code: 'counter_minimum' },
    });
    expect(await items()).toMatchObject([{ place }]);
    expect(await audits()).toEqual([]);
    expect(await resendQuarantined(deps(), { place, changes: [add(-1)] })).toMatchObject({
      verdict: { seq: 2 },
    });
    expect(await body('tea')).toMatchObject({ quantity: 4 });
  });

  test('waits for its parent like any; then it is settled', async () => {
    const place = await lies([put('items', 'cup', { name: 'Cup', shelf: 's1' })]);
    expect(await resendQuarantined(deps(), { place })).toMatchObject({ verdict: { verdict: 'waiting' } });
    expect(await items()).toEqual([]);
    await at.push('a', 2, [at.mutation([put('shelves', 's1', { name: 'Top' })])]);
    expect(await body('cup')).toMatchObject({ shelf: 's1' });
  });

  test('without a scope of its own goes where it is told', async () => {
    const place = await lies([add(1)], { code: 'no_grant', inScope: false });
    await expect(resendQuarantined(deps(), { place })).rejects.toMatchObject({
      code: 'malformed',
      field: 'scope',
    });
    expect(await resendQuarantined(deps(), { place, scope: 'main' })).toMatchObject({ verdict: { seq: 2 } });
  });

  test.each([
    ['was not kept', { payload: null }, 'changes'],
    ['is no mutation', { payload: { schema: 1, changes: [{ type: 'move' }] } }, 'changes[0].type'],
    [
      'does not fit',
      { payload: { schema: 1, changes: [put('items', 'x', { name: 7 })] } },
      'changes[0].body.name',
    ],
    [
      'answers a conflict',
      {
        payload: {
          schema: 1,
          changes: [{ type: 'resolve', collection: 'items', id: 'x', conflict: 1, answer: 'device' }],
        },
      },
      'changes',
    ],
  ])('and %s is refused, and stays', async (_what, more, field) => {
    const place = await lies([], more);
    await expect(resendQuarantined(deps(), { place })).rejects.toMatchObject({ code: 'malformed', field });
    expect(await items()).toHaveLength(1);
  });
});

test('a commit that fails settles nothing', async () => {
  let fails = false;
  await at.close();
  at = await startEngine({
    store: (store) => ({
      ...store,
      life: store.life,
      oneWriter: store.oneWriter,
      identity: store.identity,
      read: (work) => store.read(work),
      commit: (work) =>
        store.commit(async (transaction) => {
          const result = await work(transaction);
          if (fails) throw new StoreError('full', 'No room.');
          return result;
        }),
    }),
  });
  const place = await lies([put('items', 'cup', { name: 'Cup' })]);
  fails = true;
  await expect(resendQuarantined(deps(), { place })).rejects.toMatchObject({ code: 'storage_full' });
  fails = false;
  expect(await items()).toHaveLength(1);
  expect(await body('cup')).toBeNull();
});

test('a long list is read in parts, and is as long as asked', async () => {
  const quarantine = Array.from({ length: 45 }, (_, nth) => quarantined(`m-${nth}`));
  await write(at.store, writesOf({ quarantine }), 'other');
  const names = async (query: { after?: number; max: number }) =>
    (await listQuarantine(deps(), query)).items.map(({ mutation }) => mutation);
  const all = quarantine.map(({ mutation }) => mutation);
  expect(await names({ max: 500 })).toEqual(all);
  expect(await names({ max: 41 })).toEqual(all.slice(0, 41));
  const [first] = await items();
  expect(await names({ max: 40, after: first?.place ?? 0 })).toEqual(all.slice(1, 41));
});

test('what is discarded is gone, once, with the reason in the audit log', async () => {
  const place = await lies([add(1)]);
  await discardQuarantined(deps(), { place, reason: 'Counted twice' });
  await expect(discardQuarantined(deps(), { place, reason: 'x' })).rejects.toMatchObject({
    code: 'not_found',
  });
  expect(await audits()).toMatchObject([
    { actor: 'operator', action: 'quarantine.discard', subject: `${place} of device-1 (m-1): Counted twice` },
  ]);
  expect(await body('tea')).toMatchObject({ quantity: 5 });
});
