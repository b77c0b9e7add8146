// What an exchange is about, for the table of coverage.

import type { ExchangeRequest } from '@holdfast/core';

export class ExchangeStates {
  /** Batches that were sent, each by what begins it. */
  readonly #sent = new Set<string>();

  of({ batch, checkpoint, replica, scope }: ExchangeRequest): 'first' | 'pull' | 'push' | 'repeat' {
    if (!batch) return checkpoint === null ? 'first' : 'pull';
    const known = this.#sent.size;
    this.#sent.add(`${replica} ${scope} ${batch.mutations[0]?.id}`);
    return this.#sent.size > known ? 'push' : 'repeat';
  }
}
