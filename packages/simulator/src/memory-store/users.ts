// Users and signing keys of the store in memory.

import type { IdentityStore, StoredCredential, StoredUser, StoreSnapshot } from 'holdfast/store';
import type { Database } from './database.ts';

export function usersOf(
  commit: <Result>(work: (database: Database) => Result) => Promise<Result>,
): Pick<IdentityStore, 'addUser' | 'changeUser' | 'removeUser' | 'addSigningKey'> {
  return {
    addUser: (user, audit) =>
      commit((database) => {
        if (database.users.has(user.nameKey)) return null;
        database.usersAdded += 1;
        database.users.set(user.nameKey, { id: database.usersAdded, ...user });
        database.audit.push({ ...audit });
        return database.usersAdded;
      }),
    changeUser: (nameKey, change, audit) =>
      commit((database) => {
        const before = database.users.get(nameKey);
        if (!before) return false;
        database.users.set(nameKey, { ...before, ...change });
        database.audit.push({ ...audit });
        return true;
      }),
    removeUser: (nameKey, audit) =>
      commit((database) => {
        const removed = database.users.delete(nameKey);
        if (removed) database.audit.push({ ...audit });
        return removed;
      }),
    addSigningKey: (key, endedBefore, audit) =>
      commit((database) => {
        for (const [kid, { retiredAt, ...other }] of database.signingKeys) {
          const ended = { ...other, retiredAt: retiredAt ?? key.createdAt };
          if (ended.retiredAt <= endedBefore) database.signingKeys.delete(kid);
          else database.signingKeys.set(kid, ended);
        }
        database.signingKeys.set(key.kid, { ...key });
        database.audit.push({ ...audit });
      }),
  };
}

export function readUsers(
  database: Database,
): Pick<StoreSnapshot, 'credential' | 'users' | 'user' | 'signingKeys' | 'signingKey'> {
  return {
    credential: async (key) => credentialOf(database, key),
    users: async () =>
      [...database.users.values()].sort((a, b) => a.id - b.id).map(({ passwordHash: _, ...user }) => user),
    user: async (nameKey) => copied(database.users.get(nameKey)),
    signingKeys: async () =>
      [...database.signingKeys.values()].sort(
        (a, b) => b.createdAt - a.createdAt || (a.kid < b.kid ? -1 : 1),
      ),
    signingKey: async (kid) => copied(database.signingKeys.get(kid)),
  };
}

/** Of a key or of a user. */
export function credentialOf(database: Database, key: string): StoredCredential | undefined {
  return copied(database.credentials.get(key)) ?? userCredential(database.users.values(), key);
}

function userCredential(users: Iterable<StoredUser>, key: string): StoredCredential | undefined {
  for (const { key: own, name, grants, createdAt } of users)
    if (own === key)
      return { key, name, device: null, grants, createdAt, expiresAt: null, revokedAt: null, secretHash: '' };
  return undefined;
}

function copied<Value extends object>(value: Value | undefined): Value | undefined {
  return value && { ...value };
}
