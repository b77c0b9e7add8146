// When a live socket is given up, and when the next is tried, under a clock that only the test moves.

import { expect, test } from 'vitest';
import { VirtualTime } from '../replica.fixture.ts';
import { exchangeAnswer, exchangeRequest } from './contract.ts';
import type { LiveWord, TransportReply } from './port.ts';
import { fakeSockets } from './sockets.fixture.ts';
import { createWebSocketTransport } from './websocket.ts';

function bench(fraction: () => number = () => 1, key?: () => string) {
  const time = new VirtualTime();
  const sockets = fakeSockets();
  const words: LiveWord[] = [];
  let fellBack = 0;
  const transport = createWebSocketTransport({
    url: 'https://example.org',
    device: 'till',
    ...(key ? { key } : {}),
    clock: time,
    timer: time,
    random: { fraction, bytes: (length) => new Uint8Array(length) },
    openSocket: sockets.open,
    fallback: {
      exchange: async (): Promise<TransportReply> => {
        fellBack += 1;
        return { type: 'answer', answer: exchangeAnswer };
      },
    },
  });
  const stop = transport.follow?.({
    scope: 'shop-1',
    checkpoint: async () => null,
    hear: (word) => words.push(word),
  });
  return { time, sockets, words, transport, stop: () => stop?.(), fellBack: () => fellBack };
}

test('the address is that of the server, over wss, with nothing secret in it', () => {
  expect(bench().sockets.all[0]?.url).toBe('wss://example.org/v1/live');
});

test('a socket that opens and is never greeted is given up', async () => {
  const { time, sockets } = bench();
  await time.pass(29_000);
  expect(sockets.all[0]?.closedWith).toBeUndefined();
  await time.pass(2_000);
  expect(sockets.all[0]?.closedWith).toBe(1000);
  await time.pass(10_000);
  expect(sockets.all).toHaveLength(2);
});

test('a socket that is silent for two pings and a half is stuck: it is closed, and another opened', async () => {
  const { time, sockets, words } = bench();
  const [socket] = sockets.all;
  socket!.greet(10_000);
  await time.pass(0);
  socket!.say({ type: 'subscribed', scope: 'shop-1' });
  for (let ping = 0; ping < 20; ping += 1) {
    await time.pass(10_000);
    socket!.say({ type: 'ping' });
  }
  expect(socket!.heads('pong')).toHaveLength(20);
  expect(socket!.closedWith).toBeUndefined();
  await time.pass(30_000);
  expect(socket!.closedWith).toBe(1000);
  expect(words).toEqual([{ type: 'opened' }, { type: 'closed' }]);
  await time.pass(5_000);
  expect(sockets.all).toHaveLength(2);
});

test('an exchange that is not answered in time ends the socket, and the next takes the other way', async () => {
  const { time, sockets, transport, fellBack } = bench();
  sockets.all[0]!.greet();
  const asked = transport.exchange(exchangeRequest);
  sockets.all[0]!.say({ type: 'ping' });
  await time.pass(31_000);
  expect(await asked).toEqual({ type: 'unreachable', reason: 'The server did not answer in time.' });
  expect(sockets.all[0]!.closedWith).toBe(1000);
  expect(await transport.exchange(exchangeRequest)).toMatchObject({ type: 'answer' });
  expect(fellBack()).toBe(1);
});

test('waits grow to a bound, with full jitter, and are short again after a socket that lasted', async () => {
  const draws = [1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0, 1];
  const { time, sockets } = bench(() => draws.shift() ?? 1);
  const waits: number[] = [];
  const next = async (): Promise<void> => {
    const from = time.now;
    const count = sockets.all.length;
    sockets.all.at(-1)!.end();
    while (sockets.all.length === count) await time.pass(500);
    waits.push((time.now - from) / 1_000);
  };
  for (let failure = 0; failure < 10; failure += 1) await next();
  expect(waits).toEqual([4, 8, 16, 32, 64, 120, 120, 120, 60, 0.5]);
  sockets.all.at(-1)!.greet();
  for (let ping = 0; ping < 3; ping += 1) {
    await time.pass(25_000);
    sockets.all.at(-1)!.say({ type: 'ping' });
  }
  await next();
  expect(waits.at(-1)).toBe(2);
});

test.each([
  ['a restart', 1012, 'retry-after=7', 7_000],
  ['a server with too much to do', 1013, 'retry-after=45', 45_000],
  ['a credential that is refused', 4401, 'unauthenticated', 60_000],
])('%s is the least to be waited for, also by who hurries', async (_, code, reason, floorMs) => {
  const { time, sockets, transport } = bench(() => 0);
  sockets.all[0]!.end(code, reason);
  await time.pass(floorMs - 100);
  if (code !== 4401) transport.hurry?.();
  expect(sockets.all).toHaveLength(1);
  await time.pass(200);
  expect(sockets.all).toHaveLength(2);
});

test.each([
  ['lost', 1006],
  ['refused for its credential', 4401],
])('who hurries does not wait out what chance has drawn after a socket was %s', async (_, code) => {
  const { time, sockets, transport } = bench();
  sockets.all[0]!.end(code);
  await time.pass(1_000);
  transport.hurry?.();
  expect(sockets.all).toHaveLength(2);
  transport.hurry?.();
  expect(sockets.all).toHaveLength(2);
});

test('a socket speaks for the key that it was opened with: another key opens another', async () => {
  let key = 'one';
  const { sockets, transport, fellBack } = bench(
    () => 1,
    () => key,
  );
  sockets.all[0]!.greet();
  void transport.exchange(exchangeRequest);
  expect(sockets.all[0]!.heads('exchange')).toHaveLength(1);
  key = 'two';
  expect(await transport.exchange(exchangeRequest)).toMatchObject({ type: 'answer' });
  expect([fellBack(), sockets.all.length, sockets.all[0]!.closedWith]).toEqual([1, 2, 1000]);
  sockets.all[1]!.greet();
  expect(sockets.all[1]!.heads('hello')).toMatchObject([{ key: 'two' }]);
  key = 'three';
  transport.hurry?.();
  expect(sockets.all).toHaveLength(3);
});

test('when nobody follows any more there is neither a socket nor a wait', async () => {
  const one = bench();
  one.sockets.all[0]!.greet();
  one.stop();
  expect(one.sockets.all[0]!.closedWith).toBe(1000);
  const two = bench();
  two.sockets.all[0]!.end();
  two.stop();
  await two.time.pass(600_000);
  expect(two.sockets.all).toHaveLength(1);
  for (const { time } of [one, two]) expect(time.waiting.size).toBe(0);
});

test('frames of a later server are passed over', async () => {
  const { sockets, time, words } = bench();
  const [socket] = sockets.all;
  socket!.greet();
  await time.pass(0);
  socket!.say({ type: 'fortune', teller: 1 } as never);
  socket!.say({ type: 'subscribed', scope: 'shop-1', more: true } as never);
  expect(words).toEqual([{ type: 'opened' }]);
  expect(socket!.closedWith).toBeUndefined();
});

test('a page that cannot be read is one that has to be pulled', async () => {
  const { sockets, time, words } = bench();
  const [socket] = sockets.all;
  socket!.greet();
  await time.pass(0);
  socket!.say({ type: 'subscribed', scope: 'shop-1' });
  socket!.say({ type: 'page', scope: 'shop-1' }, '{"protocol":"holdfast/1"}');
  expect(words).toEqual([{ type: 'opened' }, { type: 'poke' }]);
});
