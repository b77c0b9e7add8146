// Performs the effects of the sync loop of one scope; the only file of the loop that awaits.
// Between two effects nothing is kept but the request in flight: all else is read from the storage when it is needed.

import type { Clock, Random, Timer, TimerHandle } from '@holdfast/core';
import { applyAnswer, mustLast, type Received, tallyOf } from './answer.ts';
import {
  type CycleEffect,
  type CycleEvent,
  type CycleOptions,
  type CycleState,
  initialCycle,
  noTally,
  type Tally,
} from './cycle/state.ts';
import { stepCycle } from './cycle.ts';
import { Exchanges } from './exchanges.ts';
import { followScope } from './follow.ts';
import type { Logger } from './log-lines.ts';
import { type MendingEffect, mendStorage } from './mending.ts';
import { type PrepareDeps, type Prepared, prepareFirst } from './prepare.ts';
import { type Blocked, refusalOf } from './refusal.ts';
import type { Sending } from './sending.ts';
import { clearStop } from './stop.ts';
import { type Storage, StorageError } from './storage/port.ts';
import { SyncLog } from './sync-log.ts';
import type { Transport } from './transport/port.ts';

export interface RunnerDeps extends PrepareDeps {
  storage: Storage;
  transport: Transport;
  clock: Clock;
  random: Random;
  timer: Timer;
  session: string;
  cycle: CycleOptions;
  /** Listens to the server, if the transport can. */
  live: boolean;
  logger?: Logger;
  /** Called when the state of the loop has changed. */
  onStep(): void;
}

export interface SyncOptions {
  /** 1 to 10: send only what has at least this priority, and what it needs. Default 1: everything. */
  minPriority?: number;
  /**
   * So many more times the call tries while the network or the server fails, after the random delays of `delayMsMin` and
   * `delayMsMax`, from 0 to 100. Default 0. What is not sent then stays in the outbox.
   */
  retries?: number;
  /** Aborted: the result comes at once, and an exchange that only this call wanted is cut. */
  signal?: AbortSignal;
}

export interface CycleResult extends Tally {
  /** Everything due was sent, and the head was reached. */
  ok: boolean;
  /** Why not. */
  reason?: Blocked;
}

export interface Runner {
  dispatch(event: CycleEvent): void;
  beginWrite: Sending['begin'];
  /** Never rejects for what a network or a storage does; a fault of the program rejects. */
  sync(options?: SyncOptions): Promise<CycleResult>;
  state(): CycleState;
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

export function createRunner(deps: RunnerDeps): Runner {
  return new CycleRunner(deps);
}

interface Waiter {
  minPriority: number;
  resolve(result: CycleResult): void;
  reject(error: unknown): void;
}

/** Effects whose outcome comes as an event. */
type LongEffect = Exclude<CycleEffect, { type: 'wake' | 'sleep' | 'abortExchange' | 'finish' }>;

class CycleRunner implements Runner {
  readonly #deps: RunnerDeps;
  #state: CycleState;
  #prepared: Prepared | undefined;
  /** The exchange that was made with the write that is told to the loop just now. */
  #ready: Prepared | undefined;
  #arrived: Received | undefined;
  readonly #exchanges: Exchanges;
  #wake: TimerHandle | undefined;
  #working: Promise<void> = Promise.resolve();
  readonly #waiters = new Set<Waiter>();
  readonly #unfollow: (() => Promise<void>) | undefined;
  readonly #log: SyncLog;

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
    this.#exchanges = new Exchanges(deps);
    this.#log = new SyncLog(deps);
    this.#state = initialCycle(deps.cycle);
    const { schema, scope, storage, clock, transport } = deps;
    if (!deps.live) return;
    this.#unfollow = followScope(
      transport,
      { schema, scope, storage, wallMs: () => clock.wallMs() },
      {
        poke: () => this.dispatch({ type: 'poke' }),
        live: (open) => this.dispatch({ type: 'live', open, atMs: clock.monoMs() }),
        failed: (error) => this.#onError(error),
      },
    );
  }

  state(): CycleState {
    return this.#state;
  }

  dispatch(event: CycleEvent): void {
    const { state, effects } = stepCycle(this.#state, event, this.#deps.cycle);
    const stepped = state !== this.#state;
    this.#state = state;
    if (stepped) this.#deps.onStep();
    for (const effect of effects) this.#perform(effect);
  }

  async beginWrite(...[tx, mutation]: Parameters<Sending['begin']>): ReturnType<Sending['begin']> {
    const state = this.#state;
    const { effects } = stepCycle(state, { type: 'write' }, this.#deps.cycle);
    if (!effects.some((effect) => effect.type === 'prepare' && effect.push)) return undefined;
    const ready = await prepareFirst(tx, this.#deps, mutation);
    return () => {
      // If the loop has moved meanwhile, the number stays unused, and the entry goes with the next batch.
      this.#ready = this.#state === state ? ready : undefined;
      this.dispatch({ type: 'write' });
      this.#ready = undefined;
    };
  }

  sync(options: SyncOptions = {}): Promise<CycleResult> {
    const { minPriority = 1, signal } = options;
    if (this.#state.phase === 'closed')
      return Promise.resolve(failed('replica_closed', 'The replica was closed.'));
    if (signal?.aborted) return Promise.resolve(failed('aborted', 'The caller no longer waits.'));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        minPriority,
        resolve: (result) => settle(() => resolve(result)),
        reject: (error) => settle(() => reject(error)),
      };
      const abort = (): void => {
        waiter.resolve({ ...this.#state.tally, ...failed('aborted', 'The caller no longer waits.') });
        this.#abandon();
      };
      const settle = (finish: () => void): void => {
        signal?.removeEventListener('abort', abort);
        this.#waiters.delete(waiter);
        finish();
      };
      signal?.addEventListener('abort', abort);
      this.#waiters.add(waiter);
      this.dispatch({ type: 'sync', atMs: this.#deps.clock.monoMs(), priorityMin: minPriority });
    });
  }

  /** A loop that runs by itself goes on without a caller. */
  #abandon(): void {
    if (this.#deps.cycle.everyMs !== undefined) return;
    const wanted = [...this.#waiters].map(({ minPriority }) => minPriority);
    this.dispatch(
      wanted.length > 0 ? { type: 'abort', priorityMin: Math.min(...wanted) } : { type: 'abort' },
    );
  }

  async close(): Promise<void> {
    this.dispatch({ type: 'close' });
    await this.#unfollow?.();
    await this.#working;
    await this.#log.written();
  }

  #perform(effect: CycleEffect): void {
    switch (effect.type) {
      case 'wake':
        this.#setWake(effect.floorMs + this.#deps.random.fraction() * effect.jitterMs);
        break;
      case 'sleep':
        this.#wake?.cancel();
        break;
      case 'abortExchange':
        this.#exchanges.drop();
        break;
      case 'finish':
        this.#finish(effect);
        break;
      default:
        this.#work(this.#performLong(effect));
    }
  }

  #performLong(effect: LongEffect): Promise<CycleEvent> {
    switch (effect.type) {
      case 'prepare':
        return this.#prepare(effect);
      case 'exchange':
        return this.#send();
      case 'apply':
        return this.#apply();
      default:
        return this.#mend(effect);
    }
  }

  /** One effect is under way at a time: the cycle asks for the next only when this one's event has come. */
  #work(effect: Promise<CycleEvent>): void {
    this.#working = effect.then(
      (event) => this.dispatch(event),
      (error: unknown) => this.#onError(error),
    );
  }

  #onError(error: unknown): void {
    if (error instanceof StorageError) {
      const blocked = { code: `storage_${error.code}`, message: error.message };
      this.dispatch({ type: 'storageFailed', blocked, atMs: this.#deps.clock.monoMs() });
      return;
    }
    for (const waiter of [...this.#waiters]) waiter.reject(error);
    this.dispatch({
      type: 'faulted',
      blocked: { code: 'fault', message: error instanceof Error ? error.message : String(error) },
    });
  }

  async #prepare(wish: Extract<CycleEffect, { type: 'prepare' }>): Promise<CycleEvent> {
    this.#log.begin(this.#deps.clock.wallMs(), wish.priorityMin);
    const mode = wish.push ? 'durable' : 'read';
    this.#prepared =
      this.#ready ?? (await this.#deps.storage.transaction(mode, (tx) => this.#exchanges.prepare(tx, wish)));
    if (!this.#prepared) return { type: 'nothing' };
    const { places } = this.#prepared;
    return { type: 'prepared', mutations: places.length, first: places[0] ?? 0 };
  }

  async #send(): Promise<CycleEvent> {
    const prepared = this.#mustBePrepared();
    this.#log.sent(prepared.places.length);
    const { request, reply, ...received } = await this.#exchanges.make(prepared);
    const { receivedMonoMs: atMs, receivedWallMs: wallMs, ageMs } = received;
    if (reply.type !== 'answer') return { type: 'refused', refusal: refusalOf(reply), atMs };
    this.#arrived = { request, answer: reply.answer, offsetMs: reply.answer.now + ageMs - wallMs, wallMs };
    return { type: 'answered' };
  }

  async #apply(): Promise<CycleEvent> {
    const arrived = this.#arrived;
    this.#arrived = undefined;
    if (!arrived) throw new TypeError('There is no answer to apply.');
    const mode = mustLast(arrived.answer) ? 'durable' : 'write';
    const outcome = await this.#deps.storage.transaction(mode, async (tx) => {
      await clearStop(tx, this.#deps.scope);
      return applyAnswer(tx, this.#deps, arrived);
    });
    this.#log.received(outcome.records);
    return {
      type: 'applied',
      more: outcome.more,
      progressed: outcome.progressed,
      tally: tallyOf(outcome, arrived.request),
    };
  }

  async #mend(effect: MendingEffect): Promise<CycleEvent> {
    await mendStorage(this.#deps, effect, this.#exchanges.refused(this.#mustBePrepared()));
    return { type: 'mended', atMs: this.#deps.clock.monoMs() };
  }

  #mustBePrepared(): Prepared {
    if (!this.#prepared) throw new TypeError('There is no exchange prepared.');
    return this.#prepared;
  }

  #setWake(delayMs: number): void {
    this.#wake?.cancel();
    this.#wake = this.#deps.timer.after(delayMs, () => this.dispatch({ type: 'wake' }));
  }

  #finish({ ok, tally, blocked }: Extract<CycleEffect, { type: 'finish' }>): void {
    this.#exchanges.drop();
    const result: CycleResult = { ok, ...tally, ...(blocked ? { reason: blocked } : {}) };
    this.#log.end({ ...this.#state, ok, tally, reason: blocked, wallMs: this.#deps.clock.wallMs() });
    for (const waiter of [...this.#waiters]) waiter.resolve(result);
  }
}

function failed(code: string, message: string): CycleResult {
  return { ok: false, ...noTally(), reason: { code, message } };
}
