// A user proves name and password and gets a token. Nothing in the answer, or in how long it takes, tells a wrong password from a name
// that nobody has; wrong ones are counted for each name and address together, for each address, and in all.

import { type Clock, RequestError } from '@holdfast/core';
import type { Store } from '../store/port.ts';
import { createGuesses, type GuessBounds } from './guesses.ts';
import { createTurns } from './hashing.ts';
import { type OwnTokens, tokenSeconds } from './own-tokens.ts';
import { isPassword } from './password.ts';
import { nameKeyOf } from './users.ts';

export interface LoginRequest {
  name: string;
  password: string;
  /** The peer's, as the server sees it. */
  address: string;
}

export interface Login {
  token: string;
  /** Seconds. */
  expiresIn: number;
  user: { id: number; username: string; role: string };
}

export interface LoginDeps {
  store: Pick<Store, 'read'>;
  clock: Clock;
  tokens: Pick<OwnTokens, 'sign'>;
}

export const loginBounds: GuessBounds = {
  triesMax: [10, 100, 5_000],
  windowMs: 60_000,
  field: 'username',
  message: 'Too many wrong passwords were tried.',
};

// Longer than any name; what is kept of a try is bounded.
const nameCharsMax = 200;

/** Throws RequestError `login_refused`, `too_many` or `overloaded`. */
export function createLogin({ store, clock, tokens }: LoginDeps): (request: LoginRequest) => Promise<Login> {
  const guesses = createGuesses(clock, loginBounds);
  const inTurn = createTurns();
  return async ({ name, password, address }) => {
    const nameKey = nameKeyOf(name.slice(0, nameCharsMax + 1));
    const keys = [JSON.stringify([nameKey, address]), address, ''];
    // Before it waits for its turn, too, so that whoever is refused takes no place.
    guesses.check(keys);
    const user = await inTurn(async () => {
      const noGuess = guesses.begin(keys);
      const found = await store.read((snapshot) => snapshot.user(nameKey));
      if (!(await isPassword(password, found?.passwordHash ?? null))) return undefined;
      noGuess();
      return found;
    });
    if (!user) throw new RequestError('login_refused', { field: 'password' });
    const { id, name: username, role } = user;
    return { token: await tokens.sign(user), expiresIn: tokenSeconds, user: { id, username, role } };
  };
}
