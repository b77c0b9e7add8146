// Many bare sockets in one process: some listen and parse what comes, others write as fast as they are answered.

import { WebSocket } from 'ws';
import { performTasks } from '../child.ts';
import { type Item, itemOf, machineMs, warmUpMs } from '../item.ts';

let sockets: WebSocket[] = [];
let latencies: number[] = [];
let expected = 0;
let complete: (() => void) | undefined;

performTasks({
  async subscribe({ url, count }: { url: string; count: number }) {
    for (let at = 0; at < count; at += 50)
      sockets.push(
        ...(await Promise.all(Array.from({ length: Math.min(50, count - at) }, () => open(url, 'listen')))),
      );
    for (const socket of sockets)
      socket.on('message', (data: Buffer) => {
        latencies.push(machineMs() - (JSON.parse(data.toString()) as Item).updatedAt);
        if (latencies.length === expected) complete?.();
      });
  },

  async received({ records }: { records: number }) {
    expected = records * sockets.length;
    if (latencies.length < expected)
      await new Promise<void>((resolve) => {
        complete = resolve;
      });
    return latencies;
  },

  async leave() {
    const gone = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of sockets) socket.close();
    await Promise.all(gone);
    sockets = [];
    latencies = [];
    expected = 0;
  },

  async write({ url, connections, forMs }: { url: string; connections: number; forMs: number }) {
    const writers = await Promise.all(Array.from({ length: connections }, () => open(url)));
    const begin = machineMs() + warmUpMs;
    const took: number[] = [];
    await Promise.all(
      writers.map(async (socket, index) => {
        for (let n = index * 1_000_000; machineMs() - begin < forMs; n += 1) {
          const from = machineMs();
          const answered = new Promise((resolve) => socket.once('message', resolve));
          socket.send(JSON.stringify(itemOf(n, from)));
          await answered;
          if (from >= begin) took.push(machineMs() - from);
        }
      }),
    );
    const ms = machineMs() - begin;
    for (const socket of writers) socket.terminate();
    return { ms, latencies: took };
  },
});

async function open(url: string, protocol?: string): Promise<WebSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocol);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}
