// The live transport on real sockets: the contract of every transport, and what a proxy in between may do to it.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { protocolMarker, type Timer } from '@holdfast/core';
import { afterEach, expect, test } from 'vitest';
import { type WebSocket as Peer, WebSocketServer } from 'ws';
import { exchangeAnswer, exchangeRequest, type FarEnd, transportContract } from './contract.ts';
import type { LiveWord } from './port.ts';
import { createWebSocketTransport, type WebSocketOptions } from './websocket.ts';

const never: Timer = { after: () => ({ cancel: () => undefined }) };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Far {
  url: string;
  server: Server;
  /** What was said over sockets: heads, and bodies where there were any. */
  heard: { head: { type: string; id?: number; key?: string }; body: string | undefined }[];
  /** Answers what is said over a socket. */
  onFrame: (peer: Peer, head: { type: string; id?: number }, body: string | undefined) => void;
  takesSockets: boolean;
  posts: number;
}

async function startFar(): Promise<Far> {
  const server = createServer((_, response) => {
    far.posts += 1;
    response.end(JSON.stringify(exchangeAnswer));
  });
  const door = new WebSocketServer({ noServer: true });
  const far: Far = { url: '', server, heard: [], onFrame: () => undefined, takesSockets: true, posts: 0 };
  server.on('upgrade', (request, socket, head) => {
    if (!far.takesSockets || request.url !== '/sync/v1/live') {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    door.handleUpgrade(request, socket, head, (peer) => {
      peer.on('message', (data: Buffer) => {
        const [line = '', ...rest] = data.toString().split('\n');
        const body = rest.length > 0 ? rest.join('\n') : undefined;
        const frame = { head: JSON.parse(line), body };
        far.heard.push(frame);
        if (frame.head.type === 'hello')
          peer.send(JSON.stringify({ type: 'welcome', protocol: protocolMarker, pingMs: 25_000 }));
        far.onFrame(peer, frame.head, body);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  far.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sync`;
  stops.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return far;
}

/** A transport whose socket is there, unless the far end takes none. */
async function openTransport(far: Far, options: Partial<WebSocketOptions> = {}, words: LiveWord[] = []) {
  const transport = createWebSocketTransport({
    url: far.url,
    device: 'till',
    key: 'secret',
    clock: { wallMs: () => 0, monoMs: () => 0 },
    timer: never,
    random: { fraction: () => 0, bytes: (length) => new Uint8Array(length) },
    ...options,
  });
  const stop = transport.follow?.({
    scope: 'shop-1',
    checkpoint: async () => '7',
    hear: (word) => words.push(word),
  });
  stops.unshift(async () => stop?.());
  if (far.takesSockets)
    await expect.poll(() => far.heard.some(({ head }) => head.type === 'subscribe')).toBe(true);
  return { transport, stop: () => stop?.() };
}

transportContract('websocket', async (nowMs) => {
  const far = await startFar();
  let end: FarEnd = 'hang';
  far.onFrame = (peer, head) => {
    if (head.type !== 'exchange' || end === 'hang') return;
    if (end === 'break') peer.terminate();
    else peer.send(answerFrame(head.id ?? 0, end, nowMs));
  };
  const { transport } = await openTransport(far, { clock: { wallMs: () => nowMs, monoMs: () => 0 } });
  return {
    transport,
    answer: (next) => {
      end = next;
    },
    seen: () =>
      far.heard.flatMap(({ head, body }) =>
        head.type === 'exchange'
          ? [{ body: body ?? '', authorization: `Bearer ${far.heard[0]?.head.key}` }]
          : [],
      ),
    close: async () => undefined,
  };
});

/** As the server does: Retry-After in seconds, and the body as HTTP has it. */
function answerFrame(id: number, end: Exclude<FarEnd, string>, nowMs: number): string {
  const given = end.headers?.['retry-after'] ?? '';
  const at = Date.parse(given);
  const seconds = /^\d+$/.test(given)
    ? Number(given)
    : /GMT$/.test(given)
      ? Math.max(0, (at - nowMs) / 1_000)
      : undefined;
  const head = {
    type: 'answer',
    id,
    status: end.status,
    ...(seconds === undefined ? {} : { retryAfter: seconds }),
  };
  return `${JSON.stringify(head)}\n${end.body}`;
}

test('the hello carries device and key; the address carries neither', async () => {
  const far = await startFar();
  await openTransport(far);
  expect(far.heard.map(({ head }) => head)).toEqual([
    { type: 'hello', protocol: protocolMarker, device: 'till', key: 'secret' },
    { type: 'subscribe', scope: 'shop-1', checkpoint: '7' },
  ]);
});

test('where no socket is let through, exchanges go over HTTP', async () => {
  const far = await startFar();
  far.takesSockets = false;
  const { transport } = await openTransport(far);
  expect(await transport.exchange(exchangeRequest)).toEqual({ type: 'answer', answer: exchangeAnswer });
  expect(far.posts).toBe(1);
});

test('a socket that is lost in the middle of an exchange is a network that fails; the next goes over HTTP', async () => {
  const far = await startFar();
  const words: LiveWord[] = [];
  far.onFrame = (peer, head) => {
    if (head.type === 'subscribe') peer.send('{"type":"subscribed","scope":"shop-1"}');
    if (head.type === 'exchange') peer.terminate();
  };
  const { transport } = await openTransport(far, {}, words);
  await expect.poll(() => words).toEqual([{ type: 'opened' }]);
  expect(await transport.exchange(exchangeRequest)).toMatchObject({ type: 'unreachable' });
  expect(words).toEqual([{ type: 'opened' }, { type: 'closed' }]);
  expect(await transport.exchange(exchangeRequest)).toMatchObject({ type: 'answer' });
  expect(far.posts).toBe(1);
});

test('a message that the server takes for too large is one, as over HTTP', async () => {
  const far = await startFar();
  far.onFrame = (peer, head) => head.type === 'exchange' && peer.close(1009);
  const { transport } = await openTransport(far);
  expect(await transport.exchange(exchangeRequest)).toEqual({ type: 'refused', status: 413 });
});

test('somebody who speaks something else on the socket is not listened to', async () => {
  const far = await startFar();
  far.onFrame = (peer, head) => head.type === 'exchange' && peer.send('Welcome to our network');
  const { transport } = await openTransport(far);
  expect(await transport.exchange(exchangeRequest)).toEqual({ type: 'foreign', status: 200 });
  expect(await transport.exchange(exchangeRequest)).toMatchObject({ type: 'answer' });
  expect(far.posts).toBe(1);
});

test('with nobody who follows there is no socket', async () => {
  const far = await startFar();
  const { transport, stop } = await openTransport(far);
  stop();
  expect(await transport.exchange(exchangeRequest)).toMatchObject({ type: 'answer' });
  expect(far.posts).toBe(1);
});

test.each(['ftp://example.org', 'example.org', ''])('%j is no address of a server', (url) => {
  const ports = { clock: { wallMs: () => 0, monoMs: () => 0 }, timer: never };
  const random = { fraction: () => 0, bytes: () => new Uint8Array() };
  expect(() => createWebSocketTransport({ url, device: 'till', random, ...ports })).toThrow(TypeError);
});
