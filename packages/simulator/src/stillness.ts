// A process that can stand still for a while, as a frozen tab or a closed lid makes it: what comes meanwhile comes late, in order.

import type { Timeline } from './timeline.ts';

export class Stillness {
  readonly #timeline: Timeline;
  #frozen = false;
  #parked: (() => void)[] = [];
  #life = 0;
  /** Milliseconds that the monotonic clock of this process stood still. */
  asleepMs = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** For a new process, which is awake. */
  reset(): void {
    this.#life += 1;
    this.#frozen = false;
    this.#parked = [];
    this.asleepMs = 0;
  }

  /** `clockStops`: its monotonic clock does not count the time, as on some platforms. */
  freeze(forMs: number, clockStops: boolean): void {
    if (this.#frozen) return;
    this.#frozen = true;
    const life = this.#life;
    this.#timeline.after(forMs, () => {
      if (life !== this.#life) return;
      if (clockStops) this.asleepMs += forMs;
      this.thaw();
    });
  }

  thaw(): void {
    const next = this.#parked.shift();
    if (!next) {
      this.#frozen = false;
      return;
    }
    next();
    this.#timeline.after(0, () => this.thaw());
  }

  /** At once, or when it stands still no more. */
  whenAwake(run: () => void): void {
    if (this.#frozen) this.#parked.push(run);
    else run();
  }

  /** A timer of the process. */
  after(delayMs: number, run: () => void): { cancel(): void } {
    let wanted = true;
    const timer = this.#timeline.after(delayMs, () => this.whenAwake(() => wanted && run()));
    return {
      cancel: () => {
        wanted = false;
        timer.cancel();
      },
    };
  }
}
