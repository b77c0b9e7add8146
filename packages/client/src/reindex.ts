// Rebuilds the index entries of all records when the schema declares other indexes than those that the storage was kept by.

import type { Schema } from '@holdfast/core';
import { type VisibleRecord, writeIndexes } from './recompute.ts';
import type { StorageKey, StorageTransaction } from './storage/port.ts';

/** One pass over all records, in the caller's transaction; nothing when the declarations are the same as last time. */
export async function rebuildIndexes(tx: StorageTransaction, schema: Schema): Promise<void> {
  const declared = declarations(schema);
  const kept = await tx.get('meta', [metaName]);
  if (kept === declared) return;
  if (kept !== undefined) {
    await tx.deleteAll('indexes', []);
    let after: StorageKey | undefined;
    for (;;) {
      const found = await tx.scan('records', { prefix: [], limit: chunk, ...(after ? { after } : {}) });
      for (const { key, value } of found) {
        const [scope = '', collection = '', id = ''] = key;
        await writeIndexes(tx, { schema, scope }, [
          { collection, id, before: undefined, after: value as unknown as VisibleRecord },
        ]);
      }
      after = found.at(-1)?.key;
      if (found.length < chunk) break;
    }
  }
  await tx.put('meta', [metaName], declared);
}

const metaName = 'indexes';
const chunk = 500;

function declarations(schema: Schema): string {
  return JSON.stringify([...schema.collections.values()].map(({ name, indexes }) => [name, indexes]));
}
