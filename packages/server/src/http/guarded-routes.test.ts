// With keys, every route of the router asks who calls, except those that must not.

import { RequestError } from '@holdfast/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Admin, adminInputs } from '../admin/admin.ts';
import { nativeRoutes } from '../protocols/native/routes.ts';
import { adminRoutes } from './admin-routes.ts';
import { createTestApp, readError, type TestApp } from './app.fixture.ts';

/** What a test app adds, and what is open by its nature. */
const open = ['/echo', '/healthz', '/readyz', '/v1/enrol', '/v1/admin/prove'];
let served: TestApp;
let worked = 0;

beforeAll(() => {
  const work = async (): Promise<never> => {
    worked += 1;
    throw new Error('Nobody without a credential comes here.');
  };
  const clock = { wallMs: () => 0, monoMs: () => 0 };
  const admin = Object.fromEntries(Object.keys(adminInputs).map((name) => [name, work])) as unknown as Admin;
  served = createTestApp({
    auth: 'keys',
    routes: [
      nativeRoutes({
        engine: { push: work, pull: work },
        identity: {
          prove: async () => {
            throw new RequestError('unauthenticated', { field: 'authorization' });
          },
          enrol: work,
        },
        schema: { version: 1, collections: new Map(), named: null, versions: new Map() },
        limits: {} as never,
        clock,
        sha256: (text) => text,
      }),
      adminRoutes({ admin, token: 'the token', clock }),
    ],
  });
});
afterAll(() => served.app.close());

test('no route does anything for a caller without a credential', async () => {
  const { app } = served;
  await app.ready();
  const routes = routesIn(app.printRoutes({ commonPrefix: false }));
  const guarded = routes.filter(({ path }) => !open.includes(path));
  expect(guarded.length).toBe(1 + Object.keys(adminInputs).length);
  for (const { path, method } of guarded) {
    for (const authorization of ['', 'Bearer', 'Bearer x', 'Bearer the-token', 'Basic dGhlIHRva2Vu']) {
      const headers = authorization === '' ? {} : { authorization };
      const response = await app.inject({ method: method as 'POST', url: path, headers, payload: '{' });
      expect(readError(response), `${method} ${path} ${authorization}`).toMatchObject({
        status: 401,
        code: 'unauthenticated',
      });
      expect(response.headers['www-authenticate']).toBe('Bearer');
    }
    // Other spellings of a path and other verbs lead nowhere.
    for (const url of [
      `${path}/`,
      path.toUpperCase(),
      `/${path}`,
      `${path};x`,
      `${path}%2e`,
      path.replace('v1', 'v1/..;'),
    ])
      expect((await app.inject({ method: 'POST', url, payload: '{}' })).statusCode, url).toBe(404);
    for (const verb of ['GET', 'PUT', 'DELETE', 'PATCH'] as const)
      expect(
        (await app.inject({ method: verb, url: path, headers: { 'x-http-method-override': 'POST' } }))
          .statusCode,
      ).toBe(405);
  }
  expect(worked).toBe(0);
});

/** What the router prints is a tree: a path that goes on from another one stands below it, as what it adds. */
function routesIn(tree: string): { path: string; method: string }[] {
  const above: { depth: number; path: string }[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, lead = '', part = '', methods] = /^([│├└─ ]*)(\S+)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
    while ((above.at(-1)?.depth ?? -1) >= lead.length) above.pop();
    const path = `${above.at(-1)?.path ?? ''}${part}`;
    above.push({ depth: lead.length, path });
    return (methods?.split(', ') ?? []).map((method) => ({ path, method }));
  });
}
