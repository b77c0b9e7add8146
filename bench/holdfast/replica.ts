// A device: the real replica with SQLite storage, in its own process.

import { openReplica } from '@holdfast/client/node';
import { performTasks } from '../child.ts';
import { itemOf, machineMs, peakBytes, schema, untilMs } from '../item.ts';

interface Place {
  path: string;
  url: string;
  scope: string;
}

const device = (path: string): string => `device${path.replaceAll(/\W/g, '-')}`.slice(-100);
const open = (path: string, url?: string) =>
  openReplica({ schema, path, device: device(path), ...(url === undefined ? {} : { url }) });
let opened: Awaited<ReturnType<typeof open>> | undefined;

performTasks({
  /** From nothing to all records of the scope, which stay open for `sync`. */
  async bootstrap({ path, url, scope }: Place) {
    const from = machineMs();
    opened = await open(path, url);
    const { ok, pulled, reason } = await opened.scope(scope).sync();
    const ms = machineMs() - from;
    if (!ok) throw new Error(`Not synced: ${reason?.code} ${reason?.message}`);
    return { ms, records: pulled, peakBytes: peakBytes() };
  },

  async sync({ scope }: Pick<Place, 'scope'>) {
    if (!opened) throw new Error('There was no bootstrap.');
    const from = machineMs();
    const { ok, pulled } = await opened.scope(scope).sync();
    return { ok, records: pulled, ms: machineMs() - from };
  },

  /** Writes offline, `together` records a mutation, then comes online: until the server has given a verdict on each. */
  async drain({ path, url, scope, records, together }: Place & { records: number; together: number }) {
    const offline = await open(path);
    for (let at = 0; at < records; at += together)
      await offline.scope(scope).mutate(async (tx) => {
        for (let n = at; n < Math.min(at + together, records); n += 1) await tx.items.put(itemOf(n));
      });
    await offline.close();
    const replica = await open(path, url);
    const from = machineMs();
    const { ok, verdicts, reason } = await replica.scope(scope).sync();
    const ms = machineMs() - from;
    if (!ok) throw new Error(`Not synced: ${reason?.code} ${reason?.message}`);
    await replica.close();
    return { ms, applied: verdicts.applied ?? 0 };
  },

  /** Writes single records at an even pace over a live socket; each says when it was written. */
  async write({ path, url, scope, records, everyMs }: Place & { records: number; everyMs: number }) {
    const replica = await openReplica({
      schema,
      path,
      device: device(path),
      url,
      automatic: { everyMs: 60_000 },
    });
    const { items, status } = replica.scope(scope);
    for await (const { bootstrapping } of status.subscribe()) if (!bootstrapping) break;
    const begin = machineMs();
    for (let n = 0; n < records; n += 1) {
      await untilMs(begin + n * everyMs);
      await items.put(itemOf(n, machineMs()));
    }
    for await (const { pending } of status.subscribe()) if (pending === 0) break;
    await replica.close();
  },
});
