// The wire: what is accepted, what is refused, and a hash that pins the messages to the protocol version.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { canonicalJson } from './canonical.ts';
import * as messages from './messages.ts';
import { mutation, put } from './plan.fixture.ts';
import { sha256 } from './scope-store.fixture.ts';

/** Every version, oldest first. Once released, a version's messages never change: what differs is a new version. */
const history: readonly { marker: string; hash: string }[] = [
  { marker: 'holdfast/1', hash: 'a06c1cbd3fd1cbb6b17857581367b67cf2edddb91c4bcef663ba26e0025c6b49' },
];

test('the messages are those of their protocol version', () => {
  const schemas = Object.entries(messages).filter(([name]) => name.endsWith('Message')) as [
    string,
    z.ZodType,
  ][];
  expect(schemas.map(([name]) => name).sort()).toEqual([
    ...['answerMessage', 'batchMessage', 'changeMessage', 'clockMessage', 'enrolMessage', 'enrolledMessage'],
    ...['errorMessage', 'exchangeMessage', 'mutationMessage'],
  ]);
  const shapes = Object.fromEntries(
    schemas.map(([name, schema]) => [name, z.toJSONSchema(schema, { unrepresentable: 'any' })]),
  );
  const hash = sha256(canonicalJson(JSON.parse(JSON.stringify(shapes))));
  const advice =
    'The messages changed: raise protocolMarker and add the new hash to the history, or take the change back.';
  expect(history.at(-1), advice).toEqual({ marker: messages.protocolMarker, hash });
});

const made = {
  ...mutation([put('items', 'i1', { name: 'Tea' }, { base: 3, replaced: { name: null } })]),
  actor: 'maria',
};
const answer = { type: 'resolve', collection: 'items', id: 'i1', base: 3, conflict: 7, answer: 'device' };
const exchange = {
  ...{
    protocol: messages.protocolMarker,
    device: 'till-1',
    replica: 'r1',
    scope: 'shop',
    checkpoint: null,
    schema: 1,
  },
  ...{ clock: { wall: 1, mono: 2.5, session: 's' }, verdictsSeen: 0, seqSeen: 0, limit: 0 },
  former: [{ id: 'r0', seqSeen: 7 }],
  batch: { n: 1, mutations: [made] },
};

describe('an exchange', () => {
  test('is read, and what is not known of it is ignored', () => {
    const read = messages.exchangeMessage.parse({
      ...exchange,
      later: true,
      batch: { ...exchange.batch, later: 1 },
    });
    expect(read).toEqual(exchange);
  });

  test('may bring an answer to a conflict', () => {
    const value = { ...answer, answer: 'value', body: { name: 'Tea' } };
    for (const change of [answer, value]) expect(messages.changeMessage.parse(change)).toEqual(change);
  });

  test('may bring nothing', () => {
    const { batch: _, limit: __, former: ___, ...bare } = exchange;
    expect(messages.exchangeMessage.parse(bare)).toEqual(bare);
  });

  test('keeps all of a record’s content, as it came', () => {
    const body = { zeta: 1, alpha: [{ deep: [null] }], toString: 'x' };
    const change = { type: 'put', collection: 'items', id: 'i', body };
    const read = messages.changeMessage.parse(change);
    expect(JSON.stringify(read.type === 'put' && read.body)).toBe(JSON.stringify(body));
  });

  test.each([
    ['another protocol', { protocol: 'holdfast/2' }, 'protocol'],
    ['no device', { device: undefined }, 'device'],
    ['an empty replica', { replica: '' }, 'replica'],
    ['a scope too long', { scope: 'x'.repeat(201) }, 'scope'],
    ['a checkpoint that is no text', { checkpoint: 3 }, 'checkpoint'],
    ['a schema version 0', { schema: 0 }, 'schema'],
    ['a broken number of verdicts', { verdictsSeen: 1.5 }, 'verdictsSeen'],
    ['no collections', { collections: [] }, 'collections'],
    ['too many collections', { collections: Array(101).fill('c') }, 'collections'],
    ['a negative limit', { limit: -1 }, 'limit'],
    ['no seq of its own', { seqSeen: undefined }, 'seqSeen'],
    ['a former id alone', { former: ['r0'] }, 'former.0'],
    ['a number beyond 2^53', { verdictsSeen: 2 ** 53 }, 'verdictsSeen'],
    ['a clock without a session', { clock: { wall: 1, mono: 1 } }, 'clock.session'],
    ['an infinite clock', { clock: { ...exchange.clock, wall: Number.POSITIVE_INFINITY } }, 'clock.wall'],
    ['too many former ids', { former: Array(17).fill({ id: 'r', seqSeen: 0 }) }, 'former'],
    ['a batch number 0', { batch: { n: 0, mutations: [made] } }, 'batch.n'],
    ['a batch of nothing', { batch: { n: 1, mutations: [] } }, 'batch.mutations'],
    [
      'an id in capitals',
      { batch: { n: 1, mutations: [{ ...made, id: made.id.replace('7', 'A') }] } },
      'batch.mutations.0.id',
    ],
    [
      'a mutation of nothing',
      { batch: { n: 1, mutations: [{ ...made, changes: [] }] } },
      'batch.mutations.0.changes',
    ],
    [
      'an unknown change',
      { batch: { n: 1, mutations: [{ ...made, changes: [{ type: 'move' }] }] } },
      'batch.mutations.0.changes.0.type',
    ],
    [
      'an answer that is none',
      {
        batch: {
          n: 1,
          mutations: [{ ...made, changes: [{ ...answer, answer: 'merge' }] }],
        },
      },
      'batch.mutations.0.changes.0.answer',
    ],
    [
      'a body that is a list',
      { batch: { n: 1, mutations: [{ ...made, changes: [put('a', 'b', [] as never)] }] } },
      'batch.mutations.0.changes.0.body',
    ],
    ['a limit that is undefined, not absent', { limit: undefined }, 'limit'],
  ])('with %s is refused, and the field is named', (_what, wrong, field) => {
    const result = messages.exchangeMessage.safeParse({ ...exchange, ...wrong });
    expect(new Set(result.error?.issues.map(({ path }) => path.join('.')))).toEqual(new Set([field]));
  });
});
