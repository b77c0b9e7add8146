// The native protocol over a socket, `/v1/live`: exchanges as over HTTP, and what comes in a scope without asking.
//
//   opened ── hello ──▶ proving ──▶ greeted: subscribe · unsubscribe · exchange · pong
//
// Whatever else comes closes the socket. A credential is looked at once, in the hello; what it is worth is read again in each
// commit, snapshot and page.

import {
  type DeviceFrame,
  type ExchangeRequest,
  liveCloseCodes,
  protocolMarker,
  RequestError,
} from '@holdfast/core';
import type { Caller, Engine } from '../../engine/engine.ts';
import type { Identity, Proof, RequestHeaders } from '../../identity/identity.ts';
import type { LiveBounds } from '../../realtime/bounds.ts';
import { createFeeds, type Feeds } from '../../realtime/feeds.ts';
import { createHub, type Hub, type Member, retryReason } from '../../realtime/hub.ts';
import { Line, tryAgainLater } from '../../realtime/line.ts';
import { Subscription } from '../../realtime/subscription.ts';
import type { SocketRoute, SocketTools, Wire, WireEvents } from '../../realtime/wire.ts';
import { callerOf } from '../door.ts';
import { type ExchangeDeps, exchange, readRequest } from './exchange.ts';
import { frameBytes, headBytesMax, pageBytes, readFrame } from './frames.ts';

export interface NativeLiveDeps extends ExchangeDeps, SocketTools {
  engine: Pick<Engine, 'push' | 'pull' | 'subscribe' | 'follow' | 'standings' | 'identityMark'>;
  identity: Pick<Identity, 'prove'>;
  bounds: LiveBounds;
}

export function nativeLive(deps: NativeLiveDeps): SocketRoute {
  const { engine, clock, timer, turn, bounds, failed } = deps;
  const hub = createHub({ engine, clock, timer, turn, bounds, failed });
  const { page, followersPerTurn } = bounds;
  const nowMs = (): number => clock.wallMs();
  const feeds = createFeeds({ engine, bounds: page, followersPerTurn, turn, nowMs, failed });
  const parts = { ...deps, hub, feeds };
  return {
    path: '/v1/live',
    async admit({ headers }) {
      // Who brings a credential along hears at once that it is good for nothing.
      const early = carriesCredential(headers) ? await deps.identity.prove(headers) : undefined;
      hub.admit();
      return (wire) => new NativeSocket(parts, wire, early);
    },
    stop: () => hub.stop(),
  };
}

interface Parts extends NativeLiveDeps {
  hub: Hub;
  feeds: Feeds;
}

interface Who {
  proof: Proof;
  caller: Caller;
}

class NativeSocket implements WireEvents, Member {
  readonly line: Line;
  readonly ping = ping;
  readonly tooLate = { code: liveCloseCodes.unauthenticated, reason: 'no hello' };
  readonly #parts: Parts;
  readonly #early: Proof | undefined;
  #greeting = false;
  /** Who is at the other end. */
  #who: Who | undefined;
  #exchanges = 0;
  readonly #subscriptions = new Map<string, Subscription>();

  constructor(parts: Parts, wire: Wire, early: Proof | undefined) {
    this.#parts = parts;
    this.#early = early;
    this.line = new Line({
      wire,
      bounds: parts.bounds,
      nowMs: () => parts.clock.monoMs(),
      drained: () => {
        for (const subscription of this.#subscriptions.values()) subscription.drained();
      },
    });
    parts.hub.add(this);
  }

  messageBytesMax(): number {
    const { bounds, limits } = this.#parts;
    return this.#who ? headBytesMax + limits.bodyBytesMax : bounds.helloBytesMax;
  }

  message(text: Uint8Array): void {
    if (!this.#hears()) return;
    const frame = text.length > this.messageBytesMax() ? undefined : readFrame(text);
    if (frame) this.#take(frame.head, frame.body);
    else this.#malformed('no frame');
  }

  binary(): void {
    this.line.close(unsupportedData, 'text only');
  }

  beat(): void {
    this.#hears();
  }

  closed(): void {
    this.line.ended();
    this.#parts.hub.remove(this);
    for (const [scope, subscription] of this.#subscriptions) this.#parts.feeds.unfollow(scope, subscription);
    this.#subscriptions.clear();
  }

  refused(error: unknown): void {
    const { status, code, retryAfter, text } = this.#parts.errorReply(error);
    this.line.send(
      frameBytes({ type: 'error', status, ...(retryAfter === undefined ? {} : { retryAfter }) }, text),
    );
    this.line.close(closeCodeOf(status), retryAfter === undefined ? code : retryReason(retryAfter));
  }

  #hears(): boolean {
    if (!this.line.isOpen) return false;
    if (this.line.heard()) return true;
    this.line.close(liveCloseCodes.tooMany, 'too many messages');
    return false;
  }

  #malformed(why: string): void {
    this.line.close(liveCloseCodes.malformed, why);
  }

  #take(head: DeviceFrame, body: Uint8Array): void {
    if (head.type === 'hello' && !this.#greeting) {
      this.#greeting = true;
      this.#run(this.#greet(head));
      return;
    }
    const who = this.#who;
    if (!who || head.type === 'hello') {
      this.#malformed('not now');
      return;
    }
    switch (head.type) {
      case 'pong':
        return;
      case 'unsubscribe':
        this.#unsubscribe(head.scope);
        return;
      case 'subscribe':
        this.#run(this.#subscribe(who.caller, head));
        return;
      case 'exchange':
        this.#run(this.#exchange(who, head.id, body));
    }
  }

  /** What is under way gives its own answers; a fault beyond them ends the socket, and its replica asks again. */
  #run(work: Promise<void>): void {
    work.catch((error: unknown) => this.refused(error));
  }

  async #greet({ device, key }: Extract<DeviceFrame, { type: 'hello' }>): Promise<void> {
    const { identity, limits, engine, hub, bounds } = this.#parts;
    if (device.length > limits.idCharsMax) throw new RequestError('malformed', { field: 'device' });
    const proof =
      key === undefined && this.#early
        ? this.#early
        : await identity.prove(key === undefined ? {} : { authorization: `Bearer ${key}` });
    const caller = callerOf(proof, device);
    const [standing] = await engine.standings([caller]);
    if (!this.line.isOpen) return;
    if (!standing || standing instanceof RequestError) throw standing ?? new RequestError('unauthenticated');
    hub.identify(this, caller, standing);
    this.#who = { proof, caller };
    this.line.greeted();
    this.line.send(frameBytes({ type: 'welcome', protocol: protocolMarker, pingMs: bounds.pingMs }));
  }

  async #subscribe(
    caller: Caller,
    { scope, checkpoint }: Extract<DeviceFrame, { type: 'subscribe' }>,
  ): Promise<void> {
    const { feeds, bounds } = this.#parts;
    this.#unsubscribe(scope);
    // Not answered: its replica goes on asking for this scope, and is told of the others.
    if (this.#subscriptions.size >= bounds.subscriptionsMax) return;
    const subscription = new Subscription(
      {
        line: this.line,
        caller,
        scope,
        encode: pageBytes,
        poke: pokeBytes,
        refused: (error) => this.refused(error),
      },
      checkpoint,
    );
    this.#subscriptions.set(scope, subscription);
    this.line.send(frameBytes({ type: 'subscribed', scope }));
    await feeds.follow(scope, subscription);
  }

  #unsubscribe(scope: string): void {
    const subscription = this.#subscriptions.get(scope);
    if (!subscription) return;
    this.#subscriptions.delete(scope);
    this.#parts.feeds.unfollow(scope, subscription);
  }

  async #exchange(who: Who, id: number, body: Uint8Array): Promise<void> {
    const { bounds, incoming } = this.#parts;
    if (!incoming.take(body.length)) {
      this.#answer(id, this.#parts.errorReply(new RequestError('overloaded')));
      return;
    }
    this.#exchanges += 1;
    if (this.#exchanges === bounds.exchangesMax) this.line.hold();
    try {
      await this.#exchangeNow(who, id, body);
    } finally {
      incoming.give(body.length);
      if (this.#exchanges === bounds.exchangesMax) this.line.release();
      this.#exchanges -= 1;
    }
  }

  async #exchangeNow(who: Who, id: number, body: Uint8Array): Promise<void> {
    let request: ExchangeRequest | undefined;
    try {
      request = readRequest(this.#parts, this.#parts.parse(body));
      if (request.device !== who.caller.device) throw new RequestError('forbidden', { field: 'device' });
    } catch (error) {
      this.#answer(id, this.#parts.errorReply(error));
      return;
    }
    const subscription = this.#subscriptions.get(request.scope);
    subscription?.exchangeBegins();
    try {
      const answered = await exchange(this.#parts, who.proof, request);
      this.#answer(id, { status: 200, text: answered.text });
      subscription?.exchangeEnds(answered);
    } catch (error) {
      this.#answer(id, this.#parts.errorReply(error));
      subscription?.exchangeEnds();
    }
  }

  #answer(
    id: number,
    { status, retryAfter, text }: Omit<ReturnType<SocketTools['errorReply']>, 'code'>,
  ): void {
    const { outgoing } = this.#parts;
    const retry = retryAfter === undefined ? {} : { retryAfter };
    const bytes = frameBytes({ type: 'answer', id, status, ...retry }, text);
    if (bytes.length <= smallBytes) this.line.send(bytes);
    else if (outgoing.take(bytes.length)) this.line.send(bytes, () => outgoing.give(bytes.length));
    // Nothing is lost: the exchange is answered again when it is repeated.
    else this.#answer(id, this.#parts.errorReply(new RequestError('overloaded')));
  }
}

function pokeBytes(scope: string): Uint8Array {
  return frameBytes({ type: 'poke', scope });
}

function carriesCredential(headers: RequestHeaders): boolean {
  return headers.authorization !== undefined || headers['x-api-key'] !== undefined;
}

function closeCodeOf(status: number): number {
  if (status === 401) return liveCloseCodes.unauthenticated;
  if (status === 403) return liveCloseCodes.forbidden;
  if (status === 429) return liveCloseCodes.tooMany;
  return status < 500 ? liveCloseCodes.malformed : tryAgainLater;
}

const ping = frameBytes({ type: 'ping' });
const smallBytes = 16_384;
/** As WebSocket's registry of close codes has it. */
const unsupportedData = 1003;
