// The part of the contract about `load`: each kind of need, asked for what is there and for what is not.

import { copyKey, editionKey, recordKey, uniqueKey, versionKey, type WriterCopy } from '@holdfast/core';
import { expect, test } from 'vitest';
import {
  conflict,
  heldMutation,
  holder,
  loaded,
  mutationRow,
  type OpenStore,
  quarantined,
  record,
  replicaState,
  verdict,
  write,
  writesOf,
} from './writes.fixture.ts';

const item = (id: string) => ({ collection: 'items', id });

export function testLoad(open: OpenStore): void {
  testStanding(open);
  testVersions(open);
  testUnique(open);
  testHeld(open);
  testConflicts(open);
}

function testStanding(open: OpenStore): void {
  test('every key asked for has an entry, also where there is nothing', async () => {
    const { store } = await open();
    const set = await loaded(store, (needs) => {
      needs.replicas.add('r');
      needs.mutations.add('m');
      needs.records.set('items/a', item('a'));
      needs.versions.set('1@items/a', { ...item('a'), base: 1 });
      needs.editions.set('1@items/a', { ...item('a'), edits: 1 });
      needs.copies.set('copy', { ...item('a'), writer: 'w' });
      needs.unique.set('items/sku/v', { collection: 'items', group: 'sku', value: 'v' });
      needs.waits.add('items/a');
      needs.waiting.add('r');
      needs.held.add('m');
      needs.conflictsOpen.set('items/a', item('a'));
      needs.conflicts.add(1);
      needs.quarantine.add('d');
      needs.collections.add('*');
    });
    expect(set.replicas).toEqual(new Map([['r', null]]));
    expect(set.mutations).toEqual(new Map([['m', null]]));
    expect(set.records).toEqual(new Map([['items/a', null]]));
    expect(set.versions).toEqual(new Map([['1@items/a', null]]));
    expect(set.editions).toEqual(new Map([['1@items/a', null]]));
    expect(set.copies).toEqual(new Map([['copy', null]]));
    expect(set.unique).toEqual(new Map([['items/sku/v', []]]));
    expect(set.waits).toEqual(new Map([['items/a', []]]));
    expect(set.waiting).toEqual(new Map([['r', []]]));
    expect(set.held).toEqual(new Map([['m', null]]));
    expect(set.conflictsOpen).toEqual(new Map([['items/a', []]]));
    expect(set.conflicts).toEqual(new Map([[1, null]]));
    expect(set.quarantine).toEqual(new Map([['d', { payloads: 0, chars: 0 }]]));
    expect(set.collections).toEqual(new Map([['*', []]]));
  });

  test('replicas, mutations and records come back as they were written, the latest write of each', async () => {
    const { store } = await open();
    const replica = replicaState('replica-1', {
      repeated: [3, 5],
      waited: [{ n: 4, seq: 6 }],
      batch: 7,
      verdicts: 9,
      verdictsSeen: 8,
      waiting: 2,
    });
    const mutation = mutationRow('m-1', {
      verdict: verdict('m-1', 4, {
        verdict: 'rejected',
        message: 'NUL \u0000 and "quotes"',
        field: '/changes/0',
      }),
      logged: { 'replica-1': 3, constructor: 4 },
    });
    const full = record(3, {
      id: 'a',
      ordinal: 2,
      edits: 5,
      declared: 6,
      touched: '{"*":[1,2,null]}',
      schema: 9,
    });
    const tombstone = record(4, { id: 'b', body: null, bodyHash: '' });
    await write(
      store,
      writesOf({
        replicas: [replicaState('replica-1')],
        mutations: [mutationRow('m-1')],
        records: [record(1, { id: 'a', number: 3 })],
      }),
    );
    await write(store, writesOf({ replicas: [replica], mutations: [mutation], records: [full, tombstone] }));
    const set = await loaded(store, (needs) => {
      for (const id of ['a', 'b', 'none']) needs.records.set(recordKey('items', id), item(id));
      needs.replicas.add('replica-1');
      needs.mutations.add('m-1');
    });
    expect(set.replicas.get('replica-1')).toEqual(replica);
    expect(set.mutations.get('m-1')).toEqual(mutation);
    expect([...set.records.values()]).toEqual([full, tombstone, null]);
  });

  test('a scope sees nothing of another, and several scopes are loaded at once', async () => {
    const { store } = await open();
    await write(
      store,
      writesOf({ records: [record(1, { id: 'a' })], replicas: [replicaState('r')] }),
      'left',
    );
    await write(store, writesOf({ records: [record(2, { id: 'a' })] }), 'right');
    const ask = (needs: Parameters<Parameters<typeof loaded>[1]>[0]): void => {
      needs.records.set('items/a', item('a'));
      needs.replicas.add('r');
    };
    const left = await loaded(store, ask, { scope: 'left' });
    const right = await loaded(store, ask, { scope: 'right' });
    expect([left.records.get('items/a')?.seq, right.records.get('items/a')?.seq]).toEqual([1, 2]);
    expect([left.replicas.get('r')?.replica, right.replicas.get('r')]).toEqual(['r', null]);
  });

  test('ids may be anything that text can be', async () => {
    const { store } = await open();
    const ids = [
      '',
      ' ',
      '1',
      '01',
      '1.0',
      'é',
      'e\u0301',
      "'; --",
      '"',
      '\\',
      '%',
      '𝄞',
      '__proto__',
      '[1]',
      'A',
      'a',
    ];
    const records = ids.map((id, at) => record(at + 1, { id }));
    await write(store, writesOf({ records }));
    const set = await loaded(store, (needs) => {
      for (const id of ids) needs.records.set(recordKey('items', id), item(id));
    });
    expect([...set.records.values()]).toEqual(records);
  });
}

function testVersions(open: OpenStore): void {
  test('a version is the newest that is not newer than its base', async () => {
    const { store } = await open();
    const body = (n: number): string => JSON.stringify({ n });
    const at = (seq: number, text: string | null) => record(seq, { id: 'a', number: 1, body: text });
    await write(
      store,
      writesOf({
        records: [at(9, body(9)), record(5, { id: 'gone', number: 2, body: null })],
        history: [
          { record: at(2, body(2)), supersededAt: 1 },
          { record: at(4, null), supersededAt: 2 },
          { record: at(6, body(6)), supersededAt: 3 },
          { record: record(3, { id: 'gone', number: 2, body: body(3) }), supersededAt: 4 },
        ],
      }),
    );
    const bases = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10];
    const set = await loaded(store, (needs) => {
      for (const base of bases) needs.versions.set(versionKey('items', 'a', base), { ...item('a'), base });
      for (const base of [4, 5])
        needs.versions.set(versionKey('items', 'gone', base), { ...item('gone'), base });
    });
    const seen = bases.map((base) => set.versions.get(versionKey('items', 'a', base))?.n ?? null);
    expect(seen).toEqual([null, null, 2, 2, null, null, 6, 6, 9, 9]);
    expect(set.versions.get('4@items/gone')).toEqual({ n: 3 });
    expect(set.versions.get('5@items/gone')).toBeNull();
  });

  test('a superseded version is found by the count of changes behind which it stood', async () => {
    const { store } = await open();
    const at = (seq: number, edits: number) => record(seq, { id: 'a', number: 1, edits });
    await write(
      store,
      writesOf({
        records: [at(9, 3)],
        history: [
          { record: at(2, 1), supersededAt: 1 },
          { record: at(4, 2), supersededAt: 2 },
        ],
      }),
    );
    const set = await loaded(store, (needs) => {
      for (const edits of [0, 1, 2])
        needs.editions.set(editionKey('items', 'a', edits), { ...item('a'), edits });
    });
    expect([...set.editions.values()]).toEqual([null, 2, 4]);
  });

  test('the copy of a writer is kept as it was written last, for each record and scope', async () => {
    const { store } = await open();
    const copy = (writer: string, more: Partial<WriterCopy> = {}): WriterCopy => ({
      ...item('a'),
      writer,
      seq: 1,
      told: 1,
      body: null,
      ...more,
    });
    await write(store, writesOf({ copies: [copy('old/d'), copy('old/e')] }));
    await write(store, writesOf({ copies: [copy('old/d', { seq: 3, body: '{"n":1}' })] }));
    await write(store, writesOf({ copies: [copy('old/f')] }), 'other');
    const set = await loaded(store, (needs) => {
      for (const writer of ['old/d', 'old/e', 'old/f']) needs.copies.set(copyKey(copy(writer)), copy(writer));
    });
    expect([...set.copies.values()]).toEqual([
      copy('old/d', { seq: 3, body: '{"n":1}' }),
      copy('old/e'),
      null,
    ]);
  });
}

function testUnique(open: OpenStore): void {
  const key = uniqueKey('items', 'sku', '["A"]');
  const ask = (needs: Parameters<Parameters<typeof loaded>[1]>[0]): void => {
    needs.unique.set(key, { collection: 'items', group: 'sku', value: '["A"]' });
  };

  test('the owner comes with the earliest other holders, and no more of them than asked for', async () => {
    const { store } = await open();
    const others = Array.from({ length: 30 }, (_, n) => holder(`other-${30 - n}`, { since: 100 - n }));
    const owner = holder('owner', { since: 500, claimed: true });
    const elsewhere = [
      holder('x', { value: '["B"]' }),
      holder('x', { group: 'name' }),
      holder('x', { collection: 'shelves' }),
    ];
    await write(store, writesOf({ unique: { put: [...others, owner, ...elsewhere], remove: [] } }));
    await write(
      store,
      writesOf({ unique: { put: [holder('stranger', { since: 0 })], remove: [] } }),
      'other',
    );
    const earliest = [...others].sort((a, b) => a.since - b.since);
    for (const holdersMax of [0, 1, 5, 30, 31]) {
      const set = await loaded(store, ask, { holdersMax });
      expect(set.unique.get(key)).toEqual([owner, ...earliest.slice(0, holdersMax)]);
    }
    await write(store, writesOf({ unique: { put: [], remove: [owner] } }));
    const set = await loaded(store, ask, { holdersMax: 5 });
    expect(set.unique.get(key)).toEqual(earliest.slice(0, 5));
  });

  test('one commit moves a claim from one holder to the next', async () => {
    const { store } = await open();
    const [first, second] = [holder('first', { claimed: true, since: 1 }), holder('second', { since: 2 })];
    await write(store, writesOf({ unique: { put: [first, second], remove: [] } }));
    const claims = { ...second, claimed: true };
    await write(store, writesOf({ unique: { put: [claims], remove: [first] } }));
    expect((await loaded(store, ask)).unique.get(key)).toEqual([claims]);
  });
}

function testHeld(open: OpenStore): void {
  test('held mutations are found by id, by what they wait for and by who sent them, in the order in which they came', async () => {
    const { store } = await open();
    const late = heldMutation('m-1', { waitsFor: ['items/p', 'items/q'], replicas: ['r-1', 'r-2'] });
    const early = heldMutation('m-9', { waitsFor: ['items/p'], replicas: ['r-1'] });
    const asked = heldMutation('m-5', { waitsFor: [], conflicts: [3], replicas: ['r-1'] });
    await write(store, writesOf({ held: { put: [early], remove: [] } }));
    await write(store, writesOf({ held: { put: [late, asked], remove: [] } }));
    const ask = (needs: Parameters<Parameters<typeof loaded>[1]>[0]): void => {
      for (const id of ['m-1', 'm-5', 'm-9']) needs.held.add(id);
      for (const key of ['items/p', 'items/q', 'items/z']) needs.waits.add(key);
      for (const replica of ['r-1', 'r-2', 'r-3']) needs.waiting.add(replica);
    };
    const before = await loaded(store, ask);
    expect([...before.held.values()]).toEqual([late, asked, early]);
    expect([...before.waits.values()]).toEqual([['m-9', 'm-1'], ['m-1'], []]);
    expect([...before.waiting.values()]).toEqual([['m-9', 'm-1'], ['m-1'], []]);
    // One waits for less, one is held no more, one now waits for a person.
    const less = { ...late, waitsFor: ['items/q'] };
    await write(store, writesOf({ held: { put: [less], remove: ['m-9', 'unknown'] } }));
    const after = await loaded(store, ask);
    expect([...after.held.values()]).toEqual([less, asked, null]);
    expect([...after.waits.values()]).toEqual([[], ['m-1'], []]);
    expect([...after.waiting.values()]).toEqual([['m-1'], ['m-1'], []]);
    await write(store, writesOf({ held: { put: [{ ...less, waitsFor: [], conflicts: [1] }], remove: [] } }));
    const last = await loaded(store, ask);
    expect([...last.waits.values()]).toEqual([[], [], []]);
    expect([...last.waiting.values()]).toEqual([[], [], []]);
  });

  test('those that waited for long are found over all scopes, the longest first', async () => {
    const { store } = await open();
    const waiting = (id: string, at: number) => heldMutation(id, { at, waitsFor: ['items/p'] });
    await write(
      store,
      writesOf({ held: { put: [waiting('b', 20), heldMutation('asked', { at: 1 })], remove: [] } }),
      'one',
    );
    await write(store, writesOf({ held: { put: [waiting('c', 30), waiting('a', 10)], remove: [] } }), 'two');
    const since = (before: number, max: number) =>
      store.read((snapshot) => snapshot.waitingSince(before, max));
    expect(await since(30, 10)).toEqual([
      { scope: 'two', mutation: 'a' },
      { scope: 'one', mutation: 'b' },
    ]);
    expect(await since(99, 1)).toEqual([{ scope: 'two', mutation: 'a' }]);
    expect(await since(10, 10)).toEqual([]);
  });
}

function testConflicts(open: OpenStore): void {
  test('conflicts are found by id, and by record while they are open', async () => {
    const { store } = await open();
    const settled = conflict(2, {
      state: 'settled',
      server: null,
      settlement: {
        by: 'person',
        resolution: 'value',
        at: 5,
        actor: 'Kim',
        seq: 9,
        before: null,
        after: { n: 1 },
        counted: true,
      },
    });
    const conflicts = [conflict(1), settled, conflict(3), conflict(4, { record: 'b' })];
    await write(store, writesOf({ conflicts }));
    const ask = (needs: Parameters<Parameters<typeof loaded>[1]>[0]): void => {
      for (const id of ['a', 'b', 'c']) needs.conflictsOpen.set(recordKey('items', id), item(id));
      for (const id of [2, 4, 5]) needs.conflicts.add(id);
    };
    const set = await loaded(store, ask);
    expect(set.conflictsOpen.get('items/a')).toEqual([conflicts[0], conflicts[2]]);
    expect(set.conflictsOpen.get('items/b')).toEqual([conflicts[3]]);
    expect(set.conflictsOpen.get('items/c')).toEqual([]);
    expect([...set.conflicts.values()]).toEqual([settled, conflicts[3], null]);
    await write(store, writesOf({ conflicts: [{ ...settled, id: 1 }] }));
    expect((await loaded(store, ask)).conflictsOpen.get('items/a')).toEqual([conflicts[2]]);
  });

  test('records that hold a value of another are counted by group, up to a bound', async () => {
    const { store } = await open();
    const held = (id: string, group: string, claimed: boolean) => holder(id, { group, claimed });
    await write(
      store,
      writesOf({
        unique: {
          put: [
            held('a', 'sku', true),
            held('b', 'sku', false),
            held('c', 'sku', false),
            held('d', 'code', true),
          ],
          remove: [],
        },
      }),
    );
    await write(store, writesOf({ unique: { put: [held('e', 'name', false)], remove: [] } }), 'other');
    const read = (max: number) => store.read((snapshot) => snapshot.unclaimed(max));
    const name = { collection: 'items', group: 'name', records: 1 };
    expect(await read(10)).toEqual([name, { collection: 'items', group: 'sku', records: 2 }]);
    expect(await read(2)).toEqual([name, { collection: 'items', group: 'sku', records: 1 }]);
  });

  test('refusals for lack of a right are counted by device in whatever scope, replicas by device and scope', async () => {
    const { store } = await open();
    const refused = (mutation: string, device = 'device-1') =>
      quarantined(mutation, { device, code: 'no_grant', inScope: false });
    await write(
      store,
      writesOf({
        quarantine: [refused('m-1'), { ...refused('m-2'), payload: null }, quarantined('m-3')],
        replicas: [replicaState('a'), replicaState('b'), replicaState('c', { device: 'x' })],
      }),
    );
    await write(store, writesOf({ quarantine: [refused('m-1'), refused('m-4', 'x')] }), 'other');
    const places = ['shop/device-1', 'other/device-1', 'shop/x', 'shop/nobody'].map((place) => {
      const [scope = '', device = ''] = place.split('/');
      return { scope, device };
    });
    expect(await store.commit((transaction) => transaction.refusals(places))).toEqual([
      { mutations: 3, replicas: 2 },
      { mutations: 3, replicas: 0 },
      { mutations: 1, replicas: 1 },
      { mutations: 0, replicas: 0 },
    ]);
  });

  test('the names of a scope’s collections come each once, those with tombstones alone, too', async () => {
    const { store } = await open();
    const records = ['b', 'a', 'c', 'b'].map((collection, n) =>
      record(n + 1, {
        collection,
        id: `r${n}`,
        number: n + 1,
        ...(collection === 'c' ? { body: null } : {}),
      }),
    );
    await write(store, writesOf({ records }));
    await write(store, writesOf({ records: [record(1, { collection: 'z', id: 'r' })] }), 'other');
    const set = await loaded(store, (needs) => void needs.collections.add('*'));
    expect([...(set.collections.get('*') ?? [])].sort()).toEqual(['a', 'b', 'c']);
  });

  test('what was taken after all lies in the quarantine no more', async () => {
    const { store } = await open();
    await write(store, writesOf({ quarantine: [quarantined('m-1'), quarantined('m-2')] }));
    await write(store, writesOf({ quarantine: [quarantined('m-1')] }), 'other');
    const { device } = quarantined('m-1');
    await write(store, writesOf({ unquarantined: [{ device, mutation: 'm-1', at: 9 }] }));
    const rows = await store.read((snapshot) => snapshot.quarantine({ max: 9 }));
    expect(rows.map(({ scope, mutation }) => [scope, mutation])).toEqual([
      ['shop', 'm-2'],
      ['other', 'm-1'],
    ]);
    const set = await loaded(store, (needs) => void needs.quarantine.add(device));
    expect(set.quarantine.get(device)?.payloads).toBe(2);
  });

  test('of a device’s quarantine the payloads that are kept are counted and measured, in whatever scope', async () => {
    const { store } = await open();
    await write(store, writesOf({ quarantine: [quarantined('m-1'), quarantined('m-2', { payload: null })] }));
    await write(
      store,
      writesOf({
        quarantine: [quarantined('m-3', { inScope: false, chars: 30 }), quarantined('m-4', { device: 'x' })],
      }),
      'other',
    );
    const set = await loaded(store, (needs) => {
      for (const device of ['device-1', 'x', 'y']) needs.quarantine.add(device);
    });
    expect([...set.quarantine]).toEqual([
      ['device-1', { payloads: 2, chars: 50 }],
      ['x', { payloads: 1, chars: 20 }],
      ['y', { payloads: 0, chars: 0 }],
    ]);
  });
}
