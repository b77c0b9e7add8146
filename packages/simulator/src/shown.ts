// Up to which commit a device shows each scope, and so how many mutations of the server have come to it.

interface Progress {
  seq: number;
  opened: boolean;
  ended: boolean;
}

export class Shown {
  /** Scope → seq, of those that are open. */
  readonly #seqs = new Map<string, number>();

  /** Takes what the replica says of its progress. Answers how many committed mutations it shows more than before. */
  take(scope: string, progress: unknown): number {
    const now = progress as Progress | undefined;
    const before = this.#seqs.get(scope);
    if (!now?.opened || now.ended) {
      this.#seqs.delete(scope);
      return 0;
    }
    this.#seqs.set(scope, now.seq);
    return before === undefined ? 0 : Math.max(0, now.seq - before);
  }

  /** Another storage stands in its place. */
  forget(): void {
    this.#seqs.clear();
  }
}
