// Whether the network reaches a device, and what its platform says of it.

import type { Network } from './network.ts';
import type { Timeline } from './timeline.ts';

export interface ReachDeps {
  timeline: Timeline;
  network: Network;
  device: string;
  /** What the platform tells the application. */
  tell: (online: boolean) => void;
}

export class Reach {
  readonly #deps: ReachDeps;
  #offlineUntilMs = 0;

  constructor(deps: ReachDeps) {
    this.#deps = deps;
  }

  /** No network for so long. */
  goOffline(forMs: number): void {
    const { timeline, network, device } = this.#deps;
    this.#offlineUntilMs = Math.max(this.#offlineUntilMs, timeline.nowMs + forMs);
    network.cutOff(device, this.#offlineUntilMs);
    this.tell();
    timeline.after(forMs, () => this.tell());
  }

  comeBack(): void {
    this.#offlineUntilMs = 0;
    this.tell();
  }

  /** Tells how it is, also an application that has just started. */
  tell(): void {
    this.#deps.tell(this.#offlineUntilMs <= this.#deps.timeline.nowMs);
  }
}
