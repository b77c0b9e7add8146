// Many devices that write, in one process: each sends its next change when the last one was answered, over a connection of its own.

import { connect, type Socket } from 'node:net';
import { performTasks } from '../child.ts';
import { itemOf, machineMs, warmUpMs } from '../item.ts';
import { Writer } from './writer.ts';

performTasks({
  async write({
    url,
    scope,
    connections,
    forMs,
  }: {
    url: string;
    scope: string;
    connections: number;
    forMs: number;
  }) {
    const { hostname, port, host } = new URL(url);
    const lanes = await Promise.all(
      Array.from({ length: connections }, async (_, index) => {
        const socket = connect({ host: hostname, port: Number(port), noDelay: true });
        await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
        return { socket, writer: new Writer(scope, `till-${index}`), first: index * 1_000_000 };
      }),
    );
    const begin = machineMs() + warmUpMs;
    const latencies: number[] = [];
    await Promise.all(
      lanes.map(async ({ socket, writer, first }) => {
        const post = poster(socket, host);
        for (let n = first; machineMs() - begin < forMs; n += 1) {
          const from = machineMs();
          writer.answered(await post(writer.request([itemOf(n, from)])));
          if (from >= begin) latencies.push(machineMs() - from);
        }
      }),
    );
    const ms = machineMs() - begin;
    for (const { socket } of lanes) socket.destroy();
    return { ms, latencies };
  },
});

/** One request at a time over one connection. Far cheaper than a client for the whole of HTTP, so the server is what is measured. */
function poster(socket: Socket, host: string): (body: string) => Promise<string> {
  let text = '';
  let waiting: { resolve(body: string): void; reject(error: Error): void } | undefined;
  socket.setEncoding('latin1');
  socket.on('error', (error) => waiting?.reject(error));
  socket.on('close', () => waiting?.reject(new Error('The connection was closed.')));
  socket.on('data', (chunk: string) => {
    text += chunk;
    const head = text.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
    if (!text.startsWith('HTTP/1.1 200') || Number.isNaN(length)) waiting?.reject(new Error(text));
    else if (text.length >= head + 4 + length) {
      const body = text.slice(head + 4, head + 4 + length);
      text = '';
      waiting?.resolve(body);
    }
  });
  return (body) =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      socket.write(
        `POST /v1/exchange HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
}
