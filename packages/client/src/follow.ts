// Takes what the server says of a scope without being asked: pages that continue the replica's checkpoint are applied as they come,
// beside whatever the sync loop is doing; all else is for the loop to pull.

import { type LivePage, recordKey } from '@holdfast/core';
import { hideDecided } from './conflict-list.ts';
import {
  findEntries,
  isSettled,
  keysOf,
  type OutboxEntry,
  placesIn,
  readEntries,
  writeEntry,
} from './outbox.ts';
import { takePage } from './pages.ts';
import { readProgress, writeProgress } from './progress.ts';
import type { QuarantineState } from './quarantine-entry.ts';
import { recompute, type ScopeDeps } from './recompute.ts';
import { type Storage, StorageError, type StorageTransaction } from './storage/port.ts';
import type { LiveWord, Transport } from './transport/port.ts';

export interface FollowDeps extends ScopeDeps {
  storage: Storage;
  wallMs: () => number;
}

export interface FollowHandlers {
  /** There is something to pull. */
  poke(): void;
  /** Whether the server tells what comes. */
  live(open: boolean): void;
  /** A fault of the program. */
  failed(error: unknown): void;
}

/** Answers what ends it, and resolves when nothing is under way any more. */
export function followScope(
  transport: Transport,
  deps: FollowDeps,
  events: FollowHandlers,
): () => Promise<void> {
  const pages = new Pages(deps, events);
  const stop = transport.follow?.({
    scope: deps.scope,
    checkpoint: () =>
      deps.storage.transaction('read', async (tx) => {
        const { checkpoint, staged } = await readProgress(tx, deps.scope);
        return staged ? null : checkpoint;
      }),
    hear: (word) => pages.hear(word),
  });
  return async () => {
    stop?.();
    await pages.end();
  };
}

/** One page is applied at a time and one waits: a server that is quicker than the storage makes no queue here. */
class Pages {
  readonly #deps: FollowDeps;
  readonly #events: FollowHandlers;
  #next: LivePage | undefined;
  #work: Promise<void> | undefined;
  #ended = false;

  constructor(deps: FollowDeps, events: FollowHandlers) {
    this.#deps = deps;
    this.#events = events;
  }

  hear(word: LiveWord): void {
    if (this.#ended) return;
    if (word.type === 'page') this.#take(word.page);
    else if (word.type === 'poke') this.#events.poke();
    else this.#events.live(word.type === 'opened');
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#next = undefined;
    await this.#work;
  }

  #take(page: LivePage): void {
    // The one that waited continues nothing any more once the other is let go; the loop gets both.
    if (this.#next) this.#events.poke();
    this.#next = this.#next ? undefined : page;
    this.#work ??= this.#run();
  }

  async #run(): Promise<void> {
    for (let page = this.#next; page; page = this.#next) {
      this.#next = undefined;
      try {
        if (await this.#apply(page)) this.#events.poke();
      } catch (error) {
        // The loop meets the same storage, and says what is wrong with it.
        if (error instanceof StorageError) this.#events.poke();
        else this.#events.failed(error);
      }
    }
    this.#work = undefined;
  }

  #apply(page: LivePage): Promise<boolean> {
    const { storage, wallMs } = this.#deps;
    return storage.transaction('write', (tx) => takeLivePage(tx, this.#deps, page, wallMs()));
  }
}

/**
 * Applies a page that continues what is visible here. Answers whether there is something to pull: the page does not fit, or what
 * came may bring verdicts for what waits here.
 */
export async function takeLivePage(
  tx: StorageTransaction,
  deps: ScopeDeps,
  page: LivePage,
  wallMs: number,
): Promise<boolean> {
  const progress = await readProgress(tx, deps.scope);
  const { staged, opened, again, ended } = progress;
  // Half a run is staged, or what of the server's state is this replica's own work is not known: the loop brings it to an end.
  if (staged || !opened || again > 0 || ended) return true;
  const state: QuarantineState = { progress, dirty: new Set(), wallMs };
  const outcome = await takePage(tx, deps, { ...page, more: false }, state);
  if (outcome !== 'visible') return outcome === 'dropped';
  const named = await hideNamed(tx, deps.scope, page.mutations, state.dirty);
  await hideDecided(tx, deps.scope, page.mutations, state.dirty);
  await recompute(tx, deps, state.dirty);
  await writeProgress(tx, deps.scope, progress);
  // An answer to what was sent is on its way; for what waited on the server, or was sent by a copy of this storage, none is.
  return named.some(({ state: was }) => was !== 'sent') || touchesConflict(tx, deps.scope, page);
}

/** The server's state holds their effect from now on, although their verdicts have not come yet. Answers those that are here. */
async function hideNamed(
  tx: StorageTransaction,
  scope: string,
  mutations: readonly string[],
  dirty: Set<string>,
): Promise<OutboxEntry[]> {
  const named = [...(await findEntries(tx, scope, mutations)).values()].filter((entry) => !isSettled(entry));
  for (const entry of named) {
    await writeEntry(tx, scope, { ...entry, hidden: true }, entry);
    for (const key of keysOf(entry.mutation)) dirty.add(key);
  }
  return named;
}

/** Somebody may have decided it. */
async function touchesConflict(tx: StorageTransaction, scope: string, page: LivePage): Promise<boolean> {
  const entries = await readEntries(
    tx,
    scope,
    await placesIn(tx, scope, 'conflict', { limit: conflictsMax }),
  );
  if (entries.length === 0) return false;
  const changed = new Set(page.records.map(({ collection, id }) => recordKey(collection, id)));
  return entries.some(({ mutation }) => keysOf(mutation).some((key) => changed.has(key)));
}

const conflictsMax = 200;
