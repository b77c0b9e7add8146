// The only file of the replica on Node that reads clocks, sets timers and draws random numbers.

import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Random, Timer } from '@holdfast/core';

export function nodeClock(): Clock {
  return { wallMs: () => Date.now(), monoMs: () => performance.now() };
}

export function nodeRandom(): Random {
  return { bytes: (length) => randomFillSync(new Uint8Array(length)), fraction: () => Math.random() };
}

export function nodeTimer(): Timer {
  return {
    after: (delayMs, run) => {
      const timeout = setTimeout(run, Math.min(Math.max(0, delayMs), delayMsMax));
      return { cancel: () => clearTimeout(timeout) };
    },
  };
}

/** Resolves when everything else that is due has had its turn. */
export function nodeTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Beyond it setTimeout fires at once (a signed 32-bit number of milliseconds). */
const delayMsMax = 2 ** 31 - 1;
