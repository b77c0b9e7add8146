// A worker that dies as its seeds say: 2 throws, 4 runs for ever, 6 says half a word and is gone.

import { noSeries, type Series } from './series.ts';
import type { WorkerMessage } from './worker.ts';

const { first, step, count } = JSON.parse(process.argv[2] ?? '{}') as Series;
for (let n = 0; n < count; n += 1) {
  const seed = first + n * step;
  say({ type: 'begun', seed });
  if (seed === 2) throw new Error('Planted.');
  while (seed === 4);
  if (seed === 6) {
    process.stdout.write('{"type":"en');
    process.exit(3);
  }
  say({ type: 'ended', result: { ...noSeries(), seeds: 1 }, cpuMs: 10 });
}

function say(message: WorkerMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
