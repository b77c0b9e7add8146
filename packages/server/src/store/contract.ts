// What every store promises, as tests. A store's own test file calls storeContract in a few lines.

import type { HeldMutation } from '@holdfast/core';
import { afterEach, describe, expect, test } from 'vitest';
import { testDeviceNotes } from './contract-device-notes.fixture.ts';
import { testIdentity } from './contract-identity.fixture.ts';
import { testLoad } from './contract-load.fixture.ts';
import { testReads } from './contract-reads.fixture.ts';
import { testSyncLog } from './contract-sync-log.fixture.ts';
import { testUsers } from './contract-users.fixture.ts';
import { type Life, type Store, StoreError, type StoreTransaction } from './port.ts';
import {
  type ContractStore,
  commitRow,
  heldMutation,
  type OpenStore,
  quarantined,
  record,
  series,
  verdict,
  write,
  writesOf,
} from './writes.fixture.ts';

export interface StoreContract {
  name: string;
  /** Whether the database outlives its store: then it can be opened again, in another life or for reading alone. */
  outlives: boolean;
  open(options: { life: Life; sizeBytesMax?: number; readersPerScopeMax?: number }): Promise<ContractStore>;
}

const firstLife: Life = { id: 'life-1', startedAt: 1_000 };

export function storeContract(contract: StoreContract): void {
  describe(contract.name, () => {
    const opened: ContractStore[] = [];
    const open: OpenStore = async (options = {}) => {
      const one = await contract.open({ life: firstLife, ...options });
      opened.push(one);
      return one;
    };
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.end();
    });
    describe('commit', () => testCommit(open));
    describe('read', () => testRead(open));
    describe('lineage', () => testLineage(open, contract.outlives));
    describe('faults', () => testFaults(open, contract.outlives));
    describe('load', () => testLoad(open));
    describe('reads', () => testReads(open));
    describe('identity', () => testIdentity(open));
    describe('users', () => testUsers(open));
    describe('sync log', () => testSyncLog(open));
    describe('notes of devices', () => testDeviceNotes(open));
  });
}

function testCommit(open: OpenStore): void {
  test('writes everything or, when the work throws, nothing; the error comes back unchanged', async () => {
    const { store } = await open();
    await write(store, series(1, 1));
    const before = await everything(store);
    const oops = new Error('oops');
    const failing = store.commit(async (transaction) => {
      await transaction.write(
        new Map([
          ['shop', series(2, 5)],
          ['other', series(1, 2)],
        ]),
        store.life,
      );
      await transaction.putDevices([
        { device: 'd', name: '', role: '', address: '', key: null, createdAt: 1, seenAt: 1, revokedAt: null },
      ]);
      throw oops;
    });
    await expect(failing).rejects.toBe(oops);
    expect(await everything(store)).toEqual(before);
    await write(store, series(2, 2));
    expect((await everything(store)).shop?.head).toBe(2);
  });

  test('runs one commit after the other, in the order of the calls', async () => {
    const { store } = await open();
    const order: string[] = [];
    const commits = Array.from({ length: 20 }, (_, n) =>
      store.commit(async (transaction) => {
        const head = (await transaction.scopes(['shop'])).get('shop')?.head ?? 0;
        order.push(`begin ${n}`);
        const next = writesOf({ records: [record(head + 1)], commits: [commitRow(head + 1)] });
        await transaction.write(new Map([['shop', next]]), store.life);
        order.push(`end ${n}`);
      }),
    );
    await Promise.all(commits);
    expect(order).toEqual(Array.from({ length: 20 }, (_, n) => [`begin ${n}`, `end ${n}`]).flat());
    expect((await everything(store)).shop?.head).toBe(20);
  });

  test('a commit that fails does not hold up the next one', async () => {
    const { store } = await open();
    const failed = store.commit(async () => {
      throw new Error('no');
    });
    const next = write(store, series(1, 1));
    await expect(failed).rejects.toThrow('no');
    await next;
    expect((await everything(store)).shop?.head).toBe(1);
  });

  test('a statement that failed fails the commit, also when the work goes on regardless', async () => {
    const { store } = await open();
    const unknownLife = { id: 'never begun', startedAt: 1 };
    const stubborn = store.commit(async (transaction) => {
      await transaction.write(new Map([['shop', series(1, 1)]]), unknownLife).catch(() => undefined);
      await transaction.write(new Map([['other', series(1, 1)]]), store.life).catch(() => undefined);
      return 'done';
    });
    await expect(stubborn).rejects.toMatchObject({ name: 'StoreError', code: 'failed' });
    expect(await everything(store)).toEqual({});
  });

  test('nothing can be done with a transaction or a snapshot that has ended', async () => {
    const { store } = await open();
    let kept: StoreTransaction | undefined;
    await store.commit(async (transaction) => {
      kept = transaction;
    });
    await expect(kept!.write(new Map([['shop', series(1, 1)]]), store.life)).rejects.toThrow();
    const snapshot = await store.read(async (given) => given);
    await expect(snapshot.scope('shop')).rejects.toThrow();
    expect(await everything(store)).toEqual({});
  });

  test('writing the same twice leaves what writing it once does', async () => {
    const { store } = await open();
    const writes = writesOf({
      records: [record(2, { id: 'a', number: 1 })],
      history: [{ record: record(1, { id: 'a' }), supersededAt: 5 }],
      commits: [commitRow(1), commitRow(2)],
      verdicts: [{ replica: 'replica-1', n: 1, verdict: verdict('mutation-1', 1) }],
    });
    await write(store, writes);
    const before = await everything(store);
    await write(store, writes);
    expect(await everything(store)).toEqual(before);
  });

  test('a commit may write several scopes, and none', async () => {
    const { store } = await open();
    await store.commit((transaction) =>
      transaction.write(
        new Map([
          ['a', series(1, 2)],
          ['b', series(1, 3)],
        ]),
        store.life,
      ),
    );
    await store.commit((transaction) => transaction.write(new Map(), store.life));
    const heads = await store.commit((transaction) => transaction.scopes(['a', 'b', 'c']));
    expect([...heads].map(([scope, { head }]) => [scope, head])).toEqual([
      ['a', 2],
      ['b', 3],
    ]);
  });

  test('a scope in which nothing was ever taken is not there; one that was used keeps its state', async () => {
    const { store } = await open();
    const refused = writesOf({ quarantine: [quarantined('m', { inScope: false })] });
    await write(store, refused, 'guessed');
    expect(await everything(store)).toEqual({});
    const held = { put: [heldMutation('h', { waitsFor: ['items/a'] })], remove: [] };
    await write(store, writesOf({ scope: { held: 1 }, held }));
    expect((await everything(store)).shop).toMatchObject({ head: 0, held: 1 });
    await write(store, writesOf({ held: { put: [], remove: ['h'] } }));
    expect((await everything(store)).shop).toMatchObject({ head: 0, held: 0 });
    await write(store, writesOf({ scope: { conflictNumber: 1, conflictsOpen: 1 } }), 'other');
    expect(Object.keys(await everything(store))).toEqual(['other', 'shop']);
  });

  test('registered devices and reading positions are written along; a revoked device stays revoked', async () => {
    const { store } = await open({ readersPerScopeMax: 2 });
    const device = (name: string, more = {}) => ({
      device: name,
      name: `Till ${name}`,
      role: 'client',
      address: '10.0.0.7',
      key: null,
      createdAt: 1,
      seenAt: 1,
      revokedAt: null,
      ...more,
    });
    await store.commit(async (transaction) => {
      expect(await transaction.deviceCounts([])).toEqual({ all: 0, byKey: new Map() });
      await transaction.putDevices([device('a'), device('b')]);
      await transaction.putDevices([device('b', { key: 'k' })]);
      expect(await transaction.deviceCounts(['k', 'none'])).toEqual({
        all: 2,
        byKey: new Map([
          ['k', 1],
          ['none', 0],
        ]),
      });
      expect([...(await transaction.devices(['b', 'x'])).values()]).toEqual([device('b', { key: 'k' })]);
    });
    await store.identity.revokeDevice('a', 7, { at: 7, actor: 'Kim', action: 'device.revoke', subject: 'a' });
    await store.commit((transaction) => transaction.putDevices([device('a', { seenAt: 9, key: 'k' })]));
    const position = (name: string, sent: number) => ({
      scope: 'shop',
      device: name,
      collection: '*',
      sent,
      confirmed: sent - 1,
    });
    await store.commit((transaction) => transaction.putReads([position('a', 5), position('b', 6)]));
    await store.commit((transaction) =>
      transaction.putReads([position('c', 1), position('b', 8), { ...position('c', 1), scope: 'other' }]),
    );
    await store.read(async (snapshot) => {
      expect(await snapshot.device('a')).toEqual(device('a', { seenAt: 9, key: 'k', revokedAt: 7 }));
      expect((await snapshot.devices()).map((one) => one.device)).toEqual(['a', 'b']);
      // A third device finds no room in the scope; those that are known move on.
      expect(await snapshot.reads('shop')).toEqual([position('a', 5), position('b', 8)]);
      expect(await snapshot.reads('shop', 'b')).toEqual([position('b', 8)]);
      expect(await snapshot.reads('other')).toEqual([{ ...position('c', 1), scope: 'other' }]);
    });
  });
}

function testRead(open: OpenStore): void {
  test('sees nothing of a commit that has not resolved, and all of those that have', async () => {
    const { store } = await open();
    await write(store, series(1, 1));
    const look = () =>
      store.read(async (snapshot) => ({
        head: (await snapshot.scope('shop'))?.head,
        records: (await snapshot.page('shop', { afterStamp: 0, seqMax: 99, recordsMax: 99, charsMax: 9e9 }))
          .records.length,
      }));
    const during: ReturnType<typeof look>[] = [];
    await store.commit(async (transaction) => {
      during.push(look());
      await transaction.write(new Map([['shop', series(2, 4)]]), store.life);
      during.push(look());
      await transaction.scopes(['shop']);
    });
    expect(await look()).toEqual({ head: 4, records: 4 });
    // Those that were called meanwhile saw the state before or the one after, and never a part of either.
    for (const seen of await Promise.all(during)) {
      expect([
        { head: 1, records: 1 },
        { head: 4, records: 4 },
      ]).toContainEqual(seen);
    }
  });

  test('keeps its state while commits go on', async () => {
    const { store } = await open();
    await write(store, series(1, 1));
    let commit: Promise<void> | undefined;
    const heads = await store.read(async (snapshot) => {
      const first = (await snapshot.scope('shop'))?.head;
      commit = write(store, series(2, 2));
      // A store whose reads wait for nothing commits here; one with a single connection does so after this read.
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      return [first, (await snapshot.scope('shop'))?.head];
    });
    expect(heads).toEqual([1, 1]);
    await commit;
    expect((await everything(store)).shop?.head).toBe(2);
  });

  test('an error of the work comes back unchanged, and the next read works', async () => {
    const { store } = await open();
    const oops = new Error('oops');
    await expect(
      store.read(async () => {
        throw oops;
      }),
    ).rejects.toBe(oops);
    expect(await everything(store)).toEqual({});
  });
}

function testLineage(open: OpenStore, outlives: boolean): void {
  const lifeEnd = (store: Store, life: string, scope = 'shop') =>
    store.read((snapshot) => snapshot.lifeEnd(scope, life));

  test('the life that runs ends at the head; an unknown one nowhere', async () => {
    const { store } = await open();
    expect(store.life).toEqual(firstLife);
    expect(await lifeEnd(store, 'life-1')).toBe(0);
    await write(store, series(1, 3));
    expect(await lifeEnd(store, 'life-1')).toBe(3);
    expect(await lifeEnd(store, 'life-1', 'never written')).toBe(0);
    expect(await lifeEnd(store, 'no such life')).toBeNull();
  });

  if (!outlives) return;

  test('an earlier life ends before the first commit of a later one, scope by scope', async () => {
    const { store, restart } = await open();
    await write(store, series(1, 3));
    await write(store, series(1, 8), 'other');
    const second = await restart!({ id: 'life-2', startedAt: 2_000 });
    expect(await lifeEnd(second, 'life-1')).toBe(3);
    expect(await lifeEnd(second, 'life-2')).toBe(3);
    const third = await restart!({ id: 'life-3', startedAt: 3_000 });
    await write(third, series(4, 5));
    await write(third, series(6, 6));
    expect(await lifeEnd(third, 'life-1')).toBe(3);
    expect(await lifeEnd(third, 'life-2')).toBe(3);
    expect(await lifeEnd(third, 'life-3')).toBe(6);
    expect(await lifeEnd(third, 'life-1', 'other')).toBe(8);
    const fourth = await restart!({ id: 'life-4', startedAt: 4_000 });
    await write(fourth, series(7, 9));
    expect(await Promise.all(['1', '2', '3', '4'].map((n) => lifeEnd(fourth, `life-${n}`)))).toEqual([
      3, 3, 6, 9,
    ]);
  });

  test('writes without a commit begin nothing', async () => {
    const { store, restart } = await open();
    await write(store, series(1, 3));
    const second = await restart!({ id: 'life-2', startedAt: 2_000 });
    await write(second, writesOf({ scope: { head: 3 }, quarantine: [quarantined('m')] }));
    const third = await restart!({ id: 'life-3', startedAt: 3_000 });
    await write(third, series(4, 4));
    expect(await lifeEnd(third, 'life-1')).toBe(3);
    expect(await lifeEnd(third, 'life-2')).toBe(3);
  });

  test('an id begins one life', async () => {
    const { restart } = await open();
    await restart!({ id: 'life-2', startedAt: 2_000 });
    await expect(restart!(firstLife)).rejects.toMatchObject({ code: 'failed' });
  });

  test('what was committed is there after a restart', async () => {
    const { store, restart } = await open();
    await write(store, series(1, 3));
    const before = await everything(store);
    expect(await everything(await restart!({ id: 'life-2', startedAt: 2_000 }))).toEqual(before);
  });
}

function testFaults(open: OpenStore, outlives: boolean): void {
  test('a full database refuses whole commits, and takes others as soon as there is room', async () => {
    const { store } = await open({ sizeBytesMax: 1_000_000 });
    const held = (n: number): HeldMutation => heldMutation(`held-${n}`, { hash: 'x'.repeat(100_000) });
    await write(store, series(1, 1));
    let failure: unknown;
    let n = 0;
    for (; failure === undefined && n < 20; n++) {
      const before = await everything(store);
      failure = await write(store, { ...series(n + 2, n + 2), held: { put: [held(n)], remove: [] } }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure !== undefined) expect(await everything(store)).toEqual(before);
    }
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({ code: 'full' });
    const head = n;
    const remove = Array.from({ length: n }, (_, at) => `held-${at}`);
    await write(store, writesOf({ scope: { head }, held: { put: [], remove } }));
    await write(store, { ...series(head + 1, head + 1), held: { put: [held(n)], remove: [] } });
    expect((await everything(store)).shop?.head).toBe(head + 1);
    await write(store, writesOf({ scope: { head: head + 1 }, held: { put: [], remove: [`held-${n}`] } }));
    await store.probe();
  });

  test('a probe tells that there is no room, though what stands can still be changed in its place', async () => {
    const { store } = await open({ sizeBytesMax: 400_000 });
    const held = (n: number): HeldMutation => heldMutation(`held-${n}`, { hash: 'x'.repeat(5_000) });
    const put = (n: number) =>
      write(store, writesOf({ scope: { held: 1 }, held: { put: [held(n)], remove: [] } }));
    let n = 0;
    const isFull = () =>
      put(++n).then(
        () => false,
        (error: unknown) => (error as StoreError).code === 'full',
      );
    while (n < 100 && !(await isFull()));
    expect(n).toBeLessThan(100);
    await expect(store.probe()).rejects.toMatchObject({ code: 'full' });
    await store.commit((transaction) =>
      transaction.putReads([{ scope: '', device: '', collection: '', sent: 1, confirmed: 0 }]),
    );
    await expect(store.probe()).rejects.toMatchObject({ code: 'full' });
    const remove = Array.from({ length: n }, (_, at) => `held-${at + 1}`);
    await write(store, writesOf({ held: { put: [], remove } }));
    await store.probe();
  });

  test('a probe asks for as much room as the last commit did not find, until a commit finds some', async () => {
    const { store } = await open({ sizeBytesMax: 1_000_000 });
    await store.probe();
    const held = heldMutation('large', { hash: 'x'.repeat(1_500_000) });
    await expect(
      write(store, writesOf({ scope: { held: 1 }, held: { put: [held], remove: [] } })),
    ).rejects.toMatchObject({ code: 'full' });
    await expect(store.probe()).rejects.toMatchObject({ code: 'full' });
    await expect(store.probe()).rejects.toMatchObject({ code: 'full' });
    await write(store, series(1, 1));
    await store.probe();
  });

  test('a probe leaves nothing behind', async () => {
    const { store } = await open();
    await write(store, series(1, 1));
    await store.probe();
    const counts = () => store.read((snapshot) => snapshot.counts());
    const before = await counts();
    for (let n = 0; n < 5; n++) await store.probe();
    expect(await counts()).toEqual(before);
  });

  test('a store that is closed takes nothing more, and finishes what it took', async () => {
    const { store } = await open();
    const last = write(store, series(1, 1));
    const reading = everything(store);
    const closing = store.close();
    await last;
    await reading;
    await closing;
    await expect(write(store, series(2, 2))).rejects.toMatchObject({ code: 'closed' });
    await expect(everything(store)).rejects.toMatchObject({ code: 'closed' });
    await expect(store.probe()).rejects.toMatchObject({ code: 'closed' });
    await expect(store.backup('nowhere')).rejects.toMatchObject({ code: 'closed' });
    await store.close();
  });

  if (!outlives) return;

  test('what may not be written is not', async () => {
    const { store, readOnly } = await open();
    await write(store, series(1, 2));
    const reader = await readOnly!();
    await expect(write(reader, series(3, 3))).rejects.toMatchObject({ code: 'readonly' });
    await expect(reader.probe()).rejects.toMatchObject({ code: 'readonly' });
    expect(await everything(reader)).toEqual(await everything(store));
    await reader.close();
  });
}

/** State and records of every scope, as one read sees them. */
function everything(store: Store) {
  return store.read(async (snapshot) => {
    const scopes = await snapshot.scopeNames('', 100);
    const entries = await Promise.all(
      scopes.map(async (scope) => {
        const query = { afterStamp: 0, seqMax: Number.MAX_SAFE_INTEGER, recordsMax: 1_000, charsMax: 1e9 };
        const { records } = await snapshot.page(scope, query);
        const { verdicts } = await snapshot.verdicts(scope, 'replica-1', 0, 1_000);
        return [scope, { ...(await snapshot.scope(scope)), records, verdicts }] as const;
      }),
    );
    return Object.fromEntries(entries) as Record<string, { head?: number; records: readonly unknown[] }>;
  });
}
