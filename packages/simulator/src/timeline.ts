// Virtual time: events in a binary heap. At equal times a seeded draw decides, so that no order is kept by accident.

import type { TimerHandle } from '@holdfast/core';
import type { Stream } from './random.ts';

interface Event {
  atMs: number;
  tie: number;
  run: (() => void) | undefined;
}

export class Timeline {
  /** Milliseconds since the world began; fractions are possible. */
  nowMs = 0;
  readonly #heap: Event[] = [];
  readonly #ties: Stream;

  constructor(ties: Stream) {
    this.#ties = ties;
  }

  after(delayMs: number, run: () => void): TimerHandle {
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), tie: this.#ties.u32(), run };
    this.#push(event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  /** Runs the next event that is not later than `untilMs`. False: there is none. */
  step(untilMs: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (!first || first.atMs > untilMs) return false;
      this.#pop();
      if (!first.run) continue;
      this.nowMs = first.atMs;
      first.run();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Event;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && isBefore(heap[down + 1] as Event, heap[down] as Event)) down += 1;
      if (!isBefore(heap[down] as Event, last)) break;
      heap[at] = heap[down] as Event;
      at = down;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);
}
