// What the contracts of other wire protocols promise, beside what is measured: each request in turn on one connection, at 100 records of
// some 300 bytes, on a server that has answered a hundred before. Every figure is the 95th percentile.

import type { HoldfastServer } from '../processes.ts';
import { quantile, type Row } from '../row.ts';
import type { Bench } from './workload.ts';

const records = 100;

interface Promised {
  what: string;
  promisedMs: number;
  /** Sends one request and answers how long it took, in milliseconds. */
  run: (server: HoldfastServer, n: number) => Promise<number>;
}

const hims: readonly Promised[] = [
  { what: 'hims /ping', promisedMs: 5, run: ({ url }) => timed(() => fetch(`${url}/ping`)) },
  {
    what: `hims push of ${records} new records`,
    promisedMs: 200,
    run: ({ url }, n) => push(url, `new ${n}`, { round: n, atMs: n, device: 'a' }),
  },
  {
    what: `hims pull of ${records} records`,
    promisedMs: 100,
    run: ({ url }) =>
      timed(() => post(`${url}/sync/pull`, { deviceUuid: 'b', tables: ['purchases'], since: beginning })),
  },
  {
    what: 'hims conflict, for each of 100 records',
    promisedMs: 10,
    // Older than all that was pushed before, by another device each time, so that none is a repeat.
    run: async ({ url }, n) =>
      (await push(url, 'old', { round: 0, atMs: -1 - n, device: `c${n}` })) / records,
  },
];

const beginning = new Date(0).toISOString();
const morningMs = Date.UTC(2026, 0, 1);

export async function contracts(bench: Bench): Promise<Row[]> {
  const server = await bench.processes.startHoldfast({ preset: 'hims' });
  const requests = bench.quick ? 10 : 100;
  for (let n = 0; n < 100; n += 1) await timed(() => fetch(`${server.url}/ping`));
  const rows: Row[] = [];
  for (const { what, promisedMs, run } of hims) {
    const ours: number[] = [];
    for (let round = 0; round < bench.rounds; round += 1) {
      const took: number[] = [];
      for (let n = 0; n < requests; n += 1) took.push(await run(server, round * requests + n));
      ours.push(quantile(took, 0.95));
    }
    const against = ours.map(() => promisedMs);
    const goal = { of: 'times', most: 1 } as const;
    rows.push({ workload: 'contract', what, unit: 'ms', ours, against, againstWhat: 'promised', goal });
  }
  await server.end();
  return rows;
}

function push(
  url: string,
  name: string,
  { round, atMs, device }: { round: number; atMs: number; device: string },
): Promise<number> {
  const last_modified = new Date(morningMs + atMs * 1_000).toISOString();
  const purchases = Array.from({ length: records }, (_, n) => ({
    uuid: `purchase-${round}-${n}`,
    last_modified,
    is_synced: 0,
    item_name: name,
    current_stock: n,
    note: 'x'.repeat(180),
  }));
  return timed(() => post(`${url}/sync/push`, { deviceUuid: device, data: { purchases } }));
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** To the end of the answer's body. */
async function timed(request: () => Promise<Response>): Promise<number> {
  const from = performance.now();
  const reply = await request();
  await reply.arrayBuffer();
  if (!reply.ok) throw new Error(`The server answered ${reply.status}.`);
  return performance.now() - from;
}
