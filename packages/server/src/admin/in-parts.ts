// A list whose items may be large, read a few at a time: of each only what is shown is kept.

const partMax = 20;

export async function readInParts<Item, Shown>(
  query: { after?: number; max: number },
  how: {
    read: (part: { after?: number; max: number }) => Promise<readonly Item[]>;
    placeOf: (item: Item) => number;
    show: (item: Item) => Shown;
  },
): Promise<Shown[]> {
  const shown: Shown[] = [];
  let { after } = query;
  while (shown.length < query.max) {
    const max = Math.min(partMax, query.max - shown.length);
    const part = await how.read({ max, ...(after === undefined ? {} : { after }) });
    for (const item of part) shown.push(how.show(item));
    const last = part.at(-1);
    if (!last || part.length < max) break;
    after = how.placeOf(last);
  }
  return shown;
}
