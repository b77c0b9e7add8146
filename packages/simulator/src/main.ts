// A process that runs seeds on every core, given as one JSON argument, and prints what they came to as one line of JSON.
// The first failure is shortened and told step by step.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Coverage, coverageOf } from './coverage.ts';
import type { StoreKind } from './profile.ts';
import { shrunkText } from './report.ts';
import type { RunOptions } from './run.ts';
import { addSeries, noSeries, type SeriesResult } from './series.ts';
import { shrink } from './shrink.ts';
import type { WorkerResult, WorkerTask } from './worker.ts';

interface MainTask {
  seed: number;
  seeds: number;
  minutes: number;
  processes: number;
  store?: StoreKind;
}

export interface MainResult extends WorkerResult {
  coverage: Coverage[];
  /** The first failure, shortened; '' when there is none. */
  story: string;
}

/** Room for what lives as long as one event: less of it is copied about. */
const workerFlags = ['--min-semi-space-size=32', '--max-semi-space-size=64'];

const task = JSON.parse(process.argv[2] ?? '{}') as MainTask;
const result = await runAll(task);
process.stdout.write(`${JSON.stringify(result)}\n`);

async function runAll({ seed, seeds, minutes, processes, store }: MainTask): Promise<MainResult> {
  const total = noSeries();
  const lanes = Math.min(seeds, processes);
  const tasks = Array.from({ length: lanes }, (_, lane): WorkerTask => {
    const count = Math.ceil((seeds - lane) / lanes);
    return {
      first: seed + lane,
      step: lanes,
      count,
      minutes,
      stopAtFailure: false,
      ...(store ? { store } : {}),
    };
  });
  let cpuMs = 0;
  for (const part of await Promise.all(tasks.map(runWorker))) {
    addSeries(total, part);
    cpuMs += part.cpuMs;
  }
  total.failures.sort((a, b) => a.seed - b.seed);
  return {
    ...total,
    cpuMs,
    coverage: coverageOf(total),
    story: await storyOf(total, store),
  };
}

function runWorker(given: WorkerTask): Promise<WorkerResult> {
  return new Promise((resolve, reject) => {
    const file = fileURLToPath(new URL('./worker.ts', import.meta.url));
    const child = spawn(process.execPath, [...workerFlags, file, JSON.stringify(given)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as WorkerResult);
      else reject(new Error(`A worker of the simulator ended with ${code}.`));
    });
  });
}

async function storyOf({ failures: [first] }: SeriesResult, store: RunOptions['store']): Promise<string> {
  if (!first) return '';
  const shrunk = await shrink({ store, seed: first.seed }, { runsMax: 400, goesOn: () => true });
  return shrunk ? shrunkText(shrunk) : '';
}
