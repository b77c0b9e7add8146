// The translation in both directions, by example.

import { createHash } from 'node:crypto';
import { defaultLimits, type ExchangeRequest, type StoredRecord, type VerdictEntry } from '@holdfast/core';
import { expect, test } from 'vitest';
import type { PullResult } from '../../engine/engine.ts';
import { exchangeOf, mutationOf, schema } from './native.fixture.ts';
import { answerText, pullOf, pushOf, recordText } from './translate.ts';

const atMs = 1_700_000_000_000;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const context = { schema, limits: defaultLimits, sha256, atMs };
const put = { type: 'put', collection: 'items', id: 'i1', body: { name: 'a', price: 2 } };

function requestOf(parts: Record<string, unknown> = {}): ExchangeRequest {
  return exchangeOf(parts) as unknown as ExchangeRequest;
}

function arrivedOf(mutation: Record<string, unknown>, parts: Record<string, unknown> = {}) {
  const push = pushOf(requestOf({ ...parts, batch: { n: 1, mutations: [mutation] } }), context);
  const [arrived] = push?.mutations ?? [];
  if (!arrived) throw new Error('Nothing arrived.');
  return arrived;
}

test('an exchange without a batch pushes nothing', () => {
  expect(pushOf(requestOf(), context)).toBeUndefined();
});

test('a push carries what the engine asks for', () => {
  const request = requestOf({
    checkpoint: 'c',
    verdictsSeen: 4,
    seqSeen: 9,
    former: [{ id: 'r0', seqSeen: 5 }],
    batch: { n: 7, mutations: [mutationOf(1, put)] },
  });
  expect(pushOf(request, context)).toMatchObject({
    replica: 'r1',
    former: [{ id: 'r0', seqSeen: 5 }],
    n: 7,
    verdictsSeen: 4,
    seqSeen: 9,
    checkpoint: 'c',
  });
});

test('the hash covers the mutation and nothing of the envelope', () => {
  const { hash } = arrivedOf(mutationOf(1, put));
  expect(
    arrivedOf(mutationOf(1, put), {
      ...{ replica: 'r2', device: 'd2', checkpoint: 'c', seqSeen: 3 },
      former: [{ id: 'r1', seqSeen: 2 }],
    }).hash,
  ).toBe(hash);
  const swapped = { ...put, body: { price: 2, name: 'a' } };
  expect(arrivedOf(mutationOf(1, swapped)).hash).toBe(hash);
  for (const other of [
    mutationOf(2, put),
    { ...mutationOf(1, put), actor: 'ann' },
    { ...mutationOf(1, put), schema: 1 },
    mutationOf(1, { ...put, base: 1 }),
    mutationOf(1, { ...put, body: { name: 'a', price: 3 } }),
    { ...mutationOf(1, put), made: { wall: atMs, mono: 6, session: 's1', offset: 0, seen: 0 } },
  ])
    expect(arrivedOf(other).hash).not.toBe(hash);
});

test('a clock in 2099 does not reach beyond the arrival', () => {
  const wall = Date.UTC(2099, 0, 1);
  const made = { wall, mono: 5, session: 'before', offset: 0, seen: 0 };
  expect(arrivedOf({ ...mutationOf(1, put), made }).madeAt).toBe(atMs);
  // Within one session the monotonic clock measures the age, whatever the wall says.
  const now = { wall, mono: 2_005, session: 's1' };
  expect(arrivedOf({ ...mutationOf(1, put), made: { ...made, session: 's1' } }, { clock: now }).madeAt).toBe(
    atMs - 2_000,
  );
});

test('the door’s finding goes along', () => {
  expect(arrivedOf(mutationOf(1, put)).problem).toBeUndefined();
  const bad = arrivedOf(mutationOf(1, { ...put, body: { name: 3 } }));
  expect(bad.problem).toMatchObject({ code: 'invalid_record', field: 'changes[0].body.name' });
});

test('a pull asks behind the checkpoint, and for verdicts', () => {
  expect(pullOf(requestOf())).toEqual({ after: null, verdictsOf: { replica: 'r1', seen: 0 } });
  expect(pullOf(requestOf({ checkpoint: 'c', limit: 0, verdictsSeen: 3 }))).toEqual({
    after: { checkpoint: 'c' },
    recordsMax: 0,
    verdictsOf: { replica: 'r1', seen: 3 },
  });
});

const record = (body: string | null): StoredRecord =>
  ({ collection: 'items', id: 'a"b', seq: 7, body }) as StoredRecord;

function pulledOf(parts: Partial<PullResult> = {}): PullResult {
  return {
    records: [],
    checkpoint: 'c2',
    stamp: 0,
    head: 9,
    more: false,
    grants: 'all',
    verdicts: [],
    conflicts: [],
    ...parts,
  };
}

test('a body leaves as it is stored, to the letter', () => {
  const body = '{"b":1.10, "a":"\\u00e9","b2":1e2}';
  expect(recordText(record(body))).toBe(`{"collection":"items","id":"a\\"b","version":7,"body":${body}}`);
  expect(recordText(record(null))).toBe('{"collection":"items","id":"a\\"b","version":7,"deleted":true}');
  const pulled = pulledOf({ records: [record(body), record(null)] });
  const text = answerText({ request: requestOf(), pushed: undefined, pulled, nowMs: 5 });
  expect(text).toContain(body);
  expect(JSON.parse(text)).toMatchObject({
    protocol: 'holdfast/1',
    from: null,
    checkpoint: 'c2',
    head: 9,
    more: false,
    records: [{ body: { a: 'é' } }, { deleted: true }],
    errors: [],
    grants: 'all',
    now: 5,
  });
  // What stands before them says what to ask for next, while they are on their way.
  expect(Object.keys(JSON.parse(text)).at(-1)).toBe('records');
});

const verdict = (n: number): VerdictEntry => ({ n, mutation: `m${n}`, verdict: 'applied', asOf: n });

function numbersOf(seen: number, pushed: readonly number[], pulled: readonly number[]): number[] {
  const text = answerText({
    request: requestOf({ verdictsSeen: seen }),
    pushed: { verdicts: pushed.map(verdict), errors: [] },
    pulled: pulledOf({ verdicts: pulled.map(verdict) }),
    nowMs: 0,
  });
  return (JSON.parse(text) as { verdicts: VerdictEntry[] }).verdicts.map(({ n }) => n);
}

test('verdicts: those not seen and those of the batch, each once, in order', () => {
  expect(numbersOf(2, [3, 4], [3, 4])).toEqual([3, 4]);
  // A repeat of what was answered before.
  expect(numbersOf(5, [2, 3], [6])).toEqual([2, 3, 6]);
});

test('a verdict of the batch does not overtake those that did not fit', () => {
  expect(numbersOf(0, [8, 9], [1, 2, 3])).toEqual([1, 2, 3]);
});
