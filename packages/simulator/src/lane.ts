// Worker processes of which one runs at a time: when one dies or falls silent, the seed that was under way has failed, and the
// next one goes on behind it.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Timer } from '@holdfast/core';
import { realTimer } from './clock.ts';
import { noSeries, type Series, type SeriesResult } from './series.ts';
import type { WorkerMessage, WorkerTask } from './worker.ts';

export interface LaneOptions {
  /** Ends after the seed that is under way. */
  stop: AbortSignal;
  /** The program that runs tasks. */
  worker?: URL;
  /** Measures how long a process has said nothing. */
  timer?: Timer;
}

/** What takes longer never ends: a seed takes a second or two; a slow machine under load a hundred times as long. */
const silenceMsMax = 300_000;

/** Room for what lives as long as one event: less of it is copied about. */
const workerFlags = ['--min-semi-space-size=32', '--max-semi-space-size=64'];

/** Runs a series. Answers how much of a core it took. */
export async function runLane(
  series: Series,
  { ended, ...options }: LaneOptions & { ended: (result: SeriesResult) => void },
): Promise<number> {
  const { first, step, count } = series;
  let cpuMs = 0;
  let done = 0;
  let stopped = false;
  while (done < count && !options.stop.aborted && !stopped) {
    let cpuNowMs = 0;
    const task: WorkerTask = { type: 'series', ...series, first: first + done * step, count: count - done };
    const { seed, end } = await runWorker(task, options, (message) => {
      if (message.type !== 'ended') return;
      done += 1;
      cpuNowMs = message.cpuMs;
      stopped = series.stopAtFailure && message.result.failures.length > 0;
      ended(message.result);
    });
    cpuMs += cpuNowMs;
    if (end === undefined) break;
    if (seed === undefined) throw new Error(`A process of the simulator did not begin. ${end.message}`);
    done += 1;
    stopped = series.stopAtFailure;
    ended({ ...noSeries(), seeds: 1, failures: [{ seed, ...end, atMs: 0 }] });
  }
  return cpuMs;
}

export interface WorkerEnd {
  /** The seed that was under way. */
  seed: number | undefined;
  /** Undefined: it ended as it should. */
  end: { invariant: string; message: string } | undefined;
}

export function runWorker(
  task: WorkerTask,
  { stop, worker = new URL('./worker.ts', import.meta.url), timer = realTimer }: LaneOptions,
  heard: (message: WorkerMessage) => void,
): Promise<WorkerEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...workerFlags, fileURLToPath(worker), JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C reaches every process of a terminal's group: what it means is said by the one that was called there.
      detached: true,
    });
    let seed: number | undefined;
    let isSilent = false;
    let said = '';
    const listen = () =>
      timer.after(silenceMsMax, () => {
        isSilent = true;
        child.kill('SIGKILL');
      });
    let silenceTimer = listen();
    const onStop = (): void => void child.kill('SIGTERM');
    stop.addEventListener('abort', onStop);
    if (stop.aborted) onStop();
    createInterface({ input: child.stdout }).on('line', (line) => {
      silenceTimer.cancel();
      silenceTimer = listen();
      const message = messageOf(line);
      if (!message) return;
      if (message.type === 'begun') seed = message.seed;
      if (message.type === 'ended') seed = undefined;
      heard(message);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      silenceTimer.cancel();
      stop.removeEventListener('abort', onStop);
      if (isSilent) resolve({ seed, end: { invariant: 'ends', message: silentText() } });
      // Asked to end before it could listen.
      else if (code === 0 || (stop.aborted && signal === 'SIGTERM')) resolve({ seed, end: undefined });
      else
        resolve({
          seed,
          end: { invariant: 'process', message: deathText(signal ?? `exit code ${code}`, said) },
        });
    });
  });
}

/** A process that is killed may leave half a line. */
function messageOf(line: string): WorkerMessage | undefined {
  try {
    return JSON.parse(line) as WorkerMessage;
  } catch {
    return undefined;
  }
}

function silentText(): string {
  return `It was still at work after ${silenceMsMax / 1_000} s of real time.`;
}

/** A runtime that runs out of memory tells it before a long list of addresses. */
function deathText(how: string, said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  const reason = lines.find((line) => /^FATAL ERROR|^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '';
  return `Its process ended with ${how}. ${reason}`.trim().slice(0, 500);
}
