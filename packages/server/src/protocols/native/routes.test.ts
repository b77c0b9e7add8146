// The routes on the real engine, without a socket: order of checks, credentials, and that a refusal changes nothing.

import type { Grants } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addKey, createEnrolment, removeKey, revokeDevice } from '../../identity/keys.ts';
import { createTestServer, exchangeOf, idOf, mutationOf, type TestServer } from './native.fixture.ts';

const put = (id: string, name: string) => ({ type: 'put', collection: 'items', id, body: { name } });
const batchOf = (n: number, ...mutations: readonly object[]) => ({ batch: { n, mutations } });
const actor = 'operator';

let server: TestServer;
afterEach(() => server.close());

describe('without authentication', () => {
  beforeEach(async () => {
    server = await createTestServer();
  });

  test('a batch is answered with its verdicts and the page behind it', async () => {
    const { status, body } = await server.post(
      '/v1/exchange',
      exchangeOf(batchOf(1, mutationOf(1, put('i1', 'Soap')))),
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({
      protocol: 'holdfast/1',
      from: null,
      head: 1,
      more: false,
      records: [{ collection: 'items', id: 'i1', version: 1, body: { name: 'Soap' } }],
      verdicts: [{ n: 1, mutation: idOf(1), verdict: 'applied', seq: 1, asOf: 1 }],
      errors: [],
      grants: 'all',
      now: server.clock.wall,
    });
    const next = await server.post(
      '/v1/exchange',
      exchangeOf({ checkpoint: body.checkpoint, verdictsSeen: 1 }),
    );
    expect(next.body).toMatchObject({
      from: body.checkpoint,
      checkpoint: body.checkpoint,
      records: [],
      verdicts: [],
    });
  });

  test('a repeat, under the same number or a new one, gets the same verdict and changes nothing', async () => {
    const mutation = mutationOf(1, put('i1', 'Soap'));
    const first = await server.post('/v1/exchange', exchangeOf(batchOf(1, mutation)));
    for (const n of [1, 2]) {
      const again = await server.post(
        '/v1/exchange',
        exchangeOf({ ...batchOf(n, mutation), verdictsSeen: 1 }),
      );
      expect(again.body.verdicts).toEqual(first.body.verdicts);
      expect(again.body.head).toBe(1);
    }
  });

  test('another content under a known id is named, and settles nothing', async () => {
    await server.post('/v1/exchange', exchangeOf(batchOf(1, mutationOf(1, put('i1', 'Soap')))));
    const other = exchangeOf({ ...batchOf(2, mutationOf(1, put('i1', 'Towel'))), verdictsSeen: 1 });
    const { status, body } = await server.post('/v1/exchange', other);
    expect(status).toBe(200);
    expect(body.errors).toMatchObject([{ mutation: idOf(1), code: 'id_reused' }]);
    expect(body).toMatchObject({ verdicts: [], head: 1 });
  });

  test('a stale batch is refused whole', async () => {
    await server.post('/v1/exchange', exchangeOf(batchOf(5, mutationOf(1, put('i1', 'Soap')))));
    const before = await server.engine.inspect.counts();
    const stale = await server.post(
      '/v1/exchange',
      exchangeOf(batchOf(5, mutationOf(2, put('i2', 'Towel')))),
    );
    expect(stale).toMatchObject({ status: 409, body: { error: { code: 'stale_batch', field: 'batch.n' } } });
    expect(stale.body.records).toBeUndefined();
    expect(await server.engine.inspect.counts()).toEqual(before);
  });

  test('a malformed mutation is judged by itself; its neighbours are taken', async () => {
    const batch = batchOf(
      1,
      mutationOf(1, put('i1', 'Soap')),
      mutationOf(2, { ...put('i2', 'x'), collection: 'nothing' }),
      mutationOf(3, put('i3', 'Towel')),
    );
    const { body } = await server.post('/v1/exchange', exchangeOf(batch));
    expect(body.verdicts.map(({ verdict }: { verdict: string }) => verdict)).toEqual([
      'applied',
      'rejected',
      'applied',
    ]);
    expect(body.verdicts[1]).toMatchObject({ code: 'collection_unknown', field: 'changes[0].collection' });
  });

  test('checkpoints that nobody gave out, and those of a state that is gone', async () => {
    await server.post('/v1/exchange', exchangeOf(batchOf(1, mutationOf(1, put('i1', 'Soap')))));
    for (const checkpoint of ['x', '', 'life-1.1', "life-1.1.1' OR 1=1", 'life-1.1.7', '../../etc'])
      expect((await server.post('/v1/exchange', exchangeOf({ checkpoint }))).body.error).toMatchObject({
        code: 'bad_checkpoint',
        field: 'checkpoint',
      });
    for (const [checkpoint, fork] of [
      ['life-0.5.1700000000005', 0],
      ['life-1.9.1700000000009', 1],
    ]) {
      const ahead = await server.post(
        '/v1/exchange',
        exchangeOf({ checkpoint, ...batchOf(2, mutationOf(2, put('i2', 'x'))) }),
      );
      expect(ahead).toMatchObject({
        status: 409,
        body: { error: { code: 'rolled_back', details: { fork } } },
      });
    }
    expect((await server.engine.inspect.counts()).mutations).toBe(1);
  });

  test('two devices share no replica', async () => {
    await server.post('/v1/exchange', exchangeOf(batchOf(1, mutationOf(1, put('i1', 'Soap')))));
    for (const parts of [{}, batchOf(2, mutationOf(2, put('i2', 'x')))]) {
      const other = await server.post('/v1/exchange', exchangeOf({ device: 'd2', ...parts }));
      expect(other).toMatchObject({ status: 403, body: { error: { code: 'forbidden', field: 'replica' } } });
    }
  });

  test('limit 0 asks for verdicts alone, and does not move the checkpoint', async () => {
    const { body } = await server.post(
      '/v1/exchange',
      exchangeOf({ limit: 0, ...batchOf(1, mutationOf(1, put('i1', 'Soap'))) }),
    );
    expect(body).toMatchObject({ records: [], more: true, verdicts: [{ verdict: 'applied' }] });
    const { body: page } = await server.post(
      '/v1/exchange',
      exchangeOf({ checkpoint: body.checkpoint, verdictsSeen: 1 }),
    );
    expect(page.records).toMatchObject([{ id: 'i1' }]);
  });
});

describe('an exchange that names collections', () => {
  beforeEach(async () => {
    server = await createTestServer();
  });

  test('brings the records of these alone, page by page up to the head, and all verdicts', async () => {
    const shelf = { ...put('s1', 'x'), collection: 'shelves', body: { label: 'x' } };
    const mutations = [
      mutationOf(1, put('i1', 'Soap')),
      mutationOf(2, shelf),
      mutationOf(3, put('i2', 'Towel')),
    ];
    const first = await server.post(
      '/v1/exchange',
      exchangeOf({ ...batchOf(1, ...mutations), collections: ['items', 'nothing'], limit: 1 }),
    );
    expect(first.body).toMatchObject({ head: 3, more: true, records: [{ id: 'i1' }] });
    expect(first.body.verdicts).toHaveLength(3);
    const asked = { collections: ['items'], checkpoint: first.body.checkpoint, verdictsSeen: 3 };
    const last = await server.post('/v1/exchange', exchangeOf(asked));
    expect(last.body).toMatchObject({ head: 3, more: false, records: [{ id: 'i2' }] });
    const none = await server.post('/v1/exchange', exchangeOf({ collections: ['issues'], verdictsSeen: 3 }));
    expect(none.body).toMatchObject({ head: 3, more: false, records: [] });
  });

  test.each([[[]], [['']], [Array.from({ length: 101 }, (_, n) => `c${n}`)], ['items']])(
    'refuses what is no list of names, or too long a one',
    async (collections) => {
      const { status, body } = await server.post('/v1/exchange', exchangeOf({ collections }));
      expect([status, body.error.field]).toEqual([400, expect.stringMatching(/^collections/)]);
    },
  );
});

describe('with keys', () => {
  const grants: Grants = [
    { scope: 'shop-1', right: 'write' },
    { scope: 'shop-2', right: 'read' },
  ];
  let bearer: { authorization: string };
  let key: string;

  beforeEach(async () => {
    server = await createTestServer({ auth: 'keys' });
    const { text, credential } = await addKey(server.identity, { name: 'k', grants, actor });
    bearer = { authorization: `Bearer ${text}` };
    key = credential.key;
  });

  const exchange = (parts: Record<string, unknown> = {}, headers: Record<string, string> = bearer) =>
    server.post('/v1/exchange', exchangeOf(parts), headers);

  test('without a credential nothing is read of the body', async () => {
    for (const payload of ['{', '[]', JSON.stringify(exchangeOf())]) {
      const { status, body } = await server.post('/v1/exchange', payload);
      expect(status).toBe(401);
      expect(body.error).toMatchObject({ code: 'unauthenticated', field: 'authorization' });
    }
    const inUrl = await server.post(`/v1/exchange?token=${bearer.authorization.slice(7)}`, exchangeOf());
    expect(inUrl.status).toBe(401);
  });

  test('a key works in its scopes, by its rights', async () => {
    const own = await exchange(batchOf(1, mutationOf(1, put('i1', 'Soap'))));
    expect(own.body).toMatchObject({ grants, verdicts: [{ verdict: 'applied' }], records: [{ id: 'i1' }] });
    const readOnly = await exchange({ scope: 'shop-2', ...batchOf(1, mutationOf(2, put('i2', 'x'))) });
    expect(readOnly.body).toMatchObject({
      verdicts: [{ verdict: 'rejected', code: 'no_grant' }],
      records: [],
    });
    const foreign = await exchange({ scope: 'shop-3', ...batchOf(1, mutationOf(3, put('i3', 'x'))) });
    expect(foreign.body).toMatchObject({
      verdicts: [{ verdict: 'rejected', code: 'no_grant' }],
      records: [],
      head: 0,
    });
  });

  test('a scope that is there and one that is not look alike from outside', async () => {
    const { text } = await addKey(server.identity, { name: 'all', grants: 'all', actor });
    const inside = { authorization: `Bearer ${text}` };
    const filled = {
      device: 'd9',
      replica: 'r9',
      scope: 'shop-3',
      ...batchOf(1, mutationOf(9, put('i1', 'Soap'))),
    };
    expect((await exchange(filled, inside)).body.head).toBe(1);
    const batch = batchOf(1, mutationOf(1, put('i1', 'Soap')));
    // First a device that nobody knows, then one that another scope knows.
    expect(await exchange({ scope: 'shop-3', ...batch })).toMatchObject({
      status: 403,
      body: { error: { code: 'forbidden', field: 'scope' } },
    });
    const own = batchOf(1, mutationOf(5, put('i5', 'Tea')));
    for (const parts of [
      {},
      batch,
      { limit: 0 },
      own,
      {},
      batch,
      { replica: 'r9', ...batch },
      { replica: 'r9' },
    ]) {
      if (parts === own) await exchange(own);
      // The id of the request is drawn for each.
      const text = async (scope: string) =>
        (await exchange({ scope, ...parts })).text.replace(/"request":"[^"]+"/, '');
      const there = await text('shop-3');
      expect(there).toBe(await text('shop-4'));
      expect(there).not.toContain('Soap');
    }
  });

  test('a key that was removed is refused at once', async () => {
    expect((await exchange()).status).toBe(200);
    await removeKey(server.identity, { key, actor });
    expect(await exchange()).toMatchObject({ status: 401, body: { error: { code: 'unauthenticated' } } });
  });

  test('an enrolled device has its own key, and cannot speak for another', async () => {
    const { code } = await createEnrolment(server.identity, { name: 'till', grants, actor });
    const enrol = {
      protocol: 'holdfast/1',
      code,
      device: 'd1',
      name: 'Till 1',
      scopes: 'all',
      role: 'admin',
    };
    const { status, body } = await server.post('/v1/enrol', enrol);
    expect(status).toBe(200);
    expect(body).toEqual({
      protocol: 'holdfast/1',
      device: 'd1',
      key: expect.stringMatching(/^hf_/),
      grants,
      now: server.clock.wall,
    });
    const own = { authorization: `Bearer ${body.key}` };
    expect((await exchange(batchOf(1, mutationOf(1, put('i1', 'Soap'))), own)).status).toBe(200);
    const before = await server.engine.inspect.counts();
    for (const parts of [{}, batchOf(1, mutationOf(2, put('i2', 'x')))]) {
      const other = await exchange({ device: 'd2', replica: 'r2', ...parts }, own);
      expect(other).toMatchObject({ status: 403, body: { error: { code: 'forbidden', field: 'device' } } });
    }
    expect(await server.engine.inspect.counts()).toEqual(before);
    expect((await server.post('/v1/enrol', { ...enrol, device: 'd3' })).body.error).toMatchObject({
      code: 'enrol_code',
    });
    await revokeDevice(server.identity, { device: 'd1', actor });
    expect(await exchange({}, own)).toMatchObject({
      status: 403,
      body: { error: { code: 'device_revoked' } },
    });
  });

  test('guessing codes ends in 429 with a time to wait', async () => {
    const guess = { protocol: 'holdfast/1', code: 'AAAAA-AAAAA', device: 'd', name: 'n' };
    for (const _ of Array.from({ length: 5 }))
      expect((await server.post('/v1/enrol', guess)).status).toBe(403);
    const response = await server.app.inject({ method: 'POST', url: '/v1/enrol', payload: guess });
    expect(response.statusCode).toBe(429);
    expect(response.headers['retry-after']).toBe('60');
  });
});
