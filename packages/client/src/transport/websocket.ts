// Exchanges over a live socket while there is one, and by the fallback while there is none; and what the server says by itself.
//
//   resting ── somebody follows ──▶ line ── ends ──▶ waiting ── time, hurry ──▶ line …
//      ▲                              │                 │
//      └────── nobody follows any more ┴────────────────┘
//
// A wait is drawn from 0 to min(delayMsMax, delayMsMin × 2^failures), behind what the server asked for: after a restart of the
// server its devices come back one by one. Meanwhile nothing waits for the socket: exchanges take the fallback.

import type { Clock, ExchangeRequest, Random, Timer, TimerHandle } from '@holdfast/core';
import { createHttpTransport, type HttpOptions } from './http.ts';
import { type LiveLine, type LiveLineDeps, openLiveLine } from './live-line.ts';
import type { AnswerHead, Following, Transport, TransportReply } from './port.ts';
import { type OpenSocket, openPlatformSocket } from './socket.ts';

export interface WebSocketOptions {
  /** The server's address, as for HTTP: `https://example.org/sync` is asked at `wss://example.org/sync/v1/live`. */
  url: string;
  /** The device's id: that of the replica. */
  device: string;
  /** The device's key. A function is asked for each socket and each exchange. */
  key?: string | (() => string | undefined);
  clock: Clock;
  timer: Timer;
  random: Random;
  /** From sending an exchange to its answer, and from opening a socket to the server's welcome. Default 30 seconds. */
  timeLimitMs?: number;
  /** Default 32 MiB. */
  answerBytesMax?: number;
  /** Bounds of the random wait after a socket has ended; default 2 seconds, doubling to 2 minutes. */
  delayMsMin?: number;
  delayMsMax?: number;
  /** Instead of HTTP at the same address. */
  fallback?: Transport;
  /** Instead of the platform's own. */
  openSocket?: OpenSocket;
}

/** Throws a TypeError when `url` is no http or https address. */
export function createWebSocketTransport(options: WebSocketOptions): Transport {
  return new SocketTransport(options);
}

class SocketTransport implements Transport {
  readonly #options: WebSocketOptions;
  readonly #fallback: Transport;
  readonly #url: string;
  readonly #followed = new Map<string, Following>();
  /** Scopes of which the server has said that it tells. */
  readonly #opened = new Set<string>();
  #line: LiveLine | undefined;
  #lineKey: string | undefined;
  #wait: TimerHandle | undefined;
  #failures = 0;
  /** The server asked not to come back before this monotonic time. */
  #notBeforeMs = 0;

  constructor(options: WebSocketOptions) {
    this.#options = options;
    this.#fallback = options.fallback ?? createHttpTransport(httpOptions(options));
    this.#url = liveAddress(options.url);
  }

  exchange(
    request: ExchangeRequest,
    signal?: AbortSignal,
    begun?: (head: AnswerHead) => void,
  ): Promise<TransportReply> {
    this.#renew();
    const line = this.#line?.isGreeted ? this.#line : this.#fallback;
    return line.exchange(request, signal, begun);
  }

  follow(following: Following): () => void {
    const { scope } = following;
    this.#followed.set(scope, following);
    if (this.#line?.isGreeted) this.#subscribe(following);
    else this.#open();
    return () => {
      if (this.#followed.get(scope) !== following) return;
      this.#followed.delete(scope);
      this.#opened.delete(scope);
      if (this.#followed.size === 0) this.#rest();
      else this.#line?.say({ type: 'unsubscribe', scope });
    };
  }

  hurry(): void {
    this.#renew();
    if (this.#line || this.#followed.size === 0 || this.#now() < this.#notBeforeMs) return;
    this.#wait?.cancel();
    this.#wait = undefined;
    this.#open();
  }

  /** A socket speaks for the key that it was opened with: with another one, another socket. */
  #renew(): void {
    if (!this.#line || this.#lineKey === this.#key()) return;
    this.#line.close();
    this.#wait?.cancel();
    this.#wait = undefined;
    if (this.#followed.size > 0) this.#open();
  }

  #key(): string | undefined {
    const { key } = this.#options;
    return typeof key === 'function' ? key() : key;
  }

  #now(): number {
    return this.#options.clock.monoMs();
  }

  #rest(): void {
    this.#wait?.cancel();
    this.#wait = undefined;
    this.#line?.close();
  }

  #open(): void {
    if (this.#line || this.#wait) return;
    const { device, clock, timer, openSocket, timeLimitMs, answerBytesMax } = this.#options;
    this.#lineKey = this.#key();
    const line: LiveLine = openLiveLine({
      url: this.#url,
      device,
      key: this.#lineKey,
      openSocket: openSocket ?? openPlatformSocket,
      clock,
      timer,
      timeLimitMs: timeLimitMs ?? timeLimitMsDefault,
      answerBytesMax: answerBytesMax ?? answerBytesMaxDefault,
      greeted: () => {
        for (const following of this.#followed.values()) this.#subscribe(following);
      },
      heard: (scope, word) => {
        if (word.type === 'opened') this.#opened.add(scope);
        if (this.#opened.has(scope)) this.#followed.get(scope)?.hear(word);
      },
      ended: (end) => this.#ended(end),
    });
    this.#line = line;
  }

  #subscribe(following: Following): void {
    const line = this.#line;
    const { scope } = following;
    following.checkpoint().then(
      (checkpoint) => {
        const isWanted = this.#line === line && this.#followed.get(scope) === following;
        if (isWanted) line?.say({ type: 'subscribe', scope, checkpoint });
      },
      // Its storage fails, which the sync loop notices too; without a checkpoint it is poked, and pulls.
      () => line?.say({ type: 'subscribe', scope, checkpoint: null }),
    );
  }

  #ended({ floorMs, refused, livedMs }: Parameters<LiveLineDeps['ended']>[0]): void {
    const { timer, random, delayMsMin = 2_000, delayMsMax = 120_000 } = this.#options;
    this.#line = undefined;
    const scopes = [...this.#opened];
    this.#opened.clear();
    for (const scope of scopes) this.#followed.get(scope)?.hear({ type: 'closed' });
    if (this.#followed.size === 0) return;
    // One that is lost as soon as it is there is as good as none.
    this.#failures = livedMs >= steadyMs ? 0 : Math.min(this.#failures + 1, 30);
    this.#notBeforeMs = this.#now() + floorMs;
    const ceiling = Math.min(delayMsMax, delayMsMin * 2 ** this.#failures);
    const leastMs = refused ? Math.max(floorMs, refusedMs) : floorMs;
    this.#wait = timer.after(leastMs + random.fraction() * ceiling, () => {
      this.#wait = undefined;
      this.#open();
    });
  }
}

const timeLimitMsDefault = 30_000;
const answerBytesMaxDefault = 33_554_432;
const steadyMs = 60_000;
/** The same credential gets the same answer for long; another is told of by `hurry`. */
const refusedMs = 60_000;

function httpOptions(options: WebSocketOptions): HttpOptions {
  const { url, key, clock, timer, timeLimitMs, answerBytesMax } = options;
  return {
    url,
    clock,
    timer,
    ...(key === undefined ? {} : { key }),
    ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
    ...(answerBytesMax === undefined ? {} : { answerBytesMax }),
  };
}

function liveAddress(url: string): string {
  const address = new URL(url);
  if (address.protocol !== 'http:' && address.protocol !== 'https:')
    throw new TypeError(`The server's address begins with http:// or https://, not ${address.protocol}`);
  address.protocol = address.protocol === 'http:' ? 'ws:' : 'wss:';
  address.search = '';
  address.hash = '';
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/v1/live`;
  return address.href;
}
