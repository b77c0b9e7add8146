// A worker that dies as its seeds say: 2 throws, 4 says half a word and is gone, 6 never comes back. 8 fails, with ends of lines in
// its words, and 10 in more words than a pipe holds.

import { exitWhenTaken, jsonLine } from './json-line.ts';
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
  const message = seed === 10 ? 'x'.repeat(3_000_000) : 'a\u2028b\u2029c\nd';
  const failures = seed === 8 || seed === 10 ? [{ seed, atMs: 1, invariant: 'planted', message }] : [];
  say({ type: 'ended', result: { ...noSeries(), seeds: 1, failures }, cpuMs: 10 });
}
exitWhenTaken();

function say(message: WorkerMessage): void {
  process.stdout.write(jsonLine(message));
}
