// Notices a world that goes on for ever: without time going on, or without an end.

import type { Failure } from './world.ts';

/** A seed takes some thousands of events, and a few at one moment. */
const bounds = { eventsMax: 1_000_000, eventsAtOnceMax: 10_000 };

/** To be asked before each event; answers what is wrong. */
export function createPace({
  eventsMax,
  eventsAtOnceMax,
} = bounds): (nowMs: number) => Pick<Failure, 'invariant' | 'message'> | undefined {
  let events = 0;
  let atOnce = 0;
  let lastMs = -1;
  return (nowMs) => {
    events += 1;
    atOnce = nowMs === lastMs ? atOnce + 1 : 0;
    lastMs = nowMs;
    if (atOnce >= eventsAtOnceMax) return endless(`${eventsAtOnceMax} events, and no time went by.`);
    return events > eventsMax ? endless(`${eventsMax} events, and it still went on.`) : undefined;
  };
}

function endless(message: string): Pick<Failure, 'invariant' | 'message'> {
  return { invariant: 'ends', message };
}
