// How the sync loop of a scope comes to know of a write.

import type { OutboxEntry } from './outbox.ts';
import type { Progress } from './progress.ts';
import type { StorageTransaction } from './storage/port.ts';

export interface Sending {
  /**
   * Asked at the end of a mutation's transaction, which is durable, when nothing else waits in the outbox. Counts a batch in
   * `progress` and answers how to begin sending it, once entry and progress are committed; the entry is then written as sent.
   * Undefined: it is not sent at once.
   */
  begin(
    tx: StorageTransaction,
    mutation: { progress: Progress; entry: OutboxEntry },
  ): Promise<(() => void) | undefined>;
  /** Something was written that the loop has not begun to send: it looks for itself. */
  written(): void;
}

/** The runner's part of it. */
interface Sender {
  dispatch(event: { type: 'write' }): void;
  beginWrite: Sending['begin'];
}

/** Without a runner nothing is sent. */
export function sendingBy(runner: () => Sender | undefined): Sending {
  const written = (): void => runner()?.dispatch({ type: 'write' });
  return { begin: async (tx, mutation) => runner()?.beginWrite(tx, mutation), written };
}
