// A call of `sync` that tries again by itself: how often, how long it waits, and what ends it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeServer, refusal } from './fake-server.fixture.ts';
import { openBench, settle, shopSchema } from './replica.fixture.ts';
import { delayBefore } from './retries.ts';

const down = () => refusal(503, 'busy');

test('tries again after each failure, until the server takes it', async () => {
  const { shop, server, time } = await openBench();
  await shop.items.put({ id: 'a', name: 'Apple' });
  server.hooks = [down, down];
  const result = shop.sync({ retries: 3 });
  await time.pass(10_000);
  expect(await result).toMatchObject({ ok: true, pushed: 1, failed: 0 });
  const tries = (await shop.syncs()).reduce((sum, { times }) => sum + times, 0);
  expect(tries).toBe(3);
});

test('gives up after so many, and keeps what it did not send', async () => {
  const { shop, server, time } = await openBench();
  await shop.items.put({ id: 'a', name: 'Apple' });
  server.hooks = [down, down, down, down];
  const result = shop.sync({ retries: 2 });
  await time.pass(60_000);
  expect(await result).toMatchObject({ ok: false, pushed: 0, reason: { code: 'busy' } });
  expect(server.requests).toHaveLength(3);
  expect((await shop.status()).pending).toBe(1);
});

test('does not come back before the time that the server named', async () => {
  const { shop, server, time } = await openBench();
  server.hooks = [() => refusal(503, 'busy', { 'retry-after': '20' })];
  const result = shop.sync({ retries: 1 });
  await time.pass(19_000);
  expect(server.requests).toHaveLength(1);
  await time.pass(3_000);
  expect((await result).ok).toBe(true);
});

test('does not try what only new credentials can help', async () => {
  const { shop, server } = await openBench();
  server.hooks = [() => refusal(401, 'unauthenticated')];
  expect(await shop.sync({ retries: 5 })).toMatchObject({ ok: false, reason: { code: 'unauthenticated' } });
  expect(server.requests).toHaveLength(1);
});

test('a signal and a close end the delay at once', async () => {
  const { shop, server, time, replica } = await openBench();
  server.hooks = [down, down];
  const stop = new AbortController();
  const aborted = shop.sync({ retries: 5, signal: stop.signal });
  await settle();
  stop.abort();
  expect(await aborted).toMatchObject({ ok: false, reason: { code: 'aborted' } });
  const closed = shop.sync({ retries: 5 });
  await settle();
  await replica.close();
  expect(await closed).toMatchObject({ ok: false, reason: { code: 'replica_closed' } });
  expect(time.waiting.size).toBe(0);
  expect(server.requests).toHaveLength(2);
});

test('what was sent in several tries counts together', async () => {
  const server = new FakeServer(shopSchema);
  const { shop, time } = await openBench({ server, limits: { batchMutationsMax: 1 } });
  for (const id of ['a', 'b']) await shop.items.put({ id, name: id });
  server.hooks = [undefined, down];
  const result = shop.sync({ retries: 1 });
  await time.pass(10_000);
  expect(await result).toMatchObject({ ok: true, pushed: 2 });
});

test('options out of their bounds are refused by name', async () => {
  const { shop } = await openBench();
  await expect(shop.sync({ retries: 1.5 })).rejects.toThrow('retries');
  await expect(shop.sync({ retries: 101 })).rejects.toThrow('retries');
  await expect(openBench({ delayMsMin: 5, delayMsMax: 1 })).rejects.toThrow('delayMsMin');
  await expect(openBench({ automatic: { everyMs: 0 } })).rejects.toThrow('everyMs');
});

test('a delay lies between what the server asked for and its ceiling, whatever is drawn', () => {
  const drawn = fc.record({
    tries: fc.nat(200),
    nowMs: fc.nat(10_000),
    fraction: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(drawn, fc.nat(20_000), (draw, notBeforeMs) => {
      const delay = delayBefore({ phase: 'backoff', notBeforeMs }, draw, {
        delayMsMin: 1_000,
        delayMsMax: 60_000,
      });
      const floor = Math.max(0, notBeforeMs - draw.nowMs);
      expect(delay).toBeGreaterThanOrEqual(floor);
      expect(delay).toBeLessThanOrEqual(floor + Math.min(60_000, 1_000 * 2 ** draw.tries));
    }),
  );
});
