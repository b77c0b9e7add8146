// What a peer may try with another's key, scope, record or place: over the routes, with keys, on a real store.

import type { Grants } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addKey, createEnrolment, revokeDevice } from '../../identity/keys.ts';
import { createTestServer, exchangeOf, mutationOf, type TestServer } from './native.fixture.ts';

const actor = 'operator';
const put = (id: string, body: object, collection = 'items') => ({ type: 'put', collection, id, body });
const batchOf = (n: number, ...mutations: readonly object[]) => ({ batch: { n, mutations } });

let server: TestServer;
beforeEach(async () => {
  server = await createTestServer({ auth: 'keys' });
});
afterEach(() => server.close());

async function keyFor(grants: Grants): Promise<string> {
  const { text } = await addKey(server.identity, { name: 'k', grants, actor });
  return text;
}

const write = (...scopes: readonly string[]): Grants => scopes.map((scope) => ({ scope, right: 'write' }));

function exchange(key: string, parts: Record<string, unknown>, headers: Record<string, string> = {}) {
  return server.post('/v1/exchange', exchangeOf(parts), { authorization: `Bearer ${key}`, ...headers });
}

describe('keys', () => {
  test('that are almost right open nothing', async () => {
    const key = await keyFor('all');
    const [, id = '', secret = ''] = /^hf_(\w{12})_(.+)$/.exec(key) ?? [];
    const last = secret.at(-1) === 'A' ? 'B' : 'A';
    const almost = [
      `hf_${id}_${secret.slice(0, -1)}${last}`,
      `hf_${id}_${secret.slice(0, -1)}`,
      `hf_${id}_${secret}=`,
      `hf_${id}_${secret}A`,
      `hf_${id}_${secret.replaceAll('-', '+').replaceAll('_', '/')}+`,
      `hf_${id}__${secret}`,
      `HF_${id}_${secret}`,
      `hf_${id.toUpperCase()}_${secret}`,
      `hf_${id}`,
      `${id}_${secret}`,
      secret,
      `hf_' OR 1=1--_${secret}`,
      `hf___proto____${secret}`,
      `hf_../../../dev_${secret}`,
      'null',
      '[object Object]',
      'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.',
    ];
    for (const text of almost)
      expect((await exchange(text, {})).body.error, text).toMatchObject({
        code: 'unauthenticated',
        field: 'authorization',
      });
    for (const header of [`Basic ${key}`, `bearer`, `Bearer  `, `Bearer ${key} ${key}`, key])
      expect((await server.post('/v1/exchange', exchangeOf(), { authorization: header })).status).toBe(401);
    expect((await exchange(key, {})).status).toBe(200);
  });

  test('count in one header: another one beside it changes nothing', async () => {
    const [own, all] = [await keyFor(write('shop-1')), await keyFor('all')];
    const both = await exchange(
      own,
      { scope: 'shop-2', ...batchOf(1, mutationOf(1, put('i1', { name: 'a' }))) },
      { 'x-api-key': all },
    );
    expect(both).toMatchObject({ status: 403, body: { error: { field: 'scope' } } });
  });

  test('of devices are no token of the operator, and the other way round', async () => {
    const key = await keyFor('all');
    expect((await server.post('/v1/admin/keys', {}, { authorization: `Bearer ${key}` })).status).toBe(404);
    expect((await exchange('a'.repeat(43), {})).status).toBe(401);
  });
});

describe('scopes', () => {
  test('come from the message alone, and are judged by the key: no header, query or host names another', async () => {
    const key = await keyFor(write('shop-1'));
    const elsewhere = { scope: 'shop-2', tenant: 'shop-2', grants: 'all', role: 'admin', isAdmin: true };
    const response = await server.app.inject({
      method: 'POST',
      url: '/v1/exchange?scope=shop-2&device=d2',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'x-scope': 'shop-2',
        'x-tenant': 'shop-2',
        'x-forwarded-host': 'shop-2',
      },
      payload: JSON.stringify({
        ...exchangeOf(batchOf(1, { ...mutationOf(1, put('i1', { name: 'Soap' })), ...elsewhere })),
        ...elsewhere,
        scope: 'shop-1',
      }),
    });
    expect(response.json()).toMatchObject({ head: 1, grants: write('shop-1'), records: [{ id: 'i1' }] });
    expect((await server.engine.inspect.scopes('', 9)).map(({ scope }) => scope)).toEqual(['shop-1']);
  });

  test('are independent: the same ids, unique values and parents in two of them do not meet', async () => {
    const key = await keyFor(write('a', 'b'));
    const soap = put('i1', { name: 'Soap', price: 1 });
    for (const scope of ['a', 'b']) {
      const answer = await exchange(key, { scope, ...batchOf(1, mutationOf(1, soap)) });
      expect(answer.body.verdicts).toMatchObject([{ verdict: 'applied', seq: 1 }]);
    }
    const change = {
      type: 'patch',
      collection: 'items',
      id: 'i1',
      base: 1,
      set: { price: 2 },
      replaced: { price: 1 },
    };
    await exchange(key, { scope: 'a', verdictsSeen: 1, ...batchOf(2, mutationOf(2, change)) });
    await exchange(key, {
      scope: 'a',
      verdictsSeen: 2,
      ...batchOf(3, mutationOf(3, put('s1', { label: 'Top' }, 'shelves'))),
    });
    const bodies = async (scope: string) =>
      (await exchange(key, { scope, verdictsSeen: 9 })).body.records.map(({ body }) => body);
    expect(await bodies('b')).toEqual([{ name: 'Soap', price: 1 }]);
    // The shelf of another scope is as missing as one that never was.
    const verdictOf = async (n: number, shelf: string) => {
      const answer = await exchange(key, {
        scope: 'b',
        verdictsSeen: n - 1,
        ...batchOf(n, mutationOf(n + 10, put(`x${n}`, { name: shelf, shelf }))),
      });
      const { mutation: _, n: __, message, ...verdict } = answer.body.verdicts.at(-1)!;
      return { ...verdict, message: message?.replace(shelf, '') };
    };
    expect(await verdictOf(2, 's1')).toEqual(await verdictOf(3, 'no'));
  });

  test('and devices, replicas and ids may have any name: none of it is SQL, a path or a prototype', async () => {
    const key = await keyFor('all');
    const names = [
      `x'); DROP TABLE hf_records;--`,
      '__proto__',
      'constructor',
      '../../etc',
      '%00',
      '*',
      ' ',
      'é',
      'e\u0301',
      '\u202e',
    ];
    for (const [at, name] of names.entries()) {
      const sent = {
        scope: name,
        device: name,
        replica: name,
        ...batchOf(1, mutationOf(at + 1, put(name, { name }))),
      };
      expect((await exchange(key, sent)).body, name).toMatchObject({
        head: 1,
        records: [{ id: name, body: { name } }],
      });
    }
    // é in its two spellings is two scopes.
    expect((await server.engine.inspect.counts()).scopes).toBe(names.length);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('records', () => {
  test('have no field that is the server’s: what is named like one is data', async () => {
    const key = await keyFor('all');
    const body = {
      name: 'Soap',
      seq: 99,
      version: 99,
      stamp: 1,
      scope: 'shop-2',
      deleted: true,
      writer: 'x',
      createdAt: 0,
    };
    const sent = { ...put('i1', body), seq: 7, version: 7, deleted: true };
    const answer = await exchange(key, batchOf(1, mutationOf(1, sent)));
    expect(answer.body.records).toEqual([{ collection: 'items', id: 'i1', version: 1, body }]);
    const [stored] = await server.engine.inspect.history('shop-1', 'items', 'i1', 1);
    expect(stored).toMatchObject({ seq: 1, edits: 1, writer: 'r1' });
  });

  test('are asked for within bounds, whatever number is given', async () => {
    const key = await keyFor('all');
    await exchange(key, batchOf(1, ...[1, 2, 3].map((n) => mutationOf(n, put(`i${n}`, { name: `${n}` })))));
    expect((await exchange(key, { verdictsSeen: 3, limit: 9e15 })).body.records).toHaveLength(3);
    for (const limit of [-1, 1.5, '1', true, {}, []])
      expect((await exchange(key, { limit })).body.error, String(limit)).toMatchObject({
        code: 'malformed',
        field: 'limit',
      });
    for (const [field, value] of [
      ['batch.n', { n: 0, mutations: [] }],
      ['batch.mutations', { n: 1, mutations: { length: 1e9 } }],
      ['batch.mutations[0].id', { n: 1, mutations: [{ ...mutationOf(9, put('a', {})), id: true }] }],
      ['batch.mutations[0].changes', { n: 1, mutations: [{ ...mutationOf(9), changes: { length: 1e9 } }] }],
    ] as const)
      expect((await exchange(key, { batch: value })).body.error).toMatchObject({ code: 'malformed', field });
  });
});

describe('enrolment', () => {
  const enrol = (code: string, device: string) =>
    server.post('/v1/enrol', { protocol: 'holdfast/1', code, device, name: device });

  test('of twenty devices at once with one code enrols one', async () => {
    const { code } = await createEnrolment(server.identity, { name: 'till', grants: write('shop-1'), actor });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => enrol(code, `till-${n}`)));
    expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1);
    for (const { status, body } of answers)
      if (status !== 200) expect(['enrol_code', 'too_many']).toContain(body.error.code);
    const devices = await server.store.read((snapshot) => snapshot.devices());
    expect(devices).toHaveLength(1);
  });

  test('gives a key that cannot be widened, and takes the place of nobody', async () => {
    const { code } = await createEnrolment(server.identity, { name: 'till', grants: write('shop-1'), actor });
    const first = await enrol(code, 'till');
    expect((await enrol(code, 'till')).body.error.code).toBe('enrol_code');
    const { code: second } = await createEnrolment(server.identity, { name: 'x', grants: 'all', actor });
    expect((await enrol(second, 'till')).body.error).toMatchObject({ code: 'device_taken', field: 'device' });
    // Nor does a key of everybody's speak for it, to read or to write.
    const all = await keyFor('all');
    for (const parts of [{}, batchOf(1, mutationOf(1, put('i1', { name: 'a' })))])
      expect((await exchange(all, { device: 'till', ...parts })).body.error).toMatchObject({
        code: 'forbidden',
        field: 'device',
      });
    expect((await exchange(first.body.key, { device: 'till' })).status).toBe(200);
    await revokeDevice(server.identity, { device: 'till', actor });
    expect((await exchange(first.body.key, { device: 'till' })).body.error.code).toBe('device_revoked');
  });
});

test('a hook that fails lets nobody in', async () => {
  const key = await keyFor('all');
  const { store } = server;
  const read = store.read.bind(store);
  store.read = () => Promise.reject(new TypeError('The check broke.'));
  const refused = await exchange(key, batchOf(1, mutationOf(1, put('i1', { name: 'a' }))));
  store.read = read;
  expect(refused).toMatchObject({ status: 500, body: { error: { code: 'internal' } } });
  expect(refused.text).not.toContain('broke');
  expect((await server.engine.inspect.counts()).mutations).toBe(0);
});
