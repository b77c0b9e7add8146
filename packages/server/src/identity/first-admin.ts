// Where nobody could log in, the first start makes one who can. The password is drawn, told once to who started the server, and kept as
// a hash; a new one can be set at any time by whoever holds the data folder.

import { createPassword } from './key-text.ts';
import type { IdentityDeps } from './keys.ts';
import { addUser } from './users.ts';

export interface FirstAdmin {
  name: string;
  password: string;
}

/** Undefined, and nothing is written, when there is a user already. */
export async function addFirstAdmin(deps: IdentityDeps, name: string): Promise<FirstAdmin | undefined> {
  const users = await deps.store.read((snapshot) => snapshot.users());
  if (users.length > 0) return undefined;
  const password = createPassword(deps.random);
  const added = await addUser(deps, { name, password, role: 'admin', actor: 'server' });
  return added && { name: added.name, password };
}
