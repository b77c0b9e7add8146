// What a simulation came to, for people and for programs.

import { countText, facts, numberText } from './terminal.ts';

/** What the simulator prints. */
export interface Result {
  seeds: number;
  /** By kind. */
  operations: Record<string, number>;
  /** Of all processes together. */
  cpuMs: number;
  virtualMs: number;
  struck: Record<string, number>;
  met: Record<string, number>;
  failures: readonly SeedFailure[];
  coverage: readonly { kind: string; state: string; struck: number }[];
  completeness: { unmet: readonly Pair[]; seedsMin: number; required: boolean };
  story: Story | null;
  interrupted: boolean;
  failuresMax: number | null;
}

interface SeedFailure {
  seed: number;
  invariant: string;
  message: string;
  atMs: number;
}

interface Pair {
  kind: string;
  state: string;
}

interface Story {
  text: string;
}

/** A run of the command: its first seed, and how long it took. */
export interface Run {
  firstSeed: number;
  /** As it was asked for. */
  store?: string | undefined;
  ms: number;
}

export function jsonOf(result: Result, { firstSeed, ms }: Run): object {
  const { operations: operationsByKind, cpuMs, completeness, story, ...rest } = result;
  const { unmet, seedsMin, required } = completeness;
  const { text: _, ...told } = story ?? { text: '' };
  return {
    firstSeed,
    seconds: Math.round(ms / 1_000),
    cpuSeconds: Math.round(cpuMs / 1_000),
    ...speedOf(result, ms),
    operationsByKind,
    ...rest,
    unmet,
    unmetFails: required,
    unmetFailsFromSeeds: seedsMin,
    story: story ? told : null,
  };
}

export function summaryOf(result: Result, run: Run): string {
  const { seeds, virtualMs, struck, failures, story } = result;
  // An excerpt of one seed is told, and not counted.
  if (story && seeds === 1 && result.coverage.length === 0) return story.text;
  const { operations, operationsPerMinute, operationsPerCpuMinute } = speedOf(result, run.ms);
  return [
    facts([
      ['seeds', `${numberText(seeds)} from ${run.firstSeed}`],
      ['operations', `${numberText(operations)}, ${numberText(operationsPerMinute)} a minute`],
      ['per core', `${numberText(operationsPerCpuMinute)} a minute of its time`],
      ['virtual time', `${(virtualMs / 3_600_000).toFixed(1)} hours`],
      ['faults', numberText(sumOf(struck))],
      ['never met', unmetText(result)],
      ['failures', failures.map(({ seed, invariant }) => `${seed}: ${invariant}`).join(', ') || 'none'],
    ]),
    ...endings(result, run),
    ...(story ? ['', story.text] : []),
  ].join('\n');
}

const unmetShown = 12;

function unmetText({ coverage, completeness: { unmet, required } }: Result): string {
  if (unmet.length === 0) return 'nothing';
  const shown = unmet.slice(0, required ? unmet.length : unmetShown);
  const names = shown.map(({ kind, state }) => `${kind} (${state})`).join(', ');
  const left = unmet.length - shown.length;
  return `${unmet.length} of ${coverage.length}: ${names}${left > 0 ? ` and ${left} more` : ''}`;
}

function endings(result: Result, run: Run): string[] {
  const { seeds, failures, completeness, story, interrupted, failuresMax } = result;
  const { unmet, seedsMin, required } = completeness;
  const [first] = failures;
  const store = run.store === undefined ? '' : ` --store ${run.store}`;
  return [
    ...(failuresMax === null ? [] : [`It ended early, with ${countText(failuresMax, 'failure')}.`]),
    ...(interrupted ? ['It was interrupted; this is what it had done.'] : []),
    ...(required && unmet.length > 0
      ? [
          `A run of ${countText(seeds, 'seed')} must have met every fault and state: with --complete, or from ${numberText(seedsMin)} on.`,
        ]
      : []),
    // Whatever ended its process cannot be told step by step.
    ...(first && !story
      ? [
          `Seed ${first.seed}: ${first.message}`,
          `Again: npx holdfast simulate --seed ${first.seed} --seeds 1${store}`,
        ]
      : []),
  ];
}

interface Speed {
  operations: number;
  /** Of real time, on all cores. */
  operationsPerMinute: number;
  /** Of one core's time, which other work on the machine does not change. */
  operationsPerCpuMinute: number;
}

function speedOf({ operations: byKind, cpuMs }: Result, ms: number): Speed {
  const operations = sumOf(byKind);
  return {
    operations,
    operationsPerMinute: Math.round((operations / Math.max(1, ms)) * 60_000),
    operationsPerCpuMinute: Math.round((operations / Math.max(1, cpuMs)) * 60_000),
  };
}

function sumOf(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
