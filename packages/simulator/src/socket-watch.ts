// What passes over one socket, for the checkers: exchanges as they are told over HTTP, and pages that nobody asked for.

import { type ExchangeAnswer, type ExchangeRequest, splitFrame } from '@holdfast/core';
import { type DeviceView, sentOf } from './checker.ts';
import { socketBounds } from './native-host.ts';
import { epochMs, type World } from './world.ts';

export interface Watcher {
  device: DeviceView;
  /** The key that it shows now. */
  key: () => string | undefined;
  rightOf: (key: string | undefined, scope: string, atMs: number) => 'write' | 'read' | 'none';
}

export class SocketWatch {
  readonly #world: World;
  readonly #watcher: Watcher;
  /** With which the socket was opened. */
  readonly #key: string | undefined;
  readonly #asked = new Map<number, { request: ExchangeRequest; takenUpMs: number }>();

  constructor(world: World, watcher: Watcher) {
    this.#world = world;
    this.#watcher = watcher;
    this.#key = watcher.key();
  }

  /** The device says it. */
  sent(text: string): void {
    const { timeline, tell } = this.#world;
    const { device, rightOf } = this.#watcher;
    const { head, body } = splitFrame(text);
    const { type, id } = JSON.parse(head) as { type: string; id?: number };
    if (type !== 'exchange' || id === undefined || body === undefined) return;
    const request = JSON.parse(body) as ExchangeRequest;
    this.#asked.set(id, { request, takenUpMs: timeline.nowMs });
    tell.sent(
      sentOf(
        device,
        request,
        (serverMs) => rightOf(this.#key, request.scope, serverMs - epochMs) === 'write',
      ),
    );
  }

  /** It has reached the server. */
  taken(text: string): void {
    const { timeline, operations } = this.#world;
    const { type, id = 0 } = JSON.parse(splitFrame(text).head) as { type: string; id?: number };
    operations[type === 'exchange' ? 'requests' : 'frames'] += 1;
    const asked = this.#asked.get(id);
    if (asked) asked.takenUpMs = timeline.nowMs;
  }

  /**
   * The server says it, whether it arrives or not. `unsentBytes`: what had not been taken before it. Answers what arrives by it, and the
   * request that it answers with success.
   */
  said(
    text: string,
    unsentBytes: number,
  ): { kind: 'answers' | 'frames'; answered?: ExchangeRequest | undefined } {
    const { head, body = '' } = splitFrame(text);
    const frame = JSON.parse(head) as { type: string; id?: number; status?: number; scope?: string };
    if (frame.type === 'page') this.#checkPage(frame.scope ?? '', unsentBytes);
    if (frame.type !== 'answer') {
      this.#world.tell.unasked(frame.type);
      return { kind: 'frames' };
    }
    return { kind: 'answers', answered: this.#tellAnswer(frame.id ?? 0, frame.status ?? 0, body) };
  }

  #tellAnswer(id: number, status: number, text: string): ExchangeRequest | undefined {
    const { tell } = this.#world;
    const { device, rightOf } = this.#watcher;
    const asked = this.#asked.get(id);
    if (!asked) return undefined;
    this.#asked.delete(id);
    const { request, takenUpMs } = asked;
    tell.answered({
      device: device.name,
      enrolledAs: request.device,
      scope: request.scope,
      status,
      text,
      answer: status === 200 ? (JSON.parse(text) as ExchangeAnswer) : undefined,
      mayRead: rightOf(this.#key, request.scope, takenUpMs) !== 'none',
      recordsMax: request.limit ?? 0,
    });
    return status === 200 ? request : undefined;
  }

  #checkPage(scope: string, unsentBytes: number): void {
    const { fail, timeline } = this.#world;
    const { device, rightOf } = this.#watcher;
    if (unsentBytes > socketBounds.unsentBytesMax)
      fail('11 bounded', `${device.name} is sent a page, and ${unsentBytes} bytes wait for it already.`);
    if (rightOf(this.#key, scope, timeline.nowMs) === 'none')
      fail('7 grants hold', `${device.name} was sent a page of ${scope} without a grant.`);
  }
}
