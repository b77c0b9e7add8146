// The operator's routes: for who can read the token, on this machine, and nobody else.

import { afterEach, expect, test } from 'vitest';
import type { Admin } from '../admin/admin.ts';
import { serverProof } from '../admin/server-proof.ts';
import { adminRoutes } from './admin-routes.ts';
import { createTestApp, readError, type TestApp } from './app.fixture.ts';

const token = 'a'.repeat(43);
const calls: unknown[] = [];
const admin = new Proxy({} as Admin, {
  get: (_, operation) => async (input: unknown) => {
    calls.push([operation, input]);
    return { done: operation };
  },
});

let made: TestApp | undefined;
afterEach(async () => {
  await made?.app.close();
  calls.length = 0;
});

async function post(
  operation: string,
  options: { body?: object; headers?: Record<string, string>; remoteAddress?: string } = {},
) {
  made = createTestApp({
    routes: [adminRoutes({ admin, token, clock: { wallMs: () => 7, monoMs: () => 0 } })],
  });
  return made.app.inject({
    method: 'POST',
    url: `/v1/admin/${operation}`,
    remoteAddress: options.remoteAddress ?? '127.0.0.1',
    headers: {
      host: 'localhost',
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...options.headers,
    },
    payload: JSON.stringify(options.body ?? {}),
  });
}

test('an operation is called with what its input allows', async () => {
  const response = await post('revoke', { body: { device: 'till', more: 1 } });
  expect(response.json()).toEqual({ protocol: 'holdfast/1', result: { done: 'revoke' }, now: 7 });
  expect(calls).toEqual([['revoke', { device: 'till' }]]);
});

test.each([
  ['revoke', {}, 'device'],
  ['addKey', { name: 'x', grants: [{ scope: 'a', right: 'all' }] }, 'grants'],
  ['import', { scope: 'a', collection: 'b', rows: [{ id: '' }] }, 'rows[0].id'],
  ['import', { scope: 'a', collection: 'b', rows: [] }, 'rows'],
])('%s refuses %j', async (operation, body, field) => {
  expect(readError(await post(operation, { body }))).toMatchObject({ status: 400, code: 'malformed', field });
  expect(calls).toEqual([]);
});

test.each([
  ['no token', { authorization: '' }],
  ['another token', { authorization: `Bearer ${'b'.repeat(43)}` }],
  ['a part of it', { authorization: `Bearer ${'a'.repeat(42)}` }],
])('%s is unauthenticated', async (_, headers) => {
  expect(readError(await post('keys', { headers }))).toMatchObject({ status: 401, code: 'unauthenticated' });
  expect(calls).toEqual([]);
});

test.each([
  ['another machine', { remoteAddress: '192.168.1.20' }],
  ['a proxy that speaks for another', { headers: { 'x-forwarded-for': '127.0.0.1' } }],
  ['a page of this host', { headers: { origin: 'http://localhost' } }],
])('%s is forbidden, with the token too', async (_, options) => {
  expect(readError(await post('keys', options))).toMatchObject({ status: 403, code: 'forbidden' });
  expect(calls).toEqual([]);
});

test('the server proves itself to whoever asks on this machine, for this question and this port alone', async () => {
  const nonce = 'n'.repeat(43);
  const asked = await post('prove', { body: { nonce }, headers: { authorization: '' } });
  expect(asked.json().result).toEqual({ proof: serverProof(token, { nonce, port: 0 }) });
  const others = [
    serverProof(token, { nonce, port: 1 }),
    serverProof(token, { nonce: 'm'.repeat(43), port: 0 }),
    serverProof('b'.repeat(43), { nonce, port: 0 }),
  ];
  expect(others).not.toContain(asked.json().result.proof);
  for (const wrong of [{}, { nonce: 'short' }, { nonce: 7 }])
    expect(readError(await post('prove', { body: wrong }))).toMatchObject({ status: 400, field: 'nonce' });
  expect(readError(await post('prove', { body: { nonce }, remoteAddress: '192.168.1.20' }))).toMatchObject({
    code: 'forbidden',
  });
  expect(calls).toEqual([]);
});

test('an unknown operation is not found', async () => {
  expect(readError(await post('constructor'))).toMatchObject({ status: 404, code: 'not_found' });
});
