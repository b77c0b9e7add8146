// A process that writes to a replica's file until it is killed: ten records in each transaction, and a line on its standard output
// for each transaction that was acknowledged.

import { openSqliteStorage } from './sqlite.ts';

const storage = await openSqliteStorage({ path: process.argv[2] ?? '' });
for (let n = 0; ; n += 1) {
  await storage.transaction('durable', async (tx) => {
    for (let at = 0; at < 10; at += 1) {
      await tx.put('records', ['s', 'items', String(n * 10 + at).padStart(8, '0')], n);
    }
  });
  // Waits for the pipe now and then, or the lines would pile up.
  if (!process.stdout.write(`${n}\n`)) await new Promise((drained) => process.stdout.once('drain', drained));
}
