// W2: a device wrote N records offline and comes online: until the server durably has all, and the device knows it.

import type { Row } from '../row.ts';
import { type Bench, countText, rounds, startBoth, within } from './workload.ts';

const sizes = [
  { records: 1_000, together: 1, goal: undefined },
  { records: 10_000, together: 500, goal: { of: 'times', most: 6 } as const },
];

export async function drain(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { records, together, goal } of sizes) {
    const figures = await measure(bench, records, together);
    rows.push({
      workload: 'W2',
      what: `drain of ${countText(records)}, ${together} a mutation`,
      unit: 'ms',
      ours: figures.ours,
      against: figures.limit,
      ...(goal ? { goal } : {}),
    });
  }
  return rows;
}

async function measure(bench: Bench, records: number, together: number) {
  const { processes } = bench;
  const { server, limit } = await startBoth(bench);
  const figures = await rounds(bench, async (round) => {
    const take = async (file: string, url: string): Promise<number> => {
      const given = { path: processes.freshPath(), url, scope: `round-${round}`, records, together };
      const { ms } = await within(processes.start(file), ({ ask }) => ask<{ ms: number }>('drain', given));
      return ms;
    };
    return {
      ours: await take('holdfast/replica.ts', server.url),
      limit: await take('limits/device.ts', limit.url),
    };
  });
  await Promise.all([server.end(), limit.end()]);
  return figures;
}
