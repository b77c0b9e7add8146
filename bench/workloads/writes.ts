// W4: 100 connections write single records, each the next when the last was durable: acknowledged writes a second. Once over
// live sockets, as a replica that is live sends, and once over HTTP, as one that is not.

import { quantile, type Row } from '../row.ts';
import { type Bench, rounds, startBoth, within } from './workload.ts';

const connections = 100;

export async function writes(bench: Bench): Promise<Row[]> {
  const forMs = bench.quick ? 1_200 : 10_000;
  const { server, limit } = await startBoth(bench);
  const figures = await rounds(bench, async (round) => {
    const take = async (file: string, given: { url: string; scope: string; over?: 'sockets' | 'http' }) => {
      const { ms, latencies } = await within(bench.processes.start(file), ({ ask }) =>
        ask<{ ms: number; latencies: number[] }>('write', { ...given, connections, forMs }),
      );
      return { rate: (latencies.length / ms) * 1_000, p99: quantile(latencies, 0.99) };
    };
    const { url } = server;
    const ours = await take('holdfast/load.ts', { url, scope: `round-${round}`, over: 'sockets' });
    const http = await take('holdfast/load.ts', { url, scope: `http-${round}`, over: 'http' });
    const bare = await take('limits/sockets.ts', { url: limit.url, scope: `round-${round}` });
    return {
      ...{ ours: ours.rate, ours99: ours.p99, http: http.rate },
      ...{ limit: bare.rate, limit99: bare.p99 },
    };
  });
  await Promise.all([server.end(), limit.end()]);
  const what = `${connections} connections write`;
  return [
    {
      workload: 'W4',
      what,
      unit: 'writes/s',
      ours: figures.ours,
      against: figures.limit,
      goal: { of: 'share', least: 0.25 },
    },
    {
      workload: 'W4',
      what: 'the same over HTTP',
      unit: 'writes/s',
      ours: figures.http,
      against: figures.limit,
    },
    { workload: 'W4', what: `${what}, p99`, unit: 'ms', ours: figures.ours99, against: figures.limit99 },
  ];
}
