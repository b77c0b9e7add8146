// A device as a process of its own, which is made to be killed: it writes without end, syncs by itself, and prints a line of JSON
// for what it sees when it starts, for each mutation that was acknowledged to it, and for what it sees when it was told to end.
// Arguments: the file, the server's address, the device, the number of its first mutation.

import { openReplica } from '@holdfast/client/node';
import { schema } from './crash.fixture.config.ts';

const [path = '', url = '', device = '', first = '0'] = process.argv.slice(2);
const replica = await openReplica({ schema, path, url, device, automatic: { everyMs: 50 } });
const scope = replica.scope('main');

export interface Seen {
  /** Ids of marks. */
  marks: string[];
  sum: number;
}

/** In one view: each mark comes with its part of the sum. */
async function look(): Promise<Seen> {
  return scope.mutate(async (tx) => {
    const marks: string[] = [];
    for (;;) {
      const after = marks.at(-1);
      const found = await tx.marks.list({ limit: 500, ...(after === undefined ? {} : { after }) });
      marks.push(...found.map(({ id }) => id));
      if (found.length < 500) return { marks, sum: (await tx.totals.get('all'))?.sum ?? 0 };
    }
  });
}

async function say(value: unknown): Promise<void> {
  const flushed = process.stdout.write(`${JSON.stringify(value)}\n`);
  if (!flushed) await new Promise((drained) => process.stdout.once('drain', drained));
}

let over = false;
process.stdin.once('data', () => {
  over = true;
});
// Before the first sync there is nothing to add to.
while (!(await scope.totals.get('all'))) await scope.sync();
await say({ opened: await look() });
for (let n = Number(first); !over; n += 1) {
  await scope.mutate(async (tx) => {
    await tx.totals.add('all', { sum: 0.1 });
    await tx.marks.put({ id: `${device}-${n}`, worker: 0, n, amount: 0.1 });
  });
  await say({ acknowledged: n });
}
while ((await scope.status()).pending > 0) await scope.sync();
await say({ settled: true });
process.stdin.once('data', async () => {
  await scope.sync();
  await say({ ended: await look() });
  await replica.close();
  process.exit(0);
});
