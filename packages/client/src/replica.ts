// The replica: a complete local database that syncs. This file opens it and hands out its scopes; what happens inside is in
// mutate.ts (writes), recompute.ts (the view), cycle.ts and runner.ts (the sync loop).

import type { Limits, Schema } from '@holdfast/core';
import { assertName } from './assert-name.ts';
import { observedStorage } from './commits.ts';
import { countConflicts } from './conflict-list.ts';
import { type CycleOptions, failedIn, noTally } from './cycle/state.ts';
import { isOffline } from './cycle.ts';
import { ReplicaError } from './errors.ts';
import { createInside, type Inside } from './inside.ts';
import { assertSyncOptions, cycleOptionsOf, limitsOf, type ReplicaOptions } from './options.ts';
import { knownScopes, readIdentity, writeIdentity } from './progress.ts';
import { rebuildIndexes } from './reindex.ts';
import { randomId } from './renewal.ts';
import { Retries } from './retries.ts';
import { createRunner, type Runner, type SyncOptions } from './runner.ts';
import { createScope, type ReplicaScope } from './scope.ts';
import { sendingBy } from './sending.ts';
import { soundClock } from './sound-clock.ts';
import { countMax, type ReplicaStatus, type SyncResult } from './status.ts';
import { replicaStatus, type StatusCall, type StatusDeps, scopeStatus } from './statuses.ts';
import { type Storage, StorageError, type StorageTransaction } from './storage/port.ts';
import { Subscriptions } from './subscriptions.ts';

export interface Replica<S extends Schema> {
  /** 128 random bits, made when the storage was first opened; changes when the storage turns out to be a copy. */
  id(): Promise<string>;
  /** The collections of one scope. The same name gives the same object. */
  scope(name: string): ReplicaScope<S>;
  /** Every scope that this replica knows. */
  sync(options?: SyncOptions): Promise<ReplicaSyncResult>;
  readonly status: StatusCall<ReplicaStatus>;
  /** What the platform says of its network; saves attempts that cannot succeed, and ends a wait when it returns. */
  setOnline(online: boolean): void;
  /** Credentials have changed: what is paused goes on, and a wait after a failure ends. */
  resume(): void;
  /**
   * Ends the sync loops, then closes the storage. What was written stays for the next time; a sync under way ends with the reason
   * `replica_closed`, and every later call with the ReplicaError of that name.
   */
  close(): Promise<void>;
}

/** What the syncs of all scopes did together, and each for itself. */
export interface ReplicaSyncResult
  extends Pick<SyncResult, 'ok' | 'pushed' | 'pulled' | 'conflicts' | 'failed'> {
  scopes: Readonly<Record<string, SyncResult>>;
}

/** Opens a replica on a storage. The replica takes the storage over and closes it. */
export async function createReplica<S extends Schema>(options: ReplicaOptions<S>): Promise<Replica<S>> {
  const limits = limitsOf(options);
  const clock = soundClock(options.clock);
  await options.storage.transaction('durable', async (tx) => {
    if (!(await readIdentity(tx))) await writeIdentity(tx, { id: randomId(options.random) });
    await rebuildIndexes(tx, options.schema);
  });
  const replica = new OpenReplica<S>({ ...options, clock }, limits);
  await replica.start();
  return replica;
}

class OpenReplica<S extends Schema> implements Replica<S> {
  readonly #options: ReplicaOptions<S>;
  readonly #limits: Limits;
  readonly #session: string;
  readonly #inside: Inside;
  readonly #subscriptions: Subscriptions;
  /** The storage, whose commits wake the subscriptions. */
  readonly #storage: Storage;
  /** The same, as calls of the application reach it. */
  readonly #facing: Storage;
  readonly #statuses: StatusDeps;
  readonly status: StatusCall<ReplicaStatus>;
  readonly #scopes = new Map<string, ReplicaScope<S>>();
  readonly #runners = new Map<string, Runner>();
  readonly #cycle: CycleOptions;
  readonly #retries: Retries;
  #online = true;
  #closing: Promise<void> | undefined;

  constructor(options: ReplicaOptions<S>, limits: Limits) {
    this.#options = options;
    this.#limits = limits;
    this.#session = randomId(options.random);
    this.#inside = createInside(options.asyncVariable);
    this.#cycle = cycleOptionsOf(options, limits);
    this.#retries = new Retries({ ...options, ...this.#cycle });
    this.#subscriptions = new Subscriptions(options.storage, () => this.#assertCallable());
    const storage = observedStorage(options.storage, this.#subscriptions);
    this.#storage = storage;
    this.#facing = {
      transaction: async (mode, work) => {
        this.#assertCallable();
        return storage.transaction(mode, work);
      },
      close: () => storage.close(),
    };
    this.#statuses = {
      storage: this.#facing,
      subscriptions: this.#subscriptions,
      device: options.device,
      wallMs: () => options.clock.wallMs(),
      cycleOf: (scope) => this.#runners.get(scope)?.state(),
      scopeNames: (tx) => this.#scopeNames(tx),
    };
    this.status = replicaStatus(this.#statuses);
  }

  /** A replica that syncs by itself goes on where it stopped, also in scopes that nobody asks for. */
  async start(): Promise<void> {
    if (!this.#options.automatic) return;
    for (const scope of await this.#options.storage.transaction('read', knownScopes))
      this.#runner(scope)?.dispatch({ type: 'wake' });
  }

  id(): Promise<string> {
    return this.#facing.transaction('read', async (tx) => (await readIdentity(tx))?.id ?? '');
  }

  scope(name: string): ReplicaScope<S> {
    this.#assertOpen();
    const known = this.#scopes.get(name);
    if (known) return known;
    assertName('A scope’s name', name, this.#limits.idCharsMax);
    const { schema, clock, random, timer, actor } = this.#options;
    const scope = createScope<S>({
      deps: {
        schema,
        scope: name,
        storage: this.#facing,
        clock,
        random,
        timer,
        limits: this.#limits,
        session: this.#session,
        inside: this.#inside,
        actor: typeof actor === 'function' ? actor : () => actor,
        sending: sendingBy(() => this.#runners.get(name)),
        isOffline: () => this.#isOffline(name),
      },
      subscriptions: this.#subscriptions,
      sync: (options) => this.#syncScope(name, options),
      status: scopeStatus(this.#statuses, name),
    });
    this.#scopes.set(name, scope);
    this.#subscriptions.wakeStatus(name);
    if (this.#options.automatic) this.#runner(name)?.dispatch({ type: 'wake' });
    return scope;
  }

  async sync(options?: SyncOptions): Promise<ReplicaSyncResult> {
    const names = await this.#facing.transaction('read', (tx) => this.#scopeNames(tx));
    const results = await Promise.all(
      [...names].map(async (name) => [name, await this.#syncScope(name, options)] as const),
    );
    const sum = (count: 'pushed' | 'pulled' | 'conflicts' | 'failed'): number =>
      results.reduce((all, [, result]) => all + result[count], 0);
    return {
      ok: results.every(([, { ok }]) => ok),
      pushed: sum('pushed'),
      pulled: sum('pulled'),
      conflicts: sum('conflicts'),
      failed: sum('failed'),
      scopes: Object.fromEntries(results),
    };
  }

  setOnline(online: boolean): void {
    this.#assertOpen();
    this.#online = online;
    for (const runner of this.#runners.values()) runner.dispatch(this.#networkEvent());
    if (online) this.#options.transport?.hurry?.();
  }

  resume(): void {
    this.#assertOpen();
    const atMs = this.#options.clock.monoMs();
    for (const runner of this.#runners.values()) runner.dispatch({ type: 'credentials', atMs });
    this.#options.transport?.hurry?.();
  }

  async close(): Promise<void> {
    if (this.#inside.isHere()) throw new ReplicaError('inside_mutation');
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#subscriptions.close();
    this.#retries.close();
    await Promise.all([...this.#runners.values()].map((runner) => runner.close()));
    await this.#options.storage.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ReplicaError('replica_closed');
  }

  /** What waits for its turn at the storage must not be awaited by what has it. */
  #assertCallable(): void {
    this.#assertOpen();
    if (this.#inside.isHere()) throw new ReplicaError('inside_mutation');
  }

  /** Those that were asked for, and those that the storage knows from before. */
  async #scopeNames(tx: StorageTransaction): Promise<Set<string>> {
    return new Set([...this.#scopes.keys(), ...(await knownScopes(tx))]);
  }

  async #syncScope(name: string, options?: SyncOptions): Promise<SyncResult> {
    this.#assertCallable();
    assertSyncOptions(options);
    const runner = this.#runner(name);
    const reason = { code: 'no_transport', message: 'The replica was opened without a transport.' };
    const result = runner ? await this.#retries.sync(runner, options) : { ok: false, ...noTally(), reason };
    return { ...result, conflicts: await this.#conflictsIn(name), failed: failedIn(result) };
  }

  /** A sync never rejects for what a storage does. */
  async #conflictsIn(name: string): Promise<number> {
    try {
      return await this.#options.storage.transaction('read', (tx) => countConflicts(tx, name, countMax));
    } catch (error) {
      if (error instanceof StorageError) return 0;
      throw error;
    }
  }

  #runner(name: string): Runner | undefined {
    const known = this.#runners.get(name);
    const { transport, schema, device, clock, random, timer } = this.#options;
    if (known || !transport) return known;
    const runner = createRunner({
      schema,
      scope: name,
      storage: this.#storage,
      transport,
      device,
      clock,
      random,
      timer,
      limits: this.#limits,
      stages: this.#options.stages ?? [],
      session: this.#session,
      cycle: this.#cycle,
      live: this.#options.automatic !== undefined && this.#options.automatic.live !== false,
      ...(this.#options.logger ? { logger: this.#options.logger } : {}),
      onStep: () => this.#subscriptions.wakeStatus(name),
    });
    this.#runners.set(name, runner);
    if (!this.#online) runner.dispatch(this.#networkEvent());
    return runner;
  }

  #isOffline(name: string): boolean {
    const cycle = this.#runners.get(name)?.state();
    return !this.#options.transport || (cycle ? isOffline(cycle) : !this.#online);
  }

  #networkEvent(): { type: 'online'; atMs: number } | { type: 'offline' } {
    return this.#online ? { type: 'online', atMs: this.#options.clock.monoMs() } : { type: 'offline' };
  }
}
