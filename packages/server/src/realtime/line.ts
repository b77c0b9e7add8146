// One socket with its bounds: what is not sent yet, when its peer was last heard, how long it may stay as it is.
//
//   open ── too much unsent ──▶ behind ── all sent ──▶ open (what was missed is told by a poke)
//     │                           │ too long
//     └── close ──▶ closing ◀─────┘
//                      │ the peer agrees, or too long
//                      ▼
//                    ended
//
// A line that is behind gets no queue: whoever would send it a page notes that it missed one. So what it holds is bounded by
// `unsentBytesMax` and what was sent last. It is not read either, so that its own requests cannot add to it.

import type { LiveBounds } from './bounds.ts';
import { createTokens, type Tokens } from './tokens.ts';
import type { Wire } from './wire.ts';

export interface LineDeps {
  wire: Wire;
  bounds: LiveBounds;
  nowMs: () => number;
  /** It was behind and is not any more. */
  drained: () => void;
}

export class Line {
  readonly #deps: LineDeps;
  readonly #tokens: Tokens;
  readonly #openedMs: number;
  #heardMs: number;
  #pingedMs: number;
  #behindMs: number | undefined;
  #closingMs: number | undefined;
  #known = false;
  /** Reasons not to read. */
  #held = 0;

  constructor(deps: LineDeps) {
    this.#deps = deps;
    const { messagesPerSecond, messagesAtOnce } = deps.bounds;
    this.#tokens = createTokens({ perSecond: messagesPerSecond, atOnce: messagesAtOnce });
    this.#openedMs = deps.nowMs();
    this.#heardMs = this.#openedMs;
    this.#pingedMs = this.#openedMs;
  }

  get isBehind(): boolean {
    return this.#behindMs !== undefined;
  }

  get isOpen(): boolean {
    return this.#closingMs === undefined;
  }

  /** The peer has said who it is. */
  greeted(): void {
    this.#known = true;
  }

  /** False: it sends more than it may. */
  heard(): boolean {
    this.#heardMs = this.#deps.nowMs();
    return this.#tokens.take(this.#heardMs);
  }

  /** For what is small or was asked for; `sent` is called when it has left, or the line has ended. */
  send(bytes: Uint8Array, sent?: () => void): void {
    if (!this.isOpen) {
      sent?.();
      return;
    }
    const { wire, bounds, nowMs } = this.#deps;
    wire.send(bytes, () => {
      sent?.();
      this.#sent();
    });
    if (this.isBehind || wire.bufferedBytes() <= bounds.unsentBytesMax) return;
    this.#behindMs = nowMs();
    this.hold();
  }

  /** Reads nothing until `release` was called as often as `hold`. */
  hold(): void {
    this.#held += 1;
    if (this.#held === 1) this.#deps.wire.pause();
  }

  release(): void {
    this.#held -= 1;
    if (this.#held === 0) this.#deps.wire.resume();
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.#closingMs = this.#deps.nowMs();
    // Else its peer's word could not be heard.
    if (this.#held > 0) this.#deps.wire.resume();
    this.#deps.wire.close(code, reason);
  }

  /** The socket is gone: nothing is sent any more. */
  ended(): void {
    this.#closingMs ??= this.#deps.nowMs();
  }

  /** Looks at the time. `ping` is sent when one is due; null: the socket's own. */
  tick(ping: Uint8Array | null, tooLate: { code: number; reason: string }): void {
    const { wire, bounds, nowMs } = this.#deps;
    const now = nowMs();
    if (this.#closingMs !== undefined) {
      if (now - this.#closingMs >= bounds.closingMsMax) wire.destroy();
    } else if (!this.#known) {
      if (now - this.#openedMs >= bounds.helloMsMax) this.close(tooLate.code, tooLate.reason);
    } else if (this.#behindMs !== undefined) {
      if (now - this.#behindMs >= bounds.behindMsMax) this.close(tryAgainLater, 'behind');
    } else if (now - this.#heardMs >= bounds.silentMsMax) {
      wire.destroy();
    } else if (now - this.#pingedMs >= bounds.pingMs) {
      this.#pingedMs = now;
      if (ping) this.send(ping);
      else wire.ping();
    }
  }

  #sent(): void {
    if (!this.isBehind || this.#deps.wire.bufferedBytes() > 0) return;
    this.#behindMs = undefined;
    // It was not read, so it could not be heard.
    this.#heardMs = this.#deps.nowMs();
    this.release();
    if (this.isOpen) this.#deps.drained();
  }
}

/** As WebSocket's registry of close codes has it. */
export const tryAgainLater = 1013;
