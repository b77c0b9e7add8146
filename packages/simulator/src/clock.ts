// Real time, for the processes around the simulated worlds; nothing inside of a world may know it.

import { performance } from 'node:perf_hooks';
import type { Timer } from '@holdfast/core';

export function realMs(): number {
  return performance.now();
}

export const realTimer: Timer = {
  after(delayMs, run) {
    const timeout = setTimeout(run, Math.min(delayMs, delayMsMax));
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Beyond it a timer fires at once (a signed 32-bit number of milliseconds): 24 days. */
const delayMsMax = 2 ** 31 - 1;
