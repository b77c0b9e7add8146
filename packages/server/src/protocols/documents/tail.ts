// What one socket was told of its user's scope, and what it is told next.
//
//   whole wanted ── read and sent as FULL_SYNC ──▶ in step ── a page ──▶ in step
//        ▲                                            │ one that it could not take: too much at once, behind, a reading under way
//        └───────── REQUEST_SYNC ─────────────────    ▼
//                                             news wanted ── read by stamp, sent as far as the line takes it ──▶ in step
//
// A line that is behind gets no queue: what it missed is read again when it has drained. So what is held for a socket is bounded by
// the line's own bound, one message, and a FULL_SYNC, for which all sockets share a room.

import { RequestError, recordKey, type StoredRecord } from '@holdfast/core';
import type { Caller, FollowPage, FollowPosition } from '../../engine/engine.ts';
import type { Follower } from '../../realtime/feeds.ts';
import type { Line } from '../../realtime/line.ts';
import type { Room } from '../../realtime/wire.ts';
import type { Names } from '../names.ts';
import { checkReads, readScope, type ScopeReading } from './read-scope.ts';
import { fullSyncText, recordText } from './translate.ts';

/** One change as everybody but its writer hears of it. */
export interface Told {
  /** The record's key. */
  key: string;
  stamp: number;
  writer: string;
  bytes: Uint8Array;
}

export interface TailDeps extends ScopeReading {
  line: Line;
  caller: Caller;
  scope: string;
  /** Under which its own device writes: of that it hears nothing. */
  writer: string;
  /** The same function for all sockets, so that a page is encoded once. */
  encode: (scope: string, page: Pick<FollowPage, 'records'>) => readonly Told[];
  /** Whether writes of its socket are under way, whose answers are still to be said. */
  isWriting: () => boolean;
  /** Large messages that are not sent yet. */
  outgoing: Room;
  /** A reading failed, or its right has ended. */
  failed: (error: unknown) => void;
}

/** Records read at a time: a line that does not take them would have them read again. */
const newsRecordsMax = 100;

export class Tail implements Follower<readonly Told[]> {
  readonly #deps: TailDeps;
  /** All up to this stamp was sent; undefined before the first FULL_SYNC. */
  #stamp: number | undefined;
  #wantsWhole = false;
  #wantsNews = false;
  #working = false;
  /** While its socket writes: of which records it was told meanwhile, or wrote itself, and the stamp of the last. */
  readonly #meanwhile = new Map<string, number>();

  constructor(deps: TailDeps) {
    this.#deps = deps;
  }

  get caller(): Caller {
    return this.#deps.caller;
  }

  get encode(): TailDeps['encode'] {
    return this.#deps.encode;
  }

  /** Sends a FULL_SYNC as soon as the line takes it. */
  sendWhole(): void {
    this.#wantsWhole = true;
    this.#work();
  }

  /** Whether the version is no news any more: a later one of the record was told while the write was under way that it answers. */
  isOvertaken({ collection, id, stamp }: StoredRecord): boolean {
    return (this.#meanwhile.get(recordKey(collection, id)) ?? 0) > stamp;
  }

  /** No write is under way any more. */
  settled(): void {
    this.#meanwhile.clear();
  }

  /** The line can take something again. */
  drained(): void {
    this.#work();
  }

  begin(_: FollowPosition): void {
    this.#want();
  }

  page(_: FollowPage, told: () => readonly Told[]): void {
    const stamp = this.#stamp;
    if (stamp === undefined || this.#working || this.#wantsNews || this.#deps.line.isBehind) this.#want();
    else if (!this.#tell(told(), stamp)) this.#want();
  }

  stale(): void {
    this.#want();
  }

  refused(error: RequestError): void {
    this.#deps.failed(error);
  }

  #want(): void {
    this.#wantsNews = true;
    this.#work();
  }

  #work(): void {
    if (this.#working) return;
    this.#working = true;
    this.#workOff()
      .catch((error: unknown) => this.#deps.failed(error))
      .finally(() => {
        this.#working = false;
        // Something was wanted after the last look.
        if (this.#canWork()) this.#work();
      });
  }

  #canWork(): boolean {
    const { line } = this.#deps;
    const wants = this.#wantsWhole || (this.#wantsNews && this.#stamp !== undefined);
    return wants && line.isOpen && !line.isBehind;
  }

  async #workOff(): Promise<void> {
    while (this.#canWork()) {
      this.#wantsNews = false;
      if (this.#wantsWhole) await this.#sendWhole();
      else await this.#sendNews(this.#stamp ?? 0);
    }
  }

  async #sendWhole(): Promise<void> {
    this.#wantsWhole = false;
    const { scope, caller, line, outgoing } = this.#deps;
    const { bytes, stamp } = await readScope(this.#deps, { caller, scope, since: null }, (content) => ({
      bytes: Buffer.from(fullSyncText(content.live, content.stamp)),
      stamp: content.stamp,
    }));
    if (!outgoing.take(bytes.length)) throw new RequestError('overloaded');
    this.#stamp = stamp;
    line.send(bytes, () => outgoing.give(bytes.length));
  }

  async #sendNews(after: number): Promise<void> {
    const { engine, caller, scope, encode } = this.#deps;
    const page = await engine.pull(caller, scope, { after: { stamp: after }, recordsMax: newsRecordsMax });
    checkReads(page, scope);
    if (!this.#tell(encode(scope, page), after)) {
      this.#wantsNews = true;
      return;
    }
    this.#stamp = page.stamp;
    if (page.more) this.#wantsNews = true;
  }

  /** False: the line did not take all. What it took is noted. */
  #tell(told: readonly Told[], after: number): boolean {
    const { line, writer, isWriting } = this.#deps;
    for (const { key, stamp, writer: by, bytes } of told) {
      if (line.isBehind || !line.isOpen) return false;
      if (stamp <= after) continue;
      if (by !== writer) line.send(bytes);
      if (isWriting()) this.#meanwhile.set(key, stamp);
      this.#stamp = stamp;
    }
    return true;
  }
}

/** What a page says to the clients of the protocol. */
export function toldBy(names: Names): TailDeps['encode'] {
  return (_, { records }) =>
    records.flatMap((record) => {
      const at = names.wire(record.collection);
      const { stamp, writer } = record;
      const key = recordKey(record.collection, record.id);
      return at ? [{ key, stamp, writer, bytes: Buffer.from(recordText(at, record)) }] : [];
    });
}
