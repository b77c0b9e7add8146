import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Timer } from '@holdfast/core';
import { afterEach, expect, test } from 'vitest';
import { exchangeAnswer, exchangeRequest, type FarEnd, transportContract } from './contract.ts';
import { createHttpTransport, type HttpOptions } from './http.ts';

const never: Timer = { after: () => ({ cancel: () => undefined }) };
const clockAt = (nowMs: number) => ({ wallMs: () => nowMs, monoMs: () => 0 });
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(
    servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

async function serve(
  handle: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => handle(request, response, Buffer.concat(parts).toString()));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function transportTo(url: string, options: Partial<HttpOptions> = {}) {
  return createHttpTransport({ url, clock: clockAt(0), timer: never, ...options });
}

transportContract('http', async (nowMs) => {
  let far: FarEnd = 'hang';
  const seen: { body: string; authorization: string | undefined }[] = [];
  const url = await serve((request, response, body) => {
    seen.push({ body, authorization: request.headers.authorization });
    if (far === 'hang') return;
    if (far === 'break') {
      response.destroy();
      return;
    }
    response.writeHead(far.status, {
      ...far.headers,
      ...(far.status === 302 ? { location: '/v1/exchange' } : {}),
    });
    response.end(far.body);
  });
  return {
    transport: createHttpTransport({ url, key: 'secret', clock: clockAt(nowMs), timer: never }),
    answer: (next) => {
      far = next;
      seen.length = 0;
    },
    seen: () => seen,
    close: async () => undefined,
  };
});

test('asks at the path under the address, as JSON', async () => {
  const asked: unknown[] = [];
  const url = await serve((request, response) => {
    asked.push([request.method, request.url, request.headers['content-type']]);
    response.end(JSON.stringify(exchangeAnswer));
  });
  expect(await transportTo(`${url}/sync/?x=1#y`).exchange(exchangeRequest)).toMatchObject({ type: 'answer' });
  expect(asked).toEqual([['POST', '/sync/v1/exchange', 'application/json']]);
});

test('reads an answer that is compressed', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(gzipSync(JSON.stringify(exchangeAnswer)));
  });
  expect(await transportTo(url).exchange(exchangeRequest)).toEqual({
    type: 'answer',
    answer: exchangeAnswer,
  });
});

test('a server that does not answer in time is unreachable', async () => {
  const url = await serve(() => undefined);
  let fire: (() => void) | undefined;
  let limit: number | undefined;
  const timer: Timer = {
    after: (delayMs, run) => {
      limit = delayMs;
      fire = run;
      return { cancel: () => undefined };
    },
  };
  const exchanging = transportTo(url, { timer, timeLimitMs: 5_000 }).exchange(exchangeRequest);
  await new Promise((resolve) => setTimeout(resolve, 20));
  fire?.();
  expect(await exchanging).toEqual({ type: 'unreachable', reason: 'The server did not answer in time.' });
  expect(limit).toBe(5_000);
});

test('the time limit covers the body, too, and ends with the exchange', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200);
    response.write('{"protocol":');
  });
  let fire: (() => void) | undefined;
  let cancelled = 0;
  const timer: Timer = {
    after: (_, run) => {
      fire = run;
      return { cancel: () => (cancelled += 1) };
    },
  };
  const exchanging = transportTo(url, { timer }).exchange(exchangeRequest);
  await new Promise((resolve) => setTimeout(resolve, 50));
  fire?.();
  expect(await exchanging).toMatchObject({ type: 'unreachable' });
  expect(cancelled).toBe(1);
});

test('an answer that is larger than allowed is not read to its end', async () => {
  let sent = 0;
  const url = await serve((_, response) => {
    response.writeHead(200);
    const pour = (): void => {
      while (!response.destroyed && sent < 100_000_000) {
        sent += 65_536;
        if (!response.write('x'.repeat(65_536))) {
          response.once('drain', pour);
          return;
        }
      }
    };
    pour();
  });
  expect(await transportTo(url, { answerBytesMax: 1_000_000 }).exchange(exchangeRequest)).toEqual({
    type: 'foreign',
    status: 200,
  });
  expect(sent).toBeLessThan(50_000_000);
});

test('the bound counts what a compressed body becomes', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(gzipSync(Buffer.alloc(20_000_000)));
  });
  expect(await transportTo(url, { answerBytesMax: 1_000_000 }).exchange(exchangeRequest)).toEqual({
    type: 'foreign',
    status: 200,
  });
});

test('a body that is cut is unreachable, one that is no UTF-8 is foreign', async () => {
  const cut = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"protocol":"holdfast/1"');
    setTimeout(() => response.destroy(), 5);
  });
  expect(await transportTo(cut).exchange(exchangeRequest)).toMatchObject({ type: 'unreachable' });
  const garbled = await serve((_, response) => response.end(Buffer.from([0x7b, 0xff, 0x7d])));
  expect(await transportTo(garbled).exchange(exchangeRequest)).toEqual({ type: 'foreign', status: 200 });
});

test('a redirect is not followed: the key would go to somebody else', async () => {
  let followed = 0;
  const portal = await serve((_, response) => {
    followed += 1;
    response.end(JSON.stringify(exchangeAnswer));
  });
  const url = await serve((_, response) => {
    response.writeHead(307, { location: `${portal}/v1/exchange` });
    response.end();
  });
  expect(await transportTo(url, { key: 'secret' }).exchange(exchangeRequest)).toMatchObject({
    type: 'foreign',
  });
  expect(followed).toBe(0);
});

test('nobody listens: the reason says so', async () => {
  const url = await serve(() => undefined);
  await new Promise((resolve) => servers.pop()?.close(resolve));
  expect(await transportTo(url).exchange(exchangeRequest)).toMatchObject({
    type: 'unreachable',
    reason: expect.stringContaining('ECONNREFUSED'),
  });
});

test.each(['ftp://example.org', 'example.org', ''])('%j is no address of a server', (url) => {
  expect(() => transportTo(url)).toThrow(TypeError);
});
