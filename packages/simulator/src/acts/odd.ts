// What is at the edge and beyond it: odd values, large records, large mutations, and mutations that are not valid.

import type { Act, Choice } from './act.ts';
import { some } from './some.ts';

/** Keys and values that simple code stumbles over. All of them are JSON that every store must keep to the letter. */
const odd: readonly Readonly<Record<string, unknown>>[] = [
  { '': '', '*': 0, toString: null },
  { hasOwnProperty: [], valueOf: {}, 'a.b': 'c', 'a[0]': [[], {}, ''] },
  {
    '\u00e9': 'e\u0301',
    'e\u0301': '\u00e9',
    '\u{1f600}': '\u{1f469}\u200d\u{1f467}',
    '\u2028': '\u2029\u007f\t"\\',
  },
  { content: [0.1, 1e-7, 123456789.125, 9007199254740991, -9007199254740991, 1e15, 0.30000000000000004] },
  { content: deep(20), text: '"}],{"text":"' },
  { content: { length: 3, 0: 'a', '-1': false, '01': null, __proto: 1 } },
  { text: '\u0001\u001f', content: 'null' },
];

export function nasty(choice: Choice): Act {
  const { draw } = choice;
  const id = draw.pick([`p${some(choice)}`, 'p toString', 'p.*', 'p\u00e9/"0', 'p%2F..']);
  const fields = draw.pick(odd);
  const way = draw.below(4);
  return {
    name: `writes odd values to ${id}`,
    run: async ({ scope }) => {
      if (!('papers' in scope)) return;
      if (way === 0) await scope.papers.delete(id);
      else if (way === 1 && (await scope.papers.get(id))) await scope.papers.patch(id, fields);
      else await scope.papers.put({ id, ...fields });
    },
  };
}

function deep(levels: number): unknown {
  return levels === 0 ? {} : levels % 2 === 0 ? { '': deep(levels - 1) } : [deep(levels - 1)];
}

/** A record just within the size bound of the device or just beyond that of the server, or grown over it in parts. */
export function nearBound(choice: Choice): Act {
  const { draw } = choice;
  const id = `p${some(choice)}`;
  const text = 'x'.repeat(choice.recordCharsMax - 60 + draw.below(80));
  const part = draw.chance(0.4);
  return {
    name: `fills ${id} with ${text.length} characters`,
    run: async ({ scope }) => {
      if (!('papers' in scope)) return;
      if (part && (await scope.papers.get(id)))
        await scope.papers.patch(id, { content: text.slice(text.length / 2) });
      else await scope.papers.put({ id, text });
    },
  };
}

/** One mutation that is ten times larger than any page; where pages are large, now and then one that just goes beyond them. */
export function large({ draw, pageRecordsMax }: Choice): Act {
  const [value, most] = [draw.below(100), draw.chance(0.1) ? pageRecordsMax + 50 : 60];
  const count = Math.min(pageRecordsMax * 10, most);
  return {
    name: `rates ${count} at once`,
    run: ({ scope }) =>
      scope.mutate(async (tx) => {
        for (let n = 0; n < count; n += 1) await tx.rates.put({ id: `many${n}`, value });
      }),
  };
}

/** Taken by the device, refused or flagged by the server; or refused by the device already. */
export function invalid(choice: Choice): Act {
  return choice.draw.pick([
    tooDear,
    tooLarge,
    unknownCollection,
    tooFew,
    takenValue,
    noParent,
    noRecord,
    notJson,
  ])(choice);
}

function tooDear(choice: Choice): Act {
  const id = `i${some(choice)}`;
  return {
    name: `prices ${id} beyond what the server's schema allows`,
    run: ({ scope }) => scope.items.put({ id, name: 'dear', price: 99 }),
  };
}

function tooLarge({ recordCharsMax }: Choice): Act {
  const text = 'x'.repeat(recordCharsMax + 5);
  return { name: 'writes a note that is too large', run: ({ scope }) => scope.notes.put({ id: 'n0', text }) };
}

function unknownCollection({ draw }: Choice): Act {
  const word = `word ${draw.below(9)}`;
  return {
    name: 'writes to a collection that the server does not know',
    run: ({ scope }) => scope.secrets.put({ id: 'x0', word }),
  };
}

function tooFew(choice: Choice): Act {
  const id = `i${some(choice)}`;
  return {
    name: `takes more of ${id} than there is`,
    run: ({ scope }) => scope.items.add(id, { quantity: -60 }),
  };
}

function takenValue(choice: Choice): Act {
  const [one, other] = [`i${some(choice)}`, `i${choice.draw.below(choice.records)}`];
  return {
    name: `gives ${one} the sku of ${other}`,
    run: async ({ scope }) => {
      const sku = (await scope.items.get(other))?.sku ?? 'sku 0';
      await scope.items.patch(one, { sku });
    },
  };
}

function noParent(choice: Choice): Act {
  const id = `i${some(choice)}`;
  const shelf = `never ${choice.draw.below(2)}`;
  return {
    name: `puts ${id} on a shelf that nobody makes`,
    run: ({ scope }) => scope.items.patch(id, { shelf }),
  };
}

function noRecord({ draw }: Choice): Act {
  const id = `i missing ${draw.below(2)}`;
  return {
    name: 'counts a record that is not there',
    run: ({ scope }) => scope.items.add(id, { quantity: 1 }),
  };
}

function notJson({ draw }: Choice): Act {
  const label = draw.pick(['\0', '\ud800', JSON.parse('{"__proto__":1}'), Number.NaN]) as string;
  return {
    name: 'labels a shelf with what is no JSON',
    run: ({ scope }) => scope.shelves.put({ id: 's0', label }),
  };
}
