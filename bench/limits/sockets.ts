// Many bare sockets in one process: some listen and parse what comes, others write as fast as they are answered.

import { WebSocket } from 'ws';
import { performTasks } from '../child.ts';
import { type Item, itemOf, machineMs, warmUpMs } from '../item.ts';
import { Receipts } from '../receipts.ts';

const receipts = new Receipts();
let sockets = 0;

performTasks({
  async subscribe({ url, count }: { url: string; count: number }) {
    for (let at = 0; at < count; at += 50)
      await Promise.all(Array.from({ length: Math.min(50, count - at) }, () => listen(url)));
  },

  /** Resolves, with how late each was, when each socket has got so many records. */
  received: ({ records }: { records: number }) => receipts.all(records * sockets),

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

async function listen(url: string): Promise<void> {
  const socket = await open(url, 'listen');
  sockets += 1;
  socket.on('message', (data: Buffer) => {
    receipts.note(machineMs() - (JSON.parse(data.toString()) as Item).updatedAt);
  });
}

async function open(url: string, protocol?: string): Promise<WebSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocol);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}
