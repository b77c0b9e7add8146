// A process that runs seeds, given as one JSON argument: a series of them, one that is shortened, or an excerpt of one. It says
// what it does in lines of JSON, so that whoever started it knows what was under way when it dies.

import { realMs } from './clock.ts';
import { type ExcerptFlags, readExcerpt } from './excerpt-flags.ts';
import { exitWhenTaken, jsonLine } from './json-line.ts';
import type { StoreKind } from './profile.ts';
import { runSeed } from './run.ts';
import { runSeries, type Series, type SeriesResult } from './series.ts';
import { shrink } from './shrink.ts';
import { type Story, storyOf } from './story.ts';

export type WorkerTask =
  | ({ type: 'series' } & Series)
  | { type: 'shrink'; seed: number; store?: StoreKind; runsMax: number; msMax: number }
  | { type: 'replay'; seed: number; store?: StoreKind; flags: ExcerptFlags };

export type WorkerMessage =
  | { type: 'begun'; seed: number }
  /** `cpuMs`: what the process took of its core so far, from its start on. */
  | { type: 'ended'; result: SeriesResult; cpuMs: number }
  | { type: 'tried'; runs: number }
  | { type: 'story'; story: Story | null };

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
// Whoever started it has gone.
process.stdout.on('error', () => process.exit(1));
await work(JSON.parse(process.argv[2] ?? '{}') as WorkerTask);
exitWhenTaken();

async function work(task: WorkerTask): Promise<void> {
  switch (task.type) {
    case 'series':
      // The traces of errors that are met by design cost more than the errors. Whoever tells a failure runs its seed once more.
      Error.stackTraceLimit = 0;
      return runSeries(task, {
        goesOn: () => !stop.signal.aborted,
        begun: (seed) => say({ type: 'begun', seed }),
        ended: (_, result) => say({ type: 'ended', result, cpuMs: cpuMs() }),
      });
    case 'shrink':
      return say({ type: 'story', story: await shortened(task) });
    case 'replay': {
      const { flags, ...seed } = task;
      const excerpt = readExcerpt(flags);
      const result = await runSeed({ ...seed, excerpt, lines: Number.POSITIVE_INFINITY });
      return say({ type: 'story', story: storyOf({ result, excerpt }) });
    }
  }
}

async function shortened({
  seed,
  store,
  runsMax,
  msMax,
}: WorkerTask & { type: 'shrink' }): Promise<Story | null> {
  const endMs = realMs() + msMax;
  let runs = 0;
  const shrunk = await shrink(
    { seed, store },
    {
      runsMax,
      goesOn() {
        runs += 1;
        say({ type: 'tried', runs });
        return realMs() < endMs && !stop.signal.aborted;
      },
    },
  );
  return shrunk ? storyOf(shrunk) : null;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return Math.round((user + system) / 1_000);
}

/** Short lines are written before the next step, also when that never ends: pipes take them at once on all but Windows. */
function say(message: WorkerMessage): void {
  process.stdout.write(jsonLine(message));
}
