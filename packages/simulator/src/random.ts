// Seeded randomness. Each part of the world draws from a stream of its own, named by a label, so that a further draw in one does
// not shift the others: a shortened run stays the same run.

export interface Stream {
  /** In [0, 1). */
  fraction(): number;
  /** A whole number in [0, n). */
  below(n: number): number;
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  /** Exponentially distributed around `mean`. */
  around(mean: number): number;
  u32(): number;
}

/** sfc32 (Chris Doty-Humphrey, PractRand), seeded by splitmix32 over the seed and the label. */
export function createStream(seed: number, label: string): Stream {
  let mixed = seed >>> 0;
  for (const char of label) mixed = Math.imul(mixed ^ char.charCodeAt(0), 0x9e3779b1) >>> 0;
  const next = (): number => {
    mixed = (mixed + 0x9e3779b9) >>> 0;
    let z = mixed;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let [a, b, c, d] = [next(), next(), next(), next()];
  const u32 = (): number => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round += 1) u32();
  const fraction = (): number => u32() / 2 ** 32;
  return {
    fraction,
    u32,
    below: (n) => Math.floor(fraction() * n),
    chance: (probability) => fraction() < probability,
    pick: <Item>(items: readonly Item[]): Item => items[Math.floor(fraction() * items.length)] as Item,
    around: (mean) => -Math.log(1 - fraction()) * mean,
  };
}
