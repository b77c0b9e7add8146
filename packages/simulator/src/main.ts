// A process that runs seeds on every core, given as one JSON argument. It says how far it is, and at last what they came to, in
// lines of JSON. The first failure is shortened and told step by step.

import { realTimer } from './clock.ts';
import { type Completeness, completenessOf } from './completeness.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import { checkExcerpt, ExcerptError, type ExcerptFlags, readExcerpt } from './excerpt-flags.ts';
import { jsonLine } from './json-line.ts';
import { runLane, runWorker, type WorkerEnd } from './lane.ts';
import type { StoreKind } from './profile.ts';
import { profileOf } from './run.ts';
import { addSeries, noSeries, type SeriesResult } from './series.ts';
import type { Story } from './story.ts';
import type { WorkerTask } from './worker.ts';

export interface MainTask {
  seed: number;
  seeds: number;
  /** Begins no seed after so many; null: the number of seeds is the end. */
  minutes: number | null;
  processes: number;
  store?: StoreKind;
  /** The run must have met every pair, however short it is. */
  complete: boolean;
  /** Plays this of one seed, and tells it whole. */
  excerpt?: ExcerptFlags;
}

export interface MainResult extends SeriesResult {
  /** Of all processes together. */
  cpuMs: number;
  coverage: Coverage[];
  completeness: Completeness;
  /** The first failure, shortened; of an excerpt, what happened in it. */
  story: Story | null;
  /** It was asked to stop. */
  interrupted: boolean;
  /** It ended early: there were too many failures. */
  failuresMax: number | null;
}

export type MainMessage =
  | { type: 'progress'; seeds: number; operations: number; failures: number; shortening: number | null }
  | { type: 'refused'; message: string }
  | { type: 'result'; result: MainResult };

/** More of them tell nothing new. */
const failuresMax = 20;
const shrinkRunsMax = 2_000;
const shrinkMsMax = 120_000;

const interrupt = new AbortController();
process.on('SIGTERM', () => interrupt.abort());
// Whoever started it has gone.
process.stdout.on('error', () => process.exit(1));
const task = JSON.parse(process.argv[2] ?? '{}') as MainTask;
try {
  say({ type: 'result', result: await (task.excerpt ? replay(task, task.excerpt) : runAll(task)) });
} catch (error) {
  if (!(error instanceof ExcerptError)) throw error;
  say({ type: 'refused', message: error.message });
}

async function runAll({ seed, seeds, minutes, processes, store, complete }: MainTask): Promise<MainResult> {
  const total = noSeries();
  const enough = new AbortController();
  const stop = AbortSignal.any([interrupt.signal, enough.signal]);
  const clock = minutes === null ? undefined : realTimer.after(minutes * 60_000, () => enough.abort());
  const ended = (result: SeriesResult): void => {
    addSeries(total, result);
    sayProgress(total, null);
    if (total.failures.length >= failuresMax) enough.abort();
  };
  const lanes = Math.min(seeds, processes);
  const cpuMs = await Promise.all(
    Array.from({ length: lanes }, (_, lane) => {
      const count = Math.ceil((seeds - lane) / lanes);
      const series = { first: seed + lane, step: lanes, count, stopAtFailure: false };
      return runLane({ ...series, ...(store ? { store } : {}) }, { stop, ended });
    }),
  );
  clock?.cancel();
  total.failures.sort((a, b) => a.seed - b.seed);
  const coverage = coverageOf(total);
  return {
    ...total,
    cpuMs: cpuMs.reduce((sum, ms) => sum + ms, 0),
    coverage,
    completeness: completenessOf(coverage, {
      seeds: total.seeds,
      oneStore: store !== undefined,
      demanded: complete,
    }),
    story: await shortened(total, store),
    interrupted: interrupt.signal.aborted,
    failuresMax: total.failures.length >= failuresMax ? failuresMax : null,
  };
}

/** The first that did not end its process. */
async function shortened(total: SeriesResult, store: StoreKind | undefined): Promise<Story | null> {
  const first = total.failures.find(({ invariant }) => invariant !== 'process' && invariant !== 'ends');
  if (!first) return null;
  const { seed } = first;
  // Whoever asked to stop still learns what broke, as it is.
  const { aborted } = interrupt.signal;
  const limits = { runsMax: shrinkRunsMax, msMax: aborted ? 0 : shrinkMsMax };
  const stop = aborted ? new AbortController().signal : interrupt.signal;
  const given: WorkerTask = { type: 'shrink', seed, ...limits, ...(store ? { store } : {}) };
  return (await tell(given, stop, (runs) => sayProgress(total, runs))).story;
}

async function replay({ seed, store }: MainTask, flags: ExcerptFlags): Promise<MainResult> {
  checkExcerpt(readExcerpt(flags), profileOf({ seed, store }));
  const given: WorkerTask = { type: 'replay', seed, flags, ...(store ? { store } : {}) };
  const { story, end } = await tell(given, interrupt.signal);
  const failure = end ? { ...end, atMs: 0 } : story?.failure;
  return {
    ...noSeries(),
    seeds: 1,
    failures: failure ? [{ seed, ...failure }] : [],
    cpuMs: 0,
    coverage: [],
    completeness: completenessOf([], { seeds: 1, oneStore: false, demanded: false }),
    story,
    interrupted: interrupt.signal.aborted,
    failuresMax: null,
  };
}

async function tell(
  given: WorkerTask,
  stop: AbortSignal,
  tried?: (runs: number) => void,
): Promise<{ story: Story | null } & Pick<WorkerEnd, 'end'>> {
  let story: Story | null = null;
  const { end } = await runWorker(given, { stop }, (message) => {
    if (message.type === 'tried') tried?.(message.runs);
    if (message.type === 'story') ({ story } = message);
  });
  return { story, end };
}

function sayProgress({ seeds, operations, failures }: SeriesResult, shortening: number | null): void {
  const sum = Object.values(operations).reduce((all, count) => all + count, 0);
  say({ type: 'progress', seeds, operations: sum, failures: failures.length, shortening });
}

function say(message: MainMessage): void {
  process.stdout.write(jsonLine(message));
}
