// A peer that does not read, on a real socket: what the server holds for it is bounded, whatever its user's other devices write.

import type { Socket } from 'node:net';
import { defaultLimits } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Client, type DocumentsServer, serve, settle } from './documents.fixture.ts';
import { documentsBounds } from './sockets.ts';

let server: DocumentsServer;
beforeEach(async () => {
  server = await serve();
});
afterEach(() => server.close());

const bounds = documentsBounds(defaultLimits, { pingMs: 30_000 });
const at = 1_642_680_000_000;
const documentChars = 200_000;

/** Writes so many large documents over five ids, the last five of them different, and calls `look` behind each. */
async function flood(writer: Client, count: number, look: () => void): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const document = { id: `a${n % 5}`, n, text: 'x'.repeat(documentChars) };
    writer.update('appointments', document, at + n, `m${n}`);
    await writer.await('ACK');
    look();
  }
}

/** A connection, and the server's end of it. */
async function connect(deviceId: string): Promise<{ client: Client; serverSide: Socket }> {
  const sides = server.sockets();
  const client = await server.connect('anna', deviceId);
  await client.await('FULL_SYNC');
  const serverSide = server.sockets().find((socket) => !sides.includes(socket));
  if (!serverSide) throw new Error('There is no such socket.');
  return { client, serverSide };
}

test('a socket that is never read holds no more than its bound, and is closed with 1013; others hear all', async () => {
  const slow = await connect('slow');
  const quick = await connect('quick');
  const writer = await connect('writer');
  slow.client.socket.pause();
  let most = 0;
  // 20 MB, of which the systems of both ends take a part.
  await flood(writer.client, 100, () => {
    most = Math.max(most, slow.serverSide.writableLength);
  });
  expect(most).toBeGreaterThan(bounds.unsentBytesMax);
  expect(most).toBeLessThan(bounds.unsentBytesMax + 2 * documentChars);
  const told = await quick.client.rest();
  expect(told.at(-1).data.document.n).toBe(99);
  await server.pass(bounds.behindMsMax + 1_000);
  await server.pass(bounds.closingMsMax + 1_000);
  await settle();
  expect(slow.serverSide.destroyed).toBe(true);
  expect(slow.serverSide.writableLength).toBe(0);
});

test('one that reads again in time is told what it missed, in its latest form', async () => {
  const slow = await connect('slow');
  const writer = await connect('writer');
  slow.client.socket.pause();
  await flood(writer.client, 80, () => undefined);
  writer.client.remove('appointments', 'a0', at + 1_000, 'gone');
  await writer.client.await('ACK');
  slow.client.socket.resume();
  const latest = new Map<string, number>();
  while (
    latest.size < 5 ||
    [...latest].some(([id, n]) => n !== (id === 'a0' ? -1 : 75 + Number(id.slice(1))))
  ) {
    const { type, data } = await slow.client.next();
    if (type === 'DATA_DELETE') latest.set(data.documentId, -1);
    else latest.set(data.document.id, data.document.n);
  }
  expect(await slow.client.rest()).toEqual([]);
});

test('one that asks for all again and again, and reads nothing, gets one answer at a time', async () => {
  const writer = await connect('writer');
  await flood(writer.client, 5, () => undefined);
  const greedy = await connect('greedy');
  greedy.client.socket.pause();
  let most = 0;
  for (let n = 0; n < 200; n += 1) {
    greedy.client.say({ type: 'REQUEST_SYNC' });
    await settle();
    most = Math.max(most, greedy.serverSide.writableLength);
  }
  // Each has 1 MB.
  expect(most).toBeLessThan(2.5 * 5 * documentChars);
});

test('one that sends thousands at once is read more slowly, and not refused', async () => {
  const { client } = await connect('offline');
  for (let n = 0; n < 3_000; n += 1) client.update('appointments', { id: `a${n % 7}`, n }, at + n, `m${n}`);
  for (let acknowledged = 0; acknowledged < 3_000; ) {
    await server.pass(1_000);
    acknowledged += (await client.heard()).filter(({ type }) => type === 'ACK').length;
  }
  expect(client.socket.readyState).toBe(1);
});
