// The part of the contract about users and the keys by which their tokens are signed.

import { expect, test } from 'vitest';
import type { AuditEntry, SigningKey, Store, StoredUser, UserChange } from './port.ts';
import { auditOf, type OpenStore } from './writes.fixture.ts';

const user = (name: string, more: Partial<StoredUser> = {}): Omit<StoredUser, 'id'> => ({
  name,
  nameKey: name.toLowerCase(),
  role: 'user',
  grants: [{ scope: 'shop', right: 'write' }],
  key: `user-${name}`,
  createdAt: 10,
  passwordAt: 10,
  passwordHash: `hash-${name}`,
  ...more,
});

const signingKey = (kid: string, createdAt: number): SigningKey => ({
  kid,
  secret: `secret-${kid}`,
  createdAt,
  retiredAt: null,
});

const entry = (action: string, subject: string): AuditEntry => ({ at: 100, actor: 'Kim', action, subject });
const add = (store: Store, one: Omit<StoredUser, 'id'>) =>
  store.identity.addUser(one, entry('user.add', one.name));
const found = (store: Store, nameKey: string) => store.read((snapshot) => snapshot.user(nameKey));

export function testUsers(open: OpenStore): void {
  test('a user is added once under a name, and read by it', async () => {
    const { store } = await open();
    expect(await add(store, user('Ann', { grants: 'all' }))).toBe(1);
    expect(await add(store, user('bob'))).toBe(2);
    expect(await add(store, user('ANN', { key: 'other' }))).toBeNull();
    expect(await found(store, 'ann')).toEqual({ id: 1, ...user('Ann', { grants: 'all' }) });
    expect(await found(store, 'Ann')).toBeUndefined();
    const listed = await store.read((snapshot) => snapshot.users());
    const { passwordHash: _, ...bob } = user('bob');
    expect(listed[1]).toEqual({ id: 2, ...bob });
    expect(listed.map(({ name }) => name)).toEqual(['Ann', 'bob']);
    expect((await auditOf(store)).map(({ subject }) => subject)).toEqual(['Ann', 'bob']);
  });

  test('a user’s credential is found by its key beside those of keys, as long as it stands', async () => {
    const { store } = await open();
    await add(store, user('ann'));
    const credential = {
      key: 'user-ann',
      name: 'ann',
      device: null,
      grants: [{ scope: 'shop', right: 'write' }],
      createdAt: 10,
      expiresAt: null,
      revokedAt: null,
    };
    const both = () => store.commit((transaction) => transaction.credentials(['user-ann', 'user-2']));
    expect(await both()).toEqual(new Map([['user-ann', credential]]));
    expect(await store.read((snapshot) => snapshot.credential('user-ann'))).toEqual({
      ...credential,
      secretHash: '',
    });
    expect(await store.read((snapshot) => snapshot.credentials())).toEqual([]);
    const change = { key: 'user-2', passwordHash: 'new', passwordAt: 20 };
    expect(await store.identity.changeUser('ann', change, entry('user.password', 'ann'))).toBe(true);
    expect([...(await both()).keys()]).toEqual(['user-2']);
    expect(await store.identity.removeUser('ann', entry('user.remove', 'ann'))).toBe(true);
    expect((await both()).size).toBe(0);
  });

  test('a change leaves what it does not name; of nobody there is none', async () => {
    const { store } = await open();
    await add(store, user('ann'));
    const role: UserChange = { role: 'viewer', grants: [{ scope: 'shop', right: 'read' }] };
    expect(await store.identity.changeUser('ann', role, entry('user.role', 'ann'))).toBe(true);
    expect(await found(store, 'ann')).toEqual({ id: 1, ...user('ann'), ...role });
    expect(await store.identity.changeUser('bob', role, entry('user.role', 'bob'))).toBe(false);
    expect(await store.identity.removeUser('bob', entry('user.remove', 'bob'))).toBe(false);
    expect(await auditOf(store)).toHaveLength(2);
  });

  test('who was removed gives back the name and nothing else', async () => {
    const { store } = await open();
    await add(store, user('ann'));
    await store.identity.removeUser('ann', entry('user.remove', 'ann'));
    expect(await found(store, 'ann')).toBeUndefined();
    expect(await add(store, user('ann', { key: 'user-2' }))).toBe(2);
  });

  test('a new signing key retires the one before, and removes those whose tokens have ended', async () => {
    const { store } = await open();
    const put = (kid: string, at: number, endedBefore: number) =>
      store.identity.addSigningKey(signingKey(kid, at), endedBefore, entry('tokens.rotate', kid));
    await put('one', 100, 0);
    await put('two', 200, 150);
    expect(await store.read((snapshot) => snapshot.signingKeys())).toEqual([
      signingKey('two', 200),
      { ...signingKey('one', 100), retiredAt: 200 },
    ]);
    await put('three', 300, 200);
    const kids = await store.read((snapshot) => snapshot.signingKeys());
    expect(kids.map(({ kid, retiredAt }) => [kid, retiredAt])).toEqual([
      ['three', null],
      ['two', 300],
    ]);
    expect(await store.read((snapshot) => snapshot.signingKey('two'))).toMatchObject({ retiredAt: 300 });
    expect(await store.read((snapshot) => snapshot.signingKey('one'))).toBeUndefined();
  });
}
