// The entries of an outbox, asked for record by record. One that touches many records is read, and taken apart, once for all of
// them, as long as it is among the last that were asked for.

import type { RecordChange } from '@holdfast/core';
import { placeKey } from './index-key.ts';
import { type OutboxEntry, readEntries, writesByKey } from './outbox.ts';
import type { StorageTransaction } from './storage/port.ts';

export interface KnownEntry {
  entry: OutboxEntry;
  writes: ReadonlyMap<string, readonly RecordChange[]>;
}

export class EntryReader {
  readonly #tx: StorageTransaction;
  readonly #scope: string;
  readonly #known = new Map<string, KnownEntry>();

  constructor(tx: StorageTransaction, scope: string) {
    this.#tx = tx;
    this.#scope = scope;
  }

  /** Shows those at these places, in their order. */
  async each(places: readonly string[], show: (known: KnownEntry) => void): Promise<void> {
    for (let at = 0; at < places.length; at += knownMax)
      for (const known of await this.#read(places.slice(at, at + knownMax))) show(known);
  }

  async #read(places: readonly string[]): Promise<KnownEntry[]> {
    if (this.#known.size + places.length > knownMax) this.#known.clear();
    const missing = places.filter((place) => !this.#known.has(place));
    for (const entry of await readEntries(this.#tx, this.#scope, missing))
      this.#known.set(placeKey(entry.place), { entry, writes: writesByKey(entry) });
    return places.flatMap((place) => this.#known.get(place) ?? []);
  }
}

/** So many are in memory at a time. */
const knownMax = 200;
