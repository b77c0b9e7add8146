// A failure for people: what broke, the shortened history, and one command that shows it again.

import { faultKinds } from './faults.ts';
import type { RunResult } from './run.ts';
import type { Shrunk } from './shrink.ts';

export function failureText(given: RunResult, { result, faultsOff, actsOff, runs }: Shrunk): string {
  const { failure, profile, seed } = result;
  if (!failure) return `Seed ${seed} does not fail.`;
  const flags = given.storeGiven ? ` --store ${profile.store}` : '';
  const faults = faultKinds.filter((kind) => !faultsOff.has(kind));
  return [
    `Seed ${seed} breaks invariant ${failure.invariant}, at ${(failure.atMs / 1_000).toFixed(3)} s:`,
    `  ${failure.message}`,
    `World: ${profile.devices} devices, ${profile.servers} servers on ${profile.store}, scopes ${profile.scopes.join(', ')}.`,
    `Shortened in ${runs} runs: ${result.acts - actsOff.size} of ${given.acts} acts, ${result.events} of ${given.events} events.`,
    `Faults that are still on: ${faults.join(', ') || 'none'}.`,
    '',
    ...result.lines,
    '',
    `Again: npx holdfast simulate --seed ${seed} --seeds 1${flags}`,
  ].join('\n');
}
