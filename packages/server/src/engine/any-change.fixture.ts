// Changes of a few records by chance, so that they meet: in conflicts, over unique values, and as children of missing parents.

import type { Change } from '@holdfast/core';
import fc from 'fast-check';
import { put } from './engine.fixture.ts';

const parts = fc.record({
  collection: fc.constantFrom('items', 'items', 'shelves', 'sales'),
  id: fc.constantFrom('r1', 'r2', 'r3'),
  type: fc.constantFrom('put', 'put', 'delete'),
  sku: fc.constantFrom(undefined, 'x'),
  shelf: fc.constantFrom(undefined, 'r1'),
  amount: fc.integer({ min: 0, max: 3 }),
});

/** Of one mutation. */
export const anyChanges = fc.array(
  parts.map(({ collection, id, type, amount, sku, shelf }): Change => {
    if (type === 'delete') return { type, collection, id };
    if (collection === 'shelves') return put(collection, id, { name: `shelf ${amount}` });
    if (collection === 'sales') return put(collection, id, { amount });
    return put(collection, id, { price: amount, ...(sku ? { sku } : {}), ...(shelf ? { shelf } : {}) });
  }),
  { minLength: 1, maxLength: 3 },
);
