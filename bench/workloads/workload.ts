// What a workload is given, and the two sides that it measures one after the other in each round.

import type { Child, HoldfastServer, Processes } from '../processes.ts';
import type { Row } from '../row.ts';

export interface Bench {
  processes: Processes;
  rounds: number;
  /** Small, for a first look. */
  quick: boolean;
}

export type Workload = (bench: Bench) => Promise<Row[]>;

export interface LimitServer extends HoldfastServer {
  ask: Child['ask'];
}

/** The product's server and the limit's, which start at the same time. */
export async function startBoth(bench: Bench): Promise<{ server: HoldfastServer; limit: LimitServer }> {
  const [server, limit] = await Promise.all([bench.processes.startHoldfast(), startLimit(bench)]);
  return { server, limit };
}

async function startLimit({ processes }: Bench): Promise<LimitServer> {
  const child = processes.start('limits/server.ts');
  const url = await child.ask<string>('listen', { path: processes.freshPath() });
  return { url, ...child };
}

/** Starts a process, has its work done, and ends it. */
export async function within<Result>(child: Child, work: (child: Child) => Promise<Result>): Promise<Result> {
  const result = await work(child);
  await child.end();
  return result;
}

/** The figures of each round: what `work` answers, by name. */
export async function rounds<Name extends string>(
  { rounds: count }: Bench,
  work: (round: number) => Promise<Record<Name, number>>,
): Promise<Record<Name, number[]>> {
  const figures: Partial<Record<Name, number[]>> = {};
  for (let round = 0; round < count; round += 1)
    for (const [name, figure] of Object.entries(await work(round)) as [Name, number][]) {
      figures[name] = [...(figures[name] ?? []), figure];
    }
  return figures as Record<Name, number[]>;
}

export function countText(count: number): string {
  return count % 1_000 === 0 ? `${count / 1_000}k` : String(count);
}
