// Users on the real store, in memory: who logs in, what the token is worth, and when it ends.

import { argon2Sync, createHash, createHmac } from 'node:crypto';
import { defaultLimits, defineSchema } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { grantsOf } from '../engine/access.ts';
import { readGrants } from '../engine/pull.ts';
import { callerOf } from '../protocols/door.ts';
import type { Store } from '../store/port.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createGuesses } from './guesses.ts';
import { createTurns } from './hashing.ts';
import { createIdentity, type Identity } from './identity.ts';
import { addKey, type IdentityDeps } from './keys.ts';
import { loginBounds } from './login.ts';
import { rotateSigningKeys, tokenSeconds } from './own-tokens.ts';
import { hashPassword, isPassword } from './password.ts';
import { createTokens } from './tokens.ts';
import { addUser, listUsers, removeUser, setPassword, setRole } from './users.ts';

const schema = defineSchema({
  version: 1,
  collections: { notes: { kind: 'request', fields: z.object({}) } },
});
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const actor = 'operator';
const password = 'correct horse';
const day = 24 * 3_600_000;
const secret = 'a secret of more than thirty-two characters';

let now: { wall: number; mono: number };
let store: Store;
let deps: IdentityDeps;
let identity: Identity;

beforeEach(async () => {
  now = { wall: 1_700_000_000_000, mono: 0 };
  store = await openSqliteStore({
    file: null,
    life: { id: 'l1', startedAt: 0 },
    schema,
    limits: defaultLimits,
    sha256,
  });
  let drawn = 0;
  const clock = { wallMs: () => now.wall, monoMs: () => now.mono };
  deps = {
    store,
    sha256,
    clock,
    random: {
      bytes: (length) => Uint8Array.from({ length }, () => (drawn = (drawn * 131 + 7) % 251)),
      fraction: () => 0.5,
    },
  };
  const issuer = createTokens({ secret }, clock);
  identity = createIdentity({ ...deps, store, limits: defaultLimits, auth: 'jwt', issuer });
  await addUser(deps, { name: 'Ann', password, role: 'user', scopes: ['shop-1'], actor });
});
afterEach(() => store.close());

const login = (name = 'Ann', given = password, address = '10.0.0.5') =>
  identity.login({ name, password: given, address });
const prove = (token: string) => identity.prove({ authorization: `Bearer ${token}` });
/** What the token may do now, as a protocol would find it. */
const grantsNow = async (token: string) => {
  const caller = callerOf(await prove(token), 'tablet');
  return store.read((snapshot) => readGrants(snapshot, caller, now.wall));
};
const part = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString('base64url');

describe('login', () => {
  test('name and password give a token that says who acts, for a day', async () => {
    const { token, expiresIn, user } = await login();
    expect(user).toEqual({ id: 1, username: 'Ann', role: 'user' });
    expect(expiresIn).toBe(tokenSeconds);
    expect(await prove(token)).toMatchObject({ device: null, actor: 'Ann', expiresAt: now.wall + day });
    expect(await grantsNow(token)).toEqual([{ scope: 'shop-1', right: 'write' }]);
    now.wall += day;
    await expect(prove(token)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('a name is the same in other letters, and composed in another way', async () => {
    await addUser(deps, { name: 'Zoë', password, role: 'user', actor });
    expect((await login('ZOE\u0308')).user.username).toBe('Zoë');
    expect((await login('aNN')).user.username).toBe('Ann');
    expect(await addUser(deps, { name: 'ANN', password, role: 'user', actor })).toBeUndefined();
    expect((await listUsers(deps)).map(({ name }) => name)).toEqual(['Ann', 'Zoë']);
  });

  test('an unknown name, a wrong password and what is far too long are answered alike', async () => {
    const long = 'x'.repeat(1_000_000);
    const tries = [
      login('Bob'),
      login('Ann', 'wrong'),
      login('', ''),
      login(long),
      login('Ann', long),
      login('Ann', ''),
    ];
    const told = await Promise.all(tries.map((one) => one.catch((error: unknown) => error)));
    expect(new Set(told.map(String)).size).toBe(1);
    for (const error of told) expect(error).toMatchObject({ code: 'login_refused', field: 'password' });
  });

  test('after ten wrong passwords from one address the right one waits, too, and nobody else', async () => {
    for (const _ of Array.from({ length: 10 }))
      await expect(login('Ann', 'wrong')).rejects.toMatchObject({ code: 'login_refused' });
    now.mono += 20_000;
    for (const name of ['Ann', 'ANN'])
      await expect(login(name)).rejects.toMatchObject({ code: 'too_many', details: { retryAfter: 40 } });
    await login('Ann', password, '10.0.0.6');
    await expect(login('Bob')).rejects.toMatchObject({ code: 'login_refused' });
    now.mono += 40_000;
    await login();
  });

  test('of many wrong ones at once no more are looked at, and many right ones at once are none', async () => {
    const codes = await Promise.all(
      Array.from({ length: 30 }, () => login('Ann', 'wrong').catch(({ code }: { code: string }) => code)),
    );
    expect(codes.filter((code) => code === 'login_refused')).toHaveLength(10);
    expect(codes.filter((code) => code === 'too_many')).toHaveLength(20);
    await Promise.all(Array.from({ length: 12 }, () => login('Ann', password, '10.0.0.6')));
  });

  test('one address that tries many names is stopped, and so are all together', () => {
    const guesses = createGuesses(deps.clock, loginBounds);
    const begin = (n: number, address: string) => guesses.begin([`name ${n}`, address, '']);
    for (let n = 0; n < 100; n += 1) begin(n, 'a');
    expect(() => begin(100, 'a')).toThrow(expect.objectContaining({ code: 'too_many' }));
    for (let n = 100; n < 5_000; n += 1) begin(n, `address ${n}`);
    expect(() => begin(0, 'b')).toThrow(expect.objectContaining({ code: 'too_many' }));
    now.mono += 60_000;
    begin(0, 'a');
  });
});

describe('what ends a token, at once', () => {
  test('a new password', async () => {
    const { token } = await login();
    const caller = callerOf(await prove(token), 'tablet');
    expect(await setPassword(deps, { name: 'ann', password: 'battery staple', actor })).toBe(true);
    await expect(prove(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    // Also for who was let in before, such as by a socket.
    await expect(store.read((snapshot) => readGrants(snapshot, caller, now.wall))).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    await expect(login()).rejects.toMatchObject({ code: 'login_refused' });
    await grantsNow((await login('Ann', 'battery staple')).token);
  });

  test('that the user is removed, also when another takes the name', async () => {
    const { token } = await login();
    expect(await removeUser(deps, { name: 'ann', actor })).toBe(true);
    expect(await removeUser(deps, { name: 'ann', actor })).toBe(false);
    await expect(prove(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    await addUser(deps, { name: 'Ann', password, role: 'admin', actor });
    await expect(prove(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect((await login()).user.id).toBe(2);
  });

  test('a role holds for tokens that were given out before', async () => {
    const { token } = await login();
    expect(await setRole(deps, { name: 'ann', role: 'viewer', scopes: ['shop-1'], actor })).toBe(true);
    expect(await grantsNow(token)).toEqual([{ scope: 'shop-1', right: 'read' }]);
    await setRole(deps, { name: 'ann', role: 'admin', actor });
    expect(await grantsNow(token)).toBe('all');
  });

  test('of one who is let in, the end of the token is looked at each time', async () => {
    const caller = callerOf(await prove((await login()).token), 'tablet');
    const credential = await store.read((snapshot) => snapshot.credential(caller.key ?? ''));
    const standing = { credential, device: undefined, enrolled: false };
    expect(grantsOf(caller, { ...standing, nowMs: now.wall + day - 1 })).toHaveLength(1);
    expect(() => grantsOf(caller, { ...standing, nowMs: now.wall + day })).toThrow(
      expect.objectContaining({ code: 'unauthenticated' }),
    );
  });
});

describe('signing keys', () => {
  const kids = () => store.read(async (snapshot) => (await snapshot.signingKeys()).map(({ kid }) => kid));

  test('one is made when it is first needed, signs for thirty days, and verifies until its tokens end', async () => {
    expect(await kids()).toEqual([]);
    const first = (await login()).token;
    const [one] = await kids();
    await login();
    expect(await kids()).toEqual([one]);
    now.wall += 30 * day - 1;
    const old = (await login()).token;
    now.wall += 1;
    const young = (await login()).token;
    expect(await kids()).toHaveLength(2);
    await prove(old);
    await prove(young);
    await expect(prove(first)).rejects.toMatchObject({ code: 'unauthenticated' });
    now.wall += 30 * day;
    await login();
    expect(await kids()).not.toContain(one);
  });

  test('another server on the same store takes the token', async () => {
    const { token } = await login();
    const other = createIdentity({ ...deps, store, limits: defaultLimits, auth: 'jwt' });
    expect(await other.prove({ authorization: `Bearer ${token}` })).toMatchObject({ actor: 'Ann' });
  });

  test('keys that may be known to others end with all that they have signed', async () => {
    const { token } = await login();
    await rotateSigningKeys(deps, { actor });
    await prove(token);
    await rotateSigningKeys(deps, { actor, endAll: true });
    await expect(prove(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    await prove((await login()).token);
  });

  test('a clock that was set back makes no more of them', async () => {
    await login();
    now.wall -= day;
    await rotateSigningKeys(deps, { actor });
    await login();
    await login();
    expect(await kids()).toHaveLength(2);
  });

  test('of another issuer a token is verified by its secret alone, and of this server by its key alone', async () => {
    const { token } = await login();
    const [header = '', claims = '', signature = ''] = token.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    const { sub, key, exp, iat } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<
      string,
      unknown
    >;
    const sign = (head: object, body: object): string => {
      const text = `${part(head)}.${part(body)}`;
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    };
    const theirs = { sub: 'ann', exp, holdfast_scopes: ['shop-9'] };
    expect(await prove(sign({ alg: 'HS256' }, theirs))).toMatchObject({
      key: null,
      token: { grants: [{ scope: 'shop-9', right: 'write' }] },
    });
    const forged = { iss: 'holdfast', sub, key, exp, iat };
    const wrong = [
      sign({ alg: 'HS256', typ: 'JWT', kid }, forged),
      `${part({ alg: 'none', typ: 'JWT', kid })}.${claims}.${signature}`,
      `${header}.${part({ ...forged, role: 'admin' })}.${signature}`,
      `${header}.${claims}.${signature.slice(0, -1)}`,
    ];
    for (const text of wrong) await expect(prove(text)).rejects.toMatchObject({ code: 'unauthenticated' });
    // Signed by the issuer and without a key of ours, it stands for itself: nothing is granted for naming our user.
    const { token: granted, key: named } = await prove(sign({ alg: 'HS256' }, forged));
    expect([named, granted?.grants]).toEqual([null, []]);
  });

  test.each(['../../dev/null', "' OR 1=1--", '__proto__', '', ['a'], 7, null])(
    'kid %j is no key',
    async (kid) => {
      const text = `${part({ alg: 'HS256', kid })}.${part({ sub: 'ann', exp: 9e9, key: kid })}.AAAA`;
      await expect(prove(text)).rejects.toMatchObject({ code: 'unauthenticated' });
    },
  );
});

describe('passwords', () => {
  test('are kept as Argon2id has it, salted, and never otherwise', async () => {
    const [a, b] = [await hashPassword(password, deps.random), await hashPassword(password, deps.random)];
    expect(a).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(a).not.toBe(b);
    const kept = await store.read((snapshot) => snapshot.user('ann'));
    expect(JSON.stringify(kept)).not.toContain(password);
    expect(JSON.stringify(await listUsers(deps))).not.toContain('argon2');
  });

  test('one that was kept with other parameters stays good', async () => {
    const salt = Buffer.from('sixteen of them!');
    const cost = { memory: 64, passes: 3, parallelism: 2 };
    const hash = argon2Sync('argon2id', { ...cost, message: password, nonce: salt, tagLength: 32 });
    const text = [salt, hash].map((bytes) => bytes.toString('base64').replace(/=+$/, '')).join('$');
    const kept = `$argon2id$v=19$m=64,t=3,p=2$${text}`;
    expect(await isPassword(password, kept)).toBe(true);
    expect(await isPassword('correct Horse', kept)).toBe(false);
    expect(await isPassword(password, 'no hash at all')).toBe(false);
  });

  test.each(['', 'short', '1234567', 'x'.repeat(1_001), 'lone \ud800 surrogate'])(
    '%j is refused',
    async (bad) => {
      const refused = { code: 'malformed', field: 'password' };
      const given = { name: 'bob', password: bad, role: 'user', actor } as const;
      await expect(addUser(deps, given)).rejects.toMatchObject(refused);
      await expect(setPassword(deps, { name: 'ann', password: bad, actor })).rejects.toMatchObject(refused);
    },
  );

  test.each(['', ' ann', 'ann ', 'a\u001b[2Jb', 'x'.repeat(201)])('the name %j is refused', async (name) => {
    const given = { name, password, role: 'user', actor } as const;
    await expect(addUser(deps, given)).rejects.toMatchObject({ code: 'malformed', field: 'name' });
  });

  test('a few are checked at once, the next wait, and beyond that is too much', async () => {
    const inTurn = createTurns({ atOnceMax: 2, waitingMax: 3 });
    let running = 0;
    const ends: (() => void)[] = [];
    const work = async (): Promise<number> => {
      running += 1;
      const seen = running;
      await new Promise<void>((end) => ends.push(end));
      running -= 1;
      return seen;
    };
    const all = Array.from({ length: 5 }, () => inTurn(work));
    await expect(inTurn(work)).rejects.toMatchObject({ code: 'overloaded' });
    await expect.poll(() => ends.length).toBe(2);
    for (let n = 0; n < 5; n += 1) {
      ends[n]?.();
      await all[n];
    }
    expect(Math.max(...(await Promise.all(all)))).toBe(2);
    expect(running).toBe(0);
  });
});

test('each change of a user leaves an audit entry without the password', async () => {
  await setPassword(deps, { name: 'Ann', password: 'battery staple', actor });
  await setRole(deps, { name: 'ANN', role: 'viewer', actor });
  await removeUser(deps, { name: 'ann', actor });
  const entries = await store.read((snapshot) => snapshot.audit({ max: 9 }));
  expect(entries.map(({ action, subject }) => `${action} ${subject}`)).toEqual([
    ...['user.remove Ann', 'user.role Ann', 'user.password Ann', 'user.add Ann'],
  ]);
});

test('keys are no tokens, and tokens are no keys', async () => {
  const { text } = await addKey(deps, { name: 'k', grants: 'all', actor });
  await expect(prove(text)).rejects.toMatchObject({ code: 'unauthenticated' });
  const byKeys = createIdentity({ ...deps, store, limits: defaultLimits, auth: 'keys' });
  const { token } = await login();
  const [user] = await listUsers(deps);
  for (const given of [token, `hf_${user?.key}_${'A'.repeat(43)}`])
    await expect(byKeys.prove({ authorization: `Bearer ${given}` })).rejects.toMatchObject({
      code: 'unauthenticated',
    });
});
