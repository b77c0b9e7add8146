// W5: a device is in sync with N records. Ten change: until the device has them. And a sync when nothing has changed.

import { fill, Writer } from '../holdfast/writer.ts';
import type { Row } from '../row.ts';
import { type Bench, countText, startBoth } from './workload.ts';

const changed = 10;

interface Synced {
  ok: boolean;
  ms: number;
  records: number;
}

export async function incremental(bench: Bench): Promise<Row[]> {
  const [small, large] = bench.quick ? [1_000, 10_000] : [10_000, 300_000];
  const few = await measure(bench, small);
  const many = await measure(bench, large);
  const rows = [
    { size: small, figures: few },
    { size: large, figures: many },
  ].flatMap(({ size, figures }): Row[] => [
    {
      workload: 'W5',
      what: `sync of ${changed} changes at ${countText(size)}`,
      unit: 'ms',
      ours: figures.ours,
      against: figures.limit,
    },
    {
      workload: 'W5',
      what: `sync of no change at ${countText(size)}`,
      unit: 'ms',
      ours: figures.oursIdle,
      against: figures.limitIdle,
    },
  ]);
  rows.push({
    workload: 'W5',
    what: `sync of no change at ${countText(large)}`,
    unit: 'ms',
    ours: many.oursIdle,
    against: few.oursIdle,
    againstWhat: `at ${countText(small)}`,
    goal: { of: 'times', most: 1.25 },
  });
  return rows;
}

async function measure(bench: Bench, size: number) {
  const { processes } = bench;
  const { server, limit } = await startBoth(bench);
  const writer = new Writer('main', 'filler');
  const device = processes.start('holdfast/replica.ts');
  const bare = processes.start('limits/device.ts');
  await Promise.all([
    fill(server.url, writer, { from: 0, to: size, step: 1_000 }),
    limit.ask('fill', { from: 0, to: size }),
  ]);
  await Promise.all([
    device.ask('bootstrap', { path: processes.freshPath(), url: server.url, scope: 'main' }),
    bare.ask('bootstrap', { path: processes.freshPath(), url: limit.url }),
  ]);
  const figures = {
    ours: [] as number[],
    oursIdle: [] as number[],
    limit: [] as number[],
    limitIdle: [] as number[],
  };
  // The first few of each are those of a program that has just begun.
  for (let round = -5; round < bench.rounds * 10; round += 1) {
    const from = ((round + 5) * changed) % (size - changed);
    const range = { from, to: from + changed, step: 1 };
    await fill(server.url, writer, range);
    await limit.ask('fill', range);
    const took = {
      ours: await sync(device.ask('sync', { scope: 'main' }), changed),
      oursIdle: await sync(device.ask('sync', { scope: 'main' }), 0),
      limit: await sync(bare.ask('sync', { url: limit.url }), changed),
      limitIdle: await sync(bare.ask('sync', { url: limit.url }), 0),
    };
    if (round >= 0)
      for (const name of Object.keys(took) as (keyof typeof took)[]) figures[name].push(took[name]);
  }
  await Promise.all([device, bare, server, limit].map((one) => one.end()));
  return figures;
}

async function sync(asked: Promise<Synced>, records: number): Promise<number> {
  const synced = await asked;
  if (!synced.ok || synced.records !== records) throw new Error(`Not in sync: ${JSON.stringify(synced)}`);
  return synced.ms;
}
