// One device: the real replica on a watched storage, a clock of its own, a person who works on it. It can lose its process at
// every call of the storage, and its power; what its disk kept is all that it comes back with.

import {
  createLoopbackTransport,
  createReplica,
  type Replica,
  StorageError,
  type Transport,
} from '@holdfast/client';
import type { Clock, ExchangeAnswer, ExchangeRequest, Timer } from '@holdfast/core';
import { Backup } from './backup.ts';
import { type DeviceView, sentOf } from './checker.ts';
import { openStorage, type StorageMode, type StoragePoint } from './device-storage.ts';
import { Disk, type DiskOp } from './disk.ts';
import { leaveInDoubt } from './doubt.ts';
import { ExchangeStates } from './exchange-states.ts';
import { FirstSync } from './first-sync.ts';
import type { Made } from './history.ts';
import type { Network } from './network.ts';
import { Person } from './person.ts';
import { createProcessFaults, type ProcessFaults } from './process-faults.ts';
import { Reach } from './reach.ts';
import { Received } from './received.ts';
import { type Business, deviceSchemas, type SchemaVersion } from './schema.ts';
import type { Progress } from './shown.ts';
import { socketTransport } from './sockets.ts';
import { Stillness } from './stillness.ts';
import { numberOf, textOf } from './trace.ts';
import { epochMs, type World } from './world.ts';

type Entry = Pick<Made, 'mutation'>;

export interface DeviceDeps {
  world: World;
  network: Network;
  name: string;
  scopes: readonly string[];
  /** What its credential was good for in this scope at that time. */
  rightOf: (key: string | undefined, scope: string, atMs: number) => 'write' | 'read' | 'none';
  /** Takes its grant to a scope away for a while. */
  endGrant: (device: Device, scope: string) => void;
}

export class Device implements DeviceView {
  readonly name: string;
  readonly disk = new Disk();
  readonly accepted = new Set<string>();
  readonly givenUp = new Set<string>();
  /** The key that it shows; undefined without authentication. */
  key: string | undefined;
  /** Milliseconds that its wall clock is off. */
  clockOffsetMs = 0;
  /** How much faster than true time it runs. */
  clockDrift = 0;
  working = true;
  enrolledAs: string;
  schemaVersion: SchemaVersion = 2;
  readonly stillness: Stillness;
  readonly reach: Reach;
  readonly firstSync: FirstSync;
  readonly backup = new Backup();
  readonly #faults: ProcessFaults;
  readonly #deps: DeviceDeps;
  readonly #person: Person;
  #generation = 0;
  #bootMs = 0;
  #replica: Replica<Business> | undefined;
  #exchanges = 0;
  /** Stored, and not yet told to the application. */
  #fresh: string[] = [];
  readonly #received = new Received();
  readonly #states = new ExchangeStates();

  constructor(deps: DeviceDeps) {
    this.#deps = deps;
    const { world, network, name: device } = deps;
    this.name = device;
    this.enrolledAs = device;
    const tell = (online: boolean): void => this.#replica?.setOnline(online);
    this.firstSync = new FirstSync(world, device);
    this.stillness = new Stillness(world.timeline);
    this.reach = new Reach({ timeline: world.timeline, network, device, tell });
    this.#faults = createProcessFaults(world.faults.on(device));
    this.#person = new Person(world, this, deps.scopes);
  }

  async start(): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    const { world } = this.#deps;
    const { timeline } = world;
    this.#bootMs = timeline.nowMs;
    this.stillness.reset();
    const hooks = {
      isAlive: () => generation === this.#generation,
      point: (point: StoragePoint, mode: StorageMode) => this.#point(point, mode, generation),
      committed: (ops: readonly DiskOp[]) => this.#committed(ops),
    };
    const clock = { wallMs: () => this.wallMs(), monoMs: () => this.#monoMs() };
    const timer: Timer = {
      after: (delayMs, run) => this.stillness.after(delayMs, () => hooks.isAlive() && run()),
    };
    try {
      const replica = await createReplica<Business>({
        schema: deviceSchemas[this.schemaVersion],
        storage: openStorage(this.disk, hooks),
        transport: this.#line(generation, { clock, timer }),
        device: this.enrolledAs,
        clock,
        timer,
        random: world.random(`replica ${this.name}`),
        automatic: { everyMs: 1_500 },
        delayMsMin: 200,
        delayMsMax: 5_000,
        limits: world.profile.deviceLimits,
        stages: this.firstSync.stagesOf(this.schemaVersion),
      });
      if (generation !== this.#generation) return;
      this.#replica = replica;
      this.reach.tell();
      for (const scope of this.#deps.scopes) replica.scope(scope);
      world.tell.restarted(this);
      this.#person.sitDown({ replica, isAlive: hooks.isAlive, fresh: this.#fresh });
    } catch (error) {
      if (generation !== this.#generation) return;
      // It could not open its storage; the person tries again.
      if (error instanceof StorageError) timeline.after(500, () => void this.start());
      else world.fail('fault', `${this.name} could not start: ${textOf(error)}`);
    }
  }

  #monoMs(): number {
    const { nowMs } = this.#deps.world.timeline;
    return Math.floor(nowMs - this.#bootMs - this.stillness.asleepMs);
  }

  get isUp(): boolean {
    return this.#replica !== undefined;
  }

  get isExchanging(): boolean {
    return this.#exchanges > 0;
  }

  wallMs(): number {
    const { nowMs } = this.#deps.world.timeline;
    return Math.max(0, Math.floor(epochMs + nowMs * (1 + this.clockDrift) + this.clockOffsetMs));
  }

  /** The process is gone; with `power`, so is the end of what was not yet durable. */
  crash(power: boolean): void {
    const { world } = this.#deps;
    this.#generation += 1;
    this.#replica = undefined;
    this.#exchanges = 0;
    this.stillness.reset();
    this.#fresh = [];
    const { volatile } = this.disk;
    const lost = power && volatile > 0 ? world.stream(`power ${this.name}`).below(volatile + 1) : 0;
    this.disk.lose(lost);
    world.trace.note(world.timeline.nowMs, [4, numberOf(this.name), lost], () =>
      power ? `${this.name} loses power, and ${lost} commits` : `${this.name} dies`,
    );
    world.timeline.after(world.stream(`restart ${this.name}`).around(1_500), () => {
      if (!this.isUp) void this.start();
    });
  }

  /** Somebody puts another storage in its place, older or another device's: what it had is given up, unless the server has it. */
  setBack(copy: Disk): void {
    for (const id of this.accepted) this.givenUp.add(id);
    const { forked } = this.#deps.world.history;
    for (const { value } of copy.entries<Entry>('outbox')) forked.add(value.mutation.id);
    this.crash(false);
    this.#received.forget();
    this.disk.setTo(copy);
  }

  /** It gets the storage of another device as it is now, which that one goes on with. */
  cloneOf(other: Device): void {
    const { copied } = this.#deps.world.history;
    for (const { value } of other.disk.entries<Entry>('outbox')) copied.add(value.mutation.id);
    this.setBack(other.disk.copy());
  }

  /** The application is installed anew, with the newer schema, on the storage as it is. */
  upgrade(): void {
    this.schemaVersion = 2;
    if (this.isUp) this.crash(false);
  }

  /** New credentials. When all faults have ended they come only to who waits for them: all else is to go on by itself. */
  async signIn(): Promise<void> {
    const replica = this.#replica;
    const status = this.#deps.world.faults.healed ? await replica?.status() : undefined;
    if (!status || status.scopes.some(({ state }) => state === 'paused')) replica?.resume();
  }

  /** Over a socket where there is one, in worlds that have them. */
  #line(generation: number, ports: { clock: Clock; timer: Timer }): Transport {
    const { world, network, rightOf } = this.#deps;
    const fallback = this.#transport(generation);
    if (!world.profile.live) return fallback;
    return socketTransport(world, network, {
      ...ports,
      device: this,
      fallback,
      key: () => this.key,
      isAlive: () => generation === this.#generation,
      whenAwake: (run) => this.stillness.whenAwake(run),
      isInDoubt: (request, state) => leaveInDoubt<Device>(this.#deps, this, { request, state }),
      rightOf,
    });
  }

  #transport(generation: number): Transport {
    const { world, network, rightOf } = this.#deps;
    let current: ExchangeRequest | undefined;
    const loopback = createLoopbackTransport({
      key: () => this.key,
      handler: (body, headers) => {
        const request = current as ExchangeRequest;
        const key = this.key;
        const state = this.#states.of(request);
        this.#exchanges += 1;
        const mayWrite = (serverMs: number): boolean =>
          rightOf(key, request.scope, serverMs - epochMs) === 'write';
        world.tell.sent(sentOf(this, request, mayWrite));
        return network
          .send({
            name: this.name,
            body,
            headers,
            state,
            isInDoubt: () => leaveInDoubt<Device>(this.#deps, this, { request, state }),
            answered: ({ status, body: text }, takenUpMs) =>
              world.tell.answered({
                device: this.name,
                enrolledAs: request.device,
                scope: request.scope,
                status,
                text,
                answer: status === 200 ? (JSON.parse(text) as ExchangeAnswer) : undefined,
                mayRead: rightOf(key, request.scope, takenUpMs) !== 'none',
                recordsMax: request.limit ?? 0,
              }),
          })
          .finally(() => {
            if (generation === this.#generation) this.#exchanges -= 1;
          });
      },
    });
    // What comes for a process that is gone finds nobody.
    const whenAlive = (run: () => void): void =>
      this.stillness.whenAwake(() => generation === this.#generation && run());
    return {
      exchange: (request, signal, begun) => {
        if (generation !== this.#generation) return new Promise(() => undefined);
        current = request;
        const reply = loopback.exchange(request, signal, (head) => whenAlive(() => begun?.(head)));
        return new Promise((resolve) => {
          const take = (value: Awaited<typeof reply>): void => {
            if (value.type !== 'unreachable') world.operations.answers += 1;
            resolve(value);
          };
          void reply.then((value) => whenAlive(() => take(value)));
        });
      },
    };
  }

  #point(point: StoragePoint, mode: StorageMode, generation: number): void {
    if (generation !== this.#generation) throw new StorageError('closed', 'The process is gone.');
    const fault = this.#faults(point, mode, this.isExchanging);
    if (fault === undefined) return;
    if (fault instanceof StorageError) throw fault;
    this.crash(fault === 'power_cut');
    throw new StorageError('closed', fault === 'power_cut' ? 'The power went.' : 'The process died.');
  }

  #committed(ops: readonly DiskOp[]): void {
    const { history, tell, operations } = this.#deps.world;
    this.disk.follow(ops);
    for (const { table, key, value } of ops) {
      if (table === 'scopes' && key[1] === 'progress')
        operations.received += this.#received.take(key[0] ?? '', value as Progress | undefined);
      if (table !== 'outbox' || value === undefined) continue;
      const { mutation } = value as unknown as Entry;
      if (history.made.has(mutation.id)) continue;
      this.disk.made.add(mutation.id);
      const { made: known, aside } = this.disk;
      history.make({ device: this.name, scope: key[0] ?? '', mutation, known, aside });
      this.#fresh.push(mutation.id);
      operations.made += 1;
    }
    tell.stored({ device: this, ops });
  }
}
