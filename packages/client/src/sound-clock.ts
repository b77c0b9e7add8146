// The device's clock as the replica reads it: always a number that can be written down and sent. A clock may say anything (none
// set, none there, a year of six digits), and what was written by it must neither be refused nor keep back anything else.

import type { Clock } from '@holdfast/core';

export function soundClock(clock: Clock): Clock {
  return {
    wallMs: () => within(clock.wallMs(), wallMsMax),
    monoMs: () => within(clock.monoMs(), Number.MAX_SAFE_INTEGER),
  };
}

/** The last moment that a Date can hold. */
const wallMsMax = 8_640_000_000_000_000;

/** What is no number counts as 0. */
function within(ms: number, max: number): number {
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), max);
}
