// Runs the world one event at a time, and after each event everything that its promises set off, before the next begins.
//
// The exact way asks V8 itself to run all waiting microtasks; it is several times faster than a turn of the event loop, which is
// the way that every platform has. Both give the same history (simulator.test.ts).

import { setFlagsFromString } from 'node:v8';

export type Drain = 'exact' | 'portable';

/** Calls `step` until it answers false. What `step` throws comes back as the rejection. */
export async function runSteps(step: () => boolean, drain: Drain = 'exact'): Promise<void> {
  const checkpoint = drain === 'exact' ? microtaskCheckpoint() : undefined;
  // What was set off before the first event runs before it: both ways begin in a turn of their own.
  if (!checkpoint) {
    await macrotask(() => undefined);
    while (step()) await macrotask(() => undefined);
    return;
  }
  // Only outside of a microtask can V8 be asked to run them.
  await macrotask(() => {
    while (step()) checkpoint();
  });
}

function microtaskCheckpoint(): (() => void) | undefined {
  try {
    setFlagsFromString('--allow-natives-syntax');
    return new Function('%PerformMicrotaskCheckpoint()') as () => void;
  } catch {
    return undefined;
  }
}

/** Runs `work` in a turn of the event loop of its own, when all microtasks have run. */
function macrotask(work: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      try {
        work();
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    port2.postMessage(null);
  });
}
