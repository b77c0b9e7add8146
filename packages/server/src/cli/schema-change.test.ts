// What an operator is told when the schema changed under a database.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { collect, createWorkplace, end, type Workplace } from './commands.fixture.ts';

let at: Workplace;
beforeEach(async () => {
  at = await createWorkplace();
});
afterEach(() => at.close());

const slow = { timeout: 60_000 };

async function changeConfig(change: (text: string) => string): Promise<void> {
  await at.write('changed.config.ts', change(await at.read('holdfast.config.ts')));
}

test(
  'an older schema on newer records is refused in two lines, by every command that would open the folder',
  slow,
  async () => {
    await changeConfig((text) => text.replace('version: 1', 'version: 2'));
    await at.write('products.csv', 'id,name,price\na,Bread,2.50\n');
    const newer = ['--config', 'changed.config.ts'];
    expect(await at.run(['import', 'products.csv', '--collection', 'products', ...newer])).toMatchObject({
      exit: 0,
    });
    const served = await collect(at.start(['serve', '--port', '0']));
    expect(served).toEqual({
      exit: 1,
      out: '',
      err: expect.stringMatching(
        /^holdfast: The database holds records of schema version 2, and this config has version 1\..*\n {2}Use the config with that version .*\n$/,
      ),
    });
    for (const args of [['status'], ['import', 'products.csv', '--collection', 'products'], ['keys', 'list']])
      expect(await at.run(args)).toEqual({ exit: 1, out: '', err: served.err });
    const doctor = await at.json(['doctor', '--port', '0']);
    expect(doctor.findings).toContainEqual(
      expect.objectContaining({
        check: 'schema',
        state: 'warning',
        message: expect.stringContaining('version 2'),
      }),
    );
    expect(await at.run(['status', ...newer])).toMatchObject({ exit: 0 });
  },
);

test(
  'a field that becomes unique over doubled values is told by serve, doctor and status: how many, and where',
  slow,
  async () => {
    await at.write('products.csv', 'id,name,price\na,Bread,1\nb,Bread,2\nc,Bread,3\nd,Milk,4\n');
    await at.run(['import', 'products.csv', '--collection', 'products']);
    const quiet = await at.json(['doctor', '--port', '0']);
    expect(quiet.findings).toContainEqual({ check: 'unique', state: 'ok', message: 'no value is doubled' });
    await changeConfig((text) => text.replace("unique: ['sku']", "unique: ['sku', 'name']"));
    const config = ['--config', 'changed.config.ts'];
    const sentence = '2 records of products hold a value of name that belongs to another record';
    const child = at.start(['serve', '--port', '0', '--json', ...config]);
    const said = collect(child);
    child.stdout?.once('data', () => void end(child, 'SIGTERM'));
    const { exit, out, err } = await said;
    expect([exit, JSON.parse(out)]).toMatchObject([
      0,
      { unclaimed: [{ collection: 'products', group: 'name', records: 2 }] },
    ]);
    expect(err).toContain(`Not unique: ${sentence}.\n`);
    const warned = { check: 'unique', state: 'warning', message: `${sentence}.` };
    expect((await at.json(['doctor', '--port', '0', ...config])).findings).toContainEqual(
      expect.objectContaining(warned),
    );
    expect((await at.run(['status', ...config])).out).toContain(sentence);
    await at.serve(config);
    expect((await at.json(['doctor', ...config])).findings).toContainEqual(expect.objectContaining(warned));
  },
);
