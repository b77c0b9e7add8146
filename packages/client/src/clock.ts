// The browser's clock, randomness and timer.

import type { Clock, Random, Timer } from '@holdfast/core';

export function browserClock(): Clock {
  return { wallMs: () => Date.now(), monoMs: () => performance.now() };
}

export function browserRandom(): Random {
  return {
    bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    fraction: () => Math.random(),
  };
}

export function browserTimer(): Timer {
  return {
    after(delayMs, run) {
      const handle = setTimeout(run, Math.min(Math.max(0, delayMs), delayMsMax));
      return { cancel: () => clearTimeout(handle) };
    },
  };
}

/** Beyond it setTimeout fires at once (a signed 32-bit number of milliseconds). */
const delayMsMax = 2 ** 31 - 1;
