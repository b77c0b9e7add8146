// One line of the result: what was measured, against what, and what it is wanted to be.

export interface Goal {
  /** `share`: how much of the limit's speed is reached. `times`: how often the limit's figure. `value`: the figure itself. */
  of: 'share' | 'times' | 'value';
  least?: number;
  most?: number;
}

export interface Row {
  /** `W1` to `W6`, or `contract`. */
  workload: string;
  what: string;
  unit: 'ms' | 'MiB' | 'KiB' | 'writes/s';
  /** One figure a round. */
  ours: number[];
  /** What it is compared with: the limit's figures of the same rounds, unless `againstWhat` says otherwise. */
  against?: number[];
  againstWhat?: string;
  goal?: Goal;
}

export interface Judged {
  ours: number;
  against?: number;
  share?: number;
  times?: number;
  met?: boolean;
}

export function judge({ unit, ours: figures, against: others, goal }: Row): Judged {
  const ours = median(figures);
  const against = others === undefined ? undefined : median(others);
  const times = against === undefined ? undefined : ours / against;
  const share = times === undefined ? undefined : unit === 'writes/s' ? times : 1 / times;
  const judged = goal === undefined ? undefined : { value: ours, times, share }[goal.of];
  return {
    ours,
    ...(against === undefined ? {} : { against }),
    ...(times === undefined ? {} : { times }),
    ...(share === undefined ? {} : { share }),
    ...(judged === undefined
      ? {}
      : { met: judged >= (goal?.least ?? -Infinity) && judged <= (goal?.most ?? Infinity) }),
  };
}

export function median(figures: readonly number[]): number {
  return quantile(figures, 0.5);
}

/** Between two figures, the one in the middle of them. */
export function quantile(figures: readonly number[], part: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) throw new RangeError('There is no figure.');
  return low + (high - low) * (at - Math.floor(at));
}
