// W3: one device writes single records at 20 a second, and 100 subscribed sockets receive each: from the write to the receipt.

import { quantile, type Row } from '../row.ts';
import { type Bench, rounds, startBoth, within } from './workload.ts';

const listeners = 100;
const everyMs = 50;

export async function fanOut(bench: Bench): Promise<Row[]> {
  const records = bench.quick ? 40 : 200;
  const { server, limit } = await startBoth(bench);
  const figures = await rounds(bench, async (round) => {
    const scope = `round-${round}`;
    const ours = await measure(bench, 'holdfast/replica.ts', 'holdfast/sockets.ts', {
      url: server.url,
      scope,
      records,
    });
    const direct = await measure(bench, 'holdfast/bare-writer.ts', 'holdfast/sockets.ts', {
      url: server.url,
      scope: `bare-${scope}`,
      records,
    });
    const bare = await measure(bench, 'limits/device.ts', 'limits/sockets.ts', {
      url: limit.url,
      scope,
      records,
    });
    return { ours50: ours.p50, ours99: ours.p99, direct50: direct.p50, limit50: bare.p50, limit99: bare.p99 };
  });
  await Promise.all([server.end(), limit.end()]);
  const what = `a change to ${listeners} sockets`;
  return [
    {
      workload: 'W3',
      what: `${what}, p50`,
      unit: 'ms',
      ours: figures.ours50,
      against: figures.limit50,
      goal: { of: 'times', most: 2 },
    },
    {
      workload: 'W3',
      what: 'the same, written by a bare socket, p50',
      unit: 'ms',
      ours: figures.direct50,
      against: figures.limit50,
    },
    { workload: 'W3', what: `${what}, p99`, unit: 'ms', ours: figures.ours99, against: figures.limit99 },
  ];
}

function measure(
  { processes }: Bench,
  writer: string,
  receiver: string,
  given: { url: string; scope: string; records: number },
): Promise<{ p50: number; p99: number }> {
  return within(processes.start(receiver), async (sockets) => {
    await sockets.ask('subscribe', { ...given, count: listeners });
    const received = sockets.ask<number[]>('received', given);
    await Promise.all([
      received,
      within(processes.start(writer), ({ ask }) =>
        ask('write', { ...given, path: processes.freshPath(), everyMs }),
      ),
    ]);
    const latencies = await received;
    return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
  });
}
