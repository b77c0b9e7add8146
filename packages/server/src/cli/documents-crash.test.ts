// The real process with the preset documents, killed while devices write: whatever was acknowledged is there when it is back, and
// whatever is sent again is there once.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startServer } from './server-process.fixture.ts';

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'holdfast-documents-'));
});
afterEach(() => rm(data, { recursive: true, force: true }));

const kills = 2;
const messages = 400;

interface Outbox {
  deviceId: string;
  waiting: Map<string, object>;
  acknowledged: Set<string>;
}

/** Sends all that waits, notes what is acknowledged, and resolves when nothing waits any more or the connection is gone. */
function drain(url: string, { deviceId, waiting, acknowledged }: Outbox, acked: () => void): Promise<void> {
  if (waiting.size === 0) return Promise.resolve();
  const query = new URLSearchParams({ userId: 'anna', deviceId });
  const socket = new WebSocket(`${url.replace('http', 'ws')}/sync?${query}`);
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
    socket.once('open', () => {
      for (const message of waiting.values()) socket.send(JSON.stringify(message));
    });
    socket.on('message', (text: Buffer) => {
      const { type, messageId } = JSON.parse(text.toString()) as { type: string; messageId?: string };
      if (type !== 'ACK' || messageId === undefined) return;
      waiting.delete(messageId);
      acknowledged.add(messageId);
      acked();
      if (waiting.size === 0) socket.close();
    });
  });
}

test('kill -9 loses nothing that was acknowledged, and what comes again is there once', async () => {
  const devices = ['phone', 'tablet', 'desk'].map((deviceId): Outbox => {
    const all = Array.from({ length: messages }, (_, n) => `${deviceId}-${n}`);
    const message = (id: string, n: number): object => ({
      type: 'DATA_UPDATE',
      data: { collection: 'appointments', document: { id, n }, timestamp: 1_642_680_000_000 + n },
      userId: 'anna',
      deviceId,
      messageId: id,
    });
    return { deviceId, waiting: new Map(all.map((id, n) => [id, message(id, n)])), acknowledged: new Set() };
  });
  const acknowledged = (): number => devices.reduce((sum, device) => sum + device.acknowledged.size, 0);
  for (let round = 1; round <= kills + 1; round += 1) {
    const server = await startServer({ data, preset: 'documents' });
    const response = await fetch(`${server.url}/api/sync/anna`, { headers: { 'device-id': 'reader' } });
    const { data: read } = (await response.json()) as { data: { appointments: { id: string }[] } };
    const there = new Set(read.appointments.map(({ id }) => id));
    for (const device of devices) for (const id of device.acknowledged) expect(there).toContain(id);
    // At a different place in each round.
    const until = acknowledged() + 37 * round;
    let killed: Promise<void> | undefined;
    const acked = (): void => {
      if (round <= kills && acknowledged() >= until) killed ??= server.kill();
    };
    await Promise.all(devices.map((device) => drain(server.url, device, acked)));
    await killed;
    if (round <= kills) continue;
    const last = await fetch(`${server.url}/health`);
    expect(await last.json()).toMatchObject({ documents: devices.length * messages });
    expect(await server.end()).toBe(0);
  }
  expect(acknowledged()).toBe(devices.length * messages);
}, 90_000);
