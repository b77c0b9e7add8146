// Who may log in, push, read and resolve, and what everybody else is told.

import { afterEach, expect, test } from 'vitest';
import { addKey, revokeDevice } from '../../identity/keys.ts';
import { addUser, type Role, removeUser } from '../../identity/users.ts';
import { customer, startCrm, type TestCrm } from './crm.fixture.ts';

let crm: TestCrm;
afterEach(() => crm.stop());

const password = 'correct horse battery staple';
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const push = (deviceId: string, id = 'c1') => ({
  deviceId,
  changes: { customers: [customer(id, 0, { name: 'CANARY' })] },
});
const requests: [string, unknown?][] = [
  ['/api/sync/push', push('browser-b', 'c9')],
  ['/api/sync/pull', { deviceId: 'browser-b' }],
  ['/api/sync/full', push('browser-b', 'c8')],
  [
    '/api/sync/resolve-conflict',
    { deviceId: 'browser-b', entityType: 'customers', uniqueId: 'c1', resolution: 'client_wins' },
  ],
  ['/api/sync/status/browser-b'],
];

async function user(name: string, role: Role, scopes?: string[]): Promise<void> {
  await addUser(crm.identity, { name, password, role, actor: 'test', ...(scopes ? { scopes } : {}) });
}

async function login(username: string, given = password) {
  return crm.send('/api/auth/login', { username, password: given });
}

test('a name and its password are a token; a wrong one and an unknown name are told alike', async () => {
  crm = await startCrm({ auth: 'jwt' });
  await user('ann', 'admin');
  const { status, body } = await login('ann');
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      success: true,
      token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      expiresIn: expect.any(Number),
      user: { id: expect.any(Number), username: 'ann', role: 'admin' },
    },
  });
  expect(body.expiresIn).toBeGreaterThan(60);
  const wrong = await login('ann', 'wrong password');
  const unknown = await login('nobody');
  expect([wrong.status, wrong.body]).toEqual([401, { success: false, error: expect.any(String) }]);
  expect([unknown.status, unknown.body]).toEqual([wrong.status, wrong.body]);
  for (const [given, path] of [
    [{ username: 'ann' }, 'password'],
    [{ password }, 'username'],
    [{ username: 7, password }, 'username'],
  ] as const)
    expect(await crm.send('/api/auth/login', given)).toMatchObject({
      status: 400,
      body: { success: false, error: expect.stringContaining(path), details: [{ path }] },
    });
});

test('after ten wrong passwords a minute the next is asked to wait', async () => {
  crm = await startCrm({ auth: 'jwt' });
  await user('ann', 'admin');
  for (let n = 0; n < 10; n += 1) expect((await login('ann', `wrong password ${n}`)).status).toBe(401);
  const answer = await login('ann');
  expect(answer).toMatchObject({ status: 429, body: { success: false, error: expect.any(String) } });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
});

test.each(requests)('%s asks for a token, and tells nothing without a good one', async (path, body) => {
  crm = await startCrm({ auth: 'jwt' });
  await Promise.all([user('ann', 'admin'), user('eve', 'user', ['shop-2'])]);
  const [ann, eve] = await Promise.all(['ann', 'eve'].map(async (name) => (await login(name)).body.token));
  expect((await crm.send('/api/sync/push', push('browser-a'), bearer(ann))).status).toBe(200);
  for (const [headers, status] of [
    [{}, 401],
    [bearer('nonsense'), 401],
    [bearer(`${ann.slice(0, -2)}AA`), 401],
    [{ authorization: ann }, 401],
    // She has another scope.
    [bearer(eve), 403],
  ] as const) {
    const answer = await crm.send(path, body, headers);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status,
      body: { success: false, error: expect.any(String) },
    });
    expect(answer.text).not.toContain('CANARY');
  }
  await removeUser(crm.identity, { name: 'ann', actor: 'test' });
  expect((await crm.send(path, body, bearer(ann))).status).toBe(401);
});

test('a viewer reads, and writes nothing', async () => {
  crm = await startCrm({ auth: 'jwt' });
  await Promise.all([user('ann', 'user'), user('vic', 'viewer')]);
  const [ann, vic] = await Promise.all(
    ['ann', 'vic'].map(async (name) => bearer((await login(name)).body.token)),
  );
  await crm.send('/api/sync/push', push('browser-a'), ann);
  const conflict = { deviceId: 'browser-b', changes: { customers: [customer('c1', 200, { name: 'x' })] } };
  expect((await crm.send('/api/sync/push', conflict, ann)).body.conflicts).toHaveLength(1);
  const statuses = [];
  for (const [path, body] of requests) statuses.push((await crm.send(path, body, vic)).status);
  expect(statuses).toEqual([403, 200, 403, 404, 200]);
  expect((await crm.send('/api/sync/status/browser-b', undefined, vic)).body.totals.customers).toBe(1);
});

test('what a stranger says to have read is not believed', async () => {
  crm = await startCrm({ auth: 'jwt' });
  await Promise.all([user('ann', 'user'), user('eve', 'user', ['shop-2'])]);
  const [ann, eve] = await Promise.all(
    ['ann', 'eve'].map(async (name) => bearer((await login(name)).body.token)),
  );
  await crm.send('/api/sync/push', push('browser-a'), ann);
  const asked = { ...push('browser-b', 'c7'), lastSyncTimestamp: '2099-01-01T00:00:00Z' };
  expect((await crm.send('/api/sync/push', asked, eve)).status).toBe(403);
  expect((await crm.send('/api/sync/status/browser-b', undefined, ann)).body.pendingChanges).toBe(1);
});

test('with keys in the place of users the same holds, and a device that was revoked is out', async () => {
  crm = await startCrm({ auth: 'keys' });
  const grants = [{ scope: 'main', right: 'write' as const }];
  const { text } = await addKey(crm.identity, { name: 'browsers', grants, actor: 'test' });
  expect((await crm.send('/api/sync/push', push('browser-a'), { 'x-api-key': text })).status).toBe(200);
  expect((await crm.send('/api/sync/push', push('browser-a'))).status).toBe(401);
  await revokeDevice(crm.identity, { device: 'browser-a', actor: 'test' });
  for (const [path, body] of [
    ['/api/sync/push', push('browser-a')],
    ['/api/sync/status/browser-a', undefined],
  ] as const)
    expect(await crm.send(path, body, bearer(text))).toMatchObject({
      status: 403,
      body: { success: false },
    });
});

test('who sends too much in a second is asked to wait', async () => {
  crm = await startCrm();
  const answers = await Promise.all(
    Array.from({ length: 301 }, () => crm.send('/api/sync/status/browser-a')),
  );
  expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([429]);
});
