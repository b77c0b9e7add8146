// A process that opens the store of the folder named by its arguments in the life that they number, commits for ever, and
// says the head of each commit when it is durable. It is killed.

import { writeSync } from 'node:fs';
import { push } from '../push.fixture.ts';
import { openSqliteStore } from './open.ts';
import { testOptions } from './sqlite.fixture.ts';

const [file = '', life = ''] = process.argv.slice(2);
const bounds = { copyPagesMin: 20, cutPagesMin: 60, idleMs: 1_000 };
const store = await openSqliteStore({
  ...testOptions(file),
  life: { id: life, startedAt: Number(life) },
  walBounds: bounds,
});
for (let n = 0; ; n++) {
  await push(store, {
    name: `${life}-${n}`,
    // Two records move together; nothing may ever be seen of one alone.
    changes: [
      { type: 'put', collection: 'items', id: `left-${life}-${n}`, body: { sku: `${life}-${n}` } },
      { type: 'put', collection: 'sales', id: `right-${life}-${n}`, body: { amount: n } },
    ],
  });
  const head = await store.read(async (snapshot) => (await snapshot.scope('shop'))?.head);
  writeSync(1, `${head}\n`);
}
