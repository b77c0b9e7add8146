// A failure for people: what broke, the shortened history step by step, and one command that plays it again.

import type { Excerpt } from './excerpt.ts';
import { flagsOf } from './excerpt-flags.ts';
import type { RunResult } from './run.ts';
import type { Shrunk } from './shrink.ts';

/** The last steps are those that tell how it broke. */
const stepsShown = 300;

/** The command that plays a seed again, or this excerpt of it. */
export function commandOf({ seed, profile, storeGiven }: RunResult, excerpt?: Excerpt): string {
  const store = storeGiven ? ['--store', profile.store] : [];
  const flags = excerpt ? flagsOf(excerpt) : [];
  return ['npx holdfast simulate', '--seed', seed, '--seeds', 1, ...store, ...flags].join(' ');
}

export function shrunkText({ whole, result, excerpt, runs, finished }: Shrunk): string {
  const size = ({ acts, strikes, profile: { devices, servers } }: RunResult): string =>
    `${acts.length} acts, ${strikes.length} strikes of faults, ${devices.length} devices, ${servers} servers`;
  return [
    `Seed ${result.seed} breaks a promise. Shortened in ${runs} runs from ${size(whole)}`,
    `to ${size(result)}${finished ? '' : '; then its time was up'}.`,
    '',
    historyText(result),
    '',
    'The same steps again:',
    `  ${commandOf(result, excerpt)}`,
    'The whole seed:',
    `  ${commandOf(result)}`,
  ].join('\n');
}

/** Who did what when, what struck, and what broke. */
export function historyText({ failure, profile, lines, hash, virtualMs }: RunResult): string {
  const { devices, servers, store, scopes, faultyMs } = profile;
  const left = Math.max(0, lines.length - stepsShown);
  return [
    `World: devices ${devices.join(', ')}; ${servers} ${servers === 1 ? 'server' : 'servers'} on ${store}; scopes ${scopes.join(', ')}; faults until ${secondsText(faultyMs)} s.`,
    ...(left > 0 ? [`(${left} steps before these are left out here; --json has them.)`] : []),
    ...lines.slice(left),
    failure
      ? `${secondsText(failure.atMs).padStart(9)}  BROKEN: ${failure.invariant}: ${failure.message}`
      : `${secondsText(virtualMs).padStart(9)}  all is settled, and nothing is broken`,
    `Trace ${hash}.`,
  ].join('\n');
}

function secondsText(ms: number): string {
  return (ms / 1_000).toFixed(3);
}
