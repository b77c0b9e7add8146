// What commands did is in the audit log: who, what, when, and no contents. And keys and devices are found by their names.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AnswerOf, createWorkplace, type Workplace } from './commands.fixture.ts';

let at: Workplace;
beforeEach(async () => {
  at = await createWorkplace();
});
afterEach(() => at.close());

const slow = { timeout: 60_000 };

async function told(): Promise<string[]> {
  const { entries } = await at.json<AnswerOf<'audit'>>(['audit', '--last', '100']);
  return entries.map(({ actor, action, subject }) => `${actor} ${action} ${subject}`);
}

test.each([true, false])(
  'every command that changes something is told, with a server: %s',
  slow,
  async (serves) => {
    if (serves) await at.serve();
    await at.write('products.csv', 'id,name,price\na,canary-name,2.50\n');
    const { key } = await at.json<AnswerOf<'addKey'>>(['keys', 'add', 'office']);
    await at.run(['keys', 'remove', 'office']);
    await at.run(['devices', 'enrol', '--name', 'Till']);
    await at.run(['import', 'products.csv', '--collection', 'products']);
    await at.run(['backup', 'copy.db']);
    expect(await told()).toEqual([
      `operator backup ${at.path('copy.db')}`,
      'operator import main/products',
      'operator device.invite Till',
      `operator key.remove ${key.key}`,
      `operator key.add ${key.key}`,
    ]);
    const text = await at.run(['audit', '--last', '2']);
    expect(text.out).toMatch(
      /^WHEN +WHO +WHAT +TO\n\d{4}-.+ backup .+\n.+ import +main\/products\n2 entries\. There may be more/,
    );
    expect(text.out).not.toContain('canary');
  },
);

test('a database that was brought back says so', async () => {
  expect(await at.run(['keys', 'add', 'office'])).toMatchObject({ exit: 0 });
  expect(await at.run(['backup', 'copy.db'])).toMatchObject({ exit: 0 });
  expect(await at.run(['restore', 'copy.db'])).toMatchObject({ exit: 0 });
  expect((await told())[0]).toBe(`operator restore ${at.path('copy.db')}`);
  expect(await at.run(['doctor', '--port', '0'])).toMatchObject({ exit: 0 });
});

test('a name that one alone has is enough; of several, the ids are told', async () => {
  const ids = [];
  for (const name of ['office', 'twice', 'twice'])
    ids.push((await at.json<AnswerOf<'addKey'>>(['keys', 'add', name])).key.key);
  expect((await at.json(['keys', 'remove', 'office'])).key).toBe(ids[0]);
  expect(await at.run(['keys', 'remove', 'office'])).toMatchObject({ exit: 1 });
  const { exit, err } = await at.run(['keys', 'remove', 'twice']);
  expect(exit).toBe(1);
  expect(err).toMatch(/^holdfast: 2 keys have the name twice: \w+, \w+\. Name one by its id\.\n$/);
  for (const id of ids.slice(1)) expect(err).toContain(id);
  expect((await at.json(['keys', 'remove', ids[1]!])).removed).toBe(true);
  // The other one of the name has ended.
  expect((await at.json(['keys', 'remove', 'twice'])).key).toBe(ids[2]);
});
