// A clock that says nonsense: what is written meanwhile is kept, sent and taken, and so is what is written afterwards.

import { exchangeMessage } from '@holdfast/core';
import { expect, test } from 'vitest';
import { type Hook, ok, refusal } from './fake-server.fixture.ts';
import { openBench, VirtualTime } from './replica.fixture.ts';

const wrong = [
  ['no number', Number.NaN, 0],
  ['before 1970', -5_000_000_000_000, 0],
  ['beyond every date', 2 ** 60, 8_640_000_000_000_000],
  ['without end', Number.POSITIVE_INFINITY, 8_640_000_000_000_000],
] as const;

/** Refuses what is no message, as the server does. */
const strict: Hook = (request, serve) =>
  exchangeMessage.safeParse(request).success ? ok(serve()) : refusal(400, 'malformed');

test.each(wrong)('a wall clock that is %s', async (_, wallMs, made) => {
  const time = new VirtualTime();
  let now = wallMs;
  const clock = { wallMs: () => now, monoMs: () => time.monoMs() };
  const { shop, server } = await openBench({ clock });
  server.hooks = Array.from({ length: 20 }, () => strict);
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.items.patch('a', { price: 1 });
  const [entry] = await shop.outbox.list();
  expect(entry?.mutation.made.wall).toBe(made);
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 2 });
  expect(server.body('items', 'a')).toEqual({ name: 'a', price: 1 });
  await shop.items.put({ id: 'b', name: 'b' });
  now = 1_800_000_000_000;
  await shop.items.put({ id: 'c', name: 'c' });
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 2 });
  expect(await shop.status()).toMatchObject({ state: 'idle', pending: 0, held: 0 });
});

test('a monotonic clock that is no number', async () => {
  const time = new VirtualTime();
  const clock = { wallMs: () => time.wallMs(), monoMs: () => Number.NaN };
  const { shop, server } = await openBench({ clock });
  server.hooks = Array.from({ length: 20 }, () => strict);
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.sync();
  await shop.items.put({ id: 'b', name: 'b' });
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1 });
  expect((await shop.status()).clockOffsetMs).toBe(server.nowMs - time.wallMs());
});
