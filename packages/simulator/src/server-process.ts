// One server of record: the real engine, identity and native protocol on a watched store, without sockets. It can die at every
// call of the store's port, and comes back with nothing but what the store kept.

import type { LoopbackAnswer } from '@holdfast/client';
import { protocolMarker, RequestError, requestErrors, type Writes } from '@holdfast/core';
import { sha256 } from 'holdfast/digest';
import { createEngine } from 'holdfast/engine';
import type { Engine } from 'holdfast/engine/face';
import { createIdentity } from 'holdfast/identity';
import { nativeLive } from 'holdfast/native/live';
import type { SocketRoute, SocketTools, Wire, WireEvents } from 'holdfast/realtime/wire';
import { type Store, StoreError } from 'holdfast/store';
import type { Aim } from './faults.ts';
import { freshIn } from './history.ts';
import { type ExchangeRoute, readBody, registerExchange, socketBounds, toldAs } from './native-host.ts';
import { type SchemaVersion, serverSchemas } from './schema.ts';
import { numberOf, textOf } from './trace.ts';
import { type StorePoint, watchStore } from './watched-store.ts';
import { epochMs, type World } from './world.ts';

export interface ServerOptions {
  name: string;
  /** Opens the store that is there, for the process that starts now. */
  openStore: (version: SchemaVersion) => Promise<Store>;
}

interface Life {
  engine: Engine;
  exchange: ExchangeRoute;
  live: SocketRoute;
}

export class ServerProcess {
  readonly name: string;
  schemaVersion: SchemaVersion = 2;
  readonly #world: World;
  readonly #options: ServerOptions;
  readonly #aim: Aim;
  #generation = 0;
  #life: Life | undefined;
  /** The process whose disk did not confirm a write. */
  #unsynced = 0;
  #reads = 0;
  /** Requests whose connection breaks when the process dies. */
  readonly #open = new Set<(error: Error) => void>();
  readonly #sockets = new Set<() => void>();

  constructor(world: World, options: ServerOptions) {
    this.#world = world;
    this.#options = options;
    this.#aim = world.faults.on(options.name);
    this.name = options.name;
  }

  get engine(): Engine | undefined {
    return this.#life?.engine;
  }

  async start(): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    const { timeline, profile, random } = this.#world;
    const limits = profile.serverLimits;
    const inner = await this.#options.openStore(this.schemaVersion);
    if (generation !== this.#generation) return;
    const store = watchStore(inner, {
      point: (point) => this.#point(point, generation),
      committed: (writes) => this.#committed(writes),
    });
    const clock = {
      wallMs: () => Math.floor(epochMs + timeline.nowMs),
      monoMs: () => Math.floor(timeline.nowMs),
    };
    const timer = { after: (delayMs: number, run: () => void) => this.#after(delayMs, run, generation) };
    const deps = {
      store,
      clock,
      random: random(`server ${this.name}`),
      sha256,
      limits,
      schema: serverSchemas[this.schemaVersion],
    };
    const turn = (): Promise<void> => new Promise((resolve) => void this.#after(1, resolve, generation));
    const engine = createEngine({
      ...deps,
      timer,
      turn,
      log: (_, message, { error }) => this.#logged(message, error, generation),
      fatal: (error) => this.#endBy(error, generation),
    });
    const identity = createIdentity({ ...deps, auth: profile.authenticated ? 'keys' : 'none' });
    const native = { ...deps, engine, identity };
    const exchange = await registerExchange(native);
    const live = nativeLive({
      ...native,
      ...this.#socketTools(generation),
      timer,
      turn,
      bounds: socketBounds,
    });
    if (generation === this.#generation) this.#life = { engine, exchange, live };
  }

  /** Lets a socket in, or rejects. `died` is called when the process is gone before the socket is. */
  async takeSocket(died: () => void): Promise<(wire: Wire) => WireEvents> {
    const life = this.#life;
    const generation = this.#generation;
    if (!life) throw new Error('The connection was refused.');
    const open = await life.live.admit({ headers: {}, url: '/v1/live', address: '127.0.0.1' });
    if (generation !== this.#generation) throw new Error('The connection was reset.');
    this.#sockets.add(died);
    return open;
  }

  #socketTools(generation: number): Omit<SocketTools, 'timer' | 'turn'> {
    const room = { take: () => true, give: () => undefined };
    return {
      incoming: room,
      outgoing: room,
      parse: (body) => readBody(Buffer.from(body).toString(), this.#world.profile.serverLimits),
      parseItem: (body) => readBody(Buffer.from(body).toString(), this.#world.profile.serverLimits),
      errorReply: (error) => {
        if (generation !== this.#generation) return { status: 503, code: 'stopping', text: '' };
        if (error instanceof StoreError && error.code === 'fsync') this.#endBy(error, generation);
        const { status, body } = this.#refusal(error);
        return { status, code: toldAs(error)?.code ?? 'internal', retryAfter: 1, text: body };
      },
      failed: (error) => {
        if (generation === this.#generation && !toldAs(error))
          this.#world.fail('fault', `Work for live sockets failed: ${textOf(error)}`);
      },
    };
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  /** Comes back with the newer schema. */
  upgrade(): void {
    this.schemaVersion = 2;
    if (this.isUp) this.crash();
  }

  /** The process is gone: its promises settle for nobody, its timers never fire, its connections break. */
  crash(): void {
    this.#generation += 1;
    this.#life = undefined;
    const { timeline, trace } = this.#world;
    trace.note(timeline.nowMs, [1, numberOf(this.name)], () => `${this.name} dies`);
    for (const broken of [...this.#open]) broken(new Error('The connection was reset.'));
    this.#open.clear();
    for (const died of [...this.#sockets]) died();
    this.#sockets.clear();
    const downMs = this.#world.stream(`restart ${this.name}`).around(800);
    timeline.after(downMs, () => void this.start());
  }

  /** What `POST /v1/exchange` answers. Rejects when the process is down, or dies before it has answered. */
  handle(body: string, headers: Readonly<Record<string, string>>): Promise<LoopbackAnswer> {
    const life = this.#life;
    if (!life) return Promise.reject(new Error('The connection was refused.'));
    this.#world.operations.requests += 1;
    return new Promise((resolve, reject) => {
      this.#open.add(reject);
      this.#answer(life, body, headers).then(
        (answer) => {
          this.#open.delete(reject);
          resolve(answer);
        },
        (error: unknown) => {
          this.#open.delete(reject);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  async #answer(
    { exchange }: Life,
    body: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<LoopbackAnswer> {
    const generation = this.#generation;
    let sent = '';
    const reply = {
      header: () => reply,
      send: (text: string) => {
        sent = text;
        return reply;
      },
    };
    try {
      const request = { headers, body: undefined as unknown };
      await exchange.onRequest(request);
      request.body = readBody(body, this.#world.profile.serverLimits);
      await exchange.handler(request, reply);
      if (generation !== this.#generation) throw new Error('The connection was reset.');
      if (this.#unsynced === generation)
        this.#world.fail('1 acknowledged survives', `${this.name} goes on after a failed fsync.`);
      return { status: 200, body: sent };
    } catch (error) {
      if (generation !== this.#generation) throw new Error('The connection was reset.', { cause: error });
      // Also where it did not pass through the engine: the server's HTTP layer ends the process, too.
      if (error instanceof StoreError && error.code === 'fsync') this.#endBy(error, generation);
      return this.#refusal(error);
    }
  }

  #refusal(error: unknown): LoopbackAnswer {
    const nowMs = Math.floor(epochMs + this.#world.timeline.nowMs);
    const told = toldAs(error);
    if (!told) this.#world.fail('fault', `A request met an unexpected error: ${textOf(error)}`);
    const { code, message, field, details } = told ?? new RequestError('internal');
    const facts = {
      code,
      message,
      ...(field === undefined ? {} : { field }),
      ...(Object.keys(details).length > 0 ? { details } : {}),
    };
    return {
      status: requestErrors[code].status,
      headers: { 'retry-after': '1' },
      body: JSON.stringify({ protocol: protocolMarker, error: facts, now: nowMs }),
    };
  }

  #point(point: StorePoint, generation: number): void {
    if (generation !== this.#generation) throw new Error('The process is gone.');
    const aim = this.#aim;
    const { profile } = this.#world;
    // Reads are many, and little depends on them: one in eight counts.
    this.#reads += Number(point === 'read');
    if ((point !== 'read' || this.#reads % 8 === 0) && aim.strikes('crash_server', point)) {
      this.crash();
      throw new Error('The process died.');
    }
    // A database in memory has no disk that could fail to confirm.
    const syncs = (point === 'commit' || point === 'committed') && profile.store !== 'sqlite';
    if (syncs && aim.strikes('store_fsync', point)) this.#unsynced = generation;
    // What was not confirmed once is never trusted again: the store refuses everything.
    if (this.#unsynced === generation) throw new StoreError('fsync', 'Simulated: the disk did not confirm.');
    if (point === 'committed') return;
    if (aim.strikes('store_busy', point)) throw new StoreError('busy', 'Simulated: busy.');
    if (point !== 'read' && aim.strikes('store_full', point))
      throw new StoreError('full', 'Simulated: full.');
  }

  /** A failed fsync ends the process, and nothing else does. */
  #endBy(error: unknown, generation: number): void {
    if (generation !== this.#generation) return;
    if (error instanceof StoreError && error.code === 'fsync') this.crash();
    else this.#world.fail('fault', `The engine called a fault fatal: ${String(error)}`);
  }

  #committed(writes: ReadonlyMap<string, Writes>): void {
    const { timeline, trace, tell, history, operations } = this.#world;
    for (const [scope, write] of writes) {
      const fresh = freshIn(write);
      tell.committed({ scope, writes: write, fresh, serverMs: epochMs + timeline.nowMs });
      history.add(scope, write, fresh);
      operations.judged += write.mutations.length;
      if (write.commits.length === 0) continue;
      trace.note(
        timeline.nowMs,
        [2, write.scope.head],
        () => `${this.name} commits ${scope} up to ${write.scope.head}`,
      );
    }
  }

  #after(delayMs: number, run: () => void, generation: number): { cancel(): void } {
    return this.#world.timeline.after(delayMs, () => {
      if (generation === this.#generation) run();
    });
  }

  #logged(message: string, error: unknown, generation: number): void {
    if (generation !== this.#generation || error instanceof StoreError) return;
    this.#world.fail('fault', `${message} ${textOf(error)}`);
  }
}
