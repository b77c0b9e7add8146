// The store on SQLite against the contract of all stores, in a file and in memory.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLimits, defineSchema } from '@holdfast/core';
import { storeContract } from '../contract.ts';
import type { Store } from '../port.ts';
import { inspectSqliteStore, openSqliteStore } from './open.ts';

const schema = defineSchema({ version: 1, collections: {} });
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const limitsWith = (readersPerScopeMax = defaultLimits.readersPerScopeMax) => ({
  ...defaultLimits,
  readersPerScopeMax,
});

storeContract({
  name: 'SQLite, in a file',
  outlives: true,
  async open({ readersPerScopeMax, ...options }) {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-store-'));
    const file = join(folder, 'holdfast.db');
    const limits = limitsWith(readersPerScopeMax);
    let store: Store = await openSqliteStore({ file, schema, limits, sha256, ...options });
    return {
      store,
      async restart(life) {
        await store.close();
        store = await openSqliteStore({ file, schema, limits, sha256, ...options, life });
        return store;
      },
      readOnly: () => inspectSqliteStore({ file }),
      async end() {
        await store.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
});

storeContract({
  name: 'SQLite, in memory',
  outlives: false,
  async open({ readersPerScopeMax, ...options }) {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-store-'));
    const store = await openSqliteStore({
      file: null,
      schema,
      limits: limitsWith(readersPerScopeMax),
      sha256,
      ...options,
    });
    return {
      store,
      async end() {
        await store.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
});
