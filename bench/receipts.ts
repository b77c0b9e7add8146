// What the listening sockets of one process have received: how late each record was.

export class Receipts {
  readonly #latencies: number[] = [];
  #expected = Number.POSITIVE_INFINITY;
  #complete: () => void = () => undefined;

  note(latencyMs: number): void {
    this.#latencies.push(latencyMs);
    if (this.#latencies.length >= this.#expected) this.#complete();
  }

  /** Resolves when there are so many. */
  async all(count: number): Promise<readonly number[]> {
    this.#expected = count;
    if (this.#latencies.length < count)
      await new Promise<void>((resolve) => {
        this.#complete = resolve;
      });
    return this.#latencies;
  }
}
