// Shortens a failing run while the same invariant still fails: cut in time, fault kinds switched off one at a time, acts left out.

import { type FaultKind, faultKinds } from './faults.ts';
import { type RunOptions, type RunResult, runSeed } from './run.ts';

export interface Shrunk {
  result: RunResult;
  faultsOff: ReadonlySet<FaultKind>;
  actsOff: ReadonlySet<number>;
  runs: number;
}

/** `runsMax` bounds the work. The answer is a failing run, at worst the one that was given. */
export async function shrink(given: RunOptions, runsMax: number): Promise<Shrunk> {
  const first = await runSeed(given);
  const best: Shrunk = {
    result: first,
    faultsOff: given.faultsOff ?? new Set(),
    actsOff: given.actsOff ?? new Set(),
    runs: 1,
  };
  if (!first.failure) return best;
  const { invariant } = first.failure;
  let { faultyMs } = given;
  const attempt = async (change: Partial<RunOptions>): Promise<boolean> => {
    if (best.runs >= runsMax) return false;
    best.runs += 1;
    const options = {
      ...given,
      ...(faultyMs === undefined ? {} : { faultyMs }),
      faultsOff: best.faultsOff,
      actsOff: best.actsOff,
      ...change,
    };
    const result = await runSeed(options);
    if (result.failure?.invariant !== invariant) return false;
    best.result = result;
    best.faultsOff = options.faultsOff;
    best.actsOff = options.actsOff;
    return true;
  };
  const cutMs = Math.ceil(first.failure.atMs) + 1;
  if (await attempt({ faultyMs: cutMs })) faultyMs = cutMs;
  for (const kind of faultKinds)
    if (!best.faultsOff.has(kind)) await attempt({ faultsOff: new Set([...best.faultsOff, kind]) });
  await leaveOutActs(best, attempt);
  return best;
}

/** Leaves out halves, then quarters, and so on down to single acts, as long as the run still fails. */
async function leaveOutActs(
  best: Shrunk,
  attempt: (change: Partial<RunOptions>) => Promise<boolean>,
): Promise<void> {
  const acts = best.result.acts;
  for (let size = Math.ceil(acts / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < acts; from += size) {
      const part = Array.from({ length: Math.min(size, acts - from) }, (_, at) => from + at);
      if (part.every((act) => best.actsOff.has(act))) continue;
      await attempt({ actsOff: new Set([...best.actsOff, ...part]) });
    }
  }
}
