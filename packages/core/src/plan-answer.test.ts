// What a person on a device answers to a conflict: a mutation of its own, with a verdict like any other.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ResolveChange } from './change.ts';
import { add, type Draughted, del, mutation, patch, put, resolve, shop, TestScope } from './plan.fixture.ts';
import { defineSchema, type Schema } from './schema.ts';
import type { StoredConflict } from './stored.ts';
import { storyOf, storySchema, tell } from './story.fixture.ts';

/** The shelf is at version 2: b has named it 'B' when a names it 'A', and loads 5 more. */
function inConflict(schema: Schema = shop) {
  const scope = new TestScope(schema);
  scope.replica('z').push(put('shelves', 's1', { name: 'Top', load: 10 }));
  scope.replica('b').push(patch('shelves', 's1', { name: 'B' }, { base: 1, replaced: { name: 'Top' } }));
  const a = scope.replica('a');
  const held = a.push(
    patch('shelves', 's1', { name: 'A' }, { base: 1, replaced: { name: 'Top' } }),
    add('shelves', 's1', { load: 5 }, 1),
  );
  const conflict = scope.conflict(1);
  const answer = (
    type: ResolveChange['answer'],
    rest: Parameters<typeof resolve>[2] = { base: 2 },
    by = { actor: 'ann' },
  ): Draughted => mutation([resolve(conflict, type, rest)], by);
  return { scope, a, held, conflict, answer, shelf: () => scope.body('shelves', 's1') };
}

describe('an answer that a device sends', () => {
  test('for the server’s side leaves the record, settles the conflict, and is told to the device', () => {
    const { scope, a, held, answer, shelf } = inConflict();
    const verdict = a.send(answer('server'));
    expect(verdict).toMatchObject({ verdict: 'applied', asOf: 3, n: 3 });
    expect(verdict.seq).toBeUndefined();
    expect(shelf()).toEqual({ name: 'B', load: 15 });
    expect(scope.conflict(1)).toMatchObject({
      state: 'settled',
      settlement: { by: 'person', resolution: 'server', actor: 'ann', device: 'device-a' },
    });
    expect(scope.verdict(held.mutation)).toMatchObject({ verdict: 'merged', seq: 3 });
  });

  test('for the device’s side lets its mutation go; both have a verdict in its log', () => {
    const { scope, a, held, answer, shelf } = inConflict();
    const made = answer('device');
    a.send(made);
    expect(shelf()).toEqual({ name: 'A', load: 15 });
    expect(scope.log('a').map(({ verdict }) => [verdict.mutation, verdict.verdict])).toEqual([
      [held.mutation, 'conflict'],
      [held.mutation, 'merged'],
      [made.id, 'applied'],
    ]);
  });

  test('with a value is a commit of its own, by the person and the device', () => {
    const { scope, a, answer, shelf } = inConflict();
    const made = answer('value', { base: 2, body: { name: 'C', load: 20 } });
    expect(a.send(made)).toMatchObject({
      ...{ verdict: 'merged', seq: 3, merged: [{ id: 's1', conflict: 1 }] },
    });
    expect(shelf()).toEqual({ name: 'C', load: 25 });
    expect(scope.stored.commits[2]).toMatchObject({
      ...{ mutation: made.id, device: 'device-a', replica: 'a', actor: 'ann' },
    });
  });

  test('may be about a conflict of another device, which hears of it', () => {
    const { scope, held, answer } = inConflict();
    expect(scope.replica('c').send(answer('server'))).toMatchObject({ verdict: 'applied', n: 1 });
    expect(scope.log('a').at(-1)?.verdict).toMatchObject({ mutation: held.mutation, verdict: 'merged' });
  });

  test('can be undone by a device, and that again', () => {
    const { scope, a, answer, shelf } = inConflict();
    a.send(answer('value', { base: 2, body: { name: 'C' } }));
    a.send(answer('undo', { base: scope.record('shelves', 's1')?.seq ?? 0 }));
    expect(shelf()).toEqual({ name: 'B', load: 10 });
    a.send(answer('undo', { base: scope.record('shelves', 's1')?.seq ?? 0 }));
    expect(shelf()).toEqual({ name: 'C', load: 15 });
  });

  test('is taken once, however often it comes, and its repeat gets the same verdict', () => {
    const { scope, a, answer } = inConflict();
    const made = answer('value', { base: 2, body: { name: 'C' } });
    const first = a.send(made);
    const { head } = scope.stored.state;
    expect(a.send(made)).toEqual(first);
    expect(scope.replica('a2', { device: 'device-a' }).send(made)).toEqual({ ...first, n: 1 });
    expect(scope.stored.state.head).toBe(head);
    expect(a.batch([{ ...made, changes: answer('server').changes }]).errors).toMatchObject([
      { code: 'id_reused' },
    ]);
  });

  test('is the replica’s own: what it writes to the record before it hears of the verdict is no conflict', () => {
    const { scope, answer, shelf } = inConflict();
    const a = scope.replica('a', { seqSeen: 0 });
    const later = mutation([patch('shelves', 's1', { note: 'mine' }, { base: 2, replaced: { note: null } })]);
    const { verdicts } = a.batch([answer('value', { base: 2, body: { name: 'C' } }), later]);
    expect(verdicts).toMatchObject([{ verdict: 'merged' }, { verdict: 'applied' }]);
    expect(shelf()).toMatchObject({ name: 'C', note: 'mine' });
  });

  test('is made in sight of what the replica itself wrote since', () => {
    const { a, answer, shelf } = inConflict();
    a.push(add('shelves', 's1', { load: -3 }, 2));
    const given = { base: 2, body: { name: 'C', load: 7 }, replaced: { name: 'B' } };
    expect(a.send(answer('value', given))).toMatchObject({ verdict: 'merged' });
    expect(shelf()).toEqual({ name: 'C', load: 12 });
  });

  test('is another’s for every other device', () => {
    const { scope, a, answer } = inConflict();
    a.send(answer('value', { base: 2, body: { name: 'C' } }));
    expect(scope.replica('c').push(patch('shelves', 's1', { name: 'D' }, { base: 2 }))).toMatchObject({
      verdict: 'conflict',
      conflicts: [2],
    });
  });

  test('is read by the schema that the device has', () => {
    const collections = (fields: z.ZodObject) => ({
      shelves: { kind: 'request' as const, policy: 'ask' as const, fields, counters: { load: {} } },
    });
    const fields = z.object({ name: z.string(), load: z.number().optional() });
    const former = defineSchema({ version: 1, collections: collections(fields) });
    const strict = collections(fields.extend({ name: z.string().max(3), note: z.string() }));
    const newer = defineSchema({ version: 2, collections: strict, former: [former] });
    const { a, answer, shelf } = inConflict(newer);
    const given = { base: 2, body: { name: 'Corner' } };
    expect(a.send({ ...answer('value', given), schema: 2 })).toMatchObject({ code: 'invalid_record' });
    expect(a.send(answer('value', given))).toMatchObject({ verdict: 'merged' });
    expect(shelf()).toEqual({ name: 'Corner', load: 15 });
  });
});

describe('an answer is rejected, and the conflict stays as it is,', () => {
  const open = (scope: TestScope) =>
    expect(scope.conflict(1)).toMatchObject({ state: 'open', settlement: null });

  test('when the record has changed since the person saw it', () => {
    const { scope, a, answer } = inConflict();
    expect(a.send(answer('device', { base: 1 }))).toMatchObject({
      ...{ verdict: 'rejected', code: 'conflict_changed', field: 'changes[0].base' },
    });
    expect(a.send(answer('device', {}))).toMatchObject({ code: 'conflict_changed' });
    expect(a.send(answer('device', { base: 3 }))).toMatchObject({ code: 'conflict_changed' });
    scope.replica('c').push(patch('shelves', 's1', { note: 'c' }, { base: 2 }));
    a.push(add('shelves', 's1', { load: 1 }, 3));
    expect(a.send(answer('device', { base: 2 }))).toMatchObject({ code: 'conflict_changed' });
    open(scope);
  });

  test('when somebody has settled it: a person who saw it open did not see that', () => {
    const { scope, a, answer } = inConflict();
    const settled = scope.resolve(1, 'server');
    const version = settled.type === 'resolved' ? settled.record?.seq : 0;
    for (const type of ['server', 'device'] as const)
      expect(a.send(answer(type, { base: version ?? 0 }))).toMatchObject({
        ...{ verdict: 'rejected', code: 'conflict_settled', field: 'changes[0].conflict' },
      });
    expect(scope.conflict(1).settlement).toMatchObject({ resolution: 'server', actor: 'ann' });
  });

  test('when it would undo what is open', () => {
    const { scope, a, answer } = inConflict();
    expect(a.send(answer('undo'))).toMatchObject({ code: 'conflict_settled', field: 'changes[0].answer' });
    open(scope);
  });

  test.each([
    ['there is none', { id: 7 }],
    ['it is about another record', { record: 's2' }],
    ['it is about another collection', { collection: 'items' }],
  ])('when %s: all are told the same', (_what, other) => {
    const { scope, a, conflict } = inConflict();
    expect(a.push(resolve({ ...conflict, ...other }, 'device', { base: 2 }))).toMatchObject({
      ...{ verdict: 'rejected', code: 'conflict_unknown', field: 'changes[0].conflict' },
      message: 'There is no such conflict.',
    });
    open(scope);
  });

  test.each(['read', 'none'] as const)('when the device has the right %s', (right) => {
    const { scope, answer } = inConflict();
    expect(scope.replica('c', { right }).send(answer('device'))).toMatchObject({ code: 'no_grant' });
    open(scope);
  });

  test('when what it gives does not fit', () => {
    const { scope, a, answer } = inConflict();
    expect(a.send(answer('value', { base: 2, body: { name: 7 } }))).toMatchObject({
      ...{ verdict: 'rejected', code: 'invalid_record', field: 'changes[0].body.name' },
    });
    open(scope);
  });

  test('when it cannot be done: it says why, in its own change', () => {
    const fields = z.object({ name: z.string(), code: z.string().optional() });
    const things = { kind: 'request', policy: 'ask', fields, unique: ['code'] } as const;
    const scope = new TestScope(defineSchema({ version: 1, collections: { things } }));
    scope.replica('z').push(put('things', 'x', { name: 'X' }), put('things', 'y', { name: 'Y', code: 'c' }));
    scope.replica('b').push(patch('things', 'x', { name: 'B' }, { base: 1 }));
    scope.replica('a').push(patch('things', 'x', { name: 'A' }, { base: 1 }));
    const body = { name: 'C', code: 'c' };
    expect(scope.replica('a').push(resolve(scope.conflict(1), 'value', { base: 2, body }))).toMatchObject({
      ...{ verdict: 'rejected', code: 'unique_taken', field: 'changes[0].code' },
    });
    open(scope);
  });

  test('when it is too large', () => {
    const { scope, a, answer } = inConflict();
    const body = { name: 'x'.repeat(300_000) };
    expect(a.send(answer('value', { base: 2, body }))).toMatchObject({
      ...{ verdict: 'rejected', code: 'record_too_large', field: 'changes[0].body' },
    });
    open(scope);
  });

  test.each([
    ['a value without a record', 'value', {}],
    ['a record without a value', 'device', { body: { name: 'C' } }],
    ['what was replaced, without a value', 'server', { replaced: { name: 'B' } }],
  ] as const)('when it is %s', (_what, type, rest) => {
    const { scope, a, answer } = inConflict();
    expect(a.send(answer(type, { base: 2, ...rest }))).toMatchObject({
      ...{ verdict: 'rejected', code: 'malformed_mutation', field: 'changes[0].body' },
    });
    open(scope);
  });

  test('when it does not stand alone', () => {
    const { scope, a, conflict } = inConflict();
    const answer = resolve(conflict, 'device', { base: 2 });
    for (const changes of [
      [answer, answer],
      [del('shelves', 's1', 2), answer],
    ])
      expect(a.push(...changes)).toMatchObject({
        ...{ verdict: 'rejected', code: 'malformed_mutation', field: `changes[${changes.indexOf(answer)}]` },
      });
    open(scope);
  });

  test('and lies in the quarantine of the device', () => {
    const { scope, a, answer } = inConflict();
    const made = answer('device', { base: 1 });
    a.send(made);
    expect(scope.stored.quarantine.at(-1)).toMatchObject({
      ...{ device: 'device-a', mutation: made.id, code: 'conflict_changed', inScope: true },
    });
  });
});

test('an answer on a device does to records, conflicts and held mutations what the same does at the server', () => {
  const story = storyOf(['sync', 'resolve']);
  const answers = fc.constantFrom('server', 'device', 'value', 'undo');
  fc.assert(
    fc.property(story, fc.nat(), answers, (steps, pick, answer) => {
      const [there, here] = [tell(steps).scope, tell(steps).scope];
      const open = there.conflicts(answer === 'undo' ? 'settled' : 'open');
      const conflict = open[pick % Math.max(1, open.length)];
      if (!conflict) return;
      const body = { a: pick % 4, count: pick % 3 };
      const outcome = there.resolve(conflict.id, answer === 'value' ? { type: 'value', body } : answer);
      const base = here.record(conflict.collection, conflict.record)?.seq ?? 0;
      const rest = { base, ...(answer === 'value' ? { body } : {}) };
      const verdict = here.replica('d').push(resolve(conflict, answer, rest));
      expect(verdict.verdict === 'rejected').toBe(outcome.type === 'unresolved');
      expect(seenOf(here)).toEqual(seenOf(there));
    }),
    { numRuns: 60 },
  );
});

/** All that does not say who decided. Both scopes tell the same story under other mutation ids. */
function seenOf({ stored, schema }: TestScope): unknown {
  expect(schema).toBe(storySchema);
  const names = new Map([...stored.mutations.keys()].map((id, place) => [id, place]));
  const said = ({ id, state, collection, record }: StoredConflict) => ({ id, state, collection, record });
  return {
    head: stored.state.head,
    bodies: [...stored.records.values()].map(({ collection, id, seq, body }) => [collection, id, seq, body]),
    conflicts: [...stored.conflicts.values()].map(said),
    held: [...stored.held.keys()].map((id) => names.get(id)),
  };
}
