// W6: what a subscribed socket on which nothing happens costs the server in memory.

import type { Child, HoldfastServer } from '../processes.ts';
import type { Row } from '../row.ts';
import { type Bench, rounds, startLimit, within } from './workload.ts';

export async function idle(bench: Bench): Promise<Row[]> {
  const count = bench.quick ? 500 : 1_000;
  const figures = await rounds(bench, async () => ({
    ours: await measure(
      await bench.processes.startHoldfast(),
      bench.processes.start('holdfast/sockets.ts'),
      count,
    ),
    limit: await measure(await startLimit(bench), bench.processes.start('limits/sockets.ts'), count),
  }));
  return [
    {
      workload: 'W6',
      what: `server memory a socket, ${count} idle`,
      unit: 'KiB',
      ours: figures.ours,
      against: figures.limit,
      goal: { of: 'value', most: 20 },
    },
  ];
}

/** The first 100 are not counted: they bring what the server needs once. */
async function measure(server: HoldfastServer, sockets: Child, count: number): Promise<number> {
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
