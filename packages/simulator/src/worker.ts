// A process that runs a series of seeds, given as one JSON argument, and prints what they came to as one line of JSON.

import type { FaultKind } from './faults.ts';
import { runSeries, type SeriesOptions } from './series.ts';

export interface WorkerTask extends Pick<SeriesOptions, 'first' | 'step' | 'count' | 'stopAtFailure'> {
  store?: SeriesOptions['store'];
  faultsOff?: readonly FaultKind[];
  /** Begins no seed after so many minutes of real time. */
  minutes: number;
}

const task = JSON.parse(process.argv[2] ?? '{}') as WorkerTask;
const stop = new AbortController();
// The one real timer: how long to go on is the user's wish, and no part of the simulated world.
const over = AbortSignal.any([stop.signal, AbortSignal.timeout(task.minutes * 60_000)]);
process.on('SIGTERM', () => stop.abort());
const { faultsOff, ...rest } = task;
const result = await runSeries({
  ...rest,
  ...(faultsOff ? { faultsOff: new Set(faultsOff) } : {}),
  goesOn: () => !over.aborted,
});
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
