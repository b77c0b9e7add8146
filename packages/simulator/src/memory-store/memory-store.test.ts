// The store in memory keeps the promises of every store.

import { storeContract } from 'holdfast/store/contract';
import { createDatabase } from './database.ts';
import { openMemoryStore } from './open.ts';

storeContract({
  name: 'the store in memory',
  outlives: false,
  async open({ life, readersPerScopeMax = 100, sizeBytesMax }) {
    const database = createDatabase();
    const size = sizeBytesMax === undefined ? {} : { sizeBytesMax };
    const store = openMemoryStore({ database, life, oneWriter: true, readersPerScopeMax, ...size });
    return { store, end: () => store.close() };
  },
});
