// Users of this server: names, roles, passwords. What a user's token is worth is read from the user as it stands, by the public id of a
// credential that lasts as long as the password: a new password takes a new one, and so ends what was given out.

import { type Grants, RequestError } from '@holdfast/core';
import type { AuditEntry, Store, StoredUser, User } from '../store/port.ts';
import { createUserKey } from './key-text.ts';
import { checkGrants, checkName, type IdentityDeps } from './keys.ts';
import { checkPassword, hashPassword } from './password.ts';

/** What each role may do in the scopes of a user. */
export const roles = {
  admin: 'writes every scope',
  user: 'writes its scopes',
  viewer: 'reads its scopes',
} as const;

export type Role = keyof typeof roles;

export const roleNames = Object.keys(roles) as Role[];

/** Two names that are the same in this form are one: composed alike (NFKC), in lower case. */
export function nameKeyOf(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

interface Named {
  name: string;
  /** Who does it, for the audit log. */
  actor: string;
}

/** Undefined when the name is taken. Throws RequestError `malformed` with the field. */
export async function addUser(
  deps: IdentityDeps,
  given: Named & { password: string; role: Role; scopes?: readonly string[] },
): Promise<User | undefined> {
  const at = deps.clock.wallMs();
  const { role, scopes } = given;
  const name = checkUserName(given.name);
  const password = checkPassword(given.password);
  const user: Omit<StoredUser, 'id'> = {
    name,
    nameKey: nameKeyOf(name),
    role,
    grants: grantsOf(role, scopes),
    key: createUserKey(deps.random),
    createdAt: at,
    passwordAt: at,
    passwordHash: await hashPassword(password, deps.random),
  };
  const audit = { at, actor: given.actor, action: 'user.add', subject: name };
  const id = await deps.store.identity.addUser(user, audit);
  if (id === null) return undefined;
  const { passwordHash: _, ...shown } = user;
  return { id, ...shown };
}

export async function listUsers(deps: { store: Pick<Store, 'read'> }): Promise<readonly User[]> {
  return deps.store.read((snapshot) => snapshot.users());
}

/** Every token that the user has ends. False when there is no such user. Throws RequestError `malformed`. */
export async function setPassword(deps: IdentityDeps, given: Named & { password: string }): Promise<boolean> {
  const passwordHash = await hashPassword(checkPassword(given.password), deps.random);
  return withUser(deps, given, 'user.password', (nameKey, audit) => {
    const change = { passwordHash, passwordAt: audit.at, key: createUserKey(deps.random) };
    return deps.store.identity.changeUser(nameKey, change, audit);
  });
}

/** Holds for the tokens that the user has, too. False when there is no such user. */
export async function setRole(
  deps: IdentityDeps,
  given: Named & { role: Role; scopes?: readonly string[] },
): Promise<boolean> {
  const change = { role: given.role, grants: grantsOf(given.role, given.scopes) };
  return withUser(deps, given, 'user.role', (nameKey, audit) =>
    deps.store.identity.changeUser(nameKey, change, audit),
  );
}

/** Every token that the user has ends. False when there is no such user. */
export async function removeUser(deps: IdentityDeps, given: Named): Promise<boolean> {
  return withUser(deps, given, 'user.remove', deps.store.identity.removeUser);
}

/** The audit log names the user as the store does, however it was typed. */
async function withUser(
  { store, clock }: IdentityDeps,
  { name, actor }: Named,
  action: string,
  write: (nameKey: string, audit: AuditEntry) => Promise<boolean>,
): Promise<boolean> {
  const nameKey = nameKeyOf(name);
  const found = await store.read((snapshot) => snapshot.user(nameKey));
  if (!found) return false;
  return write(nameKey, { at: clock.wallMs(), actor, action, subject: found.name });
}

/** A space at either end would be a name that looks like another. */
function checkUserName(name: string): string {
  const checked = checkName(name);
  if (checked.trim() === checked) return checked;
  throw new RequestError('malformed', {
    field: 'name',
    message: 'The name begins and ends with something else than a space.',
  });
}

function grantsOf(role: Role, scopes: readonly string[] = ['main']): Grants {
  if (role === 'admin') return 'all';
  return checkGrants(scopes.map((scope) => ({ scope, right: role === 'viewer' ? 'read' : 'write' })));
}
