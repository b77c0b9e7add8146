// Who may send and read with keys, and what everybody else is told.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEnrolment, revokeDevice } from '../../identity/keys.ts';
import { order, startPos, type TestPos } from './pos.fixture.ts';

let pos: TestPos;
beforeEach(async () => {
  pos = await startPos({ auth: 'keys' });
});
afterEach(() => pos.stop());

const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const batch = (deviceId: string, id = 'o1') => ({ deviceId, orders: [order(id, { secret: 'CANARY' })] });
const requests: [string, unknown?][] = [
  ['/api/sync/batch', batch('till-b')],
  ['/api/sync/order', { ...order('o9', {}), deviceId: 'till-b' }],
  ['/api/sync/transaction', { localId: 't9', transaction: {}, deviceId: 'till-b' }],
  ['/api/sync/updates?deviceId=till-b&since=0'],
  ['/api/sync/stats'],
];

test.each(requests)(
  '%s: without a key, or with one for another scope, nothing is told',
  async (path, body) => {
    const key = await pos.key('write');
    expect((await pos.send('/api/sync/batch', batch('till-a'), bearer(key))).status).toBe(200);
    const stranger = await pos.key('write', 'shop-2');
    for (const [headers, status] of [
      [{}, 401],
      [bearer('hf_nobody'), 401],
      [bearer(stranger), 403],
      [{ 'x-api-key': stranger }, 403],
    ] as const) {
      const answer = await pos.send(path, body, headers);
      expect(answer.status).toBe(status);
      expect(answer.body).toEqual({ success: false, message: expect.any(String) });
      expect(answer.text).not.toContain('CANARY');
    }
    expect((await pos.send(path, body, { 'x-api-key': key })).status).toBe(200);
  },
);

test('a key that may only read reads', async () => {
  const key = bearer(await pos.key('read'));
  expect((await pos.send('/api/sync/batch', batch('till-a'), key)).status).toBe(403);
  expect((await pos.send('/api/sync/batch', { deviceId: 'till-a', orders: [] }, key)).status).toBe(200);
  expect((await pos.send('/api/sync/updates?deviceId=till-a', undefined, key)).body.orders).toEqual([]);
  expect((await pos.send('/api/sync/stats', undefined, key)).body.syncedOrders).toBe(0);
});

test('the key of one device speaks for no other, and ends with its device', async () => {
  const grants = [{ scope: 'main', right: 'write' as const }];
  const { code } = await createEnrolment(pos.identity, { name: 'till', grants, actor: 'test' });
  const enrol = { protocol: 'holdfast/1', code, device: 'till-a', name: 'till' };
  const key = bearer((await pos.send('/v1/enrol', enrol)).body.key);
  expect((await pos.send('/api/sync/batch', batch('till-a'), key)).status).toBe(200);
  expect((await pos.send('/api/sync/stats', undefined, key)).body.syncedOrders).toBe(1);
  for (const [path, body] of requests.slice(0, 4)) expect((await pos.send(path, body, key)).status).toBe(403);
  await revokeDevice(pos.identity, { device: 'till-a', actor: 'test' });
  for (const [path, body] of [['/api/sync/stats'], ['/api/sync/batch', batch('till-a')]] as const) {
    const { status, body: answer } = await pos.send(path, body, key);
    expect({ status, success: answer.success }).toEqual({ status: 403, success: false });
  }
});
