// The operator's work on users, and on the keys by which their tokens are signed.

import { operator } from '../engine/engine.ts';
import type { IdentityDeps } from '../identity/keys.ts';
import { rotateSigningKeys } from '../identity/own-tokens.ts';
import { addUser, listUsers, removeUser, setPassword, setRole } from '../identity/users.ts';
import type { Admin } from './admin.ts';

type UsersAdmin = Pick<
  Admin,
  'users' | 'addUser' | 'removeUser' | 'setPassword' | 'setRole' | 'rotateTokens'
>;

const { actor } = operator;

export function createUsersAdmin(deps: IdentityDeps): UsersAdmin {
  return {
    users: async () => ({ users: await listUsers(deps) }),
    addUser: async (input) => ({ user: (await addUser(deps, { ...input, actor })) ?? null }),
    removeUser: async (input) => ({ done: await removeUser(deps, { ...input, actor }) }),
    setPassword: async (input) => ({ done: await setPassword(deps, { ...input, actor }) }),
    setRole: async (input) => ({ done: await setRole(deps, { ...input, actor }) }),
    rotateTokens: async (input) => ({ kid: (await rotateSigningKeys(deps, { ...input, actor })).kid }),
  };
}
