// Many devices that write, in one process: each sends its next change when the last one was answered, over a connection of its own.

import { performTasks } from '../child.ts';
import { itemOf, machineMs, warmUpMs } from '../item.ts';
import { openLive } from './live.ts';
import { openPoster } from './poster.ts';
import { Writer } from './writer.ts';

interface Load {
  url: string;
  scope: string;
  over: 'sockets' | 'http';
  connections: number;
  forMs: number;
}

performTasks({
  async write({ url, scope, over, connections, forMs }: Load) {
    const open = over === 'http' ? openPoster : openLive;
    const devices = await Promise.all(
      Array.from({ length: connections }, async (_, index) => {
        const device = `till-${index}`;
        const connection = await open(url, device);
        return { connection, writer: new Writer(scope, device), first: index * 1_000_000 };
      }),
    );
    const begin = machineMs() + warmUpMs;
    const latencies: number[] = [];
    await Promise.all(
      devices.map(async ({ connection, writer, first }) => {
        for (let n = first; machineMs() - begin < forMs; n += 1) {
          const from = machineMs();
          writer.answered(await connection.exchange(writer.request([itemOf(n, from)])));
          if (from >= begin) latencies.push(machineMs() - from);
        }
      }),
    );
    const ms = machineMs() - begin;
    for (const { connection } of devices) connection.end();
    return { ms, latencies };
  },
});
