// One replica's interest in one scope, over one line: which pages fit it, and when it is only poked.
//
//   in step ── a page that fits ──▶ in step (the page is sent)
//      │ one that does not fit, is cut, or was missed while the line was behind or an exchange under way
//      ▼
//   poked: nothing more is sent ── an exchange brings it to a head ──▶ in step

import type { Caller, FollowPage, FollowPosition } from '../engine/engine.ts';
import type { Follower } from './feeds.ts';
import type { Line } from './line.ts';

export interface SubscriptionDeps {
  line: Line;
  caller: Caller;
  scope: string;
  /** The text of a page in the subscriber's protocol. */
  encode: (scope: string, page: FollowPage) => Uint8Array;
  /** Made when it is needed: most never are. */
  poke: (scope: string) => Uint8Array;
  /** Its credential or device is good for nothing now. */
  refused: Follower['refused'];
}

export class Subscription implements Follower {
  readonly #deps: SubscriptionDeps;
  /** The checkpoint of the replica when all that was sent has arrived; undefined: it must pull. */
  #at: string | undefined;
  #poked = false;
  #exchanges = 0;
  /** The head of what came while nothing could be sent. */
  #missed: number | undefined;

  constructor(deps: SubscriptionDeps, checkpoint: string | null) {
    this.#deps = deps;
    this.#at = checkpoint ?? undefined;
  }

  get caller(): Caller {
    return this.#deps.caller;
  }

  get encode(): SubscriptionDeps['encode'] {
    return this.#deps.encode;
  }

  begin(to: FollowPosition): void {
    if (this.#at !== to.checkpoint) this.stale(to.seq);
  }

  page(page: FollowPage, bytes: () => Uint8Array): void {
    if (this.#at === page.checkpoint) return;
    if (this.#at !== page.from || this.#isHeldBack()) {
      this.stale(page.head);
      return;
    }
    this.#at = page.checkpoint;
    this.#deps.line.send(bytes());
  }

  stale(head: number): void {
    if (this.#isHeldBack()) this.#missed = Math.max(head, this.#missed ?? 0);
    else this.#poke();
  }

  refused(error: Parameters<Follower['refused']>[0]): void {
    this.#deps.refused(error);
  }

  /** The line can take something again. */
  drained(): void {
    if (this.#missed === undefined || this.#isHeldBack()) return;
    this.#missed = undefined;
    this.#poke();
  }

  /** An exchange of this scope came over this line: its answer tells more than a page would. */
  exchangeBegins(): void {
    this.#exchanges += 1;
  }

  /** `answered`: what its page brought the replica to; absent when there was none. */
  exchangeEnds(answered?: { checkpoint: string | null; head: number; more: boolean }): void {
    this.#exchanges -= 1;
    if (answered) {
      this.#at = answered.more ? undefined : (answered.checkpoint ?? undefined);
      // One that was told that there is more comes again by itself.
      this.#poked = answered.more;
      if (answered.head >= (this.#missed ?? 0)) this.#missed = undefined;
    }
    this.drained();
  }

  #isHeldBack(): boolean {
    return this.#exchanges > 0 || this.#deps.line.isBehind;
  }

  /** Once: it is the replica's turn then. */
  #poke(): void {
    this.#at = undefined;
    if (this.#poked) return;
    this.#poked = true;
    this.#deps.line.send(this.#deps.poke(this.#deps.scope));
  }
}
