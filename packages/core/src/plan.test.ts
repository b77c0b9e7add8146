// One commit after the other: seqs, stamps, verdicts, the log, the quarantine, groups. (Conflicts, identity, counters, unique values,
// waiting, resolutions and facts have files of their own.)

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { canonicalJson } from './canonical.ts';
import { hashedPart } from './change.ts';
import { add, del, morning, mutation, newId, patch, put, TestScope } from './plan.fixture.ts';
import { plan } from './plan.ts';
import { defineSchema } from './schema.ts';
import { sha256 } from './scope-store.fixture.ts';
import { bodyOf, commitHash } from './stored.ts';
import { emptyScope, emptyWorkingSet } from './working-set.ts';

describe('seqs', () => {
  test('are 1, 2, 3 …: one mutation one seq, whatever it holds and in whose batch it comes', () => {
    const scope = new TestScope();
    const [a, b] = [scope.replica('a'), scope.replica('b')];
    const first = a.batch([
      mutation([put('items', 'i1', { name: 'Tea' })]),
      mutation([put('items', 'i2', { name: 'Oil' })]),
    ]);
    const second = b.push(put('items', 'i3', { name: 'Rye' }), put('items', 'i4', { name: 'Salt' }));
    expect(first.verdicts.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(second.seq).toBe(3);
    expect(scope.stored.state.head).toBe(3);
    expect(scope.stored.commits.map(({ seq, mutation: id }) => [seq, id])).toEqual([
      [1, first.verdicts[0]?.mutation],
      [2, first.verdicts[1]?.mutation],
      [3, second.mutation],
    ]);
  });

  test('a mutation that changes nothing is applied without one, as of the head', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea' }));
    const nothing = [
      a.push(patch('items', 'i1', { name: 'Tea' }, { base: 1 })),
      a.push(put('items', 'i1', { name: 'Tea' }, { base: 1, replaced: {} })),
      a.push(add('items', 'i1', { stock: 0 })),
      a.push(del('items', 'never')),
      a.push(
        patch('items', 'i1', { name: 'Rye' }, { base: 1 }),
        patch('items', 'i1', { name: 'Tea' }, { base: 1 }),
      ),
    ];
    for (const verdict of nothing) {
      expect(verdict).toMatchObject({ verdict: 'applied', asOf: 1 });
      expect(verdict).not.toHaveProperty('seq');
    }
    expect(scope.stored.state.head).toBe(1);
    expect(scope.record('items', 'i1')).toMatchObject({ seq: 1, edits: 1 });
  });

  test('every verdict is as of its commit, or of the head at which it was judged', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    expect(a.push(patch('items', 'i1', { name: 'Tea' }))).toMatchObject({ verdict: 'rejected', asOf: 0 });
    expect(a.push(put('items', 'i1', { name: 'Tea' }))).toMatchObject({
      verdict: 'applied',
      seq: 1,
      asOf: 1,
    });
    expect(a.push(patch('items', 'i2', { name: 'Oil' }))).toMatchObject({ verdict: 'rejected', asOf: 1 });
    expect(a.push(put('items', 'i3', { name: 'Oil', shelf: 's1' }))).toMatchObject({
      verdict: 'waiting',
      asOf: 1,
    });
  });
});

describe('a mutation', () => {
  test('applies all or none', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea', stock: 1 }));
    const verdict = a.push(
      put('items', 'i2', { name: 'Oil', code: 'X' }),
      patch('items', 'i1', { note: 'last one' }, { base: 1 }),
      add('items', 'i1', { stock: -2 }),
    );
    expect(verdict).toMatchObject({
      verdict: 'rejected',
      code: 'counter_minimum',
      field: 'changes[2].stock',
    });
    expect(scope.body('items', 'i2')).toBeUndefined();
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', stock: 1 });
    expect(scope.stored.unique.size).toBe(0);
    expect(scope.stored.state.head).toBe(1);
  });

  test('is judged change by change: a later one sees what an earlier one did', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const verdict = a.push(
      put('items', 'i1', { name: 'Tea', stock: 2 }),
      add('items', 'i1', { stock: 3 }),
      patch('items', 'i1', { note: 'new' }, { unset: ['price'] }),
      put('items', 'i2', { name: 'Oil' }),
      del('items', 'i2'),
      put('items', 'i2', { name: 'Olive oil' }),
    );
    expect(verdict).toMatchObject({ verdict: 'applied', seq: 1 });
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', stock: 5, note: 'new' });
    expect(scope.body('items', 'i2')).toEqual({ name: 'Olive oil' });
    expect(scope.record('items', 'i1')).toMatchObject({ seq: 1, edits: 3, touched: '' });
    expect(scope.stored.history).toEqual([]);
  });

  test('is judged as a whole at its end: what an earlier change broke, a later one may mend', () => {
    const scope = new TestScope();
    const verdict = scope
      .replica('a')
      .push(
        put('items', 'i1', { name: 'Tea' }),
        add('items', 'i1', { stock: -3 }),
        add('items', 'i1', { stock: 4 }),
      );
    expect(verdict.verdict).toBe('applied');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', stock: 1 });
  });

  test('gives its records one seq, and ordinals in the order in which it comes to them', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(
      put('items', 'i2', { name: 'Oil' }),
      put('shelves', 's1', { name: 'Top' }),
      put('items', 'i1', { name: 'Tea' }),
    );
    const place = (collection: string, id: string) => [
      scope.record(collection, id)?.seq,
      scope.record(collection, id)?.ordinal,
    ];
    expect([place('items', 'i2'), place('shelves', 's1'), place('items', 'i1')]).toEqual([
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
  });

  test('is stored as it came: key order, unknown fields and numbers stay, and nothing is rewritten', () => {
    const scope = new TestScope();
    const body = {
      zeta: [1, { b: null, a: '1.10' }],
      name: '  Tea ',
      price: 1.1,
      toString: 'own',
      10: 'ten',
    };
    scope.replica('a').push(put('items', 'i1', body));
    expect(scope.record('items', 'i1')?.body).toBe(JSON.stringify(body));
    expect(scope.record('items', 'i1')?.bodyHash).toBe(sha256(canonicalJson(body)));
  });

  test('may name fields as every object inherits them', () => {
    const schema = defineSchema({
      version: 1,
      collections: { things: { kind: 'request', fields: z.object({ name: z.string() }), policy: 'server' } },
    });
    const scope = new TestScope(schema);
    const a = scope.replica('a');
    a.push(put('things', 'r', { name: 'A', toString: 'own' }));
    expect(scope.body('things', 'r')).toEqual({ name: 'A', toString: 'own' });
    scope.replica('b').push(patch('things', 'r', { name: 'B' }, { base: 1 }));
    // The server's side has no such field, whatever its prototype has.
    expect(a.push(patch('things', 'r', { valueOf: 'own' }, { base: 1 }))).toMatchObject({
      verdict: 'merged',
    });
    expect(a.push(patch('things', 'r', {}, { base: 2, unset: ['valueOf', 'hasOwnProperty'] }))).toEqual(
      expect.not.objectContaining({ seq: expect.anything() }),
    );
    expect(scope.record('things', 'r')).toMatchObject({ seq: 2, edits: 2 });
  });
});

describe('records', () => {
  test('keep their number through edits, delete and a new life, and count their edits', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea' }));
    a.push(put('items', 'i2', { name: 'Oil' }));
    a.push(patch('items', 'i1', { name: 'Rye' }, { base: 1 }));
    a.push(del('items', 'i1', 3));
    expect(scope.record('items', 'i1')).toMatchObject({
      number: 1,
      edits: 3,
      seq: 4,
      body: null,
      bodyHash: '',
      touched: '',
    });
    a.push(put('items', 'i1', { name: 'Salt' }, { base: 4 }));
    expect(scope.record('items', 'i1')).toMatchObject({ number: 1, edits: 4, seq: 5 });
    expect(scope.record('items', 'i2')).toMatchObject({ number: 2, edits: 1 });
  });

  test('name writer, time and schema version of their last change', () => {
    const scope = new TestScope();
    scope.replica('a').push(put('items', 'i1', { name: 'Tea' }));
    scope.replica('b').send(mutation([add('items', 'i1', { stock: 1 })], { madeAt: morning - 5 }));
    expect(scope.record('items', 'i1')).toMatchObject({ writer: 'b', madeAt: morning - 5, schema: 1 });
  });

  test('leave every superseded version in history, with when it was superseded', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea' }));
    scope.nowMs += 1_000;
    a.batch([
      mutation([patch('items', 'i1', { name: 'Rye' }, { base: 1 })]),
      mutation([del('items', 'i1', 1)]),
    ]);
    expect(
      scope.stored.history.map(({ record, supersededAt }) => [record.seq, bodyOf(record), supersededAt]),
    ).toEqual([
      [1, { name: 'Tea' }, morning + 1_000],
      [2, { name: 'Rye' }, morning + 1_000],
    ]);
    expect(scope.stored.history[1]?.record.bodyHash).toBe(sha256(canonicalJson({ name: 'Rye' })));
  });

  test('whose version a client declares get the next one by a native change', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea' }));
    const stored = scope.record('items', 'i1');
    if (stored) scope.stored.records.set('items/i1', { ...stored, declared: 7 });
    a.push(patch('items', 'i1', { name: 'Rye' }, { base: 1 }));
    expect(scope.record('items', 'i1')?.declared).toBe(8);
    a.push(put('items', 'i2', { name: 'Oil' }));
    a.push(patch('items', 'i2', { name: 'Rye' }, { base: 3 }));
    expect(scope.record('items', 'i2')?.declared).toBe(0);
  });

  test('do not outgrow their limits part by part', () => {
    const scope = new TestScope(undefined, { limits: { recordCharsMax: 100, jsonKeysMax: 4 } });
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'x'.repeat(60) }));
    expect(a.push(patch('items', 'i1', { note: 'x'.repeat(60) }, { base: 1 }))).toMatchObject({
      verdict: 'rejected',
      code: 'record_too_large',
      field: 'changes[0]',
    });
    expect(a.push(patch('items', 'i1', { b: 1, c: 1, d: 1 }, { base: 1 })).verdict).toBe('applied');
    expect(a.push(patch('items', 'i1', { e: 1 }, { base: 1 }))).toMatchObject({ code: 'record_too_large' });
    expect(Object.keys(scope.body('items', 'i1') ?? {})).toEqual(['name', 'b', 'c', 'd']);
  });
});

describe('stamps', () => {
  test('are max(now, last + 1): one for each record version, rising in commit order, also when the clock steps back', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(put('items', 'i1', { name: 'Tea' }), put('items', 'i2', { name: 'Oil' }));
    scope.nowMs = morning - 3_600_000;
    a.push(put('items', 'i3', { name: 'Rye' }));
    scope.nowMs = morning + 1;
    a.push(put('items', 'i4', { name: 'Salt' }));
    scope.nowMs = morning + 60_000;
    a.push(put('items', 'i5', { name: 'Rum' }));
    const stamps = [1, 2, 3, 4, 5].map((n) => (scope.record('items', `i${n}`)?.stamp ?? 0) - morning);
    expect(stamps).toEqual([0, 1, 2, 3, 60_000]);
    expect(scope.stored.commits.map(({ stamp }) => stamp - morning)).toEqual([1, 2, 3, 60_000]);
    expect(scope.stored.state.stamp).toBe(morning + 60_000);
  });

  test('are the plan’s only clock: commits say when the server made them', () => {
    const scope = new TestScope();
    scope.replica('a').send(mutation([put('items', 'i1', { name: 'Tea' })], { madeAt: 5 }));
    expect(scope.stored.commits[0]?.at).toBe(morning);
    expect(scope.record('items', 'i1')?.madeAt).toBe(5);
  });
});

describe('commits', () => {
  test('hold the hash of the mutation as it arrived, who sent it, and the hash of the commit before', () => {
    const scope = new TestScope();
    const made = mutation([put('items', 'i1', { name: 'Tea' })], { actor: 'maria' });
    scope.replica('a').send(made);
    scope.replica('b').push(put('items', 'i2', { name: 'Oil' }));
    const [first, second] = scope.stored.commits;
    expect(first).toMatchObject({
      ...{ mutation: made.id, mutationHash: sha256(canonicalJson(hashedPart(made))), previous: '' },
      ...{ device: 'device-a', replica: 'a', actor: 'maria' },
    });
    expect(first && commitHash(first, sha256)).toBe(second?.previous);
    // One that was altered no longer fits the next.
    expect(first && commitHash({ ...first, actor: 'eve' }, sha256)).not.toBe(second?.previous);
    expect(second && commitHash(second, sha256)).toBe(scope.stored.state.commitHash);
  });
});

describe('the verdict log', () => {
  test('is numbered per replica, and a push answers the number of each verdict', () => {
    const scope = new TestScope();
    const [a, b] = [scope.replica('a'), scope.replica('b')];
    expect(a.push(put('items', 'i1', { name: 'Tea' })).n).toBe(1);
    expect(b.push(put('items', 'i2', { name: 'Oil' })).n).toBe(1);
    expect(a.push(patch('items', 'gone', {})).n).toBe(2);
    expect(scope.log('a').map(({ n, verdict }) => [n, verdict.verdict])).toEqual([
      [1, 'applied'],
      [2, 'rejected'],
    ]);
  });

  test('knows how far the replica has read it: never further than it goes, never back', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    const seen = (): number | undefined => scope.stored.replicas.get('a')?.verdictsSeen;
    a.batch([mutation([put('items', 'i1', { name: 'Tea' })])], { seen: 99 });
    expect(seen()).toBe(0);
    const last = mutation([put('items', 'i2', { name: 'Tea' })]);
    a.batch([last], { seen: 99 });
    expect(seen()).toBe(1);
    a.batch([last], { seen: 0 });
    expect(seen()).toBe(1);
  });

  test('tells of a rejected mutation the code, the field, a sentence and what would help', () => {
    const verdict = new TestScope().replica('a').push(put('items', 'i1', { name: 'Tea', price: -1 }));
    expect(verdict).toMatchObject({
      verdict: 'rejected',
      code: 'invalid_record',
      field: 'changes[0].body.price',
    });
    expect(verdict.message).toMatch(/.{10}/);
    expect(verdict.help).toMatch(/Correct the field/);
  });
});

describe('the quarantine', () => {
  test('keeps what was rejected in its scope, and what came malformed in none', () => {
    const scope = new TestScope();
    const a = scope.replica('a');
    a.push(patch('items', 'gone', { name: 'Tea' }));
    a.push(put('items', 'i1', { name: 7 }));
    expect(scope.stored.quarantine).toMatchObject([
      { device: 'device-a', replica: 'a', code: 'record_missing', at: morning, inScope: true },
      { device: 'device-a', replica: 'a', code: 'invalid_record', inScope: false },
    ]);
  });

  test('keeps hash and size alone of what is too large, and of what comes when it is full', () => {
    const scope = new TestScope(undefined, { limits: { quarantinePerDeviceMax: 2, recordCharsMax: 50 } });
    const [a, b] = [scope.replica('a'), scope.replica('b')];
    const large = mutation([put('items', 'i1', { name: 'x'.repeat(60) })]);
    a.send(large);
    for (let i = 0; i < 3; i++) a.push(patch('items', 'gone', { name: 'Tea' }));
    a.batch([1, 2].map(() => mutation([patch('items', 'gone', { name: 'Tea' })])));
    b.push(patch('items', 'gone', { name: 'Tea' }));
    expect(scope.stored.quarantine.map(({ payload }) => payload !== null)).toEqual([
      false,
      true,
      true,
      false,
      false,
      false,
      true,
    ]);
    expect(scope.stored.quarantine[0]).toMatchObject({
      code: 'record_too_large',
      hash: sha256(canonicalJson(hashedPart(large))),
      chars: JSON.stringify(large).length,
    });
  });
});

test('the quarantine of a device is bounded in characters, too; a shorter one may still find room', () => {
  const lost = (size: number) => mutation([patch('items', 'gone', { name: 'x'.repeat(size) })]);
  const chars = JSON.stringify(lost(100)).length;
  const limits = { recordCharsMax: 1_000, quarantineCharsPerDeviceMax: 2 * chars + 900 };
  const scope = new TestScope(undefined, { limits });
  const a = scope.replica('a');
  a.send(lost(100));
  a.send(lost(900), lost(100), lost(100));
  scope.replica('b').send(lost(900));
  expect(scope.stored.quarantine.map(({ payload }) => payload !== null)).toEqual([
    true,
    true,
    false,
    false,
    true,
  ]);
});

describe('a plan', () => {
  test('takes pushes of many replicas in order, as one after the other', () => {
    const one = new TestScope();
    const all = new TestScope();
    const story = ['a', 'b', 'c', 'a'].map((replica, place) => ({
      replica,
      made: mutation([
        place === 0
          ? put('items', 'i', { name: '0' })
          : patch('items', 'i', { name: `${place}` }, { base: 1 }),
      ]),
    }));
    for (const { replica, made } of story) one.replica(replica).send(made);
    all.commit(story.map(({ replica, made }) => all.replica(replica).item([made])));
    expect(all.stored.records).toEqual(one.stored.records);
    expect(all.stored.commits).toEqual(one.stored.commits);
    expect(all.stored.verdicts).toEqual(one.stored.verdicts);
    expect(all.stored.history).toEqual(one.stored.history);
  });

  test('that needs more says what, and has changed nothing', () => {
    const scope = new TestScope();
    const set = emptyWorkingSet({ ...emptyScope });
    const context = { schema: scope.schema, limits: scope.limits, sha256, nowMs: morning };
    const planned = plan(
      [scope.pushItem('a', [mutation([put('items', 'i1', { name: 'Tea' })])])],
      set,
      context,
    );
    expect(planned.type === 'needs' && planned.needs.replicas.has('a')).toBe(true);
    expect(set).toEqual(emptyWorkingSet({ ...emptyScope }));
  });

  test('of a hundred mutations takes as many loads as of one', () => {
    const rounds = [1, 100].map((count) => {
      const scope = new TestScope();
      scope
        .replica('z')
        .batch(
          Array.from({ length: count }, (_, i) =>
            mutation([put('items', `i${i}`, { name: 'Tea', code: `c${i}` })]),
          ),
        );
      scope
        .replica('b')
        .batch(
          Array.from({ length: count }, (_, i) =>
            mutation([patch('items', `i${i}`, { name: 'B' }, { base: count })]),
          ),
        );
      const late = Array.from({ length: count }, (_, i) =>
        mutation([patch('items', `i${i}`, { name: 'A', code: `d${i}` }, { base: count })]),
      );
      scope.replica('a').batch(late);
      expect(scope.stored.conflicts.size).toBe(count);
      return scope.rounds;
    });
    expect(rounds[1]).toBe(rounds[0]);
    expect(rounds[0]).toBeLessThanOrEqual(3);
  });

  test('answers an expiry of what is not there with nothing', () => {
    const scope = new TestScope();
    scope.expire(newId());
    expect(scope.stored.state).toEqual(emptyScope);
  });
});
