// terminal beside plain SQL, and a write of the centre that came another way.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operator } from '../../engine/engine.ts';
import { create, startTerminals, Terminal, type TestTerminals, update } from './terminal.fixture.ts';

let server: TestTerminals;
let a: Terminal;
beforeEach(async () => {
  server = await startTerminals();
  a = new Terminal(server, 'a');
});
afterEach(() => server.stop());

test('what the centre adds by another protocol counts beside what terminals add', async () => {
  await a.push(create('Customer', 'c', { name: 'Ann', loyaltyPoints: 40 }));
  const made = { wall: server.clock.wall, mono: 0, session: 's', offset: 0, seen: 0 };
  await server.started.engine.push(operator, 'main', {
    ...{ replica: 'centre', former: [], verdictsSeen: 0, checkpoint: null },
    mutations: [
      {
        mutation: {
          id: '018f0000-0000-7000-8000-000000000001',
          ...{ schema: 1, made },
          changes: [{ type: 'add', collection: 'Customer', id: 'c', amounts: { loyaltyPoints: 2 } }],
        },
        hash: 'h',
        madeAt: server.clock.wall,
      },
    ],
  });
  const [result] = await a.push(update(['Customer', 'c'], 2, { loyaltyPoints: 45 }));
  expect(result).toMatchObject({ syncVersion: 4, data: { name: 'Ann', loyaltyPoints: 47 } });
});

test('entities, conflicts and syncs are plain SQL', async () => {
  const b = new Terminal(server, 'b');
  await a.push(
    create('SaleOrder', 'o', { status: 'open', total: 5, updatedAt: '2023-12-31T10:00:00Z' }),
    create('Customer', 'c', { name: 'Ann', totalSpent: 1.5 }),
  );
  await b.push(update(['SaleOrder', 'o'], 1, { status: 'completed', updatedAt: '2023-12-31T11:00:00Z' }));
  // What is read is written first.
  await server.started.engine.syncs.list({ max: 1 });
  const database = new DatabaseSync(join(server.data, 'holdfast.db'), { readOnly: true });
  const rows = (sql: string) =>
    database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  expect(rows('select id, status, edits, terminal_id, updated_at from SaleOrder')).toEqual([
    { id: 'o', status: 'completed', edits: 2, terminal_id: 'b', updated_at: '2023-12-31T11:00:00.000Z' },
  ]);
  expect(rows('select id, totalSpent, loyaltyPoints from Customer')).toEqual([
    { id: 'c', totalSpent: 1.5, loyaltyPoints: null },
  ]);
  expect(rows('select entity_type, entity_id, terminal_id, state, strategy from sync_conflicts')).toEqual([
    {
      ...{ entity_type: 'SaleOrder', entity_id: 'o', terminal_id: 'b' },
      ...{ state: 'settled', strategy: 'TERMINAL_WINS' },
    },
  ]);
  expect(rows('select terminal_id, kind from sync_history order by id')).toEqual([
    { terminal_id: 'a', kind: 'push' },
    { terminal_id: 'b', kind: 'push' },
  ]);
  database.close();
});
