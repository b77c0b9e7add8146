// What writers have of records that they sent, as a plan sees it: what was loaded, with what was sent so far on top.
// A read of something that was not loaded notes it in `needs` and answers undefined.

import type { WriterCopy } from './stored.ts';
import { copyKey, type Needs, type WorkingSet } from './working-set.ts';

export class CopyBook {
  readonly #set: WorkingSet;
  readonly #needs: Needs;
  readonly #sent = new Map<string, WriterCopy>();

  constructor(set: WorkingSet, needs: Needs) {
    this.#set = set;
    this.#needs = needs;
  }

  get(of: Pick<WriterCopy, 'writer' | 'collection' | 'id'>): WriterCopy | null | undefined {
    const key = copyKey(of);
    const known = this.#sent.get(key) ?? this.#set.copies.get(key);
    const { writer, collection, id } = of;
    if (known === undefined) this.#needs.copies.set(key, { writer, collection, id });
    return known;
  }

  put(copy: WriterCopy): void {
    this.#sent.set(copyKey(copy), copy);
  }

  writes(): WriterCopy[] {
    return [...this.#sent.values()];
  }
}
