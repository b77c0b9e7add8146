// One open socket: its messages become writes, answered in their order; what others write is told by its tail.

import { type DeclaredWrite, RequestError } from '@holdfast/core';
import type { LiveBounds } from '../../realtime/bounds.ts';
import type { Feeds } from '../../realtime/feeds.ts';
import { type Hub, type Member, retryReason } from '../../realtime/hub.ts';
import { Line, tryAgainLater } from '../../realtime/line.ts';
import type { SocketTools, Wire, WireEvents } from '../../realtime/wire.ts';
import type { MountDeps } from '../mount.ts';
import type { Shared } from './presence.ts';
import { isRefusal, type Who } from './speaking-for.ts';
import { Tail, type TailDeps, type Told } from './tail.ts';
import { ackText, errorText, judge, outcomeOf, recordText, writeOf, writerOf } from './translate.ts';
import {
  clientMessage,
  closeCodes,
  type DocumentsOptions,
  type Fault,
  type MessageId,
  messageBytesMax,
  messageIdOf,
  readMessage,
} from './wire.ts';

/** What all sockets of a mount share. */
export interface SocketParts {
  deps: MountDeps<DocumentsOptions>;
  shared: Shared;
  tools: SocketTools;
  bounds: LiveBounds;
  hub: Hub;
  feeds: Feeds<readonly Told[]>;
  encode: TailDeps['encode'];
}

/** Writes of one socket that are under way; with so many, nothing more is read. */
const writesMax = 16;
/** One that sends more than it may is not read for so long. */
const restMs = 1_000;

export class DocumentSocket implements WireEvents, Member {
  readonly line: Line;
  readonly ping = null;
  readonly tooLate = { code: closeCodes.unauthenticated, reason: '' };
  readonly #parts: SocketParts;
  readonly #who: Who;
  readonly #tail: Tail;
  readonly #writes = new Set<Promise<void>>();
  #resting = false;

  constructor(parts: SocketParts, wire: Wire, who: Who) {
    const { deps, shared, tools, bounds, hub, encode } = parts;
    const { scope, caller, sender } = who;
    this.#parts = parts;
    this.#who = who;
    const nowMs = (): number => deps.clock.monoMs();
    this.line = new Line({ wire, bounds, nowMs, drained: () => this.#tail.drained() });
    this.#tail = new Tail({
      engine: deps.engine,
      nowMs: () => deps.clock.wallMs(),
      names: shared.names,
      room: shared.room,
      line: this.line,
      caller,
      scope,
      writer: writerOf(sender.deviceId),
      encode,
      isWriting: () => this.#writes.size > 0,
      outgoing: tools.outgoing,
      failed: (error) => this.#fail(error),
    });
    hub.add(this);
    shared.presence.enter(scope);
    this.line.greeted();
    this.#begin().catch((error: unknown) => this.#fail(error));
  }

  messageBytesMax(): number {
    return messageBytesMax;
  }

  message(text: Uint8Array): void {
    if (!this.line.isOpen) return;
    this.#hear();
    if (text.length > messageBytesMax) this.line.close(closeCodes.tooLarge, 'too large');
    else this.#take(text);
  }

  /** Clients that encode their JSON themselves send it so. */
  binary(bytes: Uint8Array): void {
    this.message(bytes);
  }

  beat(): void {
    if (this.line.isOpen) this.#hear();
  }

  closed(): void {
    const { hub, feeds, shared } = this.#parts;
    const { scope } = this.#who;
    this.line.ended();
    hub.remove(this);
    feeds.unfollow(scope, this.#tail);
    shared.presence.leave(scope);
  }

  refused(error: RequestError): void {
    this.#fail(error);
  }

  async #begin(): Promise<void> {
    const { hub, feeds } = this.#parts;
    const { scope, caller, standing } = this.#who;
    hub.identify(this, caller, standing);
    // First it hears of what comes, then it reads what is there: nothing falls between.
    await feeds.follow(scope, this.#tail);
    this.#tail.sendWhole();
  }

  /** What was queued offline comes all at once: it is then read more slowly, and not refused. */
  #hear(): void {
    if (this.line.heard() || this.#resting) return;
    this.#resting = true;
    this.line.hold();
    this.#parts.tools.timer.after(restMs, () => {
      this.#resting = false;
      this.line.release();
    });
  }

  #take(text: Uint8Array): void {
    const { tools, shared } = this.#parts;
    let value: unknown;
    try {
      value = tools.parseItem(text);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { field = '', message } = error;
      this.#refuse({ code: 'INVALID_JSON', message: `${field}: ${message}` }, undefined);
      return;
    }
    const read = readMessage(clientMessage, value, { sender: this.#who.sender, mustName: true });
    if (!read.ok) {
      this.#refuse(read.fault, messageIdOf(value));
      return;
    }
    const { message } = read;
    if (message.type === 'REQUEST_SYNC') {
      // It is answered behind what its socket has written before.
      void Promise.all(this.#writes).then(() => this.#tail.sendWhole());
      return;
    }
    const write = writeOf(shared.names, message);
    const messageId = message.messageId ?? undefined;
    if ('code' in write) this.#refuse(write, messageId);
    else if (tools.incoming.take(text.length)) this.#write(write, { messageId, bytes: text.length });
    else this.#fail(new RequestError('overloaded'));
  }

  /** The engine takes writes in the order in which they are given to it. */
  #write(write: DeclaredWrite, held: { messageId: MessageId | undefined; bytes: number }): void {
    const writing = this.#writeNow(write, held.messageId)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#parts.tools.incoming.give(held.bytes);
        if (this.#writes.size === writesMax) this.line.release();
        this.#writes.delete(writing);
        if (this.#writes.size === 0) this.#tail.settled();
      });
    this.#writes.add(writing);
    if (this.#writes.size === writesMax) this.line.hold();
  }

  async #writeNow(write: DeclaredWrite, messageId: MessageId | undefined): Promise<void> {
    const { deps, shared } = this.#parts;
    const { caller, scope, sender } = this.#who;
    const request = { writer: writerOf(sender.deviceId), judge, writes: [write] };
    const [answer] = await deps.engine.pushDeclared(caller, scope, request);
    if (!answer) throw new RequestError('internal');
    const outcome = outcomeOf(answer);
    if (outcome.type === 'refused') {
      this.#refuse(outcome.fault, messageId);
      return;
    }
    const { record } = answer;
    const at = record && shared.names.wire(record.collection);
    // Others may have been answered, and their changes told, in the same commit.
    const isNews = record !== null && !this.#tail.isOvertaken(record);
    if (outcome.type === 'older' && isNews && at) this.#say(recordText(at, record));
    if (messageId !== undefined) this.#say(ackText(messageId, record?.stamp ?? deps.clock.wallMs()));
  }

  #refuse(fault: Fault, messageId: MessageId | undefined): void {
    this.#say(errorText(fault, messageId));
  }

  #say(text: string): void {
    this.line.send(Buffer.from(text));
  }

  /** What ends it. Nothing is lost: what was not acknowledged, its device sends again. */
  #fail(error: unknown): void {
    if (isRefusal(error)) {
      this.line.close(closeCodes.unauthenticated, error.code);
      return;
    }
    const { code, retryAfter } = this.#parts.tools.errorReply(error);
    this.line.close(tryAgainLater, retryAfter === undefined ? code : retryReason(retryAfter));
  }
}

/** One that is closed with a reason as soon as it is open. */
export class RefusedSocket implements WireEvents, Member {
  readonly line: Line;
  readonly ping = null;
  readonly tooLate = { code: closeCodes.unauthenticated, reason: '' };
  readonly #hub: Hub;

  constructor(
    { hub, bounds, deps }: SocketParts,
    wire: Wire,
    { code, reason }: { code: number; reason: string },
  ) {
    this.#hub = hub;
    this.line = new Line({ wire, bounds, nowMs: () => deps.clock.monoMs(), drained: () => undefined });
    hub.add(this);
    this.line.close(code, reason);
  }

  messageBytesMax(): number {
    return messageBytesMax;
  }

  message(): void {}
  binary(): void {}
  beat(): void {}

  closed(): void {
    this.line.ended();
    this.#hub.remove(this);
  }

  refused(): void {}
}
