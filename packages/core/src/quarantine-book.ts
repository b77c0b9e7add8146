// The payloads that the server refuses to apply, as a plan keeps them: within the bounds of each device.
// A device of which it was not loaded what is kept is noted in `needs`.

import type { Limits } from './limits.ts';
import type { Quarantined } from './stored.ts';
import type { KeptPayloads, Needs, WorkingSet } from './working-set.ts';

export class QuarantineBook {
  readonly #set: WorkingSet;
  readonly #needs: Needs;
  readonly #entries: Quarantined[] = [];
  readonly #kept = new Map<string, KeptPayloads>();

  constructor(set: WorkingSet, needs: Needs) {
    this.#set = set;
    this.#needs = needs;
  }

  /** Beyond the bounds hash and size alone are kept. */
  put(entry: Quarantined, limits: Limits): void {
    const before = this.#kept.get(entry.device) ?? this.#set.quarantine.get(entry.device);
    if (before === undefined) {
      this.#needs.quarantine.add(entry.device);
      return;
    }
    const { quarantinePerDeviceMax, quarantineCharsPerDeviceMax } = limits;
    const after = { payloads: before.payloads + 1, chars: before.chars + entry.chars };
    const full = after.payloads > quarantinePerDeviceMax || after.chars > quarantineCharsPerDeviceMax;
    const kept = full ? { ...entry, payload: null } : entry;
    if (kept.payload !== null) this.#kept.set(entry.device, after);
    this.#entries.push(kept);
  }

  writes(): Quarantined[] {
    return this.#entries;
  }
}
