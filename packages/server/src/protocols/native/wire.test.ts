// Each way in which a request may not fit: its code and its field.

import { defaultLimits, RequestError } from '@holdfast/core';
import { expect, test } from 'vitest';
import { exchangeOf, idOf, mutationOf, schema } from './native.fixture.ts';
import { readEnrol, readExchange } from './wire.ts';

const put = { type: 'put', collection: 'items', id: 'i1', body: { name: 'a' } };
const limits = { ...defaultLimits, idCharsMax: 20, batchMutationsMax: 3 };

function problemOf(read: () => unknown): { code: string; field: string | undefined } {
  try {
    read();
  } catch (error) {
    if (error instanceof RequestError) return { code: error.code, field: error.field };
    throw error;
  }
  throw new Error('It was taken.');
}

const withBatch = (batch: unknown): unknown => exchangeOf({ batch });
const withMutation = (mutation: unknown): unknown => withBatch({ n: 1, mutations: [mutation] });
const withChange = (change: unknown): unknown => withMutation({ ...mutationOf(1), changes: [change] });
const at = 'batch.mutations[0]';

test.each<[string, unknown, string, string]>([
  ['nothing', undefined, 'malformed', 'body'],
  ['null', null, 'malformed', 'body'],
  ['a list', [], 'malformed', 'body'],
  ['a text', 'x', 'malformed', 'body'],
  ['no protocol', exchangeOf({ protocol: undefined }), 'malformed', 'protocol'],
  ['a number as protocol', exchangeOf({ protocol: 1 }), 'malformed', 'protocol'],
  ['another protocol', exchangeOf({ protocol: 'holdfast/99', device: 1 }), 'protocol_unknown', 'protocol'],
  ['no scope', exchangeOf({ scope: undefined }), 'malformed', 'scope'],
  ['an empty scope', exchangeOf({ scope: '' }), 'malformed', 'scope'],
  ['true as device', exchangeOf({ device: true }), 'malformed', 'device'],
  ['a list as replica', exchangeOf({ replica: ['r1'] }), 'malformed', 'replica'],
  ['a long device', exchangeOf({ device: 'd'.repeat(21) }), 'malformed', 'device'],
  [
    'a long former replica',
    exchangeOf({
      former: [
        { id: 'r0', seqSeen: 1 },
        { id: 'r'.repeat(21), seqSeen: 0 },
      ],
    }),
    'malformed',
    'former[1].id',
  ],
  ['a very long scope', exchangeOf({ scope: 's'.repeat(201) }), 'malformed', 'scope'],
  ['a number as checkpoint', exchangeOf({ checkpoint: 7 }), 'malformed', 'checkpoint'],
  ['a text as verdictsSeen', exchangeOf({ verdictsSeen: '1' }), 'malformed', 'verdictsSeen'],
  ['a negative seqSeen', exchangeOf({ seqSeen: -1 }), 'malformed', 'seqSeen'],
  ['a negative limit', exchangeOf({ limit: -1 }), 'malformed', 'limit'],
  ['half a limit', exchangeOf({ limit: 1.5 }), 'malformed', 'limit'],
  ['a clock without session', exchangeOf({ clock: { wall: 1, mono: 1 } }), 'malformed', 'clock.session'],
  ['an unknown schema', exchangeOf({ schema: 3 }), 'schema_unknown', 'schema'],
  ['schema 0', exchangeOf({ schema: 0 }), 'malformed', 'schema'],
  ['a batch without number', withBatch({ mutations: [mutationOf(1, put)] }), 'malformed', 'batch.n'],
  ['batch 0', withBatch({ n: 0, mutations: [mutationOf(1, put)] }), 'malformed', 'batch.n'],
  [
    'a batch beyond integers',
    withBatch({ n: 2 ** 53, mutations: [mutationOf(1, put)] }),
    'malformed',
    'batch.n',
  ],
  ['an empty batch', withBatch({ n: 1, mutations: [] }), 'malformed', 'batch.mutations'],
  [
    'mutations that are no list',
    withBatch({ n: 1, mutations: { length: 1e9 } }),
    'malformed',
    'batch.mutations',
  ],
  [
    'a batch too large',
    withBatch({ n: 1, mutations: [1, 2, 3, 4].map((n) => mutationOf(n, put)) }),
    'too_large',
    'batch.mutations',
  ],
  ['an id that is no UUID', withMutation({ ...mutationOf(1, put), id: 'x' }), 'malformed', `${at}.id`],
  [
    'an id in capitals',
    withMutation({ ...mutationOf(1, put), id: idOf(1).replace('f', 'F') }),
    'malformed',
    `${at}.id`,
  ],
  [
    'an unknown schema of one',
    withMutation({ ...mutationOf(1, put), schema: 9 }),
    'schema_unknown',
    `${at}.schema`,
  ],
  ['no changes', withMutation(mutationOf(1)), 'malformed', `${at}.changes`],
  ['an unknown change', withChange({ ...put, type: 'increment' }), 'malformed', `${at}.changes[0].type`],
  ['a change of no record', withChange({ ...put, id: undefined }), 'malformed', `${at}.changes[0].id`],
  ['a long record id', withChange({ ...put, id: 'i'.repeat(21) }), 'malformed', `${at}.changes[0].id`],
  [
    'a long collection',
    withChange({ ...put, collection: 'c'.repeat(21) }),
    'malformed',
    `${at}.changes[0].collection`,
  ],
  ['a list as body', withChange({ ...put, body: [] }), 'malformed', `${at}.changes[0].body`],
  ['no body', withChange({ ...put, body: undefined }), 'malformed', `${at}.changes[0].body`],
  ['a negative base', withChange({ ...put, base: -1 }), 'malformed', `${at}.changes[0].base`],
  [
    'an increment as a text',
    withChange({ type: 'add', collection: 'items', id: 'i', amounts: { quantity: '1' } }),
    'malformed',
    `${at}.changes[0].amounts.quantity`,
  ],
])('%s', (_, body, code, field) => {
  expect(problemOf(() => readExchange(body, { limits, schema }))).toEqual({ code, field });
});

test('what is not known is left out, and what is known stays', () => {
  const request = readExchange(
    {
      ...exchangeOf({ batch: { n: 1, mutations: [{ ...mutationOf(1, { ...put, later: 1 }), later: 1 }] } }),
      later: { role: 'admin' },
    },
    { limits, schema },
  );
  expect(JSON.stringify(request)).not.toContain('later');
  expect(request.batch?.mutations).toEqual([mutationOf(1, put)]);
});

test('an enrolment is read as strictly', () => {
  const good = { protocol: 'holdfast/1', code: 'A', device: 'd1', name: 'Till', role: 'admin' };
  expect(readEnrol(good, limits)).toEqual({ protocol: 'holdfast/1', code: 'A', device: 'd1', name: 'Till' });
  expect(problemOf(() => readEnrol({ ...good, protocol: 'x' }, limits))).toEqual({
    code: 'protocol_unknown',
    field: 'protocol',
  });
  expect(problemOf(() => readEnrol({ ...good, code: '' }, limits))).toEqual({
    code: 'malformed',
    field: 'code',
  });
  expect(problemOf(() => readEnrol({ ...good, device: 'd'.repeat(21) }, limits))).toEqual({
    code: 'malformed',
    field: 'device',
  });
});
