// People decide at the server: `conflicts` and `quarantine`, against a server that runs and on the folder of one that does not.

import type { VerdictEntry } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AnswerOf, createWorkplace, end, type Workplace } from './commands.fixture.ts';

let at: Workplace;
let serving: Awaited<ReturnType<Workplace['serve']>> | undefined;
const slow = { timeout: 60_000 };

beforeEach(async () => {
  at = await createWorkplace();
  const suppliers = `suppliers: { kind: 'request', policy: 'ask', fields: z.object({ name: z.string(), phone: z.string().optional() }) },`;
  const config = await at.read('holdfast.config.ts');
  await at.write('holdfast.config.ts', config.replace('sales: {', `${suppliers}\n      sales: {`));
  serving = await at.serve();
}, 60_000);
afterEach(async () => {
  await at.close();
});

async function stopServer(): Promise<void> {
  if (serving) await end(serving, 'SIGTERM');
}

let ids = 0;

/** Sends mutations of one change each as a device; answers their verdicts. */
async function send(device: string, ...changes: object[]): Promise<VerdictEntry[]> {
  const { url } = JSON.parse(await at.read('data/server.json'));
  const made = { wall: 1_764_000_000_000, mono: 0, session: 's', offset: 0, seen: 0 };
  const mutations = changes.map((change) => {
    ids += 1;
    const id = `018f0000-0000-7000-8000-${String(ids).padStart(12, '0')}`;
    return { id, schema: 1, actor: 'maria', made, changes: [change] };
  });
  const request = {
    ...{
      protocol: 'holdfast/1',
      device,
      replica: `replica-${device}`,
      scope: 'main',
      checkpoint: null,
      schema: 1,
    },
    ...{ clock: { wall: made.wall, mono: 1, session: 's' }, verdictsSeen: 0, batch: { n: ids, mutations } },
  };
  const answer = await fetch(`${url}/v1/exchange`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const { verdicts } = (await answer.json()) as { verdicts: VerdictEntry[] };
  return verdicts.filter(({ mutation }) => mutations.some(({ id }) => id === mutation));
}

const supplier = { collection: 'suppliers', id: 'acme' };

/** 'acme' is 'Acme Drinks' at version 2; the kitchen wants 'Acme Foods'. */
async function makeConflict(): Promise<void> {
  await send('bar', { type: 'put', ...supplier, body: { name: 'Acme' } });
  const rename = (name: string) => ({
    type: 'patch',
    ...supplier,
    base: 1,
    set: { name },
    replaced: { name: 'Acme' },
  });
  await send('bar', rename('Acme Drinks'));
  expect(await send('kitchen', rename('Acme Foods'))).toMatchObject([{ verdict: 'conflict' }]);
}

const standing = async () => (await at.json(['conflicts', 'show', '1'])).record;

describe('conflicts', () => {
  test.each(['while it serves', 'while it does not'])(
    'are listed, shown, decided and taken back %s',
    slow,
    async (when) => {
      await makeConflict();
      if (when === 'while it does not') await stopServer();
      const list = await at.run(['conflicts', 'list']);
      expect(list).toMatchObject({ exit: 0, err: '' });
      expect(list.out).toMatch(
        /^ID +RECORD +FIELDS +DEVICE +SINCE +STATE\n1 +suppliers\/acme +name +kitchen +20.* UTC +open\n1 conflict\.\n$/,
      );
      const shown = await at.run(['conflicts', 'show', '1']);
      expect(shown.out).toContain('record    suppliers/acme, now at version 2');
      expect(shown.out).toMatch(/\* {2}name +"Acme" +"Acme Foods" +"Acme Drinks"\n/);
      expect(shown.out).toContain(
        'npx holdfast conflicts resolve 1 --seen 2 --server | --device | --value JSON',
      );
      expect((await at.run(['conflicts', 'show', '1'], '', { columns: 30 })).out).toContain(
        '    device  "Acme Foods"\n',
      );
      expect(await at.json(['conflicts', 'list', '--device', 'bar'])).toEqual({ conflicts: [] });

      const refused = await at.run(['conflicts', 'resolve', '1', '--device'], '', { confirms: false });
      expect(refused).toMatchObject({
        exit: 1,
        err: expect.stringContaining('This writes suppliers/acme in main.'),
      });
      expect(await standing()).toEqual({ version: 2, body: { name: 'Acme Drinks' } });

      const resolved = await at.run(['conflicts', 'resolve', '1', '--device']);
      expect(resolved).toMatchObject({
        exit: 0,
        out: 'Conflict 1 is settled: device. suppliers/acme is at version 3.\n',
      });
      expect(await standing()).toEqual({ version: 3, body: { name: 'Acme Foods' } });
      expect(await at.json(['conflicts', 'list'])).toEqual({ conflicts: [] });
      const settled = await at.run(['conflicts', 'list', '--state', 'settled']);
      expect(settled.out).toMatch(/settled by operator: device, 20/);

      const undone = await at.json(['conflicts', 'undo', '1', '--yes']);
      expect(undone).toMatchObject({
        conflict: { state: 'settled' },
        record: { version: 4, body: { name: 'Acme Drinks' } },
      });
      const { entries } = await at.json<AnswerOf<'audit'>>(['audit']);
      expect(entries.slice(0, 2)).toMatchObject([
        { actor: 'operator', action: 'conflict.undo', subject: 'main/suppliers/acme conflict 1' },
        { actor: 'operator', action: 'conflict.resolve', subject: 'main/suppliers/acme conflict 1: device' },
      ]);
    },
  );

  test('are decided with a record of one’s own, from the line or a file', slow, async () => {
    await makeConflict();
    await at.write('acme.json', '{ "name": "Acme Both", "phone": "1" }');
    expect(await at.json(['conflicts', 'resolve', '1', '--file', 'acme.json'])).toMatchObject({
      record: { version: 3, body: { name: 'Acme Both', phone: '1' } },
    });
    expect(await at.json(['conflicts', 'resolve', '1', '--value', '{"name":"Acme"}'])).toMatchObject({
      record: { version: 4, body: { name: 'Acme' } },
    });
  });

  test('are not decided on a record that has changed since the person looked', slow, async () => {
    await makeConflict();
    await send('bar', {
      type: 'patch',
      ...supplier,
      base: 2,
      set: { phone: '7' },
      replaced: { phone: null },
    });
    const late = await at.json(['conflicts', 'resolve', '1', '--server', '--seen', '2']);
    expect(late.error).toMatchObject({ code: 'conflict_changed' });
    const seen = await at.run(['conflicts', 'show', '1']);
    expect(seen.out).toMatch(/SERVER +NOW\n/);
    expect(await at.run(['conflicts', 'resolve', '1', '--server', '--seen', '3'])).toMatchObject({ exit: 0 });
  });

  test('what makes no sense is refused, with the exit code of its kind', slow, async () => {
    await makeConflict();
    for (const [args, exit, said] of [
      [['resolve', '1'], 2, 'Say how to decide.'],
      [['resolve', '1', '--server', '--device'], 2, 'Say how to decide.'],
      [['resolve', '1', '--value', '{'], 2, '--value holds no JSON'],
      [['resolve', '1', '--value', '[]'], 2, 'A record is a JSON object.'],
      [['resolve', '1', '--value', '{"name":7}'], 1, 'expected string'],
      [['resolve', '9', '--server'], 1, 'There is no conflict 9 in main.'],
      [['show', 'x'], 2, 'An id is a whole number from 1'],
      [['undo', '1'], 1, 'An open conflict has nothing to undo.'],
      [['list', '--state', 'odd'], 2, 'odd'],
      [['show', '1', '--scope', 'other'], 1, 'There is no conflict 1 in other.'],
    ] as const)
      expect(await at.run(['conflicts', ...args]), args.join(' ')).toMatchObject({
        exit,
        err: expect.stringContaining(said),
      });
    expect(await standing()).toEqual({ version: 2, body: { name: 'Acme Drinks' } });
    expect((await at.run(['conflicts', 'list', '--scope', 'other'])).out).toContain(
      'There is no open conflict here in other.',
    );
  });
});

describe('the quarantine', () => {
  const product = (id: string, sku: string) => ({
    type: 'put',
    ...{ collection: 'products', id, body: { name: id, price: 1, sku } },
  });

  /** 'b' was rejected: its sku is that of 'a'. */
  async function makeRejected(): Promise<number> {
    await send('bar', product('a', 'S-1'));
    expect(await send('kitchen', product('b', 'S-1'))).toMatchObject([{ code: 'unique_taken' }]);
    const { items } = await at.json<AnswerOf<'quarantine'>>(['quarantine', 'list']);
    expect(items).toMatchObject([{ scope: 'main', device: 'kitchen', code: 'unique_taken', kept: true }]);
    return items[0]!.place;
  }

  test.each(['while it serves', 'while it does not'])(
    'is listed, shown and sent again with other changes %s',
    slow,
    async (when) => {
      const place = await makeRejected();
      if (when === 'while it does not') await stopServer();
      expect((await at.run(['quarantine', 'list'])).out).toMatch(
        /main +kitchen +unique_taken .* bytes\n1 item\.\n$/,
      );
      expect((await at.run(['quarantine', 'list', '--device', 'bar'])).out).toBe(
        'Nothing lies in the quarantine.\n',
      );
      const shown = await at.run(['quarantine', 'show', String(place)]);
      expect(shown.out).toContain('reason    unique_taken');
      expect(shown.out).toContain('"sku": "S-1"');

      const again = await at.run(['quarantine', 'resend', String(place)]);
      expect(again).toMatchObject({
        exit: 1,
        out: expect.stringContaining('Rejected again, and still there:'),
      });
      expect((await at.json(['quarantine', 'list'])).items).toHaveLength(1);

      await at.write('corrected.json', JSON.stringify([product('b', 'S-2')]));
      const args = ['quarantine', 'resend', String(place), '--file', 'corrected.json'];
      const { verdict } = await at.json<AnswerOf<'resend'>>(args);
      expect(verdict).toMatchObject({ verdict: 'applied', seq: 2 });
      expect((await at.json(['quarantine', 'list'])).items).toEqual([]);
      const { entries } = await at.json<AnswerOf<'audit'>>(['audit']);
      expect(entries[0]).toMatchObject({
        ...{ actor: 'operator', action: 'quarantine.resend' },
        subject: expect.stringMatching(`^${place} of kitchen .* as ${verdict.mutation}$`),
      });
      const twice = await at.json(['quarantine', 'resend', String(place)]);
      expect(twice.error).toMatchObject({ code: 'not_found' });
    },
  );

  test('is sent again as it was when what was missing is there', slow, async () => {
    await send('bar', product('a', 'S-1'));
    await send('kitchen', { type: 'add', collection: 'products', id: 'late', amounts: { stock: 3 } });
    const { items } = await at.json<AnswerOf<'quarantine'>>(['quarantine', 'list']);
    await send('bar', { ...product('late', 'S-9'), body: { name: 'late', price: 1, stock: 4 } });
    await at.json(['quarantine', 'resend', String(items[0]!.place)]);
    const { counts } = await at.json(['status']);
    expect(counts).toMatchObject({ commits: 3, quarantine: 0 });
  });

  test('is discarded with a reason, which the audit log keeps', slow, async () => {
    const place = String(await makeRejected());
    expect(await at.run(['quarantine', 'discard', place])).toMatchObject({ exit: 2 });
    expect(await at.run(['quarantine', 'discard', place, '--reason', 'Entered twice'])).toMatchObject({
      exit: 0,
      out: `Discarded ${place}.\n`,
    });
    expect((await at.json(['quarantine', 'list'])).items).toEqual([]);
    const { entries } = await at.json<AnswerOf<'audit'>>(['audit', '--last', '1']);
    expect(entries).toMatchObject([
      {
        actor: 'operator',
        action: 'quarantine.discard',
        subject: expect.stringMatching(/of kitchen .*: Entered twice$/),
      },
    ]);
    for (const args of [
      ['show', place],
      ['discard', place, '--reason', 'x'],
    ])
      expect((await at.json(['quarantine', ...args])).error).toMatchObject({ code: 'not_found' });
  });

  test('what cannot be sent is refused, and stays', slow, async () => {
    const place = String(await makeRejected());
    for (const [args, exit, said] of [
      [['--changes', '{}'], 2, 'a JSON list'],
      [['--changes', '[]'], 2, 'a JSON list'],
      [['--changes', '[1]', '--file', 'x'], 2, 'exclude each other'],
      [['--changes', '[{"type":"move"}]'], 1, 'Invalid'],
      [['--changes', '[{"type":"put","collection":"things","id":"a","body":{}}]'], 1, 'no collection things'],
      [['--file', 'nothing.json'], 1, 'does not exist'],
    ] as const)
      expect(await at.run(['quarantine', 'resend', place, ...args]), args.join(' ')).toMatchObject({
        exit,
        err: expect.stringContaining(said),
      });
    expect((await at.json(['quarantine', 'list'])).items).toHaveLength(1);
  });
});
