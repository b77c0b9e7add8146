// A process that runs a series of seeds, given as one JSON argument, and prints what they came to as one line of JSON.

import { runSeries, type SeriesOptions, type SeriesResult } from './series.ts';

export interface WorkerTask extends Pick<SeriesOptions, 'first' | 'step' | 'count' | 'stopAtFailure'> {
  store?: SeriesOptions['store'];
  /** Begins no seed after so many minutes of real time. */
  minutes: number;
}

export interface WorkerResult extends SeriesResult {
  /** What the process took of its core, from its start on. */
  cpuMs: number;
}

// The traces of errors that are met by design cost more than the errors. Whoever tells a failure runs its seed once more.
Error.stackTraceLimit = 0;
const task = JSON.parse(process.argv[2] ?? '{}') as WorkerTask;
const stop = new AbortController();
// The one real timer: how long to go on is the user's wish, and no part of the simulated world.
const over = AbortSignal.any([stop.signal, AbortSignal.timeout(task.minutes * 60_000)]);
process.on('SIGTERM', () => stop.abort());
const result = await runSeries({ ...task, goesOn: () => !over.aborted });
const { user, system } = process.cpuUsage();
const cpuMs = Math.round((user + system) / 1_000);
process.stdout.write(`${JSON.stringify({ ...result, cpuMs } satisfies WorkerResult)}\n`);
process.exit(0);
