// A worker that dies as its seeds say: 2 throws, 4 says half a word and is gone, 6 never comes back.

import { noSeries, type Series } from './series.ts';
import type { WorkerMessage } from './worker.ts';

const { first, step, count } = JSON.parse(process.argv[2] ?? '{}') as Series;
for (let n = 0; n < count; n += 1) {
  const seed = first + n * step;
  say({ type: 'begun', seed });
  if (seed === 2) throw new Error('Planted.');
  if (seed === 4) {
    process.stdout.write('{"type":"en');
    process.exit(3);
  }
  if (seed === 6) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  say({ type: 'ended', result: { ...noSeries(), seeds: 1 }, cpuMs: 10 });
}

function say(message: WorkerMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
