// A call of `sync` that tries again. Each try is a sync of its own; between two of them lies a random delay, ever longer.

import type { Clock, Random, Timer } from '@holdfast/core';
import { addTally, type CycleState, noTally } from './cycle/state.ts';
import type { CycleResult, Runner, SyncOptions } from './runner.ts';

export interface RetriesDeps {
  clock: Clock;
  random: Random;
  timer: Timer;
  delayMsMin: number;
  delayMsMax: number;
}

export class Retries {
  readonly #deps: RetriesDeps;
  /** Ends a delay. */
  readonly #waits = new Set<() => void>();

  constructor(deps: RetriesDeps) {
    this.#deps = deps;
  }

  /** As `Runner.sync`; the counts are those of all tries. */
  async sync(runner: Runner, { retries = 0, ...options }: SyncOptions = {}): Promise<CycleResult> {
    const { clock, random } = this.#deps;
    let tally = noTally();
    for (let tries = 0; ; tries += 1) {
      const result = await runner.sync(options);
      tally = addTally(tally, result);
      const draw = { tries, nowMs: clock.monoMs(), fraction: random.fraction() };
      const delayMs = tries < retries ? delayBefore(runner.state(), draw, this.#deps) : undefined;
      if (delayMs === undefined || options.signal?.aborted) return { ...result, ...tally };
      await this.#wait(delayMs, options.signal);
    }
  }

  /** Ends every delay; whoever waited finds the runner closed. */
  close(): void {
    for (const end of [...this.#waits]) end();
  }

  #wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        late.cancel();
        signal?.removeEventListener('abort', end);
        this.#waits.delete(end);
        resolve();
      };
      const late = this.#deps.timer.after(delayMs, end);
      signal?.addEventListener('abort', end);
      this.#waits.add(end);
    });
  }
}

/** Full jitter behind Retry-After, in milliseconds. Undefined: trying again by itself does not help, or nothing has failed. */
export function delayBefore(
  state: Pick<CycleState, 'phase' | 'notBeforeMs'>,
  draw: { tries: number; nowMs: number; fraction: number },
  bounds: Pick<RetriesDeps, 'delayMsMin' | 'delayMsMax'>,
): number | undefined {
  if (state.phase !== 'backoff') return undefined;
  const floorMs = Math.max(0, state.notBeforeMs - draw.nowMs);
  return floorMs + draw.fraction * Math.min(bounds.delayMsMax, bounds.delayMsMin * 2 ** draw.tries);
}
