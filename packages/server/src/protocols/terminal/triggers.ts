// Who is connected, and what each is told: a trigger goes to the sockets of a terminal, or waits until it registers.
//
//   not connected ── registers ──▶ connected: what waits is told
//        ▲                            │  told ──▶ unsure ── acknowledged, or heard of later ──▶ sure
//        └──────── socket ends ───────┘            └── socket ends ──▶ it waits again
//
// Several changes within a second are one trigger.

import type { Clock, Timer, TimerHandle } from '@holdfast/core';
import type { Terminals } from './terminals.ts';
import { joined, type Trigger } from './trigger.ts';

/** A socket of a terminal. */
export interface Ear {
  tell(trigger: Trigger): void;
}

export interface Triggers {
  /** It speaks for the terminal from now on. Resolves when it was told what waited. */
  register(terminalId: string, ear: Ear): Promise<void>;
  /** Its socket has ended. */
  leave(terminalId: string, ear: Ear): void;
  /** What was told came through. */
  heard(terminalId: string): void;
  /** False: it is not connected, and is told when it registers. */
  tell(terminalId: string, trigger: Trigger): boolean;
  /** Others than these may not have what was written; undefined: all may not. */
  changed(writers: ReadonlySet<string> | undefined): void;
  stop(): void;
}

export interface TriggersDeps {
  terminals: Pick<Terminals, 'find' | 'keepTrigger'>;
  clock: Pick<Clock, 'monoMs'>;
  timer: Timer;
}

/** Triggers by changes go to each terminal no more often. */
const changeEveryMs = 1_000;
/** Terminals that were connected and are not: so many are told of changes when they come back. */
const awayMax = 10_000;

const change: Trigger = { type: 'INCREMENTAL', reason: 'CHANGE' };

export function createTriggers({ terminals, clock, timer }: TriggersDeps): Triggers {
  const connected = new Map<string, Connected>();
  /** Terminals whose sockets have ended, and what waits for them, as far as it is known here. */
  const away = new Map<string, Trigger | undefined>();

  function keep(terminalId: string, trigger: Trigger): void {
    const kept = joined(away.get(terminalId), trigger);
    if (away.has(terminalId)) away.set(terminalId, kept);
    terminals.keepTrigger(terminalId, kept);
  }

  return {
    async register(terminalId, ear) {
      const at = connected.get(terminalId) ?? new Connected(clock, timer);
      at.ears.add(ear);
      connected.set(terminalId, at);
      away.delete(terminalId);
      // Whatever comes from here on is told at once; only what waited before is looked up.
      const { trigger } = await terminals.find(terminalId);
      if (!trigger || !at.ears.has(ear)) return;
      terminals.keepTrigger(terminalId, null);
      at.say(trigger);
    },
    leave(terminalId, ear) {
      const at = connected.get(terminalId);
      if (!at?.ears.delete(ear) || at.ears.size > 0) return;
      connected.delete(terminalId);
      away.set(terminalId, undefined);
      if (away.size > awayMax) away.delete(away.keys().next().value ?? '');
      const owed = at.end();
      if (owed) keep(terminalId, owed);
    },
    heard: (terminalId) => connected.get(terminalId)?.heard(),
    tell(terminalId, trigger) {
      const at = connected.get(terminalId);
      if (at) at.say(trigger);
      else keep(terminalId, trigger);
      return at !== undefined;
    },
    changed(writers) {
      const isOther = (terminalId: string): boolean =>
        writers === undefined || writers.size > 1 || !writers.has(terminalId);
      for (const [terminalId, at] of connected) if (isOther(terminalId)) at.sayChange();
      for (const [terminalId, waiting] of away)
        if (waiting === undefined && isOther(terminalId)) keep(terminalId, change);
    },
    stop() {
      for (const at of connected.values()) at.end();
    },
  };
}

/** A terminal that has sockets. */
class Connected {
  readonly ears = new Set<Ear>();
  readonly #clock: TriggersDeps['clock'];
  readonly #timer: Timer;
  /** Told, and perhaps not received. */
  #unsure: Trigger | undefined;
  #changeMs = Number.NEGATIVE_INFINITY;
  #due: TimerHandle | undefined;

  constructor(clock: TriggersDeps['clock'], timer: Timer) {
    this.#clock = clock;
    this.#timer = timer;
  }

  say(trigger: Trigger): void {
    this.#unsure = joined(this.#unsure, trigger);
    for (const ear of this.ears) ear.tell(trigger);
  }

  /** At once, or when a second has passed since the last one. */
  sayChange(): void {
    if (this.#due) return;
    const waitMs = this.#changeMs + changeEveryMs - this.#clock.monoMs();
    if (waitMs > 0) this.#due = this.#timer.after(waitMs, () => this.#sayChangeNow());
    else this.#sayChangeNow();
  }

  #sayChangeNow(): void {
    this.#due = undefined;
    this.#changeMs = this.#clock.monoMs();
    this.say(change);
  }

  heard(): void {
    this.#unsure = undefined;
  }

  /** Answers what it is owed. */
  end(): Trigger | undefined {
    this.#due?.cancel();
    const owed = this.#due ? joined(this.#unsure, change) : this.#unsure;
    this.#due = undefined;
    return owed;
  }
}
