// Who calls: proves a request's credential, and gives a device its key when it enrols.

import { type Grants, type Limits, RequestError } from '@holdfast/core';
import type { Device, Store } from '../store/port.ts';
import { type Registration, registerDevice } from './devices.ts';
import { createGuesses, type GuessBounds } from './guesses.ts';
import { createKeyText, hashCode, hashSecret, parseKeyText, sameHash } from './key-text.ts';
import { checkName, type IdentityDeps, listDevices } from './keys.ts';
import { createLogin, type Login, type LoginRequest } from './login.ts';
import { createOwnTokens, type OwnTokens } from './own-tokens.ts';
import type { VerifyToken } from './tokens.ts';

/** What a credential proves. What it is worth is read again inside the commit or snapshot that uses it. */
export interface Proof {
  /** The public id of the key, or of the user's credential; null: no authentication is configured, or a key of the config. */
  key: string | null;
  /** The device that the key or token was issued to; null when any device may use it. */
  device: string | null;
  /** The person whom the credential proves; '' for a device's key. */
  actor: string;
  /** When a user's token ends. */
  expiresAt?: number;
  /** By a key that stands in the config. */
  configKey?: true;
  /** What an issuer's token grants by itself, for the time that it says. Without a key. */
  token?: { grants: Grants; expiresAt: number };
}

/** Headers as Node gives them: names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Identity {
  /** Throws RequestError `unauthenticated` or `device_revoked`. */
  prove(headers: RequestHeaders): Promise<Proof>;
  /** A token for a user's name and password. Throws RequestError `login_refused`, `too_many` or `overloaded`. */
  login(request: LoginRequest): Promise<Login>;
  /** Uses the code up and makes the device's key. Throws RequestError `enrol_code`, or `too_many` after too many wrong codes. */
  enrol(args: {
    code: string;
    device: string;
    name: string;
    address: string;
  }): Promise<{ key: string; grants: Grants }>;
  /** See `registerDevice`. */
  register(registration: Registration): Promise<Device>;
  /** The active ones: registered, and not revoked. */
  devices(): Promise<readonly Device[]>;
  /** Also a revoked one. */
  device(device: string): Promise<Device | undefined>;
}

/** Who is asked for what. */
export type ServedAuth = 'none' | 'keys' | 'jwt';

/** `keys-if-any` as it holds from now on: a key that has ended was one, too, so that nothing opens by itself. */
export async function servedAuth(
  auth: ServedAuth | 'keys-if-any',
  { store, keys }: { store: Pick<Store, 'read'>; keys: readonly string[] },
): Promise<ServedAuth> {
  if (auth !== 'keys-if-any') return auth;
  if (keys.length > 0) return 'keys';
  const stored = await store.read((snapshot) => snapshot.credentials());
  return stored.length > 0 ? 'keys' : 'none';
}

export type IdentityOptions = IdentityDeps & {
  store: Pick<Store, 'commit'>;
  limits: Limits;
  auth: ServedAuth;
  /** Keys that the config gives, beside those in the store. They grant everything. */
  keys?: readonly string[];
  /** How the tokens of another issuer are verified; absent: there is none. */
  issuer?: VerifyToken | undefined;
};

/** From one address, and from all. */
export const codeBounds: GuessBounds = {
  triesMax: [5, 60],
  windowMs: 60_000,
  field: 'code',
  message: 'Too many wrong codes were tried.',
};

export function createIdentity(deps: IdentityOptions): Identity {
  const codes = createGuesses(deps.clock, codeBounds);
  const tokens = createOwnTokens(deps);
  const configKeys = (deps.keys ?? []).map((text) => hashSecret(text, deps.sha256));
  return {
    prove: async (headers) => {
      if (deps.auth === 'none') return { key: null, device: null, actor: '' };
      const text = keyIn(headers);
      return deps.auth === 'keys'
        ? (proveConfigKey(configKeys, hashSecret(text, deps.sha256)) ?? proveKey(deps, text))
        : ((await proveUser(tokens, text)) ?? proveToken(deps.issuer, text));
    },
    login: createLogin({ ...deps, tokens }),
    async enrol({ code, device, name, address }) {
      checkName(name);
      const noGuess = codes.begin([address, '']);
      const at = deps.clock.wallMs();
      const { key, secret, text } = createKeyText(deps.random);
      const times = { createdAt: at, seenAt: at, revokedAt: null };
      const enrolled: Device = { device, name, role: '', address, key, ...times };
      const credential = { key, name, device, createdAt: at, expiresAt: null, revokedAt: null };
      const secretHash = hashSecret(secret, deps.sha256);
      const found = await deps.store.identity
        .enrol(hashCode(code, deps.sha256), at, enrolled, { ...credential, secretHash })
        .catch((error: unknown) => {
          noGuess();
          throw error;
        });
      if (found === 'unknown') throw new RequestError('enrol_code', { field: 'code' });
      noGuess();
      if (found === 'otherDevice') throw new RequestError('device_taken', { field: 'device' });
      return { key: text, grants: found.grants };
    },
    register: (registration) => registerDevice(deps, registration),
    async devices() {
      const all = await listDevices(deps);
      return all.filter(({ revokedAt }) => revokedAt === null);
    },
    device: (device) => deps.store.read((snapshot) => snapshot.device(device)),
  };
}

/** The key or token of `Authorization: Bearer …` or, without that header, of `x-api-key`. Never of the URL, which ends up in logs. */
function keyIn(headers: RequestHeaders): string {
  const { authorization, 'x-api-key': apiKey } = headers;
  const given = authorization === undefined ? apiKey : bearerIn(authorization);
  if (typeof given === 'string') return given;
  throw new RequestError('unauthenticated', {
    field: authorization === undefined && apiKey !== undefined ? 'x-api-key' : 'authorization',
  });
}

function bearerIn(authorization: string | readonly string[]): string | undefined {
  return typeof authorization === 'string' ? /^Bearer +(\S+)$/i.exec(authorization)?.[1] : undefined;
}

async function proveUser(tokens: OwnTokens, text: string): Promise<Proof | undefined> {
  const verified = await tokens.verify(text);
  if (!verified) return undefined;
  const { credential, expiresAt } = verified;
  return { key: credential.key, device: null, actor: credential.name, expiresAt };
}

async function proveToken(verify: VerifyToken | undefined, text: string): Promise<Proof> {
  if (!verify) throw unauthenticated();
  const { subject, device, grants, expiresAt } = await verify(text);
  return { key: null, device, actor: subject, token: { grants, expiresAt } };
}

/** Each is compared whole, and all of them are, however early one matches. */
function proveConfigKey(hashes: readonly string[], given: string): Proof | undefined {
  const matching = hashes.filter((hash) => sameHash(hash, given));
  return matching.length > 0 ? { key: null, device: null, actor: '', configKey: true } : undefined;
}

// Compared with when a key is unknown, so that the answer takes as long.
const noHash = '0'.repeat(64);

async function proveKey(deps: IdentityDeps, text: string): Promise<Proof> {
  const given = parseKeyText(text);
  if (!given) throw unauthenticated();
  const { credential, device } = await deps.store.read(async (snapshot) => {
    const found = await snapshot.credential(given.key);
    return { credential: found, device: found?.device ? await snapshot.device(found.device) : undefined };
  });
  const matches = sameHash(hashSecret(given.secret, deps.sha256), credential?.secretHash ?? noHash);
  if (!credential || !matches) throw unauthenticated();
  // Revoking a device ends its keys too; the device is told which of the two it was.
  if (device && device.revokedAt !== null) throw new RequestError('device_revoked');
  const expired = credential.expiresAt !== null && credential.expiresAt <= deps.clock.wallMs();
  if (credential.revokedAt !== null || expired) throw unauthenticated();
  return { key: credential.key, device: credential.device, actor: '' };
}

function unauthenticated(): RequestError {
  return new RequestError('unauthenticated', { field: 'authorization' });
}
