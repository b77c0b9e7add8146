// A copy of a device's storage that somebody keeps, to put it in its place again.

import type { Mutation } from '@holdfast/core';
import type { Disk } from './disk.ts';
import type { History } from './history.ts';

/** `sent`: all that lay in its outbox has been judged since; `half`: some of it. */
export type BackupState = 'sent' | 'half' | 'other';

/** Those with much in their outbox hurt most. */
export class Backup {
  #disk: Disk | undefined;
  #unsent: readonly string[] = [];

  get disk(): Disk | undefined {
    return this.#disk;
  }

  /** Keeps a copy of the disk, unless the one that there is has more in its outbox. */
  keep(disk: Disk): void {
    const unsent = disk.entries<{ mutation: Mutation }>('outbox').map(({ value }) => value.mutation.id);
    if (this.#disk && unsent.length <= this.#unsent.length) return;
    this.#disk = disk.copy();
    this.#unsent = unsent;
  }

  drop(): void {
    this.#disk = undefined;
  }

  holds(mutation: string): boolean {
    return this.#disk !== undefined && this.#unsent.includes(mutation);
  }

  state({ scopes }: History): BackupState {
    const judged = (id: string): boolean => [...scopes.values()].some(({ verdicts }) => verdicts.has(id));
    const count = this.#unsent.filter(judged).length;
    if (this.#unsent.length < 2 || count === 0) return 'other';
    return count === this.#unsent.length ? 'sent' : 'half';
  }
}
