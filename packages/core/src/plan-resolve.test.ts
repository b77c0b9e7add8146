// What waits for a person, and what a person's answer does: a change like any other, which can itself be undone.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { add, del, morning, mutation, newId, patch, put, TestScope } from './plan.fixture.ts';
import { defineSchema, type RecordPolicy } from './schema.ts';
import { serverWriter } from './touched.ts';

/** A shelf { name: 'Top' }, which b has named 'B' when a names it 'A'. */
function inConflict() {
  const scope = new TestScope();
  scope.replica('z').push(put('shelves', 's1', { name: 'Top', load: 10 }));
  scope.replica('b').push(patch('shelves', 's1', { name: 'B' }, { base: 1, replaced: { name: 'Top' } }));
  const made = mutation([patch('shelves', 's1', { name: 'A' }, { base: 1, replaced: { name: 'Top' } })], {
    madeAt: morning + 1,
  });
  const verdict = scope.replica('a').send(made);
  return { scope, made, verdict, shelf: () => scope.body('shelves', 's1') };
}

/** Under a policy that answers by itself. */
function merged(
  policy: RecordPolicy,
  fields = z.object({ name: z.string(), note: z.string().optional(), stock: z.number().optional() }),
) {
  const counters = { stock: {} };
  const scope = new TestScope(
    defineSchema({ version: 1, collections: { things: { kind: 'request', fields, policy, counters } } }),
  );
  scope.replica('z').push(put('things', 'r', { name: 'Z', stock: 10 }));
  scope.replica('b').push(patch('things', 'r', { name: 'B' }, { base: 1 }));
  return { scope, thing: () => scope.body('things', 'r') };
}

describe('an open conflict', () => {
  test('holds the mutation whole; the server’s values stay', () => {
    const { scope, made, verdict, shelf } = inConflict();
    expect(verdict).toMatchObject({ verdict: 'conflict', code: 'conflict_open', conflicts: [1], asOf: 2 });
    expect(shelf()).toEqual({ name: 'B', load: 10 });
    expect(scope.stored.held.get(made.id)).toMatchObject({
      mutation: { changes: made.changes },
      conflicts: [1],
      madeAt: morning + 1,
    });
    expect(scope.conflict(1)).toMatchObject({
      ...{ writer: 'a', device: 'device-a', fields: ['name'], policy: 'ask', state: 'open' },
      ...{
        base: { name: 'Top' },
        server: { name: 'B', load: 10 },
        serverVersion: 2,
        changes: made.changes,
        mutations: [made.id],
      },
    });
  });

  test('holds what the mutation does to other records, too', () => {
    const scope = new TestScope();
    scope.replica('z').push(put('shelves', 's1', { name: 'Top' }));
    const { mutation: id } = scope
      .replica('a')
      .push(put('items', 'i1', { name: 'Tea', shelf: 's1' }), patch('shelves', 's1', { name: 'A' }));
    expect(scope.body('items', 'i1')).toBeUndefined();
    scope.resolve(1, 'server');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', shelf: 's1' });
    expect(scope.verdict(id)).toMatchObject({
      verdict: 'merged',
      seq: 2,
      merged: [{ collection: 'shelves', id: 's1', conflict: 1 }],
    });
  });

  test('is one per record and replica: a later change is folded onto the device’s side', () => {
    const { scope, made } = inConflict();
    const a = scope.replica('a');
    const later = [
      a.push(patch('shelves', 's1', { note: 'x' }, { base: 1, replaced: { note: null } })),
      a.push(add('shelves', 's1', { load: 2 }, 1)),
      a.push(add('shelves', 's1', { load: 3 }, 1), del('shelves', 's1', 1)),
    ];
    for (const verdict of later) expect(verdict).toMatchObject({ verdict: 'conflict', conflicts: [1] });
    expect(scope.conflicts()).toHaveLength(1);
    expect(scope.conflict(1).changes.map(({ type }) => type)).toEqual([
      'patch',
      'patch',
      'add',
      'add',
      'delete',
    ]);
    expect(scope.conflict(1).mutations).toEqual([made.id, ...later.map((verdict) => verdict.mutation)]);
  });

  test('is one for each replica', () => {
    const { scope } = inConflict();
    expect(scope.replica('c').push(patch('shelves', 's1', { name: 'C' }, { base: 1 })).conflicts).toEqual([
      2,
    ]);
    expect(scope.conflicts('open').map(({ writer }) => writer)).toEqual(['a', 'c']);
  });

  test('takes no change that was made in sight of the other side', () => {
    const { scope, shelf } = inConflict();
    expect(scope.replica('a').push(patch('shelves', 's1', { note: 'seen' }, { base: 2 })).verdict).toBe(
      'applied',
    );
    expect(shelf()).toEqual({ name: 'B', load: 10, note: 'seen' });
    expect(scope.conflict(1).changes).toHaveLength(1);
  });

  test('takes one that conflicts with something later still, rather than that a second one opens', () => {
    const { scope } = inConflict();
    scope.replica('c').push(patch('shelves', 's1', { note: 'C' }, { base: 2 }));
    expect(scope.replica('a').push(patch('shelves', 's1', { note: 'A' }, { base: 2 }))).toMatchObject({
      verdict: 'conflict',
      conflicts: [1],
    });
    expect(scope.conflict(1).fields).toEqual(['name', 'note']);
  });

  test('takes the changes of the replica’s new id', () => {
    const { scope } = inConflict();
    const renewed = scope.replica('a2', { device: 'device-a', former: { a: 1 } });
    expect(renewed.push(patch('shelves', 's1', { note: 'x' }, { base: 1 })).conflicts).toEqual([1]);
  });

  test('takes every change of one mutation to its record', () => {
    const scope = new TestScope();
    scope.replica('z').push(put('shelves', 's1', { name: 'Top' }));
    scope
      .replica('a')
      .push(
        patch('shelves', 's1', { name: 'A' }),
        add('shelves', 's1', { load: 1 }),
        patch('shelves', 's1', { note: 'x' }),
      );
    expect(scope.conflicts()).toHaveLength(1);
    expect(scope.conflict(1).changes).toHaveLength(3);
  });

  test('is bounded in mutations, and so are all of a scope: beyond it a request is rejected', () => {
    const scope = new TestScope(undefined, { limits: { conflictMutationsMax: 2, conflictsOpenMax: 2 } });
    scope
      .replica('z')
      .push(
        put('shelves', 's1', { name: '1' }),
        put('shelves', 's2', { name: '2' }),
        put('shelves', 's3', { name: '3' }),
      );
    const a = scope.replica('a');
    const late = (id: string) => a.push(patch('shelves', id, { name: 'A' }));
    expect([late('s1'), late('s1'), late('s1')].map(({ verdict, code }) => [verdict, code])).toEqual([
      ['conflict', 'conflict_open'],
      ['conflict', 'conflict_open'],
      ['rejected', 'conflicts_too_many'],
    ]);
    const both = a.push(patch('shelves', 's2', { name: 'A' }), patch('shelves', 's3', { name: 'A' }));
    expect(both).toMatchObject({ verdict: 'rejected', code: 'conflicts_too_many' });
    expect([late('s2').verdict, late('s3').verdict]).toEqual(['conflict', 'rejected']);
  });

  test('is opened by a policy function that asks, fails, or answers nonsense', () => {
    for (const policy of [
      () => 'ask',
      () => {
        throw new Error('no');
      },
      () => 'yes',
      () => undefined,
      () => ({ set: null }),
      () => ({ set: [1] }),
    ]) {
      const { scope, thing } = merged(policy as RecordPolicy);
      expect(scope.replica('a').push(patch('things', 'r', { name: 'A' }, { base: 1 })).verdict).toBe(
        'conflict',
      );
      expect(scope.conflict(1).policy).toBe('function');
      expect(thing()?.name).toBe('B');
    }
  });
});

describe('a resolution', () => {
  test('for the server’s side leaves the record, and gives the mutation a verdict of its own', () => {
    const { scope, made, shelf } = inConflict();
    expect(scope.resolve(1, 'server')).toMatchObject({ type: 'resolved', verdict: null, record: { seq: 2 } });
    expect(shelf()).toEqual({ name: 'B', load: 10 });
    expect(scope.log('a').map(({ n, verdict }) => [n, verdict.verdict, verdict.seq])).toEqual([
      [1, 'conflict', undefined],
      [2, 'merged', undefined],
    ]);
    expect(scope.verdict(made.id)).toMatchObject({ asOf: 2, merged: [{ fields: ['name'], conflict: 1 }] });
    expect(scope.conflict(1)).toMatchObject({
      state: 'settled',
      settlement: { by: 'person', resolution: 'server', actor: 'ann', at: morning, seq: null },
    });
  });

  test('for the device’s side applies its mutation, as the device’s own', () => {
    const { scope, made, shelf } = inConflict();
    const outcome = scope.resolve(1, 'device');
    expect(shelf()).toEqual({ name: 'A', load: 10 });
    expect(scope.record('shelves', 's1')).toMatchObject({ seq: 3, writer: 'a', madeAt: morning + 1 });
    expect(scope.verdict(made.id)).toMatchObject({
      verdict: 'merged',
      seq: 3,
      asOf: 3,
      merged: [{ conflict: 1 }],
    });
    expect(outcome).toMatchObject({ type: 'resolved', record: { seq: 3 } });
    expect(scope.conflict(1).settlement).toMatchObject({
      resolution: 'device',
      seq: 3,
      before: { name: 'B' },
      after: { name: 'A' },
    });
    // The device has not seen what b wrote, but its own write is its own.
    expect(scope.replica('a').push(patch('shelves', 's1', { name: 'A3' }, { base: 1 })).verdict).toBe(
      'applied',
    );
  });

  test('with a value makes it the record: a commit of the server’s, by the person', () => {
    const { scope, made, shelf } = inConflict();
    const outcome = scope.resolve(1, { type: 'value', body: { name: 'A & B', note: 'agreed' } });
    expect(shelf()).toEqual({ name: 'A & B', note: 'agreed', load: 10 });
    expect(outcome).toMatchObject({ verdict: { verdict: 'merged', seq: 3 } });
    expect(scope.stored.commits[2]).toMatchObject({ device: '', replica: '', actor: 'ann' });
    expect(scope.record('shelves', 's1')).toMatchObject({ writer: serverWriter, madeAt: morning });
    expect(scope.verdict(made.id)).toMatchObject({ verdict: 'merged', asOf: 3 });
    expect(scope.verdict(made.id)).not.toHaveProperty('seq');
  });

  test('with a value moves counters by the difference to what the person saw: increments that were held count, too', () => {
    const { scope, shelf } = inConflict();
    scope.replica('a').push(add('shelves', 's1', { load: 5 }, 1));
    expect(shelf()?.load).toBe(10);
    scope.resolve(1, { type: 'value', body: { name: 'Both', load: 12 } });
    expect(shelf()).toEqual({ name: 'Both', load: 17 });
  });

  test('gives each folded mutation its own verdict, in order', () => {
    const { scope, made, shelf } = inConflict();
    const a = scope.replica('a');
    const second = a.push(patch('shelves', 's1', { name: 'A2' }, { base: 1, replaced: { name: 'A' } }));
    const third = a.push(add('shelves', 's1', { load: 5 }, 1), put('items', 'i1', { name: 'Tea' }));
    scope.resolve(1, 'device');
    expect(shelf()).toEqual({ name: 'A2', load: 15 });
    expect(
      [made.id, second.mutation, third.mutation].map((id) => [
        scope.verdict(id)?.verdict,
        scope.verdict(id)?.seq,
      ]),
    ).toEqual([
      ['merged', 3],
      ['merged', 4],
      ['applied', 5],
    ]);
  });

  test('for the server’s side still counts the increments of the device: no policy and no person sets a counter', () => {
    const { scope, shelf } = inConflict();
    scope
      .replica('a')
      .push(
        patch('shelves', 's1', { name: 'A', load: 14 }, { base: 1, replaced: { name: 'Top', load: 10 } }),
      );
    scope.resolve(1, 'server');
    expect(shelf()).toEqual({ name: 'B', load: 14 });
  });

  test('for the server’s side keeps what the device itself wrote later, in sight of it', () => {
    const { scope, made, shelf } = inConflict();
    scope.replica('a').push(patch('shelves', 's1', { name: 'A later' }, { base: 2 }));
    scope.resolve(1, 'server');
    expect(shelf()?.name).toBe('A later');
    expect(scope.verdict(made.id)).toMatchObject({ verdict: 'merged', merged: [{ conflict: 1 }] });
  });

  test('weighs what the device itself wrote since, to other records of the mutation: it came later', () => {
    const scope = new TestScope();
    scope
      .replica('z')
      .push(put('shelves', 's1', { name: 'Top' }), put('items', 'i1', { name: 'Tea', price: 1 }));
    const a = scope.replica('a');
    const late = { base: 1 };
    const first = mutation(
      [patch('shelves', 's1', { name: 'A' }), patch('items', 'i1', { price: 5, note: 'x' }, late)],
      { madeAt: morning + 1 },
    );
    a.send(first);
    a.send(mutation([patch('items', 'i1', { price: 6 }, late)], { madeAt: morning + 2 }));
    scope.resolve(1, 'device');
    expect(scope.body('items', 'i1')).toEqual({ name: 'Tea', price: 6, note: 'x' });
    // Not in silence: the price that lost is in the log.
    expect(scope.verdict(first.id)?.merged).toMatchObject([
      { collection: 'shelves', conflict: 1 },
      { collection: 'items', fields: ['price'], conflict: 2 },
    ]);
  });

  test('lets go what it held in order: mutations that lay there together are no conflict of each other', () => {
    const { scope } = inConflict();
    const a = scope.replica('a');
    const other = (name: string) => patch('shelves', 's2', { name }, { base: 3 });
    scope.replica('z').push(put('shelves', 's2', { name: 'Low' }));
    const { mutation: second } = a.push(patch('shelves', 's1', { note: '1' }, { base: 1 }), other('A1'));
    const { mutation: third } = a.push(patch('shelves', 's1', { note: '2' }, { base: 1 }), other('A2'));
    scope.resolve(1, 'device');
    expect([scope.verdict(second)?.verdict, scope.verdict(third)?.verdict]).toEqual(['merged', 'merged']);
    expect(scope.body('shelves', 's2')).toEqual({ name: 'A2' });
    expect(scope.conflicts()).toHaveLength(1);
  });

  test('is made on the version that the person saw: if the record has changed, it is refused', () => {
    const { scope, shelf } = inConflict();
    scope.replica('c').push(patch('shelves', 's1', { note: 'new' }, { base: 2 }));
    expect(scope.resolve(1, 'device', { seen: 2 })).toMatchObject({
      type: 'unresolved',
      code: 'conflict_changed',
    });
    expect(shelf()?.name).toBe('B');
    expect(scope.conflict(1).state).toBe('open');
    expect(scope.resolve(1, 'device', { seen: 3 })).toMatchObject({ type: 'resolved' });
    expect(shelf()).toEqual({ name: 'A', load: 10, note: 'new' });
  });

  test('of what is not there is refused', () => {
    const { scope } = inConflict();
    expect(scope.resolve(7, 'server')).toEqual({
      type: 'unresolved',
      code: 'not_found',
      message: 'There is no such conflict.',
    });
    expect(scope.resolve(1, 'undo')).toMatchObject({ type: 'unresolved', code: 'conflict_settled' });
  });

  test.each([
    ['does not fit the schema', { name: 7 }, 'changes[0].body.name'],
    ['is no JSON', { name: 'x', note: Number.NaN }, 'changes[0].body.note'],
    ['is too large', { name: 'x'.repeat(300_000) }, 'changes[0].body'],
    ['names the id', { id: 's1', name: 'x' }, 'changes[0].body.id'],
  ] as const)('with a value that %s is refused, and nothing has changed', (_how, body, field) => {
    const { scope } = inConflict();
    const before = structuredClone(scope.stored);
    expect(scope.resolve(1, { type: 'value', body })).toMatchObject({
      type: 'unresolved',
      code: 'malformed',
      field,
    });
    expect(scope.stored).toEqual(before);
    // Also of a record that is deleted by now.
    scope.replica('b').push(del('shelves', 's1', 2));
    expect(scope.resolve(1, { type: 'value', body })).toMatchObject({ type: 'unresolved' });
    expect(scope.body('shelves', 's1')).toBeNull();
  });

  test('with a value that is taken is refused, and nothing has changed', () => {
    const fields = z.object({ name: z.string() });
    const schema = defineSchema({
      version: 1,
      collections: { rooms: { kind: 'request', fields, policy: 'ask', unique: ['name'] } },
    });
    const scope = new TestScope(schema);
    scope.replica('z').push(put('rooms', '1', { name: 'One' }), put('rooms', '2', { name: 'Two' }));
    scope.replica('a').push(patch('rooms', '1', { name: 'A' }));
    const before = structuredClone(scope.stored);
    expect(scope.resolve(1, { type: 'value', body: { name: 'Two' } })).toMatchObject({
      type: 'unresolved',
      code: 'malformed',
    });
    expect(scope.stored).toEqual(before);
  });

  test('rejects a mutation that cannot be applied any more, and keeps it', () => {
    const scope = new TestScope();
    scope.replica('z').push(put('shelves', 's1', { name: 'Top' }));
    const { mutation: id } = scope
      .replica('a')
      .push(patch('shelves', 's1', { name: 'A' }), put('items', 'i1', { name: 'Tea', code: 'T' }));
    scope.replica('b').push(put('items', 'i2', { name: 'Oil', code: 'T' }));
    expect(scope.resolve(1, 'device')).toMatchObject({ type: 'resolved' });
    expect(scope.verdict(id)).toMatchObject({ verdict: 'rejected', code: 'unique_taken' });
    expect(scope.body('shelves', 's1')).toEqual({ name: 'Top' });
    expect(scope.stored.quarantine).toMatchObject([{ mutation: id, inScope: true }]);
  });

  test('of one of two conflicts leaves the mutation held by the other, and says so', () => {
    const scope = new TestScope();
    scope.replica('z').push(put('shelves', 's1', { name: '1' }), put('shelves', 's2', { name: '2' }));
    const { mutation: id } = scope
      .replica('a')
      .push(patch('shelves', 's1', { name: 'A1' }), patch('shelves', 's2', { name: 'A2' }));
    scope.resolve(1, 'device');
    expect(scope.log('a').map(({ n, verdict }) => [n, verdict.verdict])).toEqual([
      [1, 'conflict'],
      [2, 'conflict'],
    ]);
    expect([scope.body('shelves', 's1'), scope.body('shelves', 's2')]).toEqual([
      { name: '1' },
      { name: '2' },
    ]);
    scope.resolve(2, 'server');
    expect(scope.verdict(id)).toMatchObject({
      verdict: 'merged',
      seq: 2,
      merged: [{ conflict: 1 }, { conflict: 2 }],
    });
    expect([scope.body('shelves', 's1'), scope.body('shelves', 's2')]).toEqual([
      { name: 'A1' },
      { name: '2' },
    ]);
  });

  test('of a mutation of which another record has come into conflict since rejects it: it says which side of which record is unknown', () => {
    const scope = new TestScope();
    scope.replica('z').push(put('shelves', 's1', { name: '1' }), put('shelves', 's2', { name: '2' }));
    scope.replica('b').push(patch('shelves', 's1', { name: 'B' }, { base: 1 }));
    const { mutation: id } = scope
      .replica('a')
      .push(
        patch('shelves', 's1', { name: 'A1' }, { base: 1 }),
        patch('shelves', 's2', { name: 'A2' }, { base: 1 }),
      );
    scope.replica('b').push(patch('shelves', 's2', { name: 'B' }, { base: 1 }));
    scope.resolve(1, 'device');
    expect(scope.verdict(id)).toMatchObject({ verdict: 'rejected', code: 'conflict_open' });
    expect(scope.body('shelves', 's1')).toEqual({ name: 'B' });
  });

  test('waits for nothing, though a replica should call itself by the server’s name', () => {
    const { scope } = inConflict();
    scope
      .replica('server')
      .push(
        patch('shelves', 's1', { name: 'Mine' }, { base: 2 }),
        put('items', 'i1', { name: 'Tea', shelf: 's9' }),
      );
    expect(scope.stored.replicas.get('server')?.waiting).toBe(1);
    expect(scope.resolve(1, { type: 'value', body: { name: 'Both' } })).toMatchObject({
      type: 'resolved',
      verdict: { seq: 3 },
    });
  });

  test('counts as another’s write for every device', () => {
    const { scope } = inConflict();
    scope.resolve(1, { type: 'value', body: { name: 'Both' } });
    expect(scope.replica('a').push(patch('shelves', 's1', { name: 'A' }, { base: 2 })).verdict).toBe(
      'conflict',
    );
    expect(scope.replica('b').push(patch('shelves', 's1', { name: 'B' }, { base: 2 })).verdict).toBe(
      'conflict',
    );
  });

  test('of a delete decides whether it happens', () => {
    for (const answer of ['server', 'device'] as const) {
      const scope = new TestScope();
      scope.replica('z').push(put('shelves', 's1', { name: 'Top' }));
      scope.replica('b').push(patch('shelves', 's1', { name: 'B' }, { base: 1 }));
      expect(scope.replica('a').push(del('shelves', 's1', 1)).verdict).toBe('conflict');
      scope.resolve(1, answer);
      expect(scope.body('shelves', 's1')).toEqual(answer === 'server' ? { name: 'B' } : null);
    }
  });

  test.each([
    ['patch', patch('shelves', 's1', { name: 'A' }, { base: 1 }), { name: 'A', load: 10 }],
    ['add', add('shelves', 's1', { load: 2 }, 1), { name: 'Top', load: 12 }],
    [
      'put',
      put('shelves', 's1', { name: 'A', load: 3 }, { base: 1, replaced: { name: 'Top', load: 10 } }),
      { name: 'A', load: 3 },
    ],
  ] as const)(
    'for a device that made a %s of what was deleted brings the record back as it wanted it',
    (_what, change, body) => {
      const scope = new TestScope();
      scope.replica('z').push(put('shelves', 's1', { name: 'Top', load: 10 }));
      scope.replica('b').push(del('shelves', 's1', 1));
      expect(scope.replica('a').push(change).verdict).toBe('conflict');
      scope.resolve(1, 'device');
      expect(scope.body('shelves', 's1')).toEqual(body);
    },
  );

  test('for a device whose record history has lost rejects what only changed it', () => {
    const scope = new TestScope();
    scope.replica('z').push(put('shelves', 's1', { name: 'Top' }));
    scope.replica('b').push(del('shelves', 's1', 1));
    const { mutation: id } = scope.replica('a').push(patch('shelves', 's1', { name: 'A' }, { base: 1 }));
    scope.loseHistory();
    scope.resolve(1, 'device');
    expect(scope.verdict(id)).toMatchObject({ verdict: 'rejected', code: 'record_deleted' });
  });
});

describe('what a policy answered', () => {
  test('can be undone, and the undo undone', () => {
    const { scope, thing } = merged('client');
    scope
      .replica('a')
      .push(
        patch(
          'things',
          'r',
          { name: 'A' },
          { base: 1, unset: ['note'], replaced: { name: 'Z', note: null } },
        ),
      );
    expect(thing()).toEqual({ name: 'A', stock: 10 });
    expect(scope.resolve(1, 'undo')).toMatchObject({
      type: 'resolved',
      record: { writer: serverWriter, seq: 4 },
    });
    expect(thing()).toEqual({ name: 'B', stock: 10 });
    scope.resolve(1, 'undo');
    expect(thing()).toEqual({ name: 'A', stock: 10 });
  });

  test('for the server’s side is undone by doing the device’s', () => {
    const { scope, thing } = merged('server');
    scope.replica('a').push(patch('things', 'r', { name: 'A' }, { base: 1 }));
    expect(thing()?.name).toBe('B');
    scope.resolve(1, 'undo');
    expect(thing()?.name).toBe('A');
    scope.resolve(1, 'undo');
    expect(thing()?.name).toBe('B');
  });

  test('leaves alone what the undone answer did not touch', () => {
    const { scope, thing } = merged('client');
    scope.replica('a').push(patch('things', 'r', { name: 'A' }, { base: 1 }));
    scope
      .replica('c')
      .push(patch('things', 'r', { note: 'later' }, { base: 3 }), add('things', 'r', { stock: 1 }));
    scope.resolve(1, 'undo');
    expect(thing()).toEqual({ name: 'B', stock: 11, note: 'later' });
  });

  test('a delete that won over a change comes undone: the change is made', () => {
    const { scope, thing } = merged('merge');
    scope.replica('b').push(del('things', 'r', 2));
    expect(scope.replica('a').push(patch('things', 'r', { name: 'A' }, { base: 1 }))).toMatchObject({
      verdict: 'merged',
    });
    expect(thing()).toBeNull();
    expect(scope.conflict(1)).toMatchObject({
      server: null,
      changes: [{ type: 'patch', set: { name: 'A' } }],
      base: { name: 'Z', stock: 10 },
    });
    scope.resolve(1, 'undo');
    expect(thing()).toEqual({ name: 'A', stock: 10 });
    scope.resolve(1, 'undo');
    expect(thing()).toBeNull();
  });

  test('a change that a delete won over comes back: the losing content is in the log', () => {
    const { scope, thing } = merged('merge');
    scope.replica('a').push(del('things', 'r', 1));
    expect(thing()).toBeNull();
    expect(scope.conflict(1)).toMatchObject({
      server: { name: 'B', stock: 10 },
      changes: [{ type: 'delete' }],
      fields: ['name'],
    });
    scope.resolve(1, 'undo');
    expect(thing()).toEqual({ name: 'B', stock: 10 });
  });

  test('can be answered otherwise: the server’s side, the device’s, a value', () => {
    const { scope, thing } = merged('merge');
    scope
      .replica('a')
      .send(mutation([patch('things', 'r', { name: 'A', note: 'x' }, { base: 1 })], { madeAt: morning + 9 }));
    scope.resolve(1, 'server');
    expect(thing()).toEqual({ name: 'B', note: 'x', stock: 10 });
    scope.resolve(1, 'device');
    expect(thing()).toEqual({ name: 'A', note: 'x', stock: 10 });
    scope.resolve(1, { type: 'value', body: { name: 'V', stock: 11 } });
    expect(thing()).toEqual({ name: 'V', stock: 11 });
  });

  test('counts each increment once, however often it is answered otherwise', () => {
    const { scope, thing } = merged('server');
    scope
      .replica('a')
      .push(patch('things', 'r', { name: 'A', stock: 13 }, { base: 1, replaced: { name: 'Z', stock: 10 } }));
    expect(thing()).toEqual({ name: 'B', stock: 13 });
    for (const answer of ['device', 'device', 'server', 'device', 'server', 'server', 'device'] as const) {
      scope.resolve(1, answer);
      expect(thing()).toEqual({ name: answer === 'device' ? 'A' : 'B', stock: 13 });
    }
  });

  test('counts increments anew with a record that begins anew', () => {
    const { scope, thing } = merged('server');
    scope
      .replica('a')
      .push(patch('things', 'r', { name: 'A', stock: 13 }, { base: 1, replaced: { name: 'Z', stock: 10 } }));
    scope.replica('b').push(del('things', 'r', 3));
    scope.resolve(1, 'device');
    expect(thing()).toEqual({ name: 'A', stock: 13 });
  });

  test('for the server’s side, twice, and then undone does the device’s fields and not its increments', () => {
    const { scope, thing } = merged('server');
    scope
      .replica('a')
      .push(patch('things', 'r', { name: 'A', stock: 13 }, { base: 1, replaced: { name: 'Z', stock: 10 } }));
    scope.resolve(1, 'server');
    scope.resolve(1, 'undo');
    expect(thing()).toEqual({ name: 'A', stock: 13 });
  });

  test('is told again to who sent it, when a person answers otherwise', () => {
    const { scope } = merged('server');
    const { mutation: id } = scope.replica('a').push(patch('things', 'r', { name: 'A' }, { base: 1 }));
    scope.resolve(1, 'undo');
    expect(
      scope.log('a').map(({ n, verdict: { mutation: of, verdict, asOf } }) => [n, of, verdict, asOf]),
    ).toEqual([
      [1, id, 'merged', 2],
      [2, id, 'merged', 3],
    ]);
    // The replica that sends it for the first time gets the verdict in force.
    expect(scope.verdict(id)).toMatchObject({ verdict: 'merged', asOf: 3 });
  });
});

describe('a collection that the schema has dropped', () => {
  test('leaves conflicts that can be closed, and nothing else', () => {
    const { scope } = inConflict();
    const later = new TestScope(
      defineSchema({
        version: 2,
        former: [scope.schema],
        collections: { other: { kind: 'fact', fields: z.object({}) } },
      }),
    );
    Object.assign(later.stored, scope.stored);
    expect(later.resolve(1, 'device')).toMatchObject({ type: 'resolved', verdict: null });
    expect(later.body('shelves', 's1')).toEqual({ name: 'B', load: 10 });
    expect(later.stored.held.size).toBe(0);
  });
});

test('two answers mean the same in one plan as in two', () => {
  const verdicts = (together: boolean) => {
    const scope = new TestScope();
    const shelves = ['s1', 's2'];
    const first = [
      ...shelves.map((id) => put('shelves', id, { name: id })),
      put('items', 'i1', { name: 'Tea' }),
    ];
    scope.replica('z').push(...first);
    scope.replica('b').push(...shelves.map((id) => patch('shelves', id, { name: 'B' }, { base: 1 })));
    const held = shelves.map((id) =>
      scope
        .replica('a')
        .push(
          patch('shelves', id, { name: 'A' }, { base: 1 }),
          patch('items', 'i1', { name: id }, { base: 1, replaced: { name: 'Tea' } }),
        ),
    );
    const answers = [1, 2].map((conflict) => ({
      ...{ type: 'resolve' as const, conflict, seenVersion: 2, answer: { type: 'device' as const } },
      ...{ mutation: newId(), actor: 'ann' },
    }));
    for (const items of together ? [answers] : answers.map((answer) => [answer])) scope.commit(items);
    return held.map(({ mutation: id }) => scope.verdict(id));
  };
  const together = verdicts(true);
  expect(together).toMatchObject([
    { verdict: 'merged' },
    { verdict: 'merged', merged: [{}, { collection: 'items' }] },
  ]);
  expect(together.map((verdict) => verdict?.merged)).toEqual(
    verdicts(false).map((verdict) => verdict?.merged),
  );
});
