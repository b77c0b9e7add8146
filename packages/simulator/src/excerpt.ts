// A part of a seed's history that can be played for itself: with fewer devices, acts and faults, and an earlier end. What is left
// out draws its random numbers all the same, so that what stays is what it was.

/** What is absent is whole. */
export interface Excerpt {
  /** Act one ends no later, in virtual milliseconds. */
  untilMs?: number;
  /** By name. */
  devices?: ReadonlySet<string>;
  servers?: number;
  /** `d0:3`: what the person on d0 means to do fourth. */
  acts?: ReadonlySet<string>;
  /** `delay`: wherever it strikes; `delay:d0`: on d0; `delay:d0@17.204`: the strike of then. */
  faults?: ReadonlySet<string>;
}

export function hasAct({ acts }: Excerpt, act: string): boolean {
  return !acts || acts.has(act);
}

/** Whether a kind strikes there as often as it is drawn. */
export function hasAll({ faults }: Excerpt, { kind, who }: Pick<Strike, 'kind' | 'who'>): boolean {
  return (
    !faults || [kind, `${kind}:${machineOf({ who })}`, `${kind}:${who}`].some((name) => faults.has(name))
  );
}

/** Single strikes of a kind there, in their order. */
export function strikesOf({ faults }: Excerpt, { kind, who }: Pick<Strike, 'kind' | 'who'>): Strike[] {
  const prefix = `${kind}:${who}@`;
  const found: Strike[] = [];
  for (const name of faults ?? []) {
    if (!name.startsWith(prefix)) continue;
    const [ms = '', nth = '0'] = name.slice(prefix.length).split('+');
    found.push({ kind, who, atUs: Math.round(Number(ms) * 1_000), nth: Number(nth) });
  }
  return found.sort((a, b) => a.atUs - b.atUs || a.nth - b.nth);
}

/**
 * One strike of a fault. It is known by its time, and comes at the first opportunity from then on: so it stays where it was, however
 * much else is left out.
 */
export interface Strike {
  kind: string;
  /** A device, a server or all servers; of some faults with a place in it: `d0.reading`. */
  who: string;
  /** Virtual time, in whole microseconds. */
  atUs: number;
  /** Which opportunity of that moment was taken. */
  nth: number;
}

export function machineOf({ who }: Pick<Strike, 'who'>): string {
  return who.split('.')[0] ?? who;
}

/** `delay:d0@17.204`, or `delay:d0@17.204+3` where it was the fourth opportunity of that moment. */
export function nameOf({ kind, who, atUs, nth }: Strike): string {
  return `${kind}:${who}@${atUs / 1_000}${nth === 0 ? '' : `+${nth}`}`;
}
