// What becomes of pushed records, and what a pull shows of them.

import type { JsonObject } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { at, item, noon, startHims, type TestHims } from './hims.fixture.ts';
import { pullAnswer, pushAnswer } from './wire.ts';

let hims: TestHims;
beforeEach(async () => {
  hims = await startHims();
});
afterEach(() => hims.close());

const counts = (more: Partial<Record<'inserted' | 'updated' | 'conflicts' | 'errors', number>>) => ({
  ...{ inserted: 0, updated: 0, conflicts: 0, errors: 0 },
  ...more,
});

const shown = async (table: string): Promise<JsonObject[]> =>
  ((await hims.pull('reader', { tables: [table] })).data[table] ?? []) as JsonObject[];

describe('a push', () => {
  test('of a new record stores all that it says, and marks it with its device', async () => {
    const answer = await hims.push('till-1', {
      stock_items: [item('a', 0, { shelf: { row: 3 }, unit: 'pc' })],
    });
    expect(answer).toEqual({
      success: true,
      processed: counts({ inserted: 1 }),
      conflicts: [],
      errors: [],
      timestamp: at(0),
    });
    expect(await shown('stock_items')).toEqual([
      {
        uuid: 'a',
        item_name: 'Towel',
        current_stock: 10,
        shelf: { row: 3 },
        unit: 'pc',
        last_modified: at(0),
        is_synced: 1,
        source_device: 'till-1',
      },
    ]);
  });

  test('of some fields leaves the others as they are', async () => {
    await hims.push('till-1', { stock_items: [item('a', 0)] });
    const some = { uuid: 'a', current_stock: 4, last_modified: at(1) };
    expect((await hims.push('till-2', { stock_items: [some] })).processed).toEqual(counts({ updated: 1 }));
    expect(await shown('stock_items')).toMatchObject([
      { item_name: 'Towel', current_stock: 4, source_device: 'till-2', last_modified: at(1) },
    ]);
  });

  test('keeps a field that is called id, and what looks like it', async () => {
    const odd = { id: 7, _id: 'x', __id: null };
    await hims.push('till-1', { stock_items: [item('a', 0, odd)] });
    expect(await shown('stock_items')).toMatchObject([{ uuid: 'a', ...odd }]);
  });

  test('takes whatever its device says about bookkeeping for nothing', async () => {
    const said = { is_synced: 5, source_device: 'somebody else' };
    await hims.push('till-1', { stock_items: [item('a', 0, said)] });
    expect(await shown('stock_items')).toMatchObject([{ is_synced: 1, source_device: 'till-1' }]);
    const again = await hims.push('till-1', { stock_items: [item('a', 0, { is_synced: 1 })] });
    expect(again.processed).toEqual(counts({ inserted: 1 }));
    expect((await shown('stock_items')).length).toBe(1);
  });

  test('that says of a live record that it is not deleted gets that back, and it is no change', async () => {
    await hims.push('till-1', { stock_items: [item('a', 0, { is_deleted: 0 }), item('b', 0)] });
    expect(await shown('stock_items')).toMatchObject([{ uuid: 'a', is_deleted: 0 }, { uuid: 'b' }]);
    expect((await shown('stock_items'))[1]).not.toHaveProperty('is_deleted');
    const other = [item('a', 0, { is_deleted: false }), item('b', 0, { is_deleted: 0 })];
    expect((await hims.push('till-2', { stock_items: other })).processed).toEqual(counts({ updated: 2 }));
    expect(await hims.conflicts()).toEqual([]);
  });

  test('stores the record’s own fields alone', async () => {
    await hims.push('till-1', { stock_items: [item('a', 0, { source_device: 'x', is_deleted: 0, id: 7 })] });
    const [stored] = await hims.engine.inspect.history('main', 'stock_items', 'a', 1);
    expect(JSON.parse(stored?.body ?? '')).toEqual({
      ...{ item_name: 'Towel', current_stock: 10, last_modified: at(0), is_deleted: 0, _id: 7 },
    });
    expect(stored).toMatchObject({ writer: 'hims/till-1', madeAt: noon });
  });

  const stands = 10;
  test.each([
    // policy, pushed at, content, what it counts as, the name that stands then
    ['stock_items', stands + 1, 'New', { updated: 1 }, 'New'],
    ['stock_items', stands - 1, 'New', { conflicts: 1 }, 'Old'],
    ['stock_items', stands, 'New', { conflicts: 1 }, 'Old'],
    ['stock_items', stands, 'Old', { updated: 1 }, 'Old'],
    ['purchases', stands + 1, 'New', { updated: 1 }, 'New'],
    ['purchases', stands - 1, 'New', { conflicts: 1 }, 'Old'],
    ['purchases', stands, 'New', { conflicts: 1 }, 'Old'],
    ['purchases', stands, 'Old', { updated: 1 }, 'Old'],
    ['settings', stands + 1, 'New', { conflicts: 1 }, 'Old'],
    ['settings', stands - 1, 'New', { conflicts: 1 }, 'Old'],
    ['settings', stands, 'New', { conflicts: 1 }, 'Old'],
    ['settings', stands + 1, 'Old', { updated: 1 }, 'Old'],
  ])('to %s at %i of %s counts as %j; then %s stands', async (table, ms, item_name, counted, name) => {
    await hims.push('till-1', { [table]: [{ uuid: 'a', item_name: 'Old', last_modified: at(stands) }] });
    const pushed = { uuid: 'a', item_name, last_modified: at(ms) };
    const answer = await hims.push('till-2', { [table]: [pushed] });
    expect(answer.processed).toEqual(counts(counted));
    expect(await shown(table)).toMatchObject([{ item_name: name }]);
    const told = 'conflicts' in counted;
    expect(answer.conflicts).toHaveLength(told ? 1 : 0);
    expect(await hims.conflicts()).toHaveLength(told && table === 'stock_items' ? 1 : 0);
    const { data } = (await hims.ask('GET', '/stats')).body;
    expect(data.conflicts.total_conflicts).toBe(told ? 1 : 0);
  });

  test('tells of a conflict both sides, and what to do', async () => {
    await hims.push('till-1', { purchases: [{ uuid: 'p', total: 5, last_modified: at(10) }] });
    const older = { uuid: 'p', total: 7, last_modified: '2026-11-21T12:00:00.005', is_synced: 0 };
    expect((await hims.push('till-2', { purchases: [older] })).conflicts).toEqual([
      {
        table: 'purchases',
        uuid: 'p',
        deviceTimestamp: '2026-11-21T12:00:00.005',
        serverTimestamp: at(10),
        message: 'Server has newer version',
        recommendation: 'use_server',
        devicePayload: older,
        serverPayload: { uuid: 'p', total: 5, last_modified: at(10), is_synced: 1, source_device: 'till-1' },
      },
    ]);
  });

  test('with a bad record takes the good ones, and says which and why', async () => {
    const answer = await hims.push('till-1', {
      stock_items: [
        item('a', 0),
        item('b', 0, { current_stock: 'many' }),
        { item_name: 'No id', last_modified: at(0) },
        { uuid: 5, last_modified: at(0) },
        { uuid: 'x'.repeat(100_000), last_modified: at(0) },
        { uuid: 'c' },
        { uuid: 'd', last_modified: 'yesterday' },
        { uuid: 'e', last_modified: 1_764_000_000_000 },
        { uuid: 'f', last_modified: at(0), is_deleted: 'perhaps' },
        'text',
        null,
        [],
      ],
      purchases: [{ uuid: 'p', last_modified: at(0) }],
    });
    expect(answer.processed).toEqual(counts({ inserted: 2, errors: 11 }));
    const time = 'last_modified: a time is ISO 8601, such as 2026-01-31T12:00:00.000Z.';
    const table = 'stock_items';
    expect(answer.errors).toEqual([
      { table, uuid: 'b', message: expect.stringMatching(/^current_stock: /) },
      { table, uuid: '', message: 'uuid: a record has one, a text.' },
      { table, uuid: '5', message: 'uuid: a record has one, a text.' },
      { table, uuid: 'x'.repeat(200), message: 'uuid: it has at most 200 characters.' },
      { table, uuid: 'c', message: time },
      { table, uuid: 'd', message: time },
      { table, uuid: 'e', message: time },
      { table, uuid: 'f', message: 'is_deleted: it is 0 or 1.' },
      { table, uuid: '', message: 'A record is a JSON object.' },
      { table, uuid: '', message: 'A record is a JSON object.' },
      { table, uuid: '', message: 'A record is a JSON object.' },
    ]);
    expect((await hims.pullAll()).records.map(({ uuid }) => uuid).sort()).toEqual(['a', 'p']);
  });

  test.each([
    ['no JSON', '{', 400, 'body'],
    ['no device', { data: {} }, 400, 'deviceUuid'],
    ['a device without a name', { deviceUuid: '', data: {} }, 400, 'deviceUuid'],
    ['a device with a control character', { deviceUuid: 'a\nb', data: {} }, 400, 'deviceUuid'],
    ['no data', { deviceUuid: 'till-1' }, 400, 'data'],
    ['data that is a list', { deviceUuid: 'till-1', data: [] }, 400, 'data'],
    ['a table that is no list', { deviceUuid: 'till-1', data: { stock_items: {} } }, 400, 'data.stock_items'],
    [
      'an unknown table',
      { deviceUuid: 'till-1', data: { stock_items: [item('a', 0)], nowhere: [] } },
      400,
      'nowhere',
    ],
    ['a table called __proto__', '{"deviceUuid":"till-1","data":{"__proto__":[]}}', 400, '__proto__'],
    ['a field called __proto__', '{"deviceUuid":"till-1","__proto__":1,"data":{}}', 400, '__proto__'],
    ['a table called toString', { deviceUuid: 'till-1', data: { toString: [] } }, 400, 'toString'],
  ])('with %s changes nothing and names the field', async (_what, body, status, named) => {
    const answer = await hims.ask('POST', '/sync/push', body);
    expect(answer).toMatchObject({ status, body: { success: false } });
    expect(answer.body.message).toContain(named);
    expect((await hims.pullAll()).records).toEqual([]);
    expect((await hims.ask('GET', '/devices')).body.data).toEqual([]);
  });

  test('with records that no store could hold takes the others, and says which and why', async () => {
    const [a, b] = [JSON.stringify(item('a', 0)), JSON.stringify(item('b', 0))];
    const bad = ['{"uuid":"n","price":1e400}', '{"uuid":7,"__proto__":{"is_deleted":1}}', '{"x":"\\u0000"}'];
    const text = `{"deviceUuid":"till-1","data":{"stock_items":[${[a, ...bad, b].join()}]}}`;
    const { status, body } = await hims.ask('POST', '/sync/push', text);
    expect([status, body.processed]).toEqual([200, counts({ inserted: 2, errors: 3 })]);
    expect(body.errors).toEqual([
      { table: 'stock_items', uuid: 'n', message: expect.stringMatching(/^price: /) },
      { table: 'stock_items', uuid: '7', message: expect.stringMatching(/^__proto__: /) },
      { table: 'stock_items', uuid: '', message: expect.stringMatching(/^x: /) },
    ]);
    expect((await shown('stock_items')).map(({ uuid }) => uuid)).toEqual(['a', 'b']);
  });

  test('of the limit is taken; of one more nothing is', async () => {
    const some = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => item(`i${from + n}`, n));
    const over = await hims.ask('POST', '/sync/push', {
      deviceUuid: 'till-1',
      data: { stock_items: some(0, 150), purchases: some(150, 51) },
    });
    expect(over).toMatchObject({ status: 413, body: { success: false } });
    expect(over.body.message).toContain('200');
    expect((await hims.pullAll()).records).toEqual([]);
    const whole = await hims.push('till-1', { stock_items: some(0, 150), purchases: some(150, 50) });
    expect(whole.processed).toEqual(counts({ inserted: 200 }));
  });

  test('of nothing is well', async () => {
    expect((await hims.push('till-1', {})).processed).toEqual(counts({}));
    expect((await hims.push('till-1', { stock_items: [] })).processed).toEqual(counts({}));
  });
});

describe('a delete', () => {
  const gone = (ms: number, uuid = 'a') => ({ uuid, last_modified: at(ms), is_deleted: 1 });

  test('is a tombstone in every pull', async () => {
    await hims.push('till-1', { stock_items: [item('a', 0)] });
    expect((await hims.push('till-2', { stock_items: [gone(10)] })).processed).toEqual(
      counts({ updated: 1 }),
    );
    expect(await shown('stock_items')).toEqual([
      { uuid: 'a', last_modified: at(10), is_synced: 1, source_device: 'till-2', is_deleted: 1 },
    ]);
  });

  test.each(['stock_items', 'purchases', 'settings'])(
    'stands against an older update, also one of %s that was never here',
    async (table) => {
      await hims.push('till-1', { [table]: [gone(10)] });
      const older = await hims.push('till-2', { [table]: [item('a', 5)] });
      expect(older.processed).toEqual(counts({ conflicts: 1 }));
      expect(older.conflicts).toMatchObject([{ serverTimestamp: at(10), serverPayload: { is_deleted: 1 } }]);
      expect(await shown(table)).toMatchObject([{ uuid: 'a', is_deleted: 1 }]);
    },
  );

  test('gives way to what was made later, which begins anew', async () => {
    await hims.push('till-1', { purchases: [item('a', 0, { note: 'x' }), gone(10)] });
    const later = { uuid: 'a', item_name: 'Soap', last_modified: at(20), is_deleted: 0 };
    expect((await hims.push('till-2', { purchases: [later] })).processed).toEqual(counts({ inserted: 1 }));
    expect(await shown('purchases')).toEqual([{ ...later, is_synced: 1, source_device: 'till-2' }]);
  });

  test.each([true, 1])('is_deleted: %s', async (is_deleted) => {
    await hims.push('till-1', { purchases: [{ ...gone(1), is_deleted }] });
    expect(await shown('purchases')).toMatchObject([{ is_deleted: 1 }]);
  });
});

describe('a pull', () => {
  test('has a key for every table that was asked for, and the caller’s own changes', async () => {
    await hims.push('till-1', { stock_items: [item('a', 0)], purchases: [item('p', 0)] });
    const answer = await hims.pull('till-1', { tables: ['stock_items', 'settings'] });
    expect(pullAnswer.parse(answer)).toEqual(answer);
    expect(answer).toMatchObject({ data: { stock_items: [{ uuid: 'a' }], settings: [] }, totalRecords: 1 });
    expect(answer).not.toHaveProperty('hasMore');
    expect(Object.keys((await hims.pull('till-1')).data)).toEqual(['stock_items', 'purchases', 'settings']);
  });

  test('goes on from its own time, and finds nothing twice', async () => {
    await hims.push('till-1', { stock_items: [item('a', 0)] });
    const first = await hims.pull('till-2');
    expect((await hims.pull('till-2', { since: first.timestamp })).totalRecords).toBe(0);
    await hims.push('till-1', { stock_items: [item('b', -86_400_000)] });
    const next = await hims.pull('till-2', { since: first.timestamp });
    expect(next.data.stock_items).toMatchObject([{ uuid: 'b' }]);
  });

  test('reads a time without an offset as UTC, and one ahead of all as the newest', async () => {
    await hims.push('till-1', { stock_items: [item('a', 0)] });
    const { timestamp } = await hims.pull('till-2');
    expect((await hims.pull('till-2', { since: timestamp.replace('Z', '') })).totalRecords).toBe(0);
    const ahead = await hims.pull('till-2', { since: '2099-01-01T00:00:00Z' });
    expect(ahead).toMatchObject({ totalRecords: 0, timestamp });
    expect((await hims.pull('till-2', { since: '' })).totalRecords).toBe(1);
  });

  test('of an empty scope gives the given time back, but none that is still to come', async () => {
    expect((await hims.pull('t')).timestamp).toBe('1970-01-01T00:00:00.000Z');
    expect((await hims.pull('t', { since: at(-5) })).timestamp).toBe(at(-5));
    const { timestamp } = await hims.pull('t', { since: '2099-01-01T00:00:00Z' });
    await hims.push('till-1', { stock_items: [item('a', 0)] });
    expect((await hims.pull('t', { since: timestamp })).totalRecords).toBe(1);
  });

  test.each([
    ['no device', { tables: [] }, 'deviceUuid'],
    ['an unknown table', { deviceUuid: 't', tables: ['stock_items', "x'; DROP TABLE hf_records"] }, 'DROP'],
    ['a table called __proto__', { deviceUuid: 't', tables: ['__proto__'] }, '__proto__'],
    ['tables that are no list', { deviceUuid: 't', tables: 'stock_items' }, 'tables'],
    ['a time that is none', { deviceUuid: 't', since: 'yesterday' }, 'since'],
    ['a time that is a number', { deviceUuid: 't', since: 5 }, 'since'],
  ])('with %s is refused by name', async (_what, body, named) => {
    const answer = await hims.ask('POST', '/sync/pull', body);
    expect(answer).toMatchObject({ status: 400, body: { success: false } });
    expect(answer.body.message).toContain(named);
  });
});

test('syncs are counted, those that failed as well', async () => {
  await hims.push('till-1', { stock_items: [item('a', 0)] });
  await hims.pull('till-1');
  await hims.ask('POST', '/sync/pull', { deviceUuid: 'till-1', tables: ['nowhere'] });
  await hims.ask('POST', '/sync/push', { deviceUuid: 'till-1' });
  expect((await hims.ask('GET', '/stats')).body).toEqual({
    success: true,
    data: {
      sync: { total_syncs: 4, successful_syncs: 2, failed_syncs: 2 },
      conflicts: { total_conflicts: 0, unresolved: 0, resolved: 0 },
      devices: 1,
    },
  });
});

test('what another protocol wrote is shown with every field, and can be written here', async () => {
  await hims.engine.pushDeclared({ key: null, device: 'd', actor: '' }, 'main', {
    writer: 'other/d',
    judge: { by: 'version', sentSeq: 0, ignored: new Set() },
    writes: [
      { change: { type: 'put', collection: 'stock_items', id: 'n', body: { item_name: 'Cup' } }, version: 1 },
    ],
  });
  expect(await shown('stock_items')).toEqual([
    { uuid: 'n', item_name: 'Cup', last_modified: at(0), is_synced: 1, source_device: 'd' },
  ]);
  hims.clock.wall = noon + 50;
  const answer = await hims.push('till-1', { stock_items: [item('n', 40)] });
  expect(pushAnswer.parse(answer)).toMatchObject({ processed: { updated: 1 } });
});

test('a table stands for a collection of another name, with fields of other names for id and time', async () => {
  await hims.close();
  hims = await startHims({
    collections: { goods: { collection: 'stock_items', id: 'key', time: 'changedAt' } },
  });
  const record = { key: 'a', item_name: 'Cup', changedAt: at(3), uuid: 'kept', last_modified: 'kept' };
  await hims.push('till-1', { goods: [record] });
  expect(await shown('goods')).toEqual([{ ...record, is_synced: 1, source_device: 'till-1' }]);
  const older = await hims.push('till-2', { goods: [{ ...record, item_name: 'Mug', changedAt: at(2) }] });
  expect(older.processed.conflicts).toBe(1);
});
