// One seed, from its beginning to its end: act one with faults, act two without, when everything must settle.

import { createCheckers } from './checkers/create-checkers.ts';
import type { Device } from './device.ts';
import { type Drain, runSteps } from './drain.ts';
import { type Excerpt, machineOf, nameOf } from './excerpt.ts';
import { createFaults } from './faults.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { History } from './history.ts';
import { createMarks } from './marks.ts';
import { noOperations, type Operations } from './operations.ts';
import { createPace } from './pace.ts';
import { drawProfile, type Profile, type StoreKind } from './profile.ts';
import { Timeline } from './timeline.ts';
import { numberOf, Trace, textOf } from './trace.ts';
import { unsettled } from './unsettled.ts';
import { type Failure, labelled, randomOf, tellAll, type World } from './world.ts';

export interface RunOptions {
  seed: number;
  store?: StoreKind | undefined;
  /** What of it is played. */
  excerpt?: Excerpt;
  /** Whether the run ends with act one. */
  actOneOnly?: boolean;
  /** How many of the last lines of the trace to keep. */
  lines?: number;
  drain?: Drain;
}

export interface RunResult {
  seed: number;
  profile: Profile;
  /** The store was asked for, and not drawn. */
  storeGiven: boolean;
  failure: Failure | undefined;
  hash: string;
  operations: Operations;
  /** What people did. */
  acts: readonly string[];
  strikes: readonly string[];
  events: number;
  virtualMs: number;
  lines: readonly string[];
  /** `kind state` → how often it struck there. */
  struck: ReadonlyMap<string, number>;
  /** State of the product → how often it was met. */
  met: ReadonlyMap<string, number>;
}

/** Act two lasts no longer, in virtual milliseconds. */
export const settleMsMax = 120_000;

export async function runSeed(options: RunOptions): Promise<RunResult> {
  const world = createWorld(options);
  const fleet = createFleet(world);
  const unhandled = (error: unknown): void =>
    world.fail('fault', `A promise was rejected, and nobody looked: ${textOf(error)}`);
  process.on('unhandledRejection', unhandled);
  try {
    await play(world, fleet, options);
    // A rejection is reported when the turn of the event loop ends.
    await runSteps(() => false, 'portable');
  } finally {
    process.off('unhandledRejection', unhandled);
    await fleet.close();
  }
  const { trace, timeline, failure, operations, acts, profile, faults, marks } = world;
  return {
    seed: options.seed,
    profile,
    storeGiven: options.store !== undefined,
    failure,
    hash: trace.hash,
    operations,
    acts,
    events: trace.events,
    virtualMs: Math.round(timeline.nowMs),
    lines: trace.lines,
    strikes: faults.strikes,
    struck: faults.struck,
    met: marks.met,
  };
}

/** What the world of a seed is like. */
export function profileOf({ seed, store, excerpt = {} }: RunOptions): Profile {
  return drawProfile(labelled(seed), { store, excerpt });
}

function createWorld(options: RunOptions): World {
  const stream = labelled(options.seed);
  const { excerpt = {} } = options;
  const profile = profileOf(options);
  const timeline = new Timeline(stream('ties'));
  const trace = new Trace(options.lines ?? 0);
  const history = new History();
  const faults = createFaults({
    stream,
    excerpt,
    nowMs: () => timeline.nowMs,
    faultiness: profile.faultiness,
    told: (strike, state) =>
      trace.note(
        timeline.nowMs,
        [6, numberOf(strike.kind), numberOf(strike.who), strike.nth],
        () => `${machineOf(strike)} meets ${strike.kind} (${state})  [fault ${nameOf(strike)}]`,
      ),
  });
  const marks = createMarks(history, profile.serverLimits);
  const world: World = {
    seed: options.seed,
    profile,
    timeline,
    faults,
    trace,
    history,
    limits: profile.serverLimits,
    operations: noOperations(),
    excerpt,
    acts: [],
    failure: undefined,
    stream,
    random: (label) => randomOf(stream, label),
    marks,
    fail(invariant, message) {
      world.failure ??= { invariant, message, atMs: timeline.nowMs };
    },
    tell: {
      committed: ignore,
      stored: ignore,
      sent: ignore,
      answered: ignore,
      unasked: ignore,
      restarted: ignore,
      ended: ignore,
    },
  };
  const watched = { history, fail: world.fail };
  return Object.assign(world, { tell: tellAll([...createCheckers(watched, world.limits), marks]) });
}

async function play(world: World, fleet: Fleet, { drain, actOneOnly }: RunOptions): Promise<void> {
  const { timeline, profile } = world;
  let started = false;
  timeline.after(0, () => {
    void fleet.start().then(
      () => {
        started = true;
      },
      (error: unknown) => world.fail('fault', `The world could not begin: ${textOf(error)}`),
    );
  });
  const step = stepsOf(world);
  await runSteps(() => step(profile.faultyMs), drain);
  if (!world.failure && !started) world.fail('fault', 'The world did not begin.');
  if (world.failure || actOneOnly) return;
  timeline.nowMs = profile.faultyMs;
  world.trace.note(timeline.nowMs, [7], () => 'all faults end');
  fleet.heal();
  const endMs = timeline.nowMs + settleMsMax;
  let lookMs = timeline.nowMs + 1_000;
  let rest = unsettled(world, fleet.devices);
  await runSteps(() => {
    if (timeline.nowMs >= lookMs) {
      rest = unsettled(world, fleet.devices);
      lookMs = timeline.nowMs + 1_000;
      if (rest.length === 0) return false;
    }
    return step(endMs);
  }, drain);
  if (world.failure) return;
  if (rest.length > 0) world.fail('settles', `120 s after the last fault: ${rest.join('; ')}`);
  else finish(world, fleet.devices);
}

/** Each takes the next event, up to a time. A checker that throws is a failure as well, and so is a world without an end. */
function stepsOf(world: World): (untilMs: number) => boolean {
  const { timeline } = world;
  const pace = createPace();
  return (untilMs) => {
    const endless = pace(timeline.nowMs);
    if (endless) world.fail(endless.invariant, endless.message);
    if (world.failure) return false;
    try {
      return timeline.step(untilMs);
    } catch (error) {
      world.fail('fault', textOf(error));
      return false;
    }
  };
}

function finish(world: World, devices: readonly Device[]): void {
  try {
    world.tell.ended(devices);
  } catch (error) {
    world.fail('fault', textOf(error));
  }
}

function ignore(): void {}
