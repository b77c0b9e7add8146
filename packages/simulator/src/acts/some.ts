// Which record somebody takes in hand.

import type { Choice } from './act.ts';

/** Few records get most of the writes: the n-th is chosen in proportion to n^−1.3 (Zipf). */
export function some({ draw, records }: Choice): number {
  let left = draw.fraction() * weightOf(records);
  for (let n = 0; n < records; n += 1) {
    left -= (n + 1) ** -1.3;
    if (left < 0) return n;
  }
  return 0;
}

function weightOf(records: number): number {
  let sum = 0;
  for (let n = 1; n <= records; n += 1) sum += n ** -1.3;
  return sum;
}
