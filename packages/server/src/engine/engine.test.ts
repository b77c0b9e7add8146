// The engine on a real store: grants, pages, the snapshot of verdicts and records, groups, rolled back checkpoints.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StoreError } from '../store/port.ts';
import { put, startEngine, type TestEngine } from './engine.fixture.ts';

let t: TestEngine;
beforeEach(async () => {
  t = await startEngine();
});
afterEach(() => t.close());

describe('push and pull', () => {
  test('a write of one replica reaches another, whole and once', async () => {
    const { verdicts } = await t.push('a', 1, [
      t.mutation([put('shelves', 's1', { name: 'Top' }), put('items', 'i1', { name: 'Tea', shelf: 's1' })]),
    ]);
    expect(verdicts).toMatchObject([{ n: 1, verdict: 'applied', seq: 1, asOf: 1 }]);
    const page = await t.pull('b');
    expect(page).toMatchObject({ head: 1, more: false, grants: 'all' });
    expect(page.records.map(({ collection, id, seq, ordinal }) => [collection, id, seq, ordinal])).toEqual([
      ['shelves', 's1', 1, 0],
      ['items', 'i1', 1, 1],
    ]);
    expect((await t.pull('b', { after: { checkpoint: page.checkpoint ?? '' } })).records).toEqual([]);
  });

  test('pages of one hold every record once, in order, and end at the head', async () => {
    for (let i = 1; i <= 5; i++)
      await t.push('a', i, [t.mutation([put('items', `x${i}`, {}), put('items', `y${i}`, {})])]);
    const seen: string[] = [];
    let after: { checkpoint: string } | null = null;
    for (let turns = 0; turns < 20; turns++) {
      const page: Awaited<ReturnType<typeof t.pull>> = await t.pull('b', { after, recordsMax: 1 });
      seen.push(...page.records.map(({ id }) => id));
      after = { checkpoint: page.checkpoint ?? '' };
      if (!page.more) break;
    }
    expect(seen).toEqual(['x1', 'y1', 'x2', 'y2', 'x3', 'y3', 'x4', 'y4', 'x5', 'y5']);
  });

  test('stamps rise in commit order, also when the clock steps back', async () => {
    await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
    t.clock.nowMs -= 3_600_000;
    await t.push('a', 2, [t.mutation([put('items', 'i2', {})])]);
    const { records } = await t.pull('b');
    expect(records[1]?.stamp).toBe((records[0]?.stamp ?? 0) + 1);
    const rest = await t.pull('b', { after: { stamp: records[0]?.stamp ?? 0 } });
    expect(rest.records.map(({ id }) => id)).toEqual(['i2']);
    expect((await t.pull('b', { after: { stamp: Number.MAX_SAFE_INTEGER } })).stamp).toBe(records[1]?.stamp);
  });

  test('verdicts and records come from one snapshot, and a page never runs ahead of verdicts that did not fit', async () => {
    await t.close();
    t = await startEngine({ limits: { answerVerdictsMax: 2, batchMutationsMax: 2 } });
    for (let i = 1; i <= 5; i++) await t.push('a', i, [t.mutation([put('items', `i${i}`, {})])]);
    const first = await t.pull('a', { verdictsOf: { replica: 'a', seen: 0 } });
    expect([first.verdicts.map(({ n }) => n), first.records.map(({ seq }) => seq), first.more]).toEqual([
      [1, 2],
      [1, 2],
      true,
    ]);
    const second = await t.pull('a', {
      after: { checkpoint: first.checkpoint ?? '' },
      verdictsOf: { replica: 'a', seen: 2 },
    });
    expect([second.verdicts.map(({ n }) => n), second.records.map(({ seq }) => seq), second.more]).toEqual([
      [3, 4],
      [3, 4],
      true,
    ]);
    const third = await t.pull('a', {
      after: { checkpoint: second.checkpoint ?? '' },
      verdictsOf: { replica: 'a', seen: 4 },
    });
    expect([third.verdicts.map(({ n }) => n), third.records.map(({ seq }) => seq), third.more]).toEqual([
      [5],
      [5],
      false,
    ]);
  });

  test('conflicts fill an answer up to the bound of a page; the next answer goes on with the next verdict', async () => {
    await t.close();
    t = await startEngine({ limits: { recordCharsMax: 1_000, pageCharsMax: 3_500 } });
    const shelves = ['s1', 's2', 's3', 's4', 's5'];
    const named = (name: string) => shelves.map((id) => t.mutation([put('shelves', id, { name })]));
    await t.push('b', 1, named('Top'));
    await t.push('a', 1, [...named('x'.repeat(600)), t.mutation([put('items', 'i1', {})])]);
    const answers = [];
    let read: { seen: number; after: { checkpoint: string } | null } = { seen: 0, after: null };
    for (let more = true; more; ) {
      const page = await t.pull('a', { after: read.after, verdictsOf: { replica: 'a', seen: read.seen } });
      answers.push([page.verdicts.map(({ n }) => n), page.conflicts.map(({ record }) => record)]);
      read = { seen: page.verdicts.at(-1)?.n ?? 0, after: { checkpoint: page.checkpoint ?? '' } };
      more = page.more;
    }
    expect(answers).toEqual([
      [
        [1, 2, 3],
        ['s1', 's2', 's3'],
      ],
      [
        [4, 5, 6],
        ['s4', 's5'],
      ],
    ]);
  });

  test('conflicts of one verdict are told together, however large', async () => {
    await t.close();
    t = await startEngine({ limits: { recordCharsMax: 100, pageCharsMax: 100 } });
    const named = (name: string) => ['s1', 's2'].map((id) => put('shelves', id, { name }));
    await t.push('b', 1, [t.mutation(named('Top'))]);
    await t.push('a', 1, [t.mutation(named('x'.repeat(60))), t.mutation([put('items', 'i1', {})])]);
    const page = await t.pull('a', { verdictsOf: { replica: 'a', seen: 0 } });
    expect(page.verdicts.map(({ n }) => n)).toEqual([1, 2]);
    expect(page.conflicts.map(({ record }) => record)).toEqual(['s1', 's2']);
  });

  test('what a policy settled is told to who asks for it: the newest, within number and size', async () => {
    await t.close();
    t = await startEngine({ limits: { recordCharsMax: 1_000, pageCharsMax: 3_500 } });
    const items = ['i1', 'i2', 'i3', 'i4', 'i5'];
    const named = (name: string) => items.map((id) => t.mutation([put('items', id, { name })]));
    await t.push('b', 1, named('x'.repeat(600)));
    await t.push('a', 1, named('Tea'));
    const asked = async (merges?: number) => {
      const verdictsOf = { replica: 'a', seen: 0, ...(merges === undefined ? {} : { merges }) };
      const { verdicts, conflicts } = await t.pull('a', { verdictsOf });
      expect(verdicts.map(({ verdict }) => verdict)).toEqual(Array(5).fill('merged'));
      return conflicts.map(({ record, state }) => `${record} ${state}`);
    };
    expect(await asked()).toEqual([]);
    expect(await asked(2)).toEqual(['i5 settled', 'i4 settled']);
    expect(await asked(100)).toEqual(['i5 settled', 'i4 settled', 'i3 settled']);
    const { conflicts } = await t.pull('a', { verdictsOf: { replica: 'a', seen: 0, merges: 3 } });
    const chars = JSON.stringify(conflicts).length;
    await t.close();
    for (const [pageCharsMax, told] of [
      [chars, 3],
      [chars - 1, 2],
    ] as const) {
      t = await startEngine({ limits: { recordCharsMax: 1_000, pageCharsMax } });
      await t.push('b', 1, named('x'.repeat(600)));
      await t.push('a', 1, named('Tea'));
      expect(await asked(100)).toHaveLength(told);
      if (told === 3) await t.close();
    }
  });

  test('of another device’s merge nothing is told to who takes it back', async () => {
    await t.push('b', 1, [t.mutation([put('items', 'i1', { name: 'Coffee' })])]);
    await t.push('a', 1, [t.mutation([put('items', 'i1', { name: 'Tea' })])]);
    const undo = {
      type: 'resolve',
      collection: 'items',
      id: 'i1',
      base: 2,
      conflict: 1,
      answer: 'undo',
    } as const;
    await t.push('c', 1, [t.mutation([undo])]);
    const asked = async (who: string) => {
      const { verdicts, conflicts } = await t.pull(who, { verdictsOf: { replica: who, seen: 0, merges: 9 } });
      expect(verdicts.at(-1)).toMatchObject({ verdict: 'merged', merged: [{ conflict: 1 }] });
      return conflicts.map(({ id }) => id);
    };
    expect(await asked('a')).toEqual([1]);
    expect(await asked('c')).toEqual([]);
  });

  test('a replica of another device gets no verdicts and pushes nothing', async () => {
    await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
    await expect(t.pull('b', { verdictsOf: { replica: 'a', seen: 0 } })).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(
      t.push('a', 2, [t.mutation([put('items', 'i2', {})])], { caller: { device: 'other' } }),
    ).rejects.toMatchObject({ code: 'forbidden', field: 'replica' });
    expect((await t.pull('b')).head).toBe(1);
  });
});

describe('groups', () => {
  test('fifty pushes that come together are one commit', async () => {
    await t.close();
    let commits = 0;
    t = await startEngine({
      store: (store) => ({
        ...store,
        life: store.life,
        oneWriter: store.oneWriter,
        identity: store.identity,
        read: (work) => store.read(work),
        close: () => store.close(),
        probe: () => store.probe(),
        backup: (file) => store.backup(file),
        commit: (work) => {
          commits += 1;
          return store.commit(work);
        },
      }),
    });
    const pushes = Array.from({ length: 50 }, (_, i) =>
      t.push(`r${i}`, 1, [t.mutation([put('items', `i${i}`, {})])], { scope: `s${i % 3}` }),
    );
    const verdicts = (await Promise.all(pushes)).flatMap((result) => result.verdicts);
    expect(verdicts.every(({ verdict }) => verdict === 'applied')).toBe(true);
    expect(commits).toBe(1);
  });

  test('a device has one quarantine, also when its pushes to several scopes come together', async () => {
    await t.close();
    t = await startEngine({ limits: { quarantinePerDeviceMax: 2 } });
    const unknown = () => [t.mutation([put('nothing', 'x', {})])];
    const pushes = ['s1', 's2', 's3'].map((scope) => t.push('a', 1, unknown(), { scope }));
    await Promise.all(pushes);
    await t.push('a', 2, unknown(), { scope: 's1' });
    const rows = await t.engine.inspect.quarantine({ device: 'device-a', max: 10 });
    expect(rows).toHaveLength(4);
    expect(rows.filter(({ payload }) => payload !== null)).toHaveLength(2);
  });

  test('more holders of a unique value than changes came are loaded when mutations that waited let go of it', async () => {
    const t = await startEngine();
    const ids = ['1', '2', '3', '4', '5', '6', '7', '8'];
    const doubled = ids.map((id) =>
      t.mutation([put('items', id, { sku: 'T' }), put('sales', id, { amount: 1 })]),
    );
    const waiting = ids
      .slice(0, 6)
      .map((id, i) =>
        t.mutation([
          put('items', `new-${id}`, { shelf: 's' }),
          { type: 'delete', collection: 'items', id, base: i + 1 },
        ]),
      );
    await t.push('a', 1, [...doubled, ...waiting]);
    await t.push('b', 1, [t.mutation([put('shelves', 's', { name: 'Top' })])]);
    const taker = t.mutation([put('items', 'late', { sku: 'T' })]);
    expect((await t.push('b', 2, [taker])).verdicts).toMatchObject([{ code: 'unique_taken' }]);
    await t.close();
  });

  test('a group that fails other than by the store’s health is tried push by push', async () => {
    await t.close();
    let poison = true;
    t = await startEngine({
      store: (store) => ({
        ...store,
        life: store.life,
        oneWriter: store.oneWriter,
        identity: store.identity,
        read: (work) => store.read(work),
        close: () => store.close(),
        probe: () => store.probe(),
        backup: (file) => store.backup(file),
        commit: (work) =>
          store.commit((transaction) =>
            work(
              new Proxy(transaction, {
                get: (target, name) => {
                  if (name !== 'write') return Reflect.get(target, name).bind(target);
                  return (
                    writes: Parameters<typeof target.write>[0],
                    life: Parameters<typeof target.write>[1],
                  ) => {
                    if (poison && writes.has('bad')) throw new TypeError('poison');
                    return target.write(writes, life);
                  };
                },
              }),
            ),
          ),
      }),
    });
    const [good, bad] = await Promise.allSettled([
      t.push('a', 1, [t.mutation([put('items', 'i1', {})])], { scope: 'good' }),
      t.push('b', 1, [t.mutation([put('items', 'i1', {})])], { scope: 'bad' }),
    ]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'internal' } });
    poison = false;
    expect(await t.push('b', 1, [t.mutation([put('items', 'i1', {})])], { scope: 'bad' })).toMatchObject({
      verdicts: [{ verdict: 'applied' }],
    });
  });

  test.each([
    ['full', 'storage_full'],
    ['busy', 'storage_busy'],
    ['readonly', 'storage_readonly'],
    ['fsync', 'storage_failed'],
  ] as const)(
    'a store that is %s answers %s, acknowledges nothing, and goes on when the cause ends',
    async (fault, code) => {
      await t.close();
      let broken = true;
      t = await startEngine({
        store: (store) => ({
          ...store,
          life: store.life,
          oneWriter: store.oneWriter,
          identity: store.identity,
          read: (work) => store.read(work),
          close: () => store.close(),
          probe: () => store.probe(),
          backup: (file) => store.backup(file),
          commit: (work) => (broken ? Promise.reject(new StoreError(fault, 'no')) : store.commit(work)),
        }),
      });
      const mutation = t.mutation([put('items', 'i1', {})]);
      await expect(t.push('a', 1, [mutation])).rejects.toMatchObject({ code });
      expect(t.fatal.length).toBe(fault === 'fsync' ? 1 : 0);
      broken = false;
      expect(await t.push('a', 1, [mutation])).toMatchObject({ verdicts: [{ verdict: 'applied', seq: 1 }] });
    },
  );
});

describe('checkpoints', () => {
  test('one that the database never reached is rolled back, for pulls and for batches', async () => {
    await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
    const { checkpoint } = await t.pull('a');
    const ahead = (checkpoint ?? '').replace('.1.', '.7.');
    await expect(t.pull('a', { after: { checkpoint: ahead } })).rejects.toMatchObject({
      code: 'rolled_back',
      details: { fork: 1 },
    });
    await expect(
      t.push('a', 2, [t.mutation([put('items', 'i2', {})])], { checkpoint: ahead }),
    ).rejects.toMatchObject({ code: 'rolled_back' });
    await expect(t.pull('a', { after: { checkpoint: 'other.1.5' } })).rejects.toMatchObject({
      code: 'rolled_back',
    });
    expect((await t.pull('a')).head).toBe(1);
  });

  test('one of another scope is refused', async () => {
    await t.push('a', 1, [t.mutation([put('items', 'i1', {})])], { scope: 'x' });
    t.clock.nowMs += 1_000;
    await t.push('a', 1, [t.mutation([put('items', 'i1', {})])], { scope: 'y' });
    const { checkpoint } = await t.pull('a', {}, 'y');
    await expect(t.pull('a', { after: { checkpoint: checkpoint ?? '' } }, 'x')).rejects.toMatchObject({
      code: 'bad_checkpoint',
    });
  });
});

test('what waits too long for a parent is rejected by the sweep', async () => {
  const orphan = t.mutation([put('items', 'i1', { shelf: 'nowhere' })]);
  expect(await t.push('a', 1, [orphan])).toMatchObject({ verdicts: [{ verdict: 'waiting', n: 1 }] });
  await t.engine.sweep();
  expect((await t.pull('a', { verdictsOf: { replica: 'a', seen: 1 } })).verdicts).toEqual([]);
  t.clock.nowMs += 31 * 24 * 3_600_000;
  await t.engine.sweep();
  expect((await t.pull('a', { verdictsOf: { replica: 'a', seen: 1 } })).verdicts).toMatchObject([
    { n: 2, verdict: 'rejected', code: 'waiting_too_long' },
  ]);
});

test('how far a device has read is kept', async () => {
  await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
  const page = await t.pull('b');
  await t.pull('b', { after: { checkpoint: page.checkpoint ?? '' } });
  await t.engine.sweep();
  expect(await t.engine.inspect.reads('main')).toContainEqual({
    scope: 'main',
    device: 'device-b',
    collection: '*',
    sent: 1,
    confirmed: 1,
  });
});

test('what was noted of readers last is written down when the engine stops', async () => {
  await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
  await t.pull('b');
  await t.engine.stop();
  expect(await t.engine.inspect.reads('main')).toMatchObject([{ device: 'device-b', sent: 1 }]);
});

test('a page of some collections says nothing of how far a device has read', async () => {
  await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
  await t.pull('b', { collections: ['items'] });
  await t.engine.sweep();
  const reads = await t.engine.inspect.reads('main');
  expect(reads.filter(({ device }) => device === 'device-b')).toEqual([]);
});

test('a device that writes keeps what it said when it registered', async () => {
  const said = { name: 'Bar', role: 'till', address: '10.0.0.7' };
  const device = { device: 'device-a', ...said, key: null, createdAt: 1, seenAt: 1, revokedAt: null };
  await t.store.commit((transaction) => transaction.putDevices([device]));
  await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
  expect(await t.store.read((snapshot) => snapshot.device('device-a'))).toEqual({
    ...device,
    seenAt: t.clock.nowMs,
  });
});

test('subscribers are told a head that moved, until they stop', async () => {
  const heads: number[] = [];
  const stop = t.engine.subscribe('main', (head) => heads.push(head));
  await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
  stop();
  await t.push('a', 2, [t.mutation([put('items', 'i2', {})])]);
  expect(heads).toEqual([1]);
});

test('subscribers are told before the writer is answered', async () => {
  const order: string[] = [];
  t.engine.subscribe('main', () => order.push('told'));
  await t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
  order.push('answered');
  expect(order).toEqual(['told', 'answered']);
});

test('a stopped engine answers what it took and refuses the rest', async () => {
  const taken = t.push('a', 1, [t.mutation([put('items', 'i1', {})])]);
  await new Promise((resolve) => setImmediate(resolve));
  await t.engine.stop();
  expect(await taken).toMatchObject({ verdicts: [{ verdict: 'applied' }] });
  await expect(t.push('a', 2, [t.mutation([put('items', 'i2', {})])])).rejects.toMatchObject({
    code: 'stopping',
  });
});
