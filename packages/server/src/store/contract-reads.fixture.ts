// The part of the contract about what is read from a snapshot.

import { expect, test } from 'vitest';
import type { AuditEntry, PageQuery, Store } from './port.ts';
import {
  commitRow,
  conflict,
  heldMutation,
  holder,
  loaded,
  mutationRow,
  type OpenStore,
  quarantined,
  record,
  replicaState,
  series,
  stampBase,
  verdict,
  write,
  writesOf,
} from './writes.fixture.ts';

export function testReads(open: OpenStore): void {
  testPages(open);
  testVerdicts(open);
  testSingle(open);
  testForPeople(open);
}

const all: PageQuery = { afterStamp: 0, seqMax: Number.MAX_SAFE_INTEGER, recordsMax: 1_000, charsMax: 1e9 };

function pageOf(store: Store, query: Partial<PageQuery> = {}, scope = 'shop') {
  return store.read(async (snapshot) => {
    const { records, more } = await snapshot.page(scope, { ...all, ...query });
    return { seqs: records.map(({ seq, ordinal }) => seq + ordinal / 10), more };
  });
}

function testPages(open: OpenStore): void {
  test('a page is in stamp order, behind one stamp and up to one seq', async () => {
    const { store } = await open();
    await write(store, series(1, 9));
    // A changed record moves to the end; the second of a mutation comes behind the first.
    const changed = [
      record(10, { id: 'record-4', number: 4, stamp: stampBase + 100 }),
      record(10, { id: 'record-2', number: 2, stamp: stampBase + 101, ordinal: 1, body: null }),
    ];
    await write(store, writesOf({ records: changed, commits: [commitRow(10, { stamp: stampBase + 101 })] }));
    expect(await pageOf(store)).toEqual({ seqs: [1, 3, 5, 6, 7, 8, 9, 10, 10.1], more: false });
    expect(await pageOf(store, { afterStamp: stampBase + 70 })).toEqual({
      seqs: [8, 9, 10, 10.1],
      more: false,
    });
    expect(await pageOf(store, { afterStamp: stampBase + 69 })).toEqual({
      seqs: [7, 8, 9, 10, 10.1],
      more: false,
    });
    expect(await pageOf(store, { afterStamp: stampBase + 100 })).toEqual({ seqs: [10.1], more: false });
    expect(await pageOf(store, { afterStamp: stampBase + 101 })).toEqual({ seqs: [], more: false });
    expect(await pageOf(store, { seqMax: 5 })).toEqual({ seqs: [1, 3, 5], more: false });
    expect(await pageOf(store, {}, 'other')).toEqual({ seqs: [], more: false });
    const { records } = await store.read((snapshot) =>
      snapshot.page('shop', { ...all, afterStamp: stampBase + 99 }),
    );
    expect(records).toEqual(changed);
  });

  test('a page ends at its count of records, and says exactly whether there is more', async () => {
    const { store } = await open();
    await write(store, series(1, 5));
    expect(await pageOf(store, { recordsMax: 4 })).toEqual({ seqs: [1, 2, 3, 4], more: true });
    expect(await pageOf(store, { recordsMax: 5 })).toEqual({ seqs: [1, 2, 3, 4, 5], more: false });
    expect(await pageOf(store, { recordsMax: 3, seqMax: 3 })).toEqual({ seqs: [1, 2, 3], more: false });
    expect(await pageOf(store, { recordsMax: 2, seqMax: 3 })).toEqual({ seqs: [1, 2], more: true });
    expect(await pageOf(store, { recordsMax: 1, seqMax: 0 })).toEqual({ seqs: [], more: false });
  });

  test('a page ends at its count of characters, and has one record at least', async () => {
    const { store } = await open();
    // Characters as JavaScript counts them: the clef is two, and four bytes.
    const body = JSON.stringify({ text: '𝄞é'.padEnd(89, 'x') });
    expect(body.length).toBe(100);
    await write(
      store,
      series(1, 6, (seq) => ({ body: seq === 4 ? null : body })),
    );
    expect(await pageOf(store, { charsMax: 1 })).toEqual({ seqs: [1], more: true });
    expect(await pageOf(store, { charsMax: 199 })).toEqual({ seqs: [1], more: true });
    expect(await pageOf(store, { charsMax: 200 })).toEqual({ seqs: [1, 2], more: true });
    expect(await pageOf(store, { charsMax: 300 })).toEqual({ seqs: [1, 2, 3, 4], more: true });
    expect(await pageOf(store, { charsMax: 499 })).toEqual({ seqs: [1, 2, 3, 4, 5], more: true });
    expect(await pageOf(store, { charsMax: 500 })).toEqual({ seqs: [1, 2, 3, 4, 5, 6], more: false });
    expect(await pageOf(store, { charsMax: 1, afterStamp: stampBase + 50 })).toEqual({
      seqs: [6],
      more: false,
    });
    expect(await pageOf(store, { charsMax: 1, seqMax: 1 })).toEqual({ seqs: [1], more: false });
  });

  test('a page of some collections is one page in stamp order over all of them', async () => {
    const { store } = await open();
    const names = ['items', 'shelves', 'sales'];
    await write(
      store,
      series(1, 12, (seq) => ({ collection: names[seq % 3]! })),
    );
    const seqs = (...wanted: string[]) => pageOf(store, { collections: wanted });
    expect(await seqs('items')).toEqual({ seqs: [3, 6, 9, 12], more: false });
    expect(await seqs('sales', 'shelves')).toEqual({ seqs: [1, 2, 4, 5, 7, 8, 10, 11], more: false });
    expect(await seqs('items', 'items', 'none')).toEqual({ seqs: [3, 6, 9, 12], more: false });
    expect(await seqs()).toEqual({ seqs: [], more: false });
    const query = { collections: ['sales', 'shelves'], afterStamp: stampBase + 20, recordsMax: 3 };
    expect(await pageOf(store, query)).toEqual({ seqs: [4, 5, 7], more: true });
    expect(await pageOf(store, { ...query, seqMax: 7 })).toEqual({ seqs: [4, 5, 7], more: false });
    const many = [...Array.from({ length: 40 }, (_, n) => `collection-${n}`), 'items', 'sales'];
    expect(await seqs(...many)).toEqual({ seqs: [2, 3, 5, 6, 8, 9, 11, 12], more: false });
  });

  test('pages that follow one another miss nothing and repeat nothing', async () => {
    const { store } = await open();
    await write(
      store,
      series(1, 100, (seq) => ({ body: JSON.stringify('x'.repeat((seq * 37) % 90)) })),
    );
    const seen: number[] = [];
    for (let after = 0, more = true; more; ) {
      const page = await store.read((snapshot) =>
        snapshot.page('shop', { ...all, afterStamp: after, recordsMax: 7, charsMax: 250 }),
      );
      expect(page.records.length).toBeGreaterThan(0);
      seen.push(...page.records.map(({ seq }) => seq));
      after = page.records.at(-1)!.stamp;
      more = page.more;
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
  });
}

function testVerdicts(open: OpenStore): void {
  test('verdicts come in order of their numbers, with the lowest asOf among those left out', async () => {
    const { store } = await open();
    const asOf = [10, 11, 12, 4, 13, 2];
    const logged = asOf.map((seq, at) => ({ replica: 'r', n: at + 1, verdict: verdict(`m-${at + 1}`, seq) }));
    await write(store, writesOf({ verdicts: [...logged, { replica: 'x', n: 9, verdict: verdict('m', 1) }] }));
    await write(store, writesOf({ verdicts: [{ replica: 'r', n: 7, verdict: verdict('m', 1) }] }), 'other');
    const read = (after: number, max: number) =>
      store.read((snapshot) => snapshot.verdicts('shop', 'r', after, max));
    expect(await read(0, 10)).toEqual({ verdicts: logged, leftOutAsOf: null });
    expect(await read(0, 6)).toEqual({ verdicts: logged, leftOutAsOf: null });
    expect(await read(0, 5)).toEqual({ verdicts: logged.slice(0, 5), leftOutAsOf: 2 });
    expect(await read(2, 1)).toEqual({ verdicts: logged.slice(2, 3), leftOutAsOf: 2 });
    expect(await read(4, 1)).toEqual({ verdicts: logged.slice(4, 5), leftOutAsOf: 2 });
    expect(await read(5, 1)).toEqual({ verdicts: logged.slice(5), leftOutAsOf: null });
    expect(await read(6, 1)).toEqual({ verdicts: [], leftOutAsOf: null });
    expect(await read(1, 0)).toEqual({ verdicts: [], leftOutAsOf: 2 });
  });
}

function testSingle(open: OpenStore): void {
  test('the first and last stamp of a commit are found by its seq', async () => {
    const { store } = await open();
    const stamped = (id: string, ordinal: number) =>
      record(3, { id, number: ordinal + 1, ordinal, stamp: stampBase + 30 + ordinal });
    await write(
      store,
      writesOf({
        // The first of commit 3 was superseded within the same plan.
        records: [stamped('b', 1), stamped('c', 2), record(4, { id: 'a', number: 1, stamp: stampBase + 40 })],
        history: [{ record: stamped('a', 0), supersededAt: 1 }],
        commits: [commitRow(3, { stamp: stampBase + 32 }), commitRow(4)],
      }),
    );
    await store.read(async (snapshot) => {
      expect(await snapshot.commitStamp('shop', 3)).toEqual({ first: stampBase + 30, last: stampBase + 32 });
      expect(await snapshot.commitStamp('shop', 4)).toEqual({ first: stampBase + 40, last: stampBase + 40 });
      expect(await snapshot.commitStamp('shop', 5)).toBeUndefined();
      expect(await snapshot.commitStamp('other', 3)).toBeUndefined();
    });
  });

  test('the mutations between two seqs are named in their order', async () => {
    const { store } = await open();
    await write(store, series(1, 12));
    await store.read(async (snapshot) => {
      expect(await snapshot.commitMutations('shop', 8, 11)).toEqual([
        'mutation-9',
        'mutation-10',
        'mutation-11',
      ]);
      expect(await snapshot.commitMutations('shop', 11, 40)).toEqual(['mutation-12']);
      expect(await snapshot.commitMutations('shop', 8, 8)).toEqual([]);
      expect(await snapshot.commitMutations('other', 0, 40)).toEqual([]);
    });
  });

  test('a collection is read in the order of its ids, as it stood at one seq, while commits go on', async () => {
    const { store } = await open();
    const put = (seq: number, id: string, number: number, body: string | null = `{"n":${seq}}`) =>
      record(seq, { id, number, body });
    await write(store, writesOf({ records: [put(1, 'b', 1), put(2, 'a', 2), put(3, 'c', 3, null)] }));
    const other = record(4, { collection: 'others', id: 'a', number: 4 });
    const changed = [put(5, 'b', 1), put(6, 'aa', 5)];
    await write(
      store,
      writesOf({ records: [other, ...changed], history: [{ record: put(1, 'b', 1), supersededAt: 1 }] }),
    );
    const read = (seq: number, after = '', bounds: { recordsMax?: number; charsMax?: number } = {}) =>
      store.read(async (snapshot) => {
        const query = { collection: 'items', seq, after, recordsMax: 10, charsMax: 1_000, ...bounds };
        const { records, after: next } = await snapshot.collection('shop', query);
        return { found: records.map(({ id, body }) => `${id} ${body}`), next };
      });
    const then = ['a {"n":2}', 'b {"n":1}', 'c null'];
    expect(await read(4)).toEqual({ found: then, next: null });
    expect(await read(6)).toEqual({ found: ['a {"n":2}', 'aa {"n":6}', 'b {"n":5}', 'c null'], next: null });
    expect(await read(4, '', { recordsMax: 2 })).toEqual({ found: ['a {"n":2}'], next: 'aa' });
    expect(await read(4, 'aa', { recordsMax: 2 })).toEqual({ found: ['b {"n":1}', 'c null'], next: 'c' });
    expect(await read(4, 'c', { recordsMax: 2 })).toEqual({ found: [], next: null });
    expect(await read(4, '', { charsMax: 8 })).toEqual({ found: ['a {"n":2}'], next: 'aa' });
    expect(await read(4, 'aa', { charsMax: 1 })).toEqual({ found: ['b {"n":1}'], next: 'b' });
    expect(await read(0)).toEqual({ found: [], next: null });
  });

  test('records, replicas and history are found by their keys', async () => {
    const { store } = await open();
    const versions = [1, 2, 3].map((seq) =>
      record(seq, { id: 'a', number: 1, body: seq === 2 ? null : '{"n":1}' }),
    );
    const replica = replicaState('r', { repeated: [4] });
    await write(
      store,
      writesOf({
        records: [versions[2]!, record(5, { id: 'b' })],
        history: versions.slice(0, 2).map((superseded) => ({ record: superseded, supersededAt: 1 })),
        replicas: [replica],
      }),
    );
    await store.read(async (snapshot) => {
      const keys = ['b', 'none', 'a'].map((id) => ({ collection: 'items', id }));
      const found = await snapshot.records('shop', keys);
      expect(new Set(found.map(({ id }) => id))).toEqual(new Set(['a', 'b']));
      expect(await snapshot.records('other', keys)).toEqual([]);
      expect(await snapshot.numbered('shop', 1)).toEqual(versions[2]);
      expect(await snapshot.numbered('shop', 9)).toBeUndefined();
      expect(await snapshot.numbered('other', 1)).toBeUndefined();
      expect(await snapshot.replica('shop', 'r')).toEqual(replica);
      expect(await snapshot.replica('shop', 'q')).toBeUndefined();
      expect(await snapshot.history('shop', 'items', 'a', 10)).toEqual([
        versions[2],
        versions[1],
        versions[0],
      ]);
      expect(await snapshot.history('shop', 'items', 'a', 2)).toEqual([versions[2], versions[1]]);
      expect(await snapshot.history('shop', 'items', 'none', 2)).toEqual([]);
    });
  });
}

function testForPeople(open: OpenStore): void {
  test('a unique value is owned by the record that has claimed it', async () => {
    const { store } = await open();
    const put = [holder('a'), holder('b', { claimed: true }), holder('c', { value: '["B"]' })];
    await write(store, writesOf({ unique: { put, remove: [] } }));
    const owner = (value: string, scope = 'shop') =>
      store.read((snapshot) => snapshot.owner(scope, { collection: 'items', group: 'sku', value }));
    expect(await Promise.all([owner('["A"]'), owner('["B"]'), owner('["A"]', 'other')])).toEqual([
      'b',
      undefined,
      undefined,
    ]);
  });

  test('what a scope holds is counted by collection, also beside other scopes', async () => {
    const { store } = await open();
    const payload = (collection: string) => ({ id: 'm', changes: [{ type: 'put', collection, id: 'x' }] });
    const quarantine = [
      quarantined('m-1', { payload: payload('sales') }),
      quarantined('m-2', { payload: payload('items') }),
      quarantined('m-3', { payload: null }),
      quarantined('m-4', { payload: payload('items'), inScope: false }),
    ];
    const records = series(1, 4, (seq) => ({ body: seq === 1 ? null : '{}' }));
    await write(store, { ...records, quarantine });
    const tally = (scope: string) => store.read((snapshot) => snapshot.tally(scope));
    const expected = [
      { collection: 'items', records: 3, quarantined: 1 },
      { collection: 'sales', records: 0, quarantined: 1 },
    ];
    expect(await tally('shop')).toEqual(expected);
    expect(await tally('other')).toEqual([]);
    await write(store, series(1, 2), 'other');
    expect(await tally('shop')).toEqual(expected);
    expect(await tally('other')).toEqual([{ collection: 'items', records: 2, quarantined: 0 }]);
  });

  test('what others have changed behind a stamp is counted by collection', async () => {
    const { store } = await open();
    const records = [
      record(1, { writer: 'old/d' }),
      record(2, { writer: 'old/e' }),
      record(3, { writer: 'r', body: null }),
      record(4, { writer: 'r', collection: 'shelves' }),
      record(5, { writer: 'r' }),
    ];
    await write(store, writesOf({ records }));
    await write(store, writesOf({ records: [record(1, { writer: 'r' })] }), 'other');
    const [, two] = records;
    await store.read(async (snapshot) => {
      const asked = [
        { collection: 'items', stamp: 0 },
        { collection: 'items', stamp: two!.stamp },
        { collection: 'shelves', stamp: 0 },
        { collection: 'none', stamp: 0 },
      ];
      expect(await snapshot.unread('shop', 'old/d', asked)).toEqual([
        { all: 3, live: 2 },
        { all: 2, live: 1 },
        { all: 1, live: 1 },
        { all: 0, live: 0 },
      ]);
      expect(await snapshot.unread('shop', 'r', asked.slice(1))).toEqual([
        { all: 0, live: 0 },
        { all: 0, live: 0 },
        { all: 0, live: 0 },
      ]);
    });
  });

  test('the conflicts of a device are counted by collection', async () => {
    const { store } = await open();
    const conflicts = [
      conflict(1, { device: 'till', state: 'open' }),
      conflict(2, { device: 'till', state: 'settled' }),
      conflict(3, { device: 'till', state: 'settled', collection: 'shelves' }),
      conflict(4, { device: 'bar', state: 'open' }),
    ];
    await write(store, writesOf({ conflicts }));
    await store.read(async (snapshot) => {
      expect(await snapshot.conflictTally('shop', 'till')).toEqual([
        { collection: 'items', all: 2, open: 1 },
        { collection: 'shelves', all: 1, open: 0 },
      ]);
      expect(await snapshot.conflictTally('shop', 'none')).toEqual([]);
    });
  });

  test('conflicts are read by ids, by state, by device, by record and behind a number', async () => {
    const { store } = await open();
    const list = [1, 2, 3, 4, 5].map((id) =>
      conflict(id, {
        ...{ state: id % 2 === 0 ? 'settled' : 'open', device: id > 2 ? 'till' : 'bar' },
        record: id === 4 ? 'other' : 'named',
      }),
    );
    await write(store, writesOf({ conflicts: list }));
    await store.read(async (snapshot) => {
      const ids = async (query: Parameters<typeof snapshot.conflicts>[1]) =>
        (await snapshot.conflicts('shop', query)).map(({ id }) => id);
      expect(await snapshot.conflicts('shop', { max: 9 })).toEqual(list);
      expect(await ids({ ids: [5, 2, 7], max: 9 })).toEqual([2, 5]);
      expect(await ids({ ids: [], max: 9 })).toEqual([]);
      expect(await ids({ state: 'open', max: 2 })).toEqual([1, 3]);
      expect(await ids({ state: 'open', after: 3, max: 2 })).toEqual([5]);
      expect(await ids({ state: 'settled', ids: [1, 2], max: 2 })).toEqual([2]);
      expect(await ids({ device: 'till', max: 2 })).toEqual([3, 4]);
      expect(await ids({ device: 'till', state: 'open', after: 3, max: 2 })).toEqual([5]);
      expect(await ids({ device: 'bar', ids: [2, 5], max: 2 })).toEqual([2]);
      expect(await ids({ device: 'none', max: 2 })).toEqual([]);
      expect(await snapshot.conflicts('other', { ids: [1], max: 9 })).toEqual([]);
      const record = { collection: list[0]!.collection, id: 'named' };
      expect(await ids({ record, max: 9 })).toEqual([1, 2, 3, 5]);
      expect(await ids({ record, newestFirst: true, max: 2 })).toEqual([5, 3]);
      expect(await ids({ record, newestFirst: true, device: 'bar', state: 'settled', max: 9 })).toEqual([2]);
      expect(await ids({ record: { ...record, id: 'none' }, max: 9 })).toEqual([]);
      expect(await ids({ record: { ...record, collection: 'none' }, max: 9 })).toEqual([]);
      expect(await ids({ newestFirst: true, after: 3, max: 9 })).toEqual([5, 4]);
    });
  });

  test('the quarantine is read by scope and by device; what has no scope is in none', async () => {
    const { store } = await open();
    const refused = quarantined('m-2', { inScope: false, payload: null, device: 'x' });
    await write(
      store,
      writesOf({ quarantine: [quarantined('m-1'), refused, quarantined('m-3', { device: 'x' })] }),
    );
    await store.read(async (snapshot) => {
      const found = await snapshot.quarantine({ max: 10 });
      expect(found.map(({ mutation }) => mutation)).toEqual(['m-1', 'm-2', 'm-3']);
      const { inScope: _, hash: __, ...shown } = quarantined('m-1');
      expect(found[0]).toEqual({ ...shown, scope: 'shop', place: found[0]?.place });
      expect(found[1]).toMatchObject({ scope: '', payload: null });
      const names = async (query: Omit<Parameters<typeof snapshot.quarantine>[0], 'max'>) =>
        (await snapshot.quarantine({ ...query, max: 10 })).map(({ mutation }) => mutation);
      expect(await names({ scope: 'shop' })).toEqual(['m-1', 'm-3']);
      expect(await names({ device: 'x' })).toEqual(['m-2', 'm-3']);
      expect(await names({ device: 'x', scope: 'shop' })).toEqual(['m-3']);
      expect(await names({ after: found[0]!.place })).toEqual(['m-2', 'm-3']);
      expect(await snapshot.quarantine({ max: 1 })).toEqual([found[0]]);
    });
  });

  test('what is settled lies in the quarantine no more, with its audit entry; it is settled once', async () => {
    const { store } = await open();
    await write(
      store,
      writesOf({
        quarantine: [quarantined('m-1'), quarantined('m-2', { code: 'no_grant', inScope: false })],
      }),
    );
    const [first, second] = await store.read((snapshot) => snapshot.quarantine({ max: 10 }));
    const audit = { at: 7, actor: 'Kim', action: 'quarantine.discard', subject: 'm-1: not needed' };
    const settle = (place: number, by: AuditEntry) =>
      store.commit((transaction) => transaction.settleQuarantined(place, by));
    expect(await settle(first!.place, audit)).toBe(true);
    expect(await settle(first!.place, audit)).toBe(false);
    expect(await settle(second!.place + 5, audit)).toBe(false);
    await store.read(async (snapshot) => {
      expect(await snapshot.quarantine({ max: 10 })).toEqual([second]);
      for (const query of [{ scope: 'shop' }, { device: 'device-1' }, { after: first!.place - 1 }])
        expect(
          (await snapshot.quarantine({ ...query, max: 10 })).map(({ mutation }) => mutation),
        ).not.toContain('m-1');
      expect((await snapshot.counts()).quarantine).toBe(1);
      expect(await snapshot.audit({ max: 10 })).toMatchObject([audit]);
    });
    // It makes room for another payload; that a device was refused stays counted.
    expect(await settle(second!.place, audit)).toBe(true);
    const set = await loaded(store, (needs) => needs.quarantine.add('device-1'));
    expect([...set.quarantine]).toEqual([['device-1', { payloads: 0, chars: 0 }]]);
    const refusals = await store.commit((transaction) =>
      transaction.refusals([{ scope: 'shop', device: 'device-1' }]),
    );
    expect(refusals).toMatchObject([{ mutations: 1 }]);
  });

  test('scopes are named in order, and everything is counted', async () => {
    const { store } = await open();
    for (const scope of ['b', 'a', 'c']) {
      await write(
        store,
        series(1, 4, (seq) => ({ collection: seq > 3 ? 'shelves' : 'items' })),
        scope,
      );
    }
    // A record changed, one removed, one that came back; and the same mutation written again.
    const [one, two] = [
      record(5, { id: 'record-1', number: 1 }),
      record(6, { id: 'record-2', number: 2, body: null }),
    ];
    await write(
      store,
      writesOf({
        scope: { conflictsOpen: 1, conflictNumber: 3, held: 1, recordNumber: 4 },
        records: [one, two],
        commits: [commitRow(5), commitRow(6)],
        mutations: [mutationRow('m-1'), mutationRow('m-2')],
        held: { put: [heldMutation('m-1')], remove: [] },
        quarantine: [quarantined('m-3')],
      }),
      'a',
    );
    await write(store, writesOf({ scope: { head: 6 }, mutations: [mutationRow('m-1')] }), 'b');
    await write(
      store,
      writesOf({
        scope: { head: 6 },
        mutations: [mutationRow('m-1')],
        records: [{ ...two, body: '{}', seq: 7, stamp: two.stamp + 50 }, record(9, { body: null })],
      }),
      'b',
    );
    await store.read(async (snapshot) => {
      expect(await snapshot.scopeNames('', 2)).toEqual(['a', 'b']);
      expect(await snapshot.scopeNames('b', 2)).toEqual(['c']);
      const { bytes, ...counts } = await snapshot.counts();
      expect(bytes).toBeGreaterThan(10_000);
      expect(counts).toEqual({
        scopes: 3,
        collections: [
          { collection: 'items', records: 8, tombstones: 2 },
          { collection: 'shelves', records: 3, tombstones: 0 },
        ],
        mutations: 3,
        conflictsOpen: 1,
        conflicts: 3,
        quarantine: 1,
        held: 1,
        devices: 0,
        commits: 16,
      });
    });
  });
}
