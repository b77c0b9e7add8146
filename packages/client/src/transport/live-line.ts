// One live socket to the server, from its opening to its end: the hello, exchanges under their numbers, and the watchdog.
//
//   opening ── open, hello sent ──▶ greeting ── welcome ──▶ greeted
//      │ too late                      │ too late             │ nothing heard for 2½ pings · an exchange was not answered in time
//      └───────────────────────────────┴──────────────────────┴──▶ ended: every exchange under way is unreachable

import {
  type Clock,
  type DeviceFrame,
  type ExchangeRequest,
  liveCloseCodes,
  parseJson,
  protocolMarker,
  type ServerFrame,
  serverFrameMessage,
  splitFrame,
  type Timer,
  type TimerHandle,
} from '@holdfast/core';
import type { AnswerHead, LiveWord, Transport, TransportReply } from './port.ts';
import { listenForHead, readLivePage, readReply } from './reply.ts';
import type { OpenSocket, Socket } from './socket.ts';

export interface LiveLineDeps {
  url: string;
  device: string;
  key: string | undefined;
  openSocket: OpenSocket;
  clock: Clock;
  timer: Timer;
  /** From sending an exchange to its answer, and from opening to the welcome. */
  timeLimitMs: number;
  answerBytesMax: number;
  /** From now on it takes exchanges and subscriptions. */
  greeted(): void;
  heard(scope: string, word: LiveWord): void;
  /** `floorMs`: the server asked not to come back before. `refused`: with this credential. `livedMs`: how long it was greeted. */
  ended(end: { floorMs: number; refused: boolean; livedMs: number }): void;
}

export interface LiveLine {
  readonly isGreeted: boolean;
  exchange: Transport['exchange'];
  say(frame: DeviceFrame): void;
  close(): void;
}

interface Waiter {
  settle(reply: TransportReply): void;
  begun: ((head: AnswerHead) => void) | undefined;
}

export function openLiveLine(deps: LiveLineDeps): LiveLine {
  return new SocketLine(deps);
}

class SocketLine implements LiveLine {
  readonly #deps: LiveLineDeps;
  readonly #socket: Socket;
  readonly #answers = new Map<number, Waiter>();
  #numbers = 0;
  #greetedMs: number | undefined;
  #heardMs: number;
  #floorMs = 0;
  #refused = false;
  #watch: TimerHandle;
  #over = false;

  constructor(deps: LiveLineDeps) {
    this.#deps = deps;
    this.#heardMs = deps.clock.monoMs();
    this.#watch = deps.timer.after(deps.timeLimitMs, () => this.#end(stuck));
    this.#socket = deps.openSocket(deps.url, {
      opened: () => this.#hello(),
      message: (text) => this.#take(text),
      closed: ({ code, reason }) => this.#closed(code, reason),
    });
  }

  get isGreeted(): boolean {
    return this.#greetedMs !== undefined && !this.#over;
  }

  say(frame: DeviceFrame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  close(): void {
    this.#end({ type: 'unreachable', reason: 'The socket was closed.' });
  }

  exchange(
    request: ExchangeRequest,
    signal?: AbortSignal,
    begun?: (head: AnswerHead) => void,
  ): Promise<TransportReply> {
    if (signal?.aborted) return Promise.resolve(aborted);
    this.#numbers += 1;
    const id = this.#numbers;
    return new Promise((resolve) => {
      const limit = this.#deps.timer.after(this.#deps.timeLimitMs, () => this.#end(late));
      const settle = (reply: TransportReply): void => {
        limit.cancel();
        signal?.removeEventListener('abort', abort);
        this.#answers.delete(id);
        resolve(reply);
      };
      const abort = (): void => settle(aborted);
      signal?.addEventListener('abort', abort, { once: true });
      this.#answers.set(id, { settle, begun });
      const head: DeviceFrame = { type: 'exchange', id };
      this.#socket.send(`${JSON.stringify(head)}\n${JSON.stringify(request)}`);
    });
  }

  #hello(): void {
    const { device, key } = this.#deps;
    this.say({ type: 'hello', protocol: protocolMarker, device, ...(key === undefined ? {} : { key }) });
  }

  #take(text: string): void {
    if (this.#over) return;
    this.#heardMs = this.#deps.clock.monoMs();
    const { head, body } = splitFrame(text);
    const frame = text.length > this.#deps.answerBytesMax ? 'garbage' : readHead(head);
    if (frame === 'garbage') this.#end({ type: 'foreign', status: 200 });
    else if (frame !== 'unknown') this.#hear(frame, body);
  }

  #hear(frame: ServerFrame, body: string | undefined): void {
    switch (frame.type) {
      case 'welcome':
        if (this.#greetedMs !== undefined) return;
        this.#greetedMs = this.#deps.clock.monoMs();
        this.#watchFor(frame.pingMs);
        this.#deps.greeted();
        return;
      case 'ping':
        this.say({ type: 'pong' });
        return;
      case 'answer': {
        const retryAfter = frame.retryAfter === undefined ? undefined : String(frame.retryAfter);
        const raw = { status: frame.status, body: body ?? '', retryAfter };
        const waiter = this.#answers.get(frame.id);
        if (waiter?.begun && raw.status === 200) listenForHead(waiter.begun)(raw.body);
        waiter?.settle(readReply(raw, this.#deps.clock.wallMs()));
        return;
      }
      case 'error':
        this.#floorMs = Math.max(this.#floorMs, (frame.retryAfter ?? 0) * 1_000);
        return;
      case 'subscribed':
        this.#deps.heard(frame.scope, { type: 'opened' });
        return;
      case 'poke':
        this.#deps.heard(frame.scope, { type: 'poke' });
        return;
      case 'page': {
        const page = readLivePage(body ?? '');
        // What cannot be read as a page is there all the same: it is to be pulled.
        this.#deps.heard(frame.scope, page ? { type: 'page', page } : { type: 'poke' });
      }
    }
  }

  /** A socket may look open long after its peer is gone. */
  #watchFor(pingMs: number): void {
    const { clock, timer } = this.#deps;
    this.#watch.cancel();
    this.#watch = timer.after(pingMs, () => {
      if (clock.monoMs() - this.#heardMs > silentPings * pingMs) this.#end(stuck);
      else this.#watchFor(pingMs);
    });
  }

  #closed(code: number, reason: string): void {
    const seconds = /^retry-after=(\d{1,4})$/.exec(reason)?.[1];
    this.#refused = code === liveCloseCodes.unauthenticated || code === liveCloseCodes.forbidden;
    this.#floorMs = Math.max(this.#floorMs, Number(seconds ?? 0) * 1_000);
    this.#finish(code === tooLarge ? { type: 'refused', status: 413 } : lost);
  }

  #end(reply: TransportReply): void {
    this.#socket.close(goodbye, '');
    this.#finish(reply);
  }

  #finish(reply: TransportReply): void {
    if (this.#over) return;
    this.#over = true;
    this.#watch.cancel();
    for (const { settle } of [...this.#answers.values()]) settle(reply);
    const livedMs = this.#greetedMs === undefined ? 0 : this.#deps.clock.monoMs() - this.#greetedMs;
    this.#deps.ended({ floorMs: this.#floorMs, refused: this.#refused, livedMs });
  }
}

/** Fields and types of frames that are not known here are those of a later server. */
function readHead(head: string): ServerFrame | 'unknown' | 'garbage' {
  const read = head.length > headCharsMax ? undefined : parseJson(head, headBounds);
  if (!read?.ok) return 'garbage';
  return (serverFrameMessage.safeParse(read.value).data as ServerFrame | undefined) ?? 'unknown';
}

const headCharsMax = 4_096;
const headBounds = { depthMax: 4, keysMax: 50, valuesMax: 200 };
const silentPings = 2.5;
const goodbye = 1000;
const tooLarge = 1009;

const aborted: TransportReply = { type: 'unreachable', reason: 'The exchange was aborted.' };
const late: TransportReply = { type: 'unreachable', reason: 'The server did not answer in time.' };
const stuck: TransportReply = { type: 'unreachable', reason: 'The socket was silent for too long.' };
const lost: TransportReply = { type: 'unreachable', reason: 'The socket was lost.' };
