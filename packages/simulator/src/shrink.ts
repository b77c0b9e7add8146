// Shortens a failing run while the same invariant still breaks: cut in time; kinds of faults, devices, servers, acts and single
// strikes of faults left out. What is found is an excerpt of the seed, which anybody can play again.

import type { Excerpt } from './excerpt.ts';
import { minimize } from './minimize.ts';
import { type RunOptions, type RunResult, runSeed } from './run.ts';
import type { Failure } from './world.ts';

export interface Shrunk {
  /** Of the whole seed, which was given. */
  whole: RunResult;
  /** Of the excerpt, with its lines. */
  result: RunResult;
  excerpt: Excerpt;
  runs: number;
  /** Whether nothing more can be left out; else it ended early. */
  finished: boolean;
}

export interface ShrinkBudget {
  runsMax: number;
  /** Asked before each run. */
  goesOn: () => boolean;
}

/** A longer history than this tells nobody anything. */
const linesMax = 5_000;

/** Undefined: it does not fail. */
export async function shrink(
  given: Pick<RunOptions, 'seed' | 'store'>,
  budget: ShrinkBudget,
): Promise<Shrunk | undefined> {
  const whole = await runSeed(given);
  if (!whole.failure) return undefined;
  const search = new Search(given, { ...whole, failure: whole.failure }, budget);
  await withoutTraces(() => search.go());
  const { excerpt, runs, finished } = search;
  const result = await runSeed({ ...given, excerpt, lines: linesMax });
  const shrunk = { whole, result, excerpt, runs: runs + 2, finished };
  if (result.failure && likeness(result.failure) === likeness(whole.failure)) return shrunk;
  // Nobody is told of steps that do not break it.
  return { ...shrunk, result: await runSeed({ ...given, lines: linesMax }), excerpt: {}, finished: false };
}

/** The traces of errors that are met by design cost more than the errors. */
async function withoutTraces(work: () => Promise<void>): Promise<void> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    await work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

type Failed = RunResult & { failure: Failure };

class Search {
  excerpt: Excerpt;
  runs = 0;
  finished = true;
  readonly #given: RunOptions;
  readonly #budget: ShrinkBudget;
  #best: Failed;

  constructor(given: RunOptions, whole: Failed, budget: ShrinkBudget) {
    this.#given = given;
    this.#budget = budget;
    this.#best = whole;
    this.excerpt = {};
    this.#take(whole, {});
  }

  /**
   * Coarse cuts of everything come before fine ones of anything, so that much has gone when the time is up. A shorter run makes other
   * things needless, so all is tried again until nothing changes.
   */
  async go(): Promise<void> {
    for (const partsMax of [8, 64]) await this.#leaveOut(partsMax);
    let before: number;
    do {
      before = this.#size;
      await this.#leaveOut(Number.POSITIVE_INFINITY);
    } while (this.#size < before);
  }

  async #leaveOut(partsMax: number): Promise<void> {
    await this.#cutTime();
    await this.#leaveOutMachines();
    await this.#leaveOutKinds(partsMax);
    await minimize(this.#best.acts, (acts) => this.#breaks({ acts: new Set(acts) }), partsMax);
    await minimize(this.#best.strikes, (faults) => this.#breaks({ faults: new Set(faults) }), partsMax);
  }

  get #size(): number {
    const { acts, strikes, profile } = this.#best;
    return acts.length + strikes.length + profile.devices.length + profile.servers;
  }

  /** What fails in act one is cut there already. */
  async #cutTime(): Promise<void> {
    if (isInActOne(this.#best)) return;
    const { faultyMs } = this.#best.profile;
    for (const part of [0, 0.25, 0.5, 0.75, 0.9, 0.97])
      if (await this.#breaks({ untilMs: Math.floor(faultyMs * part) })) return;
  }

  async #leaveOutKinds(partsMax: number): Promise<void> {
    const kindOf = (strike: string): string => strike.slice(0, strike.indexOf(':'));
    const kinds = [...new Set(this.#best.strikes.map(kindOf))];
    const leave = (left: readonly string[]): Promise<boolean> =>
      this.#breaks({ faults: new Set(this.#best.strikes.filter((strike) => left.includes(kindOf(strike)))) });
    await minimize(kinds, leave, partsMax);
  }

  async #leaveOutMachines(): Promise<void> {
    const { devices, servers } = this.#best.profile;
    await minimize(devices, async (left) => left.length > 0 && this.#breaks({ devices: new Set(left) }));
    if (servers > 1) await this.#breaks({ servers: 1 });
  }

  /** Whether the same breaks with this change. If so, the change stays. */
  async #breaks(change: Partial<Excerpt>): Promise<boolean> {
    if (this.runs >= this.#budget.runsMax || !this.#budget.goesOn()) {
      this.finished = false;
      return false;
    }
    this.runs += 1;
    const excerpt = { ...this.excerpt, ...change };
    const result = await runSeed({ ...this.#given, excerpt, actOneOnly: isInActOne(this.#best) });
    const { failure } = result;
    if (!failure || likeness(failure) !== likeness(this.#best.failure)) return false;
    this.#take({ ...result, failure }, excerpt);
    return true;
  }

  /** What did not happen in it, or only after it had failed, may as well be left out. */
  #take(result: Failed, excerpt: Excerpt): void {
    this.#best = result;
    const untilMs = isInActOne(result) ? Math.floor(result.failure.atMs) + 1 : excerpt.untilMs;
    this.excerpt = {
      ...excerpt,
      ...(untilMs === undefined ? {} : { untilMs }),
      acts: new Set(result.acts),
      faults: new Set(result.strikes),
    };
  }
}

function isInActOne({ failure, profile }: Failed): boolean {
  return failure.atMs < profile.faultyMs;
}

/** What two failures share that are one: errors that no invariant names differ by what they say, but for names and numbers. */
function likeness({ invariant, message }: Failure): string {
  if (invariant !== 'fault') return invariant;
  const [said = ''] = message.split('\n');
  return said.replace(/[0-9a-f-]{8,}|\d+/g, '#');
}
