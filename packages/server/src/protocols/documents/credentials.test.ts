// Who may speak for a user: with tokens the user whom they name, with keys whoever has a grant to the user's scope.

import { createHmac } from 'node:crypto';
import { defaultLimits } from '@holdfast/core';
import { afterEach, expect, test } from 'vitest';
import { systemRandom } from '../../clock.ts';
import { sha256 } from '../../digest.ts';
import { createIdentity } from '../../identity/identity.ts';
import { addKey, type IdentityDeps, removeKey } from '../../identity/keys.ts';
import { addUser, removeUser } from '../../identity/users.ts';
import { type DocumentsServer, type Said, serve, settle, startMs } from './documents.fixture.ts';

let server: DocumentsServer;
afterEach(() => server.close());

const secret = 'a secret of more than thirty-two characters';
const at = 1_642_680_000_000;

function token(claims: object, header: object = { alg: 'HS256', typ: 'JWT' }): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const inAnHour = startMs / 1_000 + 3_600;
const withTokens = () => serve({ auth: 'jwt', jwt: { secret } });
const bearer = (text: string) => ({ Authorization: `Bearer ${text}` });
const change = (id: string): Said => ({
  type: 'DATA_UPDATE',
  data: { collection: 'appointments', document: { id }, timestamp: at },
});

test('a token opens the data of the user whom it names, by header or query, and no other’s', async () => {
  server = await withTokens();
  const anna = token({ sub: 'anna', exp: inAnHour });
  const phone = { 'Device-ID': 'phone' };
  const byHeader = await server.open('userId=anna&deviceId=phone', bearer(anna));
  const byQuery = await server.open(`userId=anna&deviceId=tablet&token=${anna}`);
  for (const client of [byHeader, byQuery]) expect((await client.next()).type).toBe('FULL_SYNC');
  byHeader.update('appointments', { id: 'a' }, at, 'm1');
  await byHeader.await('ACK');
  expect(await byQuery.next()).toMatchObject({ type: 'DATA_UPDATE', fromDevice: 'phone' });
  const read = await server.get('/api/sync/anna', { ...phone, ...bearer(anna) });
  expect(read.body.data.appointments).toEqual([{ id: 'a' }]);
  const other = await server.get('/api/sync/ben', { ...phone, ...bearer(anna) });
  expect([other.status, other.body.success]).toEqual([401, false]);
  const push = await server.post('/api/sync/ben', { changes: [change('a')] }, { ...phone, ...bearer(anna) });
  expect(push.status).toBe(401);
  const socket = await server.open(`userId=ben&deviceId=phone&token=${anna}`);
  expect(await socket.ended).toEqual({ code: 4401, reason: 'unauthenticated' });
});

const bad: [string, string | undefined][] = [
  ['no token', undefined],
  ['an expired one', token({ sub: 'anna', exp: startMs / 1_000 - 1 })],
  ['one without an end', token({ sub: 'anna' })],
  ['one without a user', token({ exp: inAnHour })],
  [
    'one that is not signed',
    `${token({ sub: 'anna', exp: inAnHour }, { alg: 'none' }).split('.').slice(0, 2).join('.')}.`,
  ],
  [
    'one that was changed',
    token({ sub: 'anna', exp: inAnHour }).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
  ],
  ['one whose user is a scope', token({ sub: 'user:anna', exp: inAnHour })],
  ['one that grants all scopes', token({ sub: 'ben', exp: inAnHour, holdfast_scopes: 'all' })],
];

test.each(bad)('with %s nothing is answered', async (_, text) => {
  server = await withTokens();
  const headers = { 'Device-ID': 'phone', ...(text === undefined ? {} : bearer(text)) };
  const { status, body } = await server.get('/api/sync/anna', headers);
  expect([status, body.success, Object.keys(body)]).toEqual([
    401,
    false,
    expect.not.arrayContaining(['data']),
  ]);
  expect((await server.post('/api/sync/anna', { changes: [change('a')] }, headers)).status).toBe(401);
  const query = `userId=anna&deviceId=phone${text === undefined ? '' : `&token=${text}`}`;
  expect((await (await server.open(query)).ended).code).toBe(4401);
  expect(
    (await (await server.open('userId=anna&deviceId=phone', text === undefined ? {} : bearer(text))).ended)
      .code,
  ).toBe(4401);
  expect((await server.get('/health')).status).toBe(200);
});

test('a socket whose token ends is closed with 4401, and nothing is told to it behind that', async () => {
  server = await withTokens();
  const short = await server.open(
    `userId=anna&deviceId=phone&token=${token({ sub: 'anna', exp: startMs / 1_000 + 10 })}`,
  );
  const long = await server.open(
    `userId=anna&deviceId=tablet&token=${token({ sub: 'anna', exp: inAnHour })}`,
  );
  for (const client of [short, long]) await client.await('FULL_SYNC');
  await server.pass(9_000);
  expect(short.socket.readyState).toBe(1);
  await server.pass(2_000);
  expect((await short.ended).code).toBe(4401);
  expect(long.socket.readyState).toBe(1);
});

test('a token for one device speaks for no other', async () => {
  server = await withTokens();
  const own = token({ sub: 'anna', exp: inAnHour, holdfast_device: 'phone' });
  const socket = await server.open(`userId=anna&deviceId=phone&token=${own}`);
  expect((await socket.next()).type).toBe('FULL_SYNC');
  expect((await (await server.open(`userId=anna&deviceId=tablet&token=${own}`)).ended).code).toBe(4401);
  const ask = async (device: string) =>
    (await server.get('/api/sync/anna', { 'Device-ID': device, ...bearer(own) })).status;
  expect([await ask('phone'), await ask('tablet')]).toEqual([200, 401]);
});

test('a key opens the users whose scopes it is granted, and its end ends its sockets', async () => {
  server = await serve({ auth: 'keys' });
  const identity: IdentityDeps = {
    store: server.started.store,
    clock: { wallMs: () => server.clock.wall, monoMs: () => server.clock.mono },
    random: systemRandom,
    sha256,
  };
  const grants = [{ scope: 'user:anna', right: 'write' as const }];
  const { text, credential } = await addKey(identity, { name: 'anna', grants, actor: 'operator' });
  const socket = await server.open('userId=anna&deviceId=phone', bearer(text));
  expect((await socket.next()).type).toBe('FULL_SYNC');
  socket.update('appointments', { id: 'a' }, at, 'm1');
  expect((await socket.next()).type).toBe('ACK');
  const headers = { 'Device-ID': 'phone', 'x-api-key': text };
  expect((await server.get('/api/sync/anna', headers)).body.data.appointments).toEqual([{ id: 'a' }]);
  const other = await server.get('/api/sync/ben', headers);
  expect([other.status, other.body.data]).toEqual([401, undefined]);
  const pushed = await server.post('/api/sync/ben', { changes: [change('a')] }, headers);
  expect([pushed.status, pushed.body.success]).toEqual([403, false]);
  expect((await (await server.open('userId=ben&deviceId=phone', bearer(text))).ended).code).toBe(4401);
  // A key in a URL would be written down on its way.
  expect((await (await server.open(`userId=anna&deviceId=phone&token=${text}`)).ended).code).toBe(4401);
  await removeKey(identity, { key: credential.key, actor: 'operator' });
  await server.pass(1_000);
  await settle();
  expect((await socket.ended).code).toBe(4401);
});

test('a key of the config opens every user’s data, and is not taken from a URL', async () => {
  const key = 'the-key-of-the-config';
  server = await serve({ auth: 'keys', keys: [key] });
  expect((await (await server.open('userId=anna&deviceId=phone', bearer(key))).next()).type).toBe(
    'FULL_SYNC',
  );
  expect((await (await server.open(`userId=anna&deviceId=phone&token=${key}`)).ended).code).toBe(4401);
});

test('a user of the server opens the data to which it has a right, by header or query, until it is removed', async () => {
  server = await serve({ auth: 'jwt' });
  const deps = {
    store: server.started.store,
    clock: { wallMs: () => server.clock.wall, monoMs: () => server.clock.mono },
    random: systemRandom,
    sha256,
  };
  const name = 'anna';
  const password = 'correct horse';
  await addUser(deps, { name, password, role: 'user', scopes: ['user:anna'], actor: 'operator' });
  const identity = createIdentity({ ...deps, limits: defaultLimits, auth: 'jwt' });
  const { token: own } = await identity.login({ name, password, address: '' });
  const byHeader = await server.open('userId=anna&deviceId=phone', bearer(own));
  const byQuery = await server.open(`userId=anna&deviceId=tablet&token=${own}`);
  for (const client of [byHeader, byQuery]) expect((await client.next()).type).toBe('FULL_SYNC');
  expect((await (await server.open('userId=ben&deviceId=phone', bearer(own))).ended).code).toBe(4401);
  await removeUser(deps, { name, actor: 'operator' });
  await server.pass(1_000);
  await settle();
  for (const client of [byHeader, byQuery]) expect((await client.ended).code).toBe(4401);
});
