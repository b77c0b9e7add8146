// A part of a seed's history that can be played for itself: with fewer devices, acts and faults, and an earlier end. What is left
// out draws its random numbers all the same, so that what stays is what it was.

/** What is absent is whole. */
export interface Excerpt {
  /** Act one ends no later, in virtual milliseconds. */
  untilMs?: number;
  /** By name. */
  devices?: ReadonlySet<string>;
  servers?: number;
  /** `d0:3`: what the person on d0 does fourth. */
  acts?: ReadonlySet<string>;
  /** `delay`: wherever it strikes; `delay:d0`: on d0; `delay:d0:3`: when it strikes there for the fourth time. */
  faults?: ReadonlySet<string>;
}

export function hasAct({ acts }: Excerpt, act: string): boolean {
  return !acts || acts.has(act);
}

export function hasStrike({ faults }: Excerpt, strike: Strike): boolean {
  if (!faults) return true;
  const { kind, who } = strike;
  const names = [kind, `${kind}:${machineOf(strike)}`, `${kind}:${who}`, nameOf(strike)];
  return names.some((name) => faults.has(name));
}

/** One strike of a fault. */
export interface Strike {
  kind: string;
  /** A device, a server or all servers; of some faults with a place in it: `d0.reading`. */
  who: string;
  /** How often the kind has struck there before. */
  n: number;
}

export function machineOf({ who }: Pick<Strike, 'who'>): string {
  return who.split('.')[0] ?? who;
}

export function nameOf({ kind, who, n }: Strike): string {
  return `${kind}:${who}:${n}`;
}
