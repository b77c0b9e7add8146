// Delta debugging (ddmin): A. Zeller, R. Hildebrandt, “Simplifying and Isolating Failure-Inducing Input”, 2002.

/**
 * A part of `items` that still holds and of which no single item can be left out, unless `holds` gave up meanwhile. That the
 * whole holds is taken for granted. Halves are tried first, then ever smaller parts, so a few of many are found in few calls.
 * `partsMax`: it is not parted further; then more may be left than is needed.
 */
export async function minimize<Item>(
  items: readonly Item[],
  holds: (part: readonly Item[]) => Promise<boolean>,
  partsMax = Number.POSITIVE_INFINITY,
): Promise<readonly Item[]> {
  if (items.length === 0 || (await holds([]))) return [];
  let rest = items;
  let parts = 2;
  while (rest.length > 1) {
    const smaller = await smallerPart(rest, parts, holds);
    if (smaller) {
      parts = smaller.length <= rest.length / parts + 1 ? 2 : Math.max(2, parts - 1);
      rest = smaller;
    } else if (parts < Math.min(rest.length, partsMax)) parts = Math.min(rest.length, partsMax, parts * 2);
    else break;
  }
  return rest;
}

async function smallerPart<Item>(
  rest: readonly Item[],
  parts: number,
  holds: (part: readonly Item[]) => Promise<boolean>,
): Promise<readonly Item[] | undefined> {
  const size = Math.ceil(rest.length / parts);
  const starts = Array.from({ length: Math.ceil(rest.length / size) }, (_, at) => at * size);
  for (const from of starts) {
    const part = rest.slice(from, from + size);
    if (await holds(part)) return part;
  }
  // Of two parts each is what the other leaves.
  if (starts.length === 2) return undefined;
  for (const from of starts) {
    const part = [...rest.slice(0, from), ...rest.slice(from + size)];
    if (await holds(part)) return part;
  }
  return undefined;
}
