// Conflicts that wait for a person, and what becomes of them by a person's word.

import { defaultLimits, type JsonObject } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { resolveConflict } from './conflicts.ts';
import { at, item, noon, startHims, type TestHims } from './hims.fixture.ts';
import { conflictsAnswer, resolvedAnswer } from './wire.ts';

let hims: TestHims;
beforeEach(async () => {
  hims = await startHims();
});
afterEach(() => hims.close());

/** till-2 pushes something older than what till-1 did. */
async function inConflict(uuid = 'a', more: JsonObject = {}): Promise<void> {
  await hims.push('till-1', { stock_items: [item(uuid, 10)] });
  const older = { uuid, item_name: 'Soap', color: 'red', last_modified: at(5), is_synced: 0, ...more };
  await hims.push('till-2', { stock_items: [older] });
}

const record = async (uuid = 'a'): Promise<JsonObject | undefined> =>
  (await hims.pullAll()).records.find((found) => found.uuid === uuid);

const resolve = (id: number | string, body: unknown) => hims.ask('POST', `/conflicts/${id}/resolve`, body);

describe('the list', () => {
  test('shows both sides as JSON', async () => {
    await inConflict();
    const answer = await hims.ask('GET', '/conflicts');
    expect(conflictsAnswer.parse(answer.body)).toEqual(answer.body);
    expect(answer.body).toMatchObject({ success: true, message: 'Found 1 unresolved conflicts' });
    const [conflict] = answer.body.data;
    expect(conflict).toMatchObject({
      id: 1,
      table_name: 'stock_items',
      record_uuid: 'a',
      device_uuid: 'till-2',
      device_timestamp: at(5),
      server_timestamp: at(10),
      resolution: null,
      created_at: at(0),
    });
    expect(JSON.parse(conflict.device_payload)).toEqual({
      ...{ uuid: 'a', item_name: 'Soap', color: 'red', last_modified: at(5) },
      ...{ is_synced: 1, source_device: 'till-2' },
    });
    expect(JSON.parse(conflict.server_payload)).toEqual({
      ...{ uuid: 'a', item_name: 'Towel', current_stock: 10, last_modified: at(10) },
      ...{ is_synced: 1, source_device: 'till-1' },
    });
  });

  test('of one device holds its own alone', async () => {
    await inConflict();
    expect(await hims.conflicts('till-2')).toHaveLength(1);
    expect(await hims.conflicts('till-1')).toEqual([]);
    expect(await hims.conflicts('__proto__')).toEqual([]);
  });

  test('has one conflict for a record and device, with what came last', async () => {
    await inConflict();
    const push = { uuid: 'a', item_name: 'Cup', last_modified: at(7) };
    const { conflicts } = await hims.push('till-2', { stock_items: [push] });
    expect(conflicts).toMatchObject([{ conflictId: 1 }]);
    const [conflict, ...others] = await hims.conflicts();
    expect(others).toEqual([]);
    expect(conflict).toMatchObject({ device_timestamp: at(7) });
    expect(JSON.parse(conflict?.device_payload ?? '')).toMatchObject({ item_name: 'Cup', color: 'red' });
  });

  test('shows a delete as a tombstone of its time, and a tombstone that stands', async () => {
    await hims.push('till-1', { stock_items: [item('a', 10), { ...item('b', 10), is_deleted: 1 }] });
    await hims.push('till-2', {
      stock_items: [{ uuid: 'a', last_modified: at(5), is_deleted: 1 }, item('b', 5)],
    });
    const [deleting, deleted] = await hims.conflicts();
    expect(deleting).toMatchObject({ record_uuid: 'a', device_timestamp: at(5), server_timestamp: at(10) });
    expect(JSON.parse(deleting?.device_payload ?? '')).toEqual({
      ...{ uuid: 'a', last_modified: at(5), is_synced: 1, source_device: 'till-2', is_deleted: 1 },
    });
    expect(deleted).toMatchObject({ record_uuid: 'b', device_timestamp: at(5), server_timestamp: at(10) });
    expect(JSON.parse(deleted?.server_payload ?? '')).toMatchObject({ is_deleted: 1 });
  });

  test('that is too large for one answer goes on behind the last id', async () => {
    await hims.close();
    hims = await startHims({ limits: { pageCharsMax: 2_000, recordCharsMax: 2_000 } });
    const many = Array.from({ length: 30 }, (_, n) => `i${n}`);
    await hims.push('till-1', { stock_items: many.map((uuid) => item(uuid, 10)) });
    await hims.push('till-2', { stock_items: many.map((uuid) => item(uuid, 5)) });
    const found: number[] = [];
    for (let after = 0, more = true; more; after = found.at(-1) ?? 0) {
      const { body } = await hims.ask('GET', `/conflicts?after=${after}`);
      expect(body.data.length).toBeLessThan(30);
      found.push(...body.data.map(({ id }: { id: number }) => id));
      more = body.hasMore === true;
    }
    expect(found).toEqual(many.map((_, n) => n + 1));
  });
});

describe('a resolution', () => {
  test('keep_device writes the device’s version, at the time of the resolution', async () => {
    await inConflict();
    const before = (await hims.pullAll()).since;
    hims.clock.wall = noon + 60_000;
    const answer = await resolve(1, { resolution: 'keep_device', resolvedBy: 'manager' });
    expect(answer.status).toBe(200);
    expect(resolvedAnswer.parse(answer.body)).toEqual(answer.body);
    expect(answer.body.data).toMatchObject({
      ...{ id: 1, resolution: 'keep_device', resolved_by: 'manager', resolved_at: at(60_000) },
    });
    expect((await hims.pullAll(before)).records).toEqual([
      {
        ...{ uuid: 'a', item_name: 'Soap', color: 'red', current_stock: 10 },
        ...{ last_modified: at(60_000), is_synced: 1, source_device: 'server' },
      },
    ]);
    expect(await hims.conflicts()).toEqual([]);
  });

  test('use_server changes no data', async () => {
    await inConflict();
    const { since } = await hims.pullAll();
    const answer = await resolve(1, { resolution: 'use_server' });
    expect(answer.body.data).toMatchObject({ resolution: 'use_server', resolved_by: null });
    expect((await hims.pullAll(since)).records).toEqual([]);
    expect(await record()).toMatchObject({ item_name: 'Towel', source_device: 'till-1' });
  });

  test('manual_merge writes what it is given, and leaves the other fields', async () => {
    await inConflict();
    hims.clock.wall = noon + 60_000;
    const mergedData = { uuid: 'a', item_name: 'Both', last_modified: at(1), is_synced: 0, id: 9 };
    const answer = await resolve(1, { resolution: 'manual_merge', mergedData });
    expect(answer.body.data).toMatchObject({ resolution: 'manual_merge' });
    expect(await record()).toEqual({
      ...{ uuid: 'a', item_name: 'Both', current_stock: 10, id: 9 },
      ...{ last_modified: at(60_000), is_synced: 1, source_device: 'server' },
    });
    // The time that the merged data says is that of neither version, and is not kept.
    const [stored] = await hims.engine.inspect.history('main', 'stock_items', 'a', 1);
    expect(JSON.parse(stored?.body ?? '')).toMatchObject({ last_modified: at(10) });
  });

  test('manual_merge without data writes nothing; the merged record comes by a push', async () => {
    await inConflict();
    const { since } = await hims.pullAll();
    const answer = await resolve(1, { resolution: 'manual_merge' });
    expect(answer.body.data).toMatchObject({ resolution: 'manual_merge' });
    expect((await hims.pullAll(since)).records).toEqual([]);
    expect(await hims.conflicts()).toEqual([]);
    const merged = { uuid: 'a', item_name: 'Both', last_modified: at(20) };
    expect((await hims.push('till-2', { stock_items: [merged] })).processed.updated).toBe(1);
  });

  test.each([
    ['keep_device', {}, { item_name: 'Soap' }],
    ['use_server', {}, { is_deleted: 1 }],
    ['manual_merge', {}, { is_deleted: 1 }],
    ['manual_merge', { mergedData: { item_name: 'Both' } }, { item_name: 'Both' }],
  ])('%s with %j of a record that is deleted', async (resolution, more, stands) => {
    await hims.push('till-1', { stock_items: [{ ...item('a', 10), is_deleted: 1 }] });
    await hims.push('till-2', { stock_items: [{ uuid: 'a', item_name: 'Soap', last_modified: at(5) }] });
    expect((await resolve(1, { resolution, ...more })).status).toBe(200);
    expect(await record()).toMatchObject(stands);
    expect(await hims.conflicts()).toEqual([]);
  });

  test('keep_device of a delete deletes', async () => {
    await inConflict('a', { is_deleted: 1 });
    await resolve(1, { resolution: 'keep_device' });
    expect(await record()).toMatchObject({ is_deleted: 1, source_device: 'server' });
  });

  test('can be given once', async () => {
    await inConflict();
    await resolve(1, { resolution: 'use_server' });
    expect(await resolve(1, { resolution: 'keep_device' })).toMatchObject({
      status: 409,
      body: { success: false },
    });
    expect(await record()).toMatchObject({ item_name: 'Towel' });
    expect((await hims.ask('GET', '/stats')).body.data.conflicts).toEqual({
      ...{ total_conflicts: 1, unresolved: 0, resolved: 1 },
    });
  });

  test('of two at once one is taken', async () => {
    await inConflict();
    const answers = await Promise.all(
      ['keep_device', 'use_server'].map((resolution) => resolve(1, { resolution })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });

  test('is given although the record changes meanwhile, if it does not do so for ever', async () => {
    await inConflict();
    const { engine } = hims;
    let changes = 0;
    let left = Number.POSITIVE_INFINITY;
    const history: typeof engine.inspect.history = async (...asked) => {
      const found = await engine.inspect.history(...asked);
      left -= 1;
      changes += 1;
      if (left >= 0) await hims.push('till-3', { stock_items: [item('a', 20 + changes)] });
      return found;
    };
    const table = { wire: 'stock_items', collection: 'stock_items', id: 'uuid', time: 'last_modified' };
    const deps = {
      engine: { ...engine, inspect: { ...engine.inspect, history } },
      limits: defaultLimits,
      scope: 'main',
      collections: new Map([['stock_items', table]]),
    };
    const caller = { key: null, device: '', actor: '' };
    const asked = { resolution: 'keep_device' as const };
    await expect(resolveConflict(deps, caller, { id: '1', asked })).rejects.toMatchObject({
      code: 'conflict_changed',
    });
    left = 3;
    expect(await resolveConflict(deps, caller, { id: '1', asked })).toMatchObject({ id: 1 });
    expect(await hims.conflicts()).toEqual([]);
    expect(await record()).toMatchObject({ item_name: 'Soap', source_device: 'server' });
  });

  test('does not win for ever: a later write of a device counts', async () => {
    await inConflict();
    await resolve(1, { resolution: 'keep_device' });
    const later = await hims.push('till-3', { stock_items: [item('a', 1)] });
    expect(later.processed.updated).toBe(1);
    const older = await hims.push('till-3', { stock_items: [item('a', -1)] });
    expect(older.processed.conflicts).toBe(1);
  });

  test.each([
    ['an unknown id', '9', { resolution: 'use_server' }, 404, 'conflict'],
    ['an id that is none', 'a', { resolution: 'use_server' }, 404, 'conflict'],
    ['an id beyond all', '99999999999999999999', { resolution: 'use_server' }, 404, 'conflict'],
    ['an unknown resolution', '1', { resolution: 'toss_a_coin' }, 400, 'resolution'],
    ['no resolution', '1', {}, 400, 'resolution'],
    [
      'a name that moves a cursor',
      '1',
      { resolution: 'use_server', resolvedBy: 'a\u001b[2J' },
      400,
      'resolvedBy',
    ],
    ['data that is no record', '1', { resolution: 'manual_merge', mergedData: [] }, 400, 'mergedData'],
    [
      'data that deletes',
      '1',
      { resolution: 'manual_merge', mergedData: { is_deleted: 1 } },
      400,
      'mergedData.is_deleted',
    ],
    [
      'data that does not fit',
      '1',
      { resolution: 'manual_merge', mergedData: { current_stock: 'many' } },
      400,
      'current_stock',
    ],
  ])('with %s is refused', async (_what, id, body, status, named) => {
    await inConflict();
    const answer = await resolve(id, body);
    expect(answer).toMatchObject({ status, body: { success: false } });
    expect(answer.body.message).toContain(named);
    expect(await hims.conflicts()).toHaveLength(1);
  });
});
