// W1: the server holds N records; a fresh device with an SQLite file reads all of them.

import { fill, Writer } from '../holdfast/writer.ts';
import type { Child, HoldfastServer } from '../processes.ts';
import type { Row } from '../row.ts';
import { type Bench, countText, type LimitServer, rounds, startBoth, within } from './workload.ts';

interface Took {
  ms: number;
  records: number;
  peakBytes: number;
}

export async function bootstrap(bench: Bench): Promise<Row[]> {
  const sizes = bench.quick ? [10_000, 30_000] : [10_000, 100_000, 300_000];
  const goals = new Map([[100_000, { of: 'share', least: 0.3 } as const]]);
  const { server, limit } = await startBoth(bench);
  const writer = new Writer('main', 'filler');
  const rows: Row[] = [];
  let filled = 0;
  const peaks: number[][] = [];
  for (const size of sizes) {
    await Promise.all([
      fill(server.url, writer, { from: filled, to: size, step: 1_000 }),
      limit.ask('fill', { from: filled, to: size }),
    ]);
    filled = size;
    const took = await measure(bench, { server, limit }, size);
    const goal = goals.get(size);
    peaks.push(took.oursPeak);
    rows.push(
      {
        workload: 'W1',
        what: `first sync of ${countText(size)}`,
        unit: 'ms',
        ours: took.ours,
        against: took.limit,
        ...(goal ? { goal } : {}),
      },
      {
        workload: 'W1',
        what: `peak memory of the device, ${countText(size)}`,
        unit: 'MiB',
        ours: took.oursPeak,
        against: took.limitPeak,
      },
    );
  }
  await Promise.all([server.end(), limit.end()]);
  const [former, last] = peaks.slice(-2);
  const [formerSize = 0, lastSize = 0] = sizes.slice(-2);
  rows.push({
    workload: 'W1',
    what: `peak memory of the device, ${countText(lastSize)}`,
    unit: 'MiB',
    ours: last ?? [],
    against: former ?? [],
    againstWhat: `at ${countText(formerSize)}`,
    ...(bench.quick ? {} : { goal: { of: 'times', most: 1.1 } }),
  });
  return rows;
}

async function measure(
  bench: Bench,
  { server, limit }: { server: HoldfastServer; limit: LimitServer },
  size: number,
) {
  const { processes } = bench;
  const take = async (child: Child, url: string): Promise<Took> => {
    const took = await within(child, ({ ask }) =>
      ask<Took>('bootstrap', { path: processes.freshPath(), url, scope: 'main' }),
    );
    if (took.records !== size) throw new Error(`${took.records} records came instead of ${size}.`);
    return took;
  };
  return rounds(bench, async () => {
    const ours = await take(processes.start('holdfast/replica.ts'), server.url);
    const bare = await take(processes.start('limits/device.ts'), limit.url);
    return {
      ours: ours.ms,
      oursPeak: ours.peakBytes / 2 ** 20,
      limit: bare.ms,
      limitPeak: bare.peakBytes / 2 ** 20,
    };
  });
}
