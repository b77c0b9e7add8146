// Follows scopes for those who are subscribed to them. Each scope with a subscriber has a feed, which takes what came as one page,
// once, and hands it to all of them; each protocol's text of it is made once. What a commit costs grows with the subscribers of
// its scope alone. Between so many of them, whatever else waits in the process gets its turn.

import type { RequestError } from '@holdfast/core';
import type {
  Caller,
  Engine,
  FollowBounds,
  FollowOfCommit,
  FollowPage,
  FollowPosition,
  Standing,
} from '../engine/engine.ts';

/** Who follows a scope. None of its methods may wait for anything. `Encoded`: a page as its protocol sends it. */
export interface Follower<Encoded = Uint8Array> {
  readonly caller: Caller;
  /** The same function for all who read the same bytes. */
  readonly encode: (scope: string, page: FollowPage) => Encoded;
  /** Where the scope is when the following begins, or begins anew. */
  begin(to: FollowPosition): void;
  page(page: FollowPage, encoded: () => Encoded): void;
  /** Something came up to this head that it gets no page of. */
  stale(head: number): void;
  refused(error: RequestError): void;
}

export interface FeedDeps {
  engine: Pick<Engine, 'subscribe' | 'follow' | 'standings' | 'identityMark'>;
  bounds: FollowBounds;
  followersPerTurn: number;
  /** Resolves when whatever else waits in the process had its turn. */
  turn: () => Promise<void>;
  nowMs: () => number;
  /** What came was not read; followers were poked. */
  failed: (error: unknown) => void;
}

export interface Feeds<Encoded = Uint8Array> {
  /** The follower hears of the scope from now on, and when it resolves, was told a head that was read after that. */
  follow(scope: string, follower: Follower<Encoded>): Promise<void>;
  unfollow(scope: string, follower: Follower<Encoded>): void;
}

export function createFeeds<Encoded = Uint8Array>(deps: FeedDeps): Feeds<Encoded> {
  const feeds = new Map<string, Feed<Encoded>>();
  return {
    async follow(scope, follower) {
      const feed = feeds.get(scope) ?? new Feed<Encoded>(deps, scope);
      feeds.set(scope, feed);
      feed.add(follower);
      const { to } = await deps.engine.follow(scope, { after: null, bounds: deps.bounds });
      if (feed.has(follower)) follower.begin(to);
    },
    unfollow(scope, follower) {
      const feed = feeds.get(scope);
      if (!feed?.remove(follower)) return;
      feed.end();
      feeds.delete(scope);
    },
  };
}

interface Checked {
  mark: number;
  /** Undefined: it may not read the scope. */
  standing: Standing | undefined;
}

class Feed<Encoded> {
  readonly #deps: FeedDeps;
  readonly #scope: string;
  readonly #followers = new Map<Follower<Encoded>, Checked | undefined>();
  readonly #stop: () => void;
  /** What was told last; undefined before anything was read. */
  #position: FollowPosition | undefined;
  #running = false;
  #again = false;

  constructor(deps: FeedDeps, scope: string) {
    this.#deps = deps;
    this.#scope = scope;
    this.#stop = deps.engine.subscribe(scope, (_, known) => this.#wake(known));
  }

  add(follower: Follower<Encoded>): void {
    this.#followers.set(follower, undefined);
    // So that the first page has a place to begin.
    if (this.#position === undefined) this.#wake();
  }

  has(follower: Follower<Encoded>): boolean {
    return this.#followers.has(follower);
  }

  /** True when nobody is left. */
  remove(follower: Follower<Encoded>): boolean {
    this.#followers.delete(follower);
    return this.#followers.size === 0;
  }

  end(): void {
    this.#stop();
  }

  /**
   * One step is under way at a time; what comes meanwhile is one step together. What the commit knows serves when nothing is under
   * way, and not a moment later.
   */
  #wake(known?: FollowOfCommit): void {
    this.#again = true;
    if (!this.#running) void this.#run(known);
  }

  async #run(knownFirst?: FollowOfCommit): Promise<void> {
    this.#running = true;
    let known = knownFirst;
    while (this.#again && this.#followers.size > 0) {
      this.#again = false;
      try {
        const step = this.#step(known);
        known = undefined;
        await step;
      } catch (error) {
        // Where they are is not certain any more: whoever pulls finds out.
        this.#position = undefined;
        for (const [part, some] of this.#inParts().entries()) {
          if (part > 0) await this.#deps.turn();
          for (const follower of some) follower.stale(Number.MAX_SAFE_INTEGER);
        }
        this.#deps.failed(error);
      }
    }
    this.#running = false;
  }

  /** Waits for nothing, where the commit knows the page and all who follow are certain. */
  async #step(known: FollowOfCommit | undefined): Promise<void> {
    const { engine, bounds, turn } = this.#deps;
    const after = this.#position ?? null;
    const step = known?.({ after, bounds }) ?? (await engine.follow(this.#scope, { after, bounds }));
    this.#position = step.to;
    const texts = new Map<Follower<Encoded>['encode'], Encoded>();
    let { mark } = step;
    for (const [part, some] of this.#inParts().entries()) {
      if (part > 0) {
        await turn();
        mark = await engine.identityMark();
      }
      const unsure = some.filter((one) => this.#followers.get(one)?.mark !== mark);
      if (unsure.length > 0) await this.#check(unsure, mark);
      // From here on nothing is waited for: what was checked holds for all that is sent.
      for (const follower of some.filter((one) => this.#followers.has(one))) {
        if (after === null) follower.begin(step.to);
        else if (after.seq !== step.to.seq)
          this.#tell(follower, { mark, to: step.to, page: step.page, texts });
      }
    }
  }

  /** All who follow now, a few at a time. Who joins meanwhile hears by itself where the scope is. */
  #inParts(): readonly (readonly Follower<Encoded>[])[] {
    const { followersPerTurn } = this.#deps;
    const all = [...this.#followers.keys()];
    return Array.from({ length: Math.ceil(all.length / followersPerTurn) }, (_, part) =>
      all.slice(part * followersPerTurn, (part + 1) * followersPerTurn),
    );
  }

  #tell(
    follower: Follower<Encoded>,
    told: {
      mark: number;
      to: FollowPosition;
      page: FollowPage | undefined;
      texts: Map<Follower<Encoded>['encode'], Encoded>;
    },
  ): void {
    const { mark, page, texts } = told;
    const checked = this.#followers.get(follower);
    const { standing } = checked?.mark === mark ? checked : { standing: undefined };
    const expired = standing?.expiresAt != null && standing.expiresAt <= this.#deps.nowMs();
    // Without a right, or without knowing of one, it is for the pull to say what there is.
    if (!page || !standing || expired) {
      follower.stale(told.to.seq);
      return;
    }
    const { encode } = follower;
    follower.page(page, () => {
      const encoded = texts.get(encode) ?? encode(this.#scope, page);
      texts.set(encode, encoded);
      return encoded;
    });
  }

  /** Reads again what those may do whose standing is older than the mark. */
  async #check(unsure: readonly Follower<Encoded>[], mark: number): Promise<void> {
    const standings = await this.#deps.engine.standings(unsure.map(({ caller }) => caller));
    for (const [place, follower] of unsure.entries()) {
      const standing = standings[place];
      if (!standing || !this.#followers.has(follower)) continue;
      if ('grants' in standing) {
        const reads = standing.grants === 'all' || standing.grants.some(({ scope }) => scope === this.#scope);
        this.#followers.set(follower, { mark, standing: reads ? standing : undefined });
      } else follower.refused(standing);
    }
  }
}
