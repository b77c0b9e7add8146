// A store on SQLite in a folder of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLimits } from '@holdfast/core';
import type { Store } from '../port.ts';
import { pushSchema, sha256 } from '../push.fixture.ts';
import { openSqliteStore, type SqliteStoreOptions } from './open.ts';

export interface TestFolder {
  path: string;
  file: string;
  /** Opens the store of this folder in the life `n`. */
  open(n?: number, options?: Partial<SqliteStoreOptions>): Promise<Store>;
  remove(): void;
}

export function createTestFolder(): TestFolder {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-store-'));
  const file = join(path, 'holdfast.db');
  return {
    path,
    file,
    open: (n = 1, options = {}) =>
      openSqliteStore({ ...testOptions(file), life: { id: `life-${n}`, startedAt: n }, ...options }),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export function testOptions(file: string | null): SqliteStoreOptions {
  return {
    file,
    life: { id: 'life-1', startedAt: 1 },
    schema: pushSchema,
    limits: defaultLimits,
    sha256,
  };
}
