// The faults there are, which of them a seed switches on, and how often each then strikes.

import type { Stream } from './random.ts';

/** Kind → the probability with which it strikes where it could, when it is on. */
const rates = {
  // Network, per exchange.
  lose_request: 0.08,
  lose_reply: 0.1,
  duplicate: 0.08,
  delay: 0.12,
  truncate: 0.04,
  portal: 0.04,
  status_401: 0.015,
  status_403: 0.015,
  status_413: 0.03,
  status_429: 0.04,
  status_503: 0.04,
  // Network, per tick of the nemesis.
  partition: 0.06,
  // Processes, per call of a port; aimed at calls that write.
  crash_device: 0.0006,
  crash_server: 0.0012,
  power_cut: 0.0006,
  // Disks, per call of a port or transaction.
  disk_full: 0.004,
  disk_busy: 0.004,
  store_full: 0.004,
  store_busy: 0.006,
  store_fsync: 0.002,
  disk_failed: 0.002,
  // Clocks: when a device is made, and per tick.
  clock_wrong: 0.5,
  clock_jump: 0.05,
  clock_drift: 0.5,
  // Rights, per tick.
  revoke_key: 0.02,
  end_scope: 0.03,
  read_only: 0.03,
  // A device that stands still, per tick; a peer that is none of ours, per tick.
  freeze: 0.03,
  stranger: 0.3,
  // Versions of the schema: when a device or the servers are made, and per tick.
  old_device: 0.4,
  upgrade_device: 0.06,
  old_server: 0.4,
  upgrade_server: 0.06,
  // A device whose storage is set back to an older copy, per tick.
  set_back: 0.02,
  // A device that gets the storage of another, per tick.
  clone: 0.01,
} as const;

export type FaultKind = keyof typeof rates;
export const faultKinds = Object.keys(rates) as FaultKind[];

export interface Faults {
  /** Whether this kind strikes now. Each kind draws from a stream of its own, so that switching one off moves no other. */
  strikes(kind: FaultKind, state: string): boolean;
  isOn(kind: FaultKind): boolean;
  /** All of them end. */
  heal(): void;
  readonly healed: boolean;
  /** `kind state` → how often it struck there. */
  readonly struck: ReadonlyMap<string, number>;
}

/** Each kind is off with a third's chance, and milder or harsher than usual otherwise. */
export function createFaults(options: {
  stream: (label: string) => Stream;
  off: ReadonlySet<FaultKind>;
  told: (kind: FaultKind, state: string) => void;
}): Faults {
  const profile = options.stream('faults');
  const drawn = faultKinds.map((kind) => {
    const on = profile.chance(0.65);
    const factor = 0.3 + profile.fraction() * 1.4;
    const rate = on && !options.off.has(kind) ? rates[kind] * factor : 0;
    return [kind, createStrikes(rate, options.stream(`fault ${kind}`))] as const;
  });
  const kinds = Object.fromEntries(drawn) as Record<FaultKind, Strikes>;
  const struck = new Map<string, number>();
  let healed = false;
  return {
    strikes(kind, state) {
      if (healed || !kinds[kind].next()) return false;
      const cell = `${kind} ${state}`;
      struck.set(cell, (struck.get(cell) ?? 0) + 1);
      options.told(kind, state);
      return true;
    },
    isOn: (kind) => kinds[kind].on,
    heal() {
      healed = true;
    },
    get healed() {
      return healed;
    },
    struck,
  };
}

interface Strikes {
  on: boolean;
  /** Whether the next opportunity is taken. */
  next(): boolean;
}

/** One draw says how many opportunities pass before the next that is taken: there are millions, and few are. */
function createStrikes(rate: number, stream: Stream): Strikes {
  if (rate === 0) return { on: false, next: () => false };
  const pass = (): number => Math.floor(Math.log(1 - stream.fraction()) / Math.log(1 - rate));
  let left = pass();
  return {
    on: true,
    next() {
      if (left > 0) {
        left -= 1;
        return false;
      }
      left = pass();
      return true;
    },
  };
}
