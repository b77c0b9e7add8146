// The declared answers, each by itself. (plan-conflict.test.ts has them at work.)

import { describe, expect, test } from 'vitest';
import type { Json } from './json.ts';
import { answerRecord, policyName, settleField } from './policy.ts';
import type { FieldPolicyName, PolicyFunction, PolicyQuestion } from './schema.ts';

function settled(
  policy: FieldPolicyName,
  server: Json | undefined,
  device: Json | undefined,
  rest: { base?: Json; newer?: 'server' | 'device' } = {},
) {
  const deviceMadeAt = rest.newer === 'server' ? 1 : 2;
  return settleField(policy, {
    base: rest.base,
    server,
    device,
    serverMadeAt: rest.newer === 'server' ? 2 : 1,
    deviceMadeAt,
  });
}

describe('a field goes', () => {
  test('server, client: to that side, removal included', () => {
    expect([
      settled('server', 1, 2),
      settled('server', undefined, 2),
      settled('client', 1, 2),
      settled('client', 1, undefined),
    ]).toEqual([...[1, undefined, 2, undefined]]);
  });

  test('newest: to the side made later; at the same time to the later arrival, the device’s', () => {
    expect(settled('newest', 1, 2, { newer: 'server' })).toBe(1);
    expect(settled('newest', 1, 2, { newer: 'device' })).toBe(2);
    const sides = { base: 0, server: 1, device: 2, serverMadeAt: 5, deviceMadeAt: 5 };
    expect(settleField('newest', sides)).toBe(2);
  });

  test.each([
    [3, 10, 10, 3],
    [-1, -1.5, -1, -1.5],
    ['b', 'a', 'b', 'a'],
    ['\u{ffff}', '\u{1f600}', '\u{1f600}', '\u{ffff}'],
    [undefined, 3, 3, 3],
    [3, undefined, 3, 3],
    [null, 3, 3, 3],
  ] as const)(
    'max, min of %j and %j: to the larger, the smaller; absent loses',
    (server, device, max, min) => {
      expect([settled('max', server, device), settled('min', server, device)]).toEqual([max, min]);
    },
  );

  test('max, min of two kinds, or of neither numbers nor texts: to the newer', () => {
    for (const newer of ['server', 'device'] as const)
      for (const [server, device] of [
        [1, '2'],
        [true, false],
        [[1], [2]],
      ] as const)
        expect(settled('max', server, device, { newer })).toEqual(newer === 'server' ? server : device);
  });

  test('union: to a list with what either side added and without what either removed, the server’s order first', () => {
    expect(settled('union', ['a', 'b', 's'], ['d', 'a', 'b'], { base: ['a', 'b'] })).toEqual([
      'a',
      'b',
      's',
      'd',
    ]);
    expect(settled('union', ['b', 's'], ['a', 'd'], { base: ['a', 'b'] })).toEqual(['s', 'd']);
    expect(settled('union', ['a'], ['b'])).toEqual(['a', 'b']);
    expect(settled('union', [{ x: 1, y: 2 }], [{ y: 2, x: 1 }, { x: 2 }])).toEqual([
      { x: 1, y: 2 },
      { x: 2 },
    ]);
  });

  test('union: compares items by what they are, and keeps each as often as the side that gave it', () => {
    expect(settled('union', ['a', 'a', 's'], ['a', 'd', 'd'], { base: ['a'] })).toEqual([
      'a',
      'a',
      's',
      'd',
      'd',
    ]);
    // How often an item stands is not merged: the device's second `a` is nothing that it added.
    expect(settled('union', ['a', 's'], ['a', 'a'], { base: ['a'] })).toEqual(['a', 's']);
    expect(settled('union', ['s'], ['a'], { base: ['a', 'a'] })).toEqual(['s']);
  });

  test('union of what is no list: to the side that has one, else to the newer', () => {
    expect(settled('union', ['a'], 'text')).toEqual(['a']);
    expect(settled('union', null, ['d'])).toEqual(['d']);
    expect(settled('union', undefined, 'd', { newer: 'server' })).toBeUndefined();
    expect(settled('union', 's', 'd', { newer: 'server' })).toBe('s');
  });
});

describe('a policy function', () => {
  const question: PolicyQuestion = {
    ...{
      collection: 'items',
      id: 'i',
      fields: ['a'],
      base: { a: 0 },
      server: { a: 1, deep: { x: 1 } },
      device: { a: 2 },
    },
    ...{ serverMadeAt: 1, deviceMadeAt: 2 },
  };
  const ask = (policy: unknown) => answerRecord(policy as PolicyFunction, question);

  test('is told both sides, the base, the fields and the times', () => {
    let told: PolicyQuestion | undefined;
    ask((given: PolicyQuestion) => {
      told = given;
      return 'server';
    });
    expect(told).toEqual(question);
  });

  test('answers with a side, or with the fields to set', () => {
    expect(ask(() => 'server')).toEqual({ side: 'server' });
    expect(ask(() => 'client')).toEqual({ side: 'device' });
    expect(ask(() => 'ask')).toEqual({ side: 'ask' });
    expect(ask(() => ({ set: { a: [1, { b: null }] } }))).toEqual({
      side: 'set',
      set: { a: [1, { b: null }] },
    });
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['answers nothing', () => undefined],
    ['answers null', () => null],
    ['answers another word', () => 'merge'],
    ['answers a promise', async () => 'server'],
    ['sets nothing', () => ({ set: null })],
    ['sets a list', () => ({ set: ['a'] })],
    ['sets NaN', () => ({ set: { a: Number.NaN } })],
    ['sets what no store holds', () => ({ set: { a: 2 ** 60 } })],
    ['sets a lone surrogate', () => ({ set: { a: '\ud800' } })],
    ['sets a forbidden key', () => ({ set: JSON.parse('{"__proto__":1}') })],
    ['sets a bigint', () => ({ set: { a: 1n } })],
    [
      'sets a circle',
      () => {
        const circle: Record<string, unknown> = {};
        circle.a = circle;
        return { set: circle };
      },
    ],
  ])('that %s leaves it to a person', (_what, policy) => {
    expect(ask(policy)).toEqual({ side: 'ask' });
  });

  test('that writes to what it is shown changes nothing', () => {
    ask((given: { server: { a: number; deep: { x: number } }; fields: string[] }) => {
      given.server.a = 99;
      given.server.deep.x = 99;
      given.fields.push('b');
      return 'client';
    });
    expect(question.server).toEqual({ a: 1, deep: { x: 1 } });
    expect(question.fields).toEqual(['a']);
  });

  test('keeps no hold on what it answered', () => {
    const set = { a: { b: 1 } };
    const answer = ask(() => ({ set }));
    set.a.b = 99;
    expect(answer).toEqual({ side: 'set', set: { a: { b: 1 } } });
  });
});

test('policies for whole records answer with a side; merge with its fields', () => {
  const question = {
    collection: 'c',
    id: 'i',
    fields: [],
    base: {},
    server: {},
    device: {},
    serverMadeAt: 5,
    deviceMadeAt: 5,
  };
  const sides = (['server', 'client', 'newest', 'merge', 'ask'] as const).map(
    (policy) => answerRecord(policy, question).side,
  );
  expect(sides).toEqual(['server', 'device', 'device', 'fields', 'ask']);
  expect(answerRecord('newest', { ...question, serverMadeAt: 6 })).toEqual({ side: 'server' });
  expect([policyName('newest'), policyName(() => 'ask')]).toEqual(['newest', 'function']);
});
