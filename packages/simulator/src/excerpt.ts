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

export function hasFault({ faults }: Excerpt, kind: string): boolean {
  if (!faults || faults.has(kind)) return true;
  for (const name of faults) if (name.startsWith(`${kind}:`)) return true;
  return false;
}

export function hasStrike({ faults }: Excerpt, strike: Strike): boolean {
  if (!faults) return true;
  const { kind, who } = strike;
  return faults.has(kind) || faults.has(`${kind}:${who}`) || faults.has(nameOf(strike));
}

/** One strike of a fault. */
export interface Strike {
  kind: string;
  who: string;
  /** How often the kind has struck there before. */
  n: number;
}

export function nameOf({ kind, who, n }: Strike): string {
  return `${kind}:${who}:${n}`;
}
