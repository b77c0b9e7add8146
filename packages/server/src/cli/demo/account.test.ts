// Everything adds up, or each thing that does not is told.

import { expect, test } from 'vitest';
import { type Acknowledged, type Evidence, type Records, settleAccount } from './account.ts';

const ledger: readonly Acknowledged[] = [
  {
    mutation: 'm1',
    device: 'tablet',
    says: 'books gin in',
    writes: [{ type: 'put', collection: 'items', id: 'gin', fields: { name: 'Gin', quantity: 5 } }],
  },
  {
    mutation: 'm2',
    device: 'till',
    says: 'sells gin',
    writes: [
      { type: 'put', collection: 'sales', id: 's1', fields: { item: 'gin', amount: 2 } },
      { type: 'add', collection: 'items', id: 'gin', amounts: { quantity: -2 } },
    ],
  },
  {
    mutation: 'm3',
    device: 'phone',
    says: 'adds rum',
    writes: [{ type: 'put', collection: 'items', id: 'rum', fields: { name: 'Rum', quantity: 9 } }],
  },
];

const records: Records = new Map<string, Readonly<Record<string, unknown>>>([
  ['items/gin', { id: 'gin', quantity: 3, version: 2 }],
  ['sales/s1', { id: 's1', amount: 2, version: 2 }],
]);

function evidence(broken: Partial<Evidence> = {}): Evidence {
  return {
    ledger,
    judged: new Map([
      ['m1', { verdict: 'applied', commits: 1 }],
      ['m2', { verdict: 'merged', commits: 1 }],
      ['m3', { verdict: 'rejected', commits: 0 }],
    ]),
    shown: new Set(['m3']),
    server: records,
    devices: new Map([['till', records]]),
    ...broken,
  };
}

const judgedBut = (mutation: string, verdict: { verdict: 'applied' | 'conflict'; commits: number }) => ({
  judged: new Map([...evidence().judged, [mutation, verdict]]),
});

test('all that was acknowledged is applied, merged, or rejected and shown', () => {
  expect(settleAccount(evidence())).toEqual({
    ok: true,
    acknowledged: 3,
    verdicts: { applied: 1, merged: 1, rejected: 1 },
    databases: [
      { name: 'server', records: 2, differences: [] },
      { name: 'till', records: 2, differences: [] },
    ],
    stock: [{ item: 'gin', expected: 3, found: 3 }],
    problems: [],
  });
});

test.each<[string, Partial<Evidence>, string]>([
  [
    'lost',
    { judged: new Map() },
    '“The tablet books gin in” was acknowledged, and the server does not know it.',
  ],
  [
    'applied twice',
    judgedBut('m2', { verdict: 'applied', commits: 2 }),
    '“The till sells gin” was applied 2 times.',
  ],
  [
    'applied nowhere',
    judgedBut('m2', { verdict: 'applied', commits: 0 }),
    '“The till sells gin” was applied 0 times.',
  ],
  ['not shown', { shown: new Set() }, '“The phone adds rum” was rejected, and nobody was shown why.'],
  [
    'open',
    judgedBut('m2', { verdict: 'conflict', commits: 0 }),
    '“The till sells gin” is still not settled.',
  ],
  [
    'a wrong stock',
    { server: new Map([...records, ['items/gin', { id: 'gin', quantity: 4, version: 2 }]]) },
    'Of gin there should be 3, and there are 4.',
  ],
  [
    'a record too few',
    { devices: new Map([['till', new Map([...records].slice(1))]]) },
    'The till: items/gin is missing.',
  ],
  [
    'a record too many',
    { devices: new Map([['till', new Map([...records, ['items/rum', { id: 'rum' }]])]]) },
    'The till: items/rum is not on the server.',
  ],
  [
    'another value',
    {
      devices: new Map([['till', new Map([...records, ['sales/s1', { id: 's1', amount: 1, version: 2 }]])]]),
    },
    'The till: sales/s1 differs in amount: 1 here, 2 on the server.',
  ],
])('what does not add up is told: %s', (_, broken, problem) => {
  const account = settleAccount(evidence(broken));
  expect(account.ok).toBe(false);
  expect(account.problems).toContain(problem);
});
