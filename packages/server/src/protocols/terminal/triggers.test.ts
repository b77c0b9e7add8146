// Who is told, when, and what waits for whom: with a clock and timers that the test moves.

import { beforeEach, expect, test } from 'vitest';
import type { Terminal } from './terminals.ts';
import type { Trigger } from './trigger.ts';
import { createTriggers, type Triggers } from './triggers.ts';

let monoMs: number;
let due: { atMs: number; run: () => void }[];
let kept: Map<string, Trigger | null>;
let told: string[];
let triggers: Triggers;

const full: Trigger = { type: 'FULL', reason: 'API' };
const restart: Trigger = { type: 'FULL', reason: 'SERVER_RESTART' };

beforeEach(() => {
  monoMs = 0;
  due = [];
  kept = new Map();
  told = [];
  triggers = createTriggers({
    terminals: {
      keepTrigger: (terminalId, trigger) => kept.set(terminalId, trigger),
      find: async (terminalId): Promise<Terminal> => ({
        ...{ terminalId, status: 'ONLINE', heardAt: null, outbox: {} },
        trigger: kept.get(terminalId) ?? undefined,
      }),
    },
    clock: { monoMs: () => monoMs },
    timer: {
      after(delayMs, run) {
        const one = { atMs: monoMs + delayMs, run };
        due.push(one);
        return { cancel: () => (due = due.filter((other) => other !== one)) };
      },
    },
  });
});

const ear = (name: string) => ({ tell: ({ reason }: Trigger) => told.push(`${name}: ${reason}`) });

function pass(ms: number): void {
  monoMs += ms;
  const now = due.filter(({ atMs }) => atMs <= monoMs);
  due = due.filter(({ atMs }) => atMs > monoMs);
  for (const { run } of now) run();
}

test('who is connected is told at once, on each of its sockets; who is not, when it registers, and once', async () => {
  await triggers.register('a', ear('a1'));
  await triggers.register('a', ear('a2'));
  expect([triggers.tell('a', full), triggers.tell('b', full)]).toEqual([true, false]);
  expect(told).toEqual(['a1: API', 'a2: API']);
  await triggers.register('b', ear('b'));
  expect(told.slice(2)).toEqual(['b: API']);
  await triggers.register('b', ear('b2'));
  expect(told.slice(3)).toEqual([]);
});

test('what was told and not received waits again when the socket ends', async () => {
  const lost = ear('a1');
  await triggers.register('a', lost);
  triggers.tell('a', restart);
  triggers.leave('a', lost);
  const next = ear('a2');
  await triggers.register('a', next);
  expect(told).toEqual(['a1: SERVER_RESTART', 'a2: SERVER_RESTART']);
  triggers.heard('a');
  triggers.leave('a', next);
  await triggers.register('a', ear('a3'));
  expect(told).toHaveLength(2);
});

test('a change is told to all but its terminal, at most once a second, and the last of them always', async () => {
  await triggers.register('a', ear('a'));
  await triggers.register('b', ear('b'));
  triggers.changed(new Set(['a']));
  expect(told).toEqual(['b: CHANGE']);
  for (let n = 0; n < 5; n += 1) triggers.changed(new Set(['a']));
  triggers.changed(new Set(['']));
  expect(told).toEqual(['b: CHANGE', 'a: CHANGE']);
  pass(999);
  expect(told).toHaveLength(2);
  pass(1);
  expect(told.slice(2)).toEqual(['b: CHANGE']);
  pass(5_000);
  expect(told).toHaveLength(3);
  triggers.changed(undefined);
  expect(told.slice(3).sort()).toEqual(['a: CHANGE', 'b: CHANGE']);
});

test('of a change while its socket was away a terminal hears when it is back; one that was never here does not', async () => {
  const a = ear('a');
  await triggers.register('a', a);
  triggers.leave('a', a);
  triggers.changed(new Set(['a']));
  expect(kept.size).toBe(0);
  triggers.changed(new Set(['b']));
  triggers.changed(new Set(['b']));
  expect([...kept]).toEqual([['a', { type: 'INCREMENTAL', reason: 'CHANGE' }]]);
  triggers.tell('a', full);
  triggers.changed(new Set(['b']));
  await triggers.register('a', ear('back'));
  expect(told).toEqual(['back: API']);
});

test('a change that waits for its second is not lost with the socket, and nothing runs after the end', async () => {
  const a = ear('a');
  await triggers.register('a', a);
  triggers.changed(new Set(['b']));
  triggers.heard('a');
  triggers.changed(new Set(['b']));
  triggers.leave('a', a);
  expect(due).toEqual([]);
  await triggers.register('a', ear('back'));
  expect(told).toEqual(['a: CHANGE', 'back: CHANGE']);
  triggers.changed(new Set(['b']));
  triggers.changed(new Set(['b']));
  triggers.stop();
  expect(due).toEqual([]);
});
