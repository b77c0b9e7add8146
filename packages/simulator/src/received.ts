// What of the others' work a device receives.

import type { Progress } from './shown.ts';

export class Received {
  /** Scope → the seq that it shows, of those in which it shows something. */
  readonly #shown = new Map<string, number>();

  /** Takes how far it is now. Answers how many committed mutations it shows more than before. */
  take(scope: string, now: Progress | undefined): number {
    const before = this.#shown.get(scope);
    if (!now?.opened || now.ended) {
      this.#shown.delete(scope);
      return 0;
    }
    this.#shown.set(scope, now.seq);
    return before === undefined ? 0 : Math.max(0, now.seq - before);
  }

  /** The storage is another. */
  forget(): void {
    this.#shown.clear();
  }
}
