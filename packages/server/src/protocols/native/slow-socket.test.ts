// A peer that never reads, on a real socket: what the server holds for it is bounded, whatever comes in its scope.

import type { Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { liveBounds } from '../../realtime/bounds.ts';
import { createLiveServer, type LiveServer, type Peer, settle } from './live.fixture.ts';
import { exchangeOf, mutationOf } from './native.fixture.ts';

let server: LiveServer;
afterEach(() => server.close());

let numbers = 0;
/** Pages that hold such a record. */
const page = { ...liveBounds.page, charsMax: 250_000 };

/** Puts records of 200 kB, one mutation each, and calls `look` behind each. */
async function flood(count: number, look: () => void): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    numbers += 1;
    const put = {
      type: 'put',
      collection: 'items',
      id: `i${numbers % 5}`,
      body: { name: `${numbers} ${'x'.repeat(200_000)}` },
    };
    const batch = { n: numbers, mutations: [mutationOf(numbers, put)] };
    const request = exchangeOf({ device: 'writer', replica: 'writer', limit: 0, batch });
    expect((await server.post('/v1/exchange', request)).status).toBe(200);
    look();
  }
}

async function followed(device: string): Promise<{ peer: Peer; serverSide: Socket }> {
  let serverSide: Socket | undefined;
  server.app.server.once('connection', (socket: Socket) => {
    serverSide = socket;
  });
  const peer = await server.greet(device);
  const { body } = await peer.exchange({ device, replica: device });
  peer.say({ type: 'subscribe', scope: 'shop-1', checkpoint: body.checkpoint });
  await peer.next();
  if (!serverSide) throw new Error('There is no such socket.');
  return { peer, serverSide };
}

test('a socket that is never read holds no more than its bound, gets nothing further, and is closed with 1013', async () => {
  server = await createLiveServer({ bounds: { page } });
  const slow = await followed('slow');
  const quick = await followed('quick');
  slow.peer.socket.pause();
  let most = 0;
  let pages = 0;
  // 20 MB, of which the systems of both ends take a part.
  await flood(100, () => {
    most = Math.max(most, slow.serverSide.writableLength);
    pages += quick.peer.rest().length;
  });
  await settle();
  pages += quick.peer.rest().length;
  expect(pages).toBe(100);
  expect(most).toBeGreaterThan(liveBounds.unsentBytesMax);
  expect(most).toBeLessThan(liveBounds.unsentBytesMax + page.charsMax);
  await server.pass(liveBounds.behindMsMax + 1_000);
  await server.pass(liveBounds.closingMsMax + 1_000);
  expect(slow.serverSide.destroyed).toBe(true);
  expect(slow.serverSide.writableLength).toBe(0);
  expect(quick.peer.socket.readyState).toBe(1);
});

test('one that reads again in time is poked once, pulls, and is in step', async () => {
  server = await createLiveServer({ bounds: { page } });
  const { peer } = await followed('slow');
  peer.socket.pause();
  await flood(80, () => undefined);
  peer.socket.resume();
  let last = await peer.next();
  while (last.head.type === 'page') last = await peer.next();
  expect(last.head).toEqual({ type: 'poke', scope: 'shop-1' });
  const { body } = await peer.exchange({ device: 'slow', replica: 'slow' });
  expect(body.more).toBe(false);
  await flood(1, () => undefined);
  expect(await peer.next()).toMatchObject({ head: { type: 'page' }, body: { from: body.checkpoint } });
});

test('one that asks and never reads the answers is not read any more either', async () => {
  server = await createLiveServer();
  await flood(5, () => undefined);
  const { peer, serverSide } = await followed('greedy');
  peer.socket.pause();
  let most = 0;
  for (let n = 0; n < 100; n += 1) {
    peer.say({ type: 'exchange', id: n }, exchangeOf({ device: 'greedy', replica: 'greedy' }));
    await settle();
    most = Math.max(most, serverSide.writableLength);
  }
  // Each answer has 1 MB.
  expect(most).toBeLessThan((liveBounds.exchangesMax + 2) * 1_200_000);
});
