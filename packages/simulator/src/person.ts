// Whoever works on a device: does one act after the other, in a scope of its replica, as long as its process runs.

import { type Replica, ReplicaError, type ReplicaScope, StorageError } from '@holdfast/client';
import type { Hands } from './acts/act.ts';
import type { Disk } from './disk.ts';
import { hasAct } from './excerpt.ts';
import { createStream, type Stream } from './random.ts';
import type { Reach } from './reach.ts';
import type { Business } from './schema.ts';
import type { Stillness } from './stillness.ts';
import { numberOf, textOf } from './trace.ts';
import { drawAct } from './workload.ts';
import type { World } from './world.ts';

/** The device that the person works on. */
export interface Desk {
  readonly name: string;
  readonly disk: Disk;
  readonly accepted: Set<string>;
  readonly givenUp: Set<string>;
  /** Acts may begin. */
  readonly working: boolean;
  readonly reach: Reach;
  readonly stillness: Stillness;
}

/** A process of the device, from its start to its end. */
export interface Process {
  replica: Replica<Business>;
  isAlive(): boolean;
  /** Stored, and not yet told to the application. */
  fresh: string[];
}

/**
 * When somebody means to do what, and what that is, hangs on nothing that happens: each act draws from a stream of its own, and comes at its
 * time whatever became of the ones before. One that finds no running process is not done.
 */
export class Person {
  readonly #world: World;
  readonly #desk: Desk;
  readonly #scopes: readonly string[];
  #process: Process | undefined;
  /** The process stands still, and something is to be done as soon as it does not. */
  #waits = false;

  constructor(world: World, desk: Desk, scopes: readonly string[]) {
    this.#world = world;
    this.#desk = desk;
    this.#scopes = scopes;
    this.#plan(0);
  }

  /** Works with this process until it ends. */
  sitDown(process: Process): void {
    this.#process = process;
    this.#waits = false;
  }

  #plan(n: number): void {
    const { seed, timeline, profile } = this.#world;
    const draw = createStream(seed, `act ${this.#desk.name}:${n}`);
    timeline.after(draw.around(profile.thinkMs), () => {
      if (!this.#desk.working) return;
      this.#plan(n + 1);
      const process = this.#process;
      if (!process?.isAlive() || this.#waits) return;
      this.#waits = true;
      this.#desk.stillness.whenAwake(() => {
        this.#waits = false;
        if (process.isAlive() && this.#desk.working) void this.#act(process, n, draw);
      });
    });
  }

  async #act(process: Process, n: number, draw: Stream): Promise<void> {
    const { timeline, trace, profile } = this.#world;
    const { name, accepted } = this.#desk;
    const number = `${name}:${n}`;
    if (!hasAct(this.#world.excerpt, number)) return;
    const scope = draw.pick(this.#scopes);
    const { records, serverLimits } = profile;
    const { pageRecordsMax, recordCharsMax } = serverLimits;
    const act = drawAct({ draw, records, pageRecordsMax, recordCharsMax });
    this.#world.acts.push(number);
    trace.note(
      timeline.nowMs,
      [5, numberOf(name), n],
      () => `${name} in ${scope}: ${act.name}  [act ${number}]`,
    );
    try {
      await act.run(this.#hands(process, process.replica.scope(scope)));
      if (process.isAlive()) for (const id of process.fresh.splice(0)) accepted.add(id);
    } catch (error) {
      if (!process.isAlive() || error instanceof StorageError) return;
      if (error instanceof ReplicaError) {
        this.#world.operations.refused += 1;
        return;
      }
      this.#world.fail('fault', `${name}: ${act.name}: ${textOf(error)}`);
    }
  }

  #hands(process: Process, scope: ReplicaScope<Business>): Hands {
    const { name, disk, givenUp } = this.#desk;
    return {
      scope,
      disk,
      stores: () => disk.stores,
      giveUp: (id) => givenUp.add(id),
      // What a process did as it died may have been done.
      keep: (id) => process.isAlive() && givenUp.delete(id),
      goOffline: (forMs) => this.#desk.reach.goOffline(forMs),
      after: (delayMs, run) => this.#world.timeline.after(delayMs, run),
      complain: (message) => process.isAlive() && this.#world.fail('reads true', `${name}: ${message}`),
    };
  }
}
