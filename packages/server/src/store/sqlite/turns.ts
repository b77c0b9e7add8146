// Lets asynchronous work through one at a time, in the order in which it came.

export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Whether nothing runs and nothing waits. */
  get idle(): boolean {
    return this.#waiting === 0;
  }

  /** Runs `work` when all that came before it has ended, however it ended. */
  take<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#waiting += 1;
    const turn = this.#last.then(work).finally(() => {
      this.#waiting -= 1;
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
