// The part of the contract about the sync log.

import { expect, test } from 'vitest';
import type { SyncCount, SyncEntry, SyncQuery } from './sync-log.ts';
import type { OpenStore } from './writes.fixture.ts';

const entry = (at: number, more: Partial<SyncEntry> = {}): SyncEntry => ({
  ...{ at, protocol: 'hims', device: 'till', scope: 'main', kind: 'push', ok: true, facts: {} },
  ...more,
});

const count = (total: number, ok: number, lastAt: number, more: Partial<SyncCount> = {}): SyncCount => ({
  ...{ protocol: 'hims', kind: 'push', total, ok, lastAt },
  ...more,
});

export function testSyncLog(open: OpenStore): void {
  test('syncs are read newest first, of one protocol or of all, and on behind what was read', async () => {
    const { store } = await open();
    const facts = { inserted: 3, table: 'stock "items"', more: true };
    const entries = [entry(1, { facts }), entry(2, { protocol: 'pos', ok: false }), entry(3)];
    await store.commit((transaction) => transaction.putSyncs({ entries, counts: [] }, 9));
    const read = async (query: SyncQuery) => {
      const syncs = await store.read((snapshot) => snapshot.syncs(query));
      return syncs.map(({ place: _, ...rest }) => rest);
    };
    expect(await read({ max: 9 })).toEqual([entries[2], entries[1], entries[0]]);
    expect(await read({ max: 1, protocol: 'hims' })).toEqual([entries[2]]);
    const [last] = await store.read((snapshot) => snapshot.syncs({ max: 1 }));
    expect(await read({ max: 9, protocol: 'hims', before: last?.place ?? 0 })).toEqual([entries[0]]);
    expect(await read({ max: 9, protocol: 'none' })).toEqual([]);
    const other = entry(4, { device: 'other' });
    await store.commit((transaction) => transaction.putSyncs({ entries: [other], counts: [] }, 9));
    expect(await read({ max: 9, device: 'other' })).toEqual([other]);
    expect(await read({ max: 9, protocol: 'hims', device: 'till' })).toEqual([entries[2], entries[0]]);
    expect(await read({ max: 9, protocol: 'pos', device: 'other' })).toEqual([]);
  });

  test('of the entries the newest stay, and the counts hold all', async () => {
    const { store } = await open();
    const put = (at: number) =>
      store.commit((transaction) =>
        transaction.putSyncs(
          {
            entries: [entry(at), entry(at + 1, { ok: false })],
            counts: [count(2, 1, at + 1), count(1, 1, at, { kind: 'pull' })],
          },
          3,
        ),
      );
    for (const at of [1, 5, 3]) await put(at);
    const kept = await store.read((snapshot) => snapshot.syncs({ max: 9 }));
    expect(kept.map(({ at }) => at)).toEqual([4, 3, 6]);
    expect(await store.read((snapshot) => snapshot.syncCounts('hims'))).toEqual([
      count(3, 3, 5, { kind: 'pull' }),
      count(6, 3, 6),
    ]);
    expect(await store.read((snapshot) => snapshot.syncCounts('pos'))).toEqual([]);
  });

  test('a commit that fails leaves nothing of its syncs', async () => {
    const { store } = await open();
    const failing = store.commit(async (transaction) => {
      await transaction.putSyncs({ entries: [entry(1)], counts: [count(1, 1, 1)] }, 9);
      throw new Error('undone');
    });
    await expect(failing).rejects.toThrow('undone');
    expect(await store.read((snapshot) => snapshot.syncs({ max: 9 }))).toEqual([]);
    expect(await store.read((snapshot) => snapshot.syncCounts('hims'))).toEqual([]);
  });
}
