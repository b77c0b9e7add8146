// A run told to people and to programs: what broke, who did what when, what struck, and one command that plays it again.

import { flagsOf } from './excerpt-flags.ts';
import type { RunResult } from './run.ts';
import type { Shrunk } from './shrink.ts';
import type { Failure } from './world.ts';

export interface Story {
  seed: number;
  /** Null: nothing broke. */
  failure: Failure | null;
  /** Who did what when, and what struck. */
  steps: readonly string[];
  /** Two runs with the same steps have the same. */
  hash: string;
  /** What of the seed is played, as options of the command; empty: all. */
  flags: readonly string[];
  /** Plays exactly this again. */
  command: string;
  /** Of a shortened run: what it took, and whether nothing more can be left out. */
  shortened: { runs: number; finished: boolean } | null;
  /** All of this, for people. */
  text: string;
}

type Told = Pick<Shrunk, 'result' | 'excerpt'> & Partial<Pick<Shrunk, 'whole' | 'runs' | 'finished'>>;

/** The first steps tell what was done, the last ones how it broke. */
const [stepsFirst, stepsLast] = [200, 80];

export function storyOf({ result, excerpt, whole, runs = 0, finished = true }: Told): Story {
  const { seed, failure = null, lines: steps, hash } = result;
  const flags = flagsOf(excerpt);
  const command = commandOf(result, flags);
  const text = [
    ...(whole ? [shorteningText(whole, result, { runs, finished })] : []),
    historyText(result),
    '',
    'The same steps again:',
    `  ${command}`,
    ...(whole ? ['The whole seed:', `  ${commandOf(result)}`] : []),
  ].join('\n');
  return { seed, failure, steps, hash, flags, command, shortened: whole ? { runs, finished } : null, text };
}

/** The command that plays a seed again, or this excerpt of it. */
export function commandOf(
  { seed, profile, storeGiven }: Pick<RunResult, 'seed' | 'profile' | 'storeGiven'>,
  flags: readonly string[] = [],
): string {
  const store = storeGiven ? ['--store', profile.store] : [];
  return ['npx holdfast simulate --seed', seed, '--seeds 1', ...store, ...flags].join(' ');
}

function shorteningText(
  whole: RunResult,
  result: RunResult,
  { runs, finished }: { runs: number; finished: boolean },
): string {
  return [
    `Seed ${result.seed} breaks a promise: ${result.failure?.invariant ?? 'none'}.`,
    `Shortened in ${runs} runs from ${sizeText(whole)}`,
    `to ${sizeText(result)}${finished ? '' : '; there was no time for more'}.`,
    '',
  ].join('\n');
}

function sizeText({ acts, strikes, profile: { devices, servers } }: RunResult): string {
  const counts: readonly (readonly [number, string, string])[] = [
    [acts.length, 'act', 'acts'],
    [strikes.length, 'strike of a fault', 'strikes of faults'],
    [devices.length, 'device', 'devices'],
    [servers, 'server', 'servers'],
  ];
  return counts.map(([count, one, many]) => `${count} ${count === 1 ? one : many}`).join(', ');
}

function historyText({ failure, profile, lines, hash, virtualMs }: RunResult): string {
  const { devices, servers, store, scopes, faultyMs } = profile;
  return [
    `World: devices ${devices.join(', ')}; ${servers === 1 ? 'a server' : `${servers} servers`} on ${store}; scopes ${scopes.join(', ')}; faults until ${secondsText(faultyMs)} s.`,
    ...shownOf(lines),
    failure
      ? `${secondsText(failure.atMs).padStart(9)}  BROKEN: ${failure.invariant}: ${failure.message}`
      : `${secondsText(virtualMs).padStart(9)}  all is settled, and nothing is broken`,
    `Trace ${hash}.`,
  ].join('\n');
}

function shownOf(lines: readonly string[]): readonly string[] {
  const left = lines.length - stepsFirst - stepsLast;
  if (left <= 0) return lines;
  return [
    ...lines.slice(0, stepsFirst),
    `           … ${left} steps, which --json has …`,
    ...lines.slice(-stepsLast),
  ];
}

function secondsText(ms: number): string {
  return (ms / 1_000).toFixed(3);
}
