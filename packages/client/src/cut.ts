// Cuts the next batch out of the outbox: highest priority first, bounded in number and bytes.
//
// Order among entries that touch the same record never changes, so whatever stands before an entry on one of its records
// comes with it, and before it. An entry that creates a parent rises with its child. What stands behind an entry that waits
// or is held stays where it is; but what is sent again after a new replica id goes also behind one that waits: the server may
// have it already, and if not, lets it wait there.

import { recordKey, type Schema } from '@holdfast/core';
import { placeKey } from './index-key.ts';
import {
  isSendable,
  keysOf,
  type OutboxEntry,
  type OutboxList,
  placesIn,
  readEntries,
  sendableMarks,
  sendList,
} from './outbox.ts';
import type { ScopeDeps, Shadow } from './recompute.ts';
import type { StorageKey, StorageTransaction } from './storage/port.ts';

export interface CutBounds {
  /** 1 to 10: what has a lower one stays, unless something that goes needs it. */
  priorityMin: number;
  mutationsMax: number;
  bytesMax: number;
  /** Places that are passed over, with what stands behind them on their records. */
  passOver: readonly number[];
  /** Places of the batch that is in flight, and that this one follows. */
  inFlight?: readonly number[];
  /** Some of the outbox is sent again: it may also go behind what waits, and what came after it then goes behind it. */
  again: boolean;
}

export interface CutOff {
  entries: OutboxEntry[];
  /** There is more than it has room for. */
  full: boolean;
}

export async function cutBatch(tx: StorageTransaction, deps: ScopeDeps, bounds: CutBounds): Promise<CutOff> {
  const cut = new Cut(tx, deps, bounds);
  const { priorityMin, mutationsMax } = bounds;
  // Most often the first that there are fill the batch, and the one behind them says that it is full.
  const limit = Math.min(mutationsMax + 1, chunk);
  let after: StorageKey | undefined;
  for (;;) {
    const found = await sendableMarks(tx, deps.scope, { priorityMin, limit, ...(after ? { after } : {}) });
    const marks = found.filter(([, , place = '']) => !cut.isInFlight(place));
    let read = 0;
    for (const [at, [, list = '', place = '']] of marks.entries()) {
      if (at === read) {
        const group = marks.slice(at, at + cut.likely);
        await cut.read(group.map(([, , next = '']) => next));
        read += group.length;
      }
      if ((await cut.takeFrom(list, place)) === 'full') return { entries: cut.entries, full: true };
    }
    after = found.at(-1);
    if (found.length < limit) return { entries: cut.entries, full: false };
  }
}

type Taken = 'taken' | 'blocked' | 'full';

const chunk = 200;
/** Of entries that nothing is known of, so many are read at first: a few may fill a batch. */
const groupFirst = 4;
/** Looking back along a record, most often the first entry found decides; if not, so many are read at a time. */
const lookBack = 8;
/** Behind so many looks back it is worth asking once whether there can be anything to find. */
const lookBacksMax = 8;

class Cut {
  readonly #tx: StorageTransaction;
  readonly #deps: ScopeDeps;
  readonly #bounds: CutBounds;
  /** What was read, by place; null: there is nothing. */
  readonly #read = new Map<string, OutboxEntry | null>();
  readonly #chosen = new Map<string, OutboxEntry>();
  readonly #blocked: Set<string>;
  readonly #inFlight: Set<string>;
  /** Record key → a place from which on all that touches the record is blocked. */
  readonly #blockedFrom = new Map<string, string>();
  #bytes = 0;
  /** The list that is taken from, in order. */
  #list = '';
  #lookBacks = 0;
  /** See #leftBehind. */
  #left: string | undefined;

  constructor(tx: StorageTransaction, deps: ScopeDeps, bounds: CutBounds) {
    this.#tx = tx;
    this.#deps = deps;
    this.#bounds = bounds;
    this.#blocked = new Set(bounds.passOver.map(placeKey));
    this.#inFlight = new Set(bounds.inFlight?.map(placeKey));
  }

  isInFlight(place: string): boolean {
    return this.#inFlight.has(place);
  }

  get entries(): OutboxEntry[] {
    return [...this.#chosen.values()];
  }

  /** How many more there is room for, as far as those that were taken can tell. */
  get likely(): number {
    if (this.#chosen.size === 0) return groupFirst;
    const bytesEach = this.#bytes / this.#chosen.size;
    const more = Math.floor((this.#bounds.bytesMax - this.#bytes) / bytesEach);
    return Math.max(1, Math.min(chunk, more + 1));
  }

  /** Reads entries that are likely to be taken, in one round trip. */
  async read(places: readonly string[]): Promise<void> {
    const unread = places.filter((place) => !this.#read.has(place));
    if (unread.length === 0) return;
    for (const place of unread) this.#read.set(place, null);
    for (const entry of await readEntries(this.#tx, this.#deps.scope, unread))
      this.#read.set(placeKey(entry.place), entry);
  }

  /** To be called with the lists in their order, and with the places of each in theirs. */
  takeFrom(list: string, place: string): Promise<Taken> {
    if (list !== this.#list) this.#left = undefined;
    this.#list = list;
    return this.#take(place);
  }

  async #take(place: string): Promise<Taken> {
    if (this.#chosen.has(place)) return 'taken';
    if (this.#blocked.has(place)) return 'blocked';
    await this.read([place]);
    const entry = this.#read.get(place);
    if (!entry) return 'taken';
    for (const key of keysOf(entry.mutation)) {
      const taken = await this.#takeBefore(key, place, entry.again);
      // The server has it already, and only tells again: it cannot come too early.
      if (taken === 'blocked' && (entry.state === 'waiting' || entry.state === 'conflict')) continue;
      if (taken === 'blocked') this.#blocked.add(place);
      if (taken !== 'taken') return taken;
    }
    for (const key of parentsOf(this.#deps.schema, entry)) {
      // A parent that cannot go yet does not keep its child: the server lets the child wait, or flags it.
      if ((await this.#isUnknownToServer(key)) && (await this.#takeBefore(key, place)) === 'full')
        return 'full';
    }
    return this.#add(place, entry);
  }

  #add(place: string, entry: OutboxEntry): Taken {
    const { mutationsMax, bytesMax } = this.#bounds;
    const fits = this.#chosen.size < mutationsMax && this.#bytes + entry.bytes <= bytesMax;
    // The first one goes in any case: if it is too large alone, the server says so.
    if (!fits && this.#chosen.size > 0) return 'full';
    this.#chosen.set(place, entry);
    this.#bytes += entry.bytes;
    return 'taken';
  }

  /**
   * Takes what stands before `place` on a record. It is enough to look for the nearest: that one looks for its own.
   * For what is sent `again` that holds also for one that the server has.
   */
  async #takeBefore(key: string, place: string, again = false): Promise<Taken> {
    // A long outbox behind one entry that waits is passed over without looking at each of its records again.
    const from = this.#blockedFrom.get(key);
    if (from !== undefined && from < place) return 'blocked';
    if (await this.#hasAllBefore(place)) return 'taken';
    const { taken, earlier } = await this.#takeNearest(key, place, again);
    if (taken === 'blocked' && !this.#bounds.again) this.#blockedFrom.set(key, earlier);
    return taken;
  }

  /** Most often a batch takes all that there is from the first place on, and then no record needs to be looked back along. */
  async #hasAllBefore(place: string): Promise<boolean> {
    this.#lookBacks += 1;
    if (this.#lookBacks <= lookBacksMax || this.#blocked.size > 0 || this.#bounds.again) return false;
    this.#left ??= await this.#leftBehind();
    return place < this.#left;
  }

  /** The first place of what stays, or comes later than all of this list; behind all places when there is none. */
  async #leftBehind(): Promise<string> {
    const lists: OutboxList[] = ['waiting', 'held'];
    for (let priority = 9; priority >= 1; priority -= 1)
      if (sendList(priority) > this.#list) lists.push(sendList(priority));
    let first = behindAll;
    for (const list of lists) {
      const [place = behindAll] = await placesIn(this.#tx, this.#deps.scope, list, { limit: 1 });
      if (place < first) first = place;
    }
    return first;
  }

  async #takeNearest(key: string, place: string, again: boolean): Promise<{ taken: Taken; earlier: string }> {
    const { scope } = this.#deps;
    let after: StorageKey = [scope, key, place];
    for (let limit = 1; ; limit = lookBack) {
      const found = await this.#tx.scan('touches', { prefix: [scope, key], after, reverse: true, limit });
      const places = found.map((touch) => touch.key[2] ?? '');
      await this.read(places.filter((earlier) => !this.isInFlight(earlier)));
      for (const earlier of places) {
        if (this.isInFlight(earlier)) return { taken: 'taken', earlier };
        const entry = this.#read.get(earlier);
        if (entry && isSendable(entry)) return { taken: await this.#take(earlier), earlier };
        // Settled, or held by a conflict: the server has it, and what comes later does not depend on the order any more.
        if (!entry || (!again && (entry.state === 'settled' || entry.state === 'conflict'))) continue;
        return { taken: again && entry.state !== 'held' ? 'taken' : 'blocked', earlier };
      }
      const last = found.at(-1);
      if (!last || found.length < limit) return { taken: 'taken', earlier: place };
      after = last.key;
    }
  }

  async #isUnknownToServer(key: string): Promise<boolean> {
    const at = key.indexOf('/');
    const shadow = await this.#tx.get('shadows', [this.#deps.scope, key.slice(0, at), key.slice(at + 1)]);
    return shadow !== undefined && (shadow as unknown as Shadow).body === null;
  }
}

/** Places are digits. */
const behindAll = ':';

/** Ids of the parents that a mutation's records refer to, as record keys. */
function parentsOf(schema: Schema, entry: OutboxEntry): string[] {
  const parents: string[] = [];
  for (const change of entry.mutation.changes) {
    const collection = schema.collections.get(change.collection);
    const named = change.type === 'put' ? change.body : change.type === 'patch' ? change.set : undefined;
    for (const [field, parent] of collection?.parents ?? []) {
      const id = named?.[field];
      if (typeof id === 'string') parents.push(recordKey(parent, id));
    }
  }
  return parents;
}
