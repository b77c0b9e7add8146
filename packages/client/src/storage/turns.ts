// Who may use a storage when: readers together, a writer alone, in the order in which they came.
//
// A reader waits behind a writer that came before it, or a stream of readers would starve the writers.

export interface Turns {
  /** Runs `work` when its turn comes. The turn ends with the promise that `work` returns. */
  take<Result>(kind: 'shared' | 'alone', work: () => Promise<Result>): Promise<Result>;
}

interface Waiter {
  kind: 'shared' | 'alone';
  start: () => void;
}

export function createTurns(): Turns {
  const waiting: Waiter[] = [];
  let readers = 0;
  let writing = false;

  const admit = (): void => {
    for (
      let next = waiting[0];
      next && !writing && (next.kind === 'shared' || readers === 0);
      next = waiting[0]
    ) {
      waiting.shift();
      if (next.kind === 'shared') readers += 1;
      else writing = true;
      next.start();
    }
  };

  return {
    async take(kind, work) {
      await new Promise<void>((start) => {
        waiting.push({ kind, start });
        admit();
      });
      try {
        return await work();
      } finally {
        if (kind === 'shared') readers -= 1;
        else writing = false;
        admit();
      }
    },
  };
}
