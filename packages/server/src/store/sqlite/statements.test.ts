// How many statements run, and that none of them reads a table from end to end.

import { DatabaseSync } from 'node:sqlite';
import type { Change } from '@holdfast/core';
import { expect, test } from 'vitest';
import type { Store } from '../port.ts';
import { push, puts } from '../push.fixture.ts';
import {
  conflict,
  heldMutation,
  holder,
  loaded,
  quarantined,
  series,
  write,
  writesOf,
} from '../writes.fixture.ts';
import { openSqliteStore } from './open.ts';
import { createTestFolder, testOptions } from './sqlite.fixture.ts';

async function observed(): Promise<{ store: Store; take: () => string[] }> {
  let statements: string[] = [];
  const store = await openSqliteStore({
    ...testOptions(null),
    observe: (statement) => statements.push(statement),
  });
  return {
    store,
    take() {
      const taken = statements;
      statements = [];
      return taken;
    },
  };
}

const kinds: Record<string, (count: number) => { before: Change[]; changes: Change[] }> = {
  'new records': (count) => ({
    before: [],
    changes: puts(count, (n) => ({ name: `Item ${n}`, sku: `sku-${n}` })),
  }),
  'changed records': (count) => ({
    before: puts(count, (n) => ({ name: `Item ${n}` })),
    changes: Array.from({ length: count }, (_, n) => ({
      type: 'patch' as const,
      collection: 'items',
      id: `items-${n}`,
      base: n + 1,
      set: { name: 'New' },
      replaced: { name: `Item ${n}` },
    })),
  }),
  increments: (count) => ({
    before: puts(count, () => ({ stock: 1 })),
    changes: Array.from({ length: count }, (_, n) => ({
      type: 'add' as const,
      collection: 'items',
      id: `items-${n}`,
      amounts: { stock: 2 },
    })),
  }),
  'records whose parent is missing': (count) => ({
    before: [],
    changes: puts(count, (n) => ({ shelf: `shelf-${n}` })),
  }),
  'records that are refused': (count) => ({ before: [], changes: puts(count, () => ({ name: 7 })) }),
  deletes: (count) => ({
    before: puts(count, (n) => ({ sku: `sku-${n}` })),
    changes: Array.from({ length: count }, (_, n) => ({
      type: 'delete' as const,
      collection: 'items',
      id: `items-${n}`,
      base: n + 1,
    })),
  }),
};

test.each(Object.entries(kinds))(
  'a commit of 100 mutations takes as many statements as one of 1: %s',
  async (_, kind) => {
    const [one, hundred] = await Promise.all(
      [1, 100].map(async (count) => {
        const { store, take } = await observed();
        const { before, changes } = kind(count);
        if (before.length > 0) await push(store, { changes: before, name: 'before' });
        take();
        const outcome = await push(store, {
          changes,
          name: 'now',
          replica: before.length > 0 ? 'replica-2' : 'replica-1',
        });
        const fresh = take();
        // A repeat is answered from what is stored.
        expect(
          await push(store, { changes, name: 'now', replica: before.length > 0 ? 'replica-2' : 'replica-1' }),
        ).toEqual(outcome);
        const repeated = take();
        await store.close();
        return { fresh, repeated };
      }),
    );
    for (const part of ['fresh', 'repeated'] as const) {
      expect(hundred?.[part]).toEqual(one?.[part]);
      expect(one?.[part].filter((statement) => statement === 'BEGIN IMMEDIATE')).toHaveLength(1);
      expect(one?.[part].filter((statement) => statement === 'COMMIT')).toHaveLength(1);
    }
    expect(one?.fresh.length).toBeLessThan(30);
  },
);

test('a commit of several scopes takes as many statements as one of a single scope', async () => {
  const counts: number[] = [];
  for (const scopes of [1, 20]) {
    const { store, take } = await observed();
    take();
    const names = Array.from({ length: scopes }, (_, n) => `scope-${n}`);
    await store.commit(async (transaction) => {
      await transaction.scopes(names);
      await transaction.write(new Map(names.map((name) => [name, series(1, 5)])), store.life);
    });
    counts.push(take().length);
    await store.close();
  }
  expect(counts[1]).toBe(counts[0]);
});

test('very long writes are split, and none of it is lost', async () => {
  const { store, take } = await observed();
  take();
  const body = JSON.stringify('x'.repeat(1_000_000));
  await write(
    store,
    series(1, 40, () => ({ body })),
  );
  const inserts = take().filter((statement) => statement.startsWith('INSERT INTO hf_records'));
  expect(inserts.length).toBeGreaterThan(1);
  const { records } = await store.read((snapshot) =>
    snapshot.page('shop', { afterStamp: 0, seqMax: 99, recordsMax: 99, charsMax: 9e9 }),
  );
  expect(records.map((record) => record.body?.length)).toEqual(Array(40).fill(body.length));
  await store.close();
});

// At the start, over a table that is small by its bound, or to count what is refused and waits for a person.
const mayScan =
  /FROM hf_devices AS t ORDER BY|count\(\*\) AS n FROM hf_devices$|FROM hf_keys AS t ORDER BY|hf_unique_unclaimed WHERE|FROM sqlite_schema|FROM hf_lives ORDER BY n DESC LIMIT 1|hf_enrolment_codes WHERE expires_at|FROM hf_counts AS c|AS quarantined FROM hf_quarantine/;

test('no statement of a commit, a page or an exchange reads a table from end to end', async () => {
  const folder = createTestFolder();
  const statements = new Set<string>();
  const store = await folder.open(1, { observe: (statement) => statements.add(statement) });
  await exercise(store);
  await store.close();
  const database = new DatabaseSync(folder.file, { readOnly: true });
  const scans: string[] = [];
  let explained = 0;
  for (const statement of statements) {
    if (!/^\s*(SELECT|INSERT|UPDATE|DELETE)/.test(statement) || mayScan.test(statement)) continue;
    explained += 1;
    for (const { detail } of database.prepare(`EXPLAIN QUERY PLAN ${statement}`).all() as {
      detail: string;
    }[]) {
      // By its scope alone a row is not found; all of the scope's are looked at.
      const wide = / \(scope=\?\)$/.test(detail) && !/hf_scopes|hf_reads/.test(statement);
      if (wide || /^SCAN (?!.*VIRTUAL TABLE|CONSTANT ROW|\(subquery|given)/.test(detail))
        scans.push(`${detail} in ${statement}`);
    }
  }
  database.close();
  folder.remove();
  expect(scans).toEqual([]);
  expect(explained).toBeGreaterThan(50);
});

/** Every method that a push, a pull or an answer uses. */
async function exercise(store: Store): Promise<void> {
  for (const [name, kind] of Object.entries(kinds)) {
    const { before, changes } = kind(3);
    await push(store, { changes: before, name: `before ${name}`, scope: name });
    await push(store, { changes, name, scope: name });
  }
  const copy = { writer: 'w', collection: 'items', id: 'a', seq: 1, told: 1, body: null };
  const held = { put: [heldMutation('h', { waitsFor: ['items/a'] })], remove: ['none'] };
  const unique = { put: [holder('a')], remove: [holder('b')] };
  await write(
    store,
    writesOf({ held, unique, conflicts: [conflict(1)], copies: [copy], quarantine: [quarantined('m')] }),
  );
  await loaded(store, (needs) => {
    needs.versions.set('1@items/a', { collection: 'items', id: 'a', base: 1 });
    needs.editions.set('1@items/a', { collection: 'items', id: 'a', edits: 1 });
    needs.copies.set('c', { writer: 'w', collection: 'items', id: 'a' });
    needs.waits.add('items/a');
    needs.waiting.add('r');
    needs.held.add('m');
    needs.conflictsOpen.set('items/a', { collection: 'items', id: 'a' });
    needs.conflicts.add(1);
    needs.quarantine.add('d');
  });
  const device = {
    device: 'd',
    name: '',
    role: '',
    address: '',
    key: 'k',
    createdAt: 1,
    seenAt: 1,
    revokedAt: null,
  };
  const { key: _, ...owner } = { ...device, secretHash: '', expiresAt: null };
  await store.commit(async (transaction) => {
    await transaction.credentials(['k']);
    await transaction.devices(['d']);
    await transaction.putDevices([device]);
    await transaction.deviceCounts(['k']);
    await transaction.refusals([{ scope: 's', device: 'd' }]);
    await transaction.auditPlace();
    await transaction.settleQuarantined(1, { at: 1, actor: '', action: '', subject: '' });
    const sync = { at: 1, protocol: 'p', device: 'd', scope: 's', kind: 'push', ok: true, facts: {} };
    const counts = [{ protocol: 'p', kind: 'push', total: 1, ok: 1, lastAt: 1 }];
    await transaction.putSyncs({ entries: [sync], counts }, 9);
    await transaction.putReads([{ scope: 's', device: 'd', collection: '*', sent: 1, confirmed: 1 }]);
  });
  const audit = { at: 1, actor: '', action: '', subject: '' };
  await store.identity.addEnrolmentCode(
    { device: null, codeHash: 'c', name: '', grants: [], expiresAt: 9 },
    audit,
  );
  await store.identity.enrol('c', 1, device, { ...owner, key: 'k' });
  await store.identity.revokeDevice('d', 1, audit);
  await store.identity.revokeCredential('k', 1, audit);
  const times = { createdAt: 1, passwordAt: 1 };
  const user = { name: 'u', nameKey: 'u', role: '', grants: [], key: 'u', ...times, passwordHash: '' };
  await store.identity.addUser(user, audit);
  await store.identity.changeUser('u', { role: 'r' }, audit);
  await store.read(async (snapshot) => {
    await snapshot.scope('s');
    await snapshot.lifeEnd('s', 'life-1');
    await snapshot.commitStamp('s', 1);
    await snapshot.commitMutations('s', 1, 9);
    const query = { afterStamp: 0, seqMax: 9, recordsMax: 9, charsMax: 9 };
    await snapshot.page('s', query);
    for (const count of [1, 2, 5, 16, 17]) {
      await snapshot.page('s', { ...query, collections: Array.from({ length: count }, (_, n) => `c-${n}`) });
    }
    await snapshot.records('s', [{ collection: 'items', id: 'a' }]);
    await snapshot.replica('s', 'r');
    await snapshot.verdicts('s', 'r', 0, 0);
    await snapshot.conflicts('s', { ids: [1], max: 9 });
    await snapshot.conflicts('s', { ids: [1], state: 'open', max: 9 });
    await snapshot.conflicts('s', { state: 'open', max: 9 });
    await snapshot.conflicts('s', { max: 9 });
    await snapshot.conflicts('s', { device: 'd', max: 9 });
    await snapshot.conflicts('s', { device: 'd', state: 'open', after: 1, max: 9 });
    await snapshot.conflicts('s', { record: { collection: 'items', id: 'a' }, newestFirst: true, max: 1 });
    await snapshot.numbered('s', 1);
    await snapshot.history('s', 'items', 'a', 9);
    for (const filter of [{}, { scope: 's' }, { device: 'd' }, { scope: 's', device: 'd' }]) {
      await snapshot.quarantine({ ...filter, max: 9, after: 1 });
    }
    await snapshot.waitingSince(1, 9);
    await snapshot.scopeNames('', 9);
    await snapshot.device('d');
    await snapshot.credential('k');
    await snapshot.user('u');
    await snapshot.signingKey('s');
    await snapshot.reads('s');
    await snapshot.deviceNotes({ protocol: 'p', scope: 's' });
    await snapshot.deviceNotes({ protocol: 'p', scope: 's', device: 'd' });
    await snapshot.syncs({ max: 9 });
    await snapshot.syncs({ protocol: 'p', before: 9, max: 9 });
    await snapshot.syncs({ protocol: 'p', device: 'd', max: 9 });
    await snapshot.syncCounts('p');
    await snapshot.audit({ max: 9 });
    await snapshot.owner('s', { collection: 'items', group: 'sku', value: '[1]' });
    await snapshot.tally('s');
    await snapshot.unclaimed(9);
  });
}
