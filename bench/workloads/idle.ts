// W6: what a subscribed socket on which nothing happens costs the server in memory.

import { fill, Writer } from '../holdfast/writer.ts';
import type { Child, HoldfastServer } from '../processes.ts';
import type { Row } from '../row.ts';
import { type Bench, rounds, startBoth, within } from './workload.ts';

const count = 1_000;

export async function idle(bench: Bench): Promise<Row[]> {
  const { processes, quick } = bench;
  // A server that has just begun is far from the size of its young generation, and would count it to the sockets.
  const filled = quick ? 8_000 : 100_000;
  const figures = await rounds(bench, async () => {
    const { server, limit } = await startBoth(bench);
    // No time is measured here, so neither side waits for the other.
    await Promise.all([
      fill(server.url, new Writer('before', 'filler'), { from: 0, to: filled, step: 100 }),
      within(processes.start('limits/device.ts'), ({ ask }) =>
        ask('drain', { path: processes.freshPath(), url: limit.url, records: filled }),
      ),
    ]);
    const [ours, bare] = await Promise.all([
      measure(server, processes.start('holdfast/sockets.ts')),
      measure(limit, processes.start('limits/sockets.ts')),
    ]);
    return { ours, limit: bare };
  });
  return [
    {
      workload: 'W6',
      what: `server memory a socket, ${count} idle`,
      unit: 'KiB',
      ours: figures.ours,
      against: figures.limit,
      ...(quick ? {} : { goal: { of: 'value', most: 20 } as const }),
    },
  ];
}

/** The first 100 are not counted: they bring what the server needs once. */
async function measure(server: HoldfastServer, sockets: Child): Promise<number> {
  const bytes = await within(sockets, async ({ ask }) => {
    await ask('subscribe', { url: server.url, scope: 'main', count: 100 });
    await quiet();
    const before = server.residentBytes();
    await ask('subscribe', { url: server.url, scope: 'main', count });
    await quiet();
    return server.residentBytes() - before;
  });
  await server.end();
  return bytes / count / 1_024;
}

/** Long enough for what is left of the opening to be done. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_500));
}
