// The payloads that the server refuses to apply, as a plan keeps them: within the bounds of each device.
// A device of which it was not loaded what is kept is noted in `needs`.

import type { Limits } from './limits.ts';
import type { Quarantined } from './stored.ts';
import type { KeptPayloads, Needs, WorkingSet, Writes } from './working-set.ts';

export class QuarantineBook {
  readonly #set: WorkingSet;
  readonly #needs: Needs;
  #entries: Quarantined[] = [];
  readonly #left: Writes['unquarantined'] = [];
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

  /** It was taken after all. What is counted of its device is counted again when it is next read. */
  remove({ device, mutation, at }: Writes['unquarantined'][number]): void {
    this.#entries = this.#entries.filter((entry) => entry.device !== device || entry.mutation !== mutation);
    this.#left.push({ device, mutation, at });
  }

  writes(): Pick<Writes, 'quarantine' | 'unquarantined'> {
    return { quarantine: this.#entries, unquarantined: this.#left };
  }
}
