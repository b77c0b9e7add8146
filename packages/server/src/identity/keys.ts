// What commands do with keys, devices and enrolment codes. Each call is durable when it resolves and leaves an audit entry.

import { type Clock, type Grants, type Random, RequestError, type Sha256 } from '@holdfast/core';
import type { Credential, Device, Store } from '../store/port.ts';
import { createCode, createKeyText, hashCode, hashSecret } from './key-text.ts';

export interface IdentityDeps {
  store: Pick<Store, 'identity' | 'read'>;
  clock: Clock;
  random: Random;
  sha256: Sha256;
}

/** How long an enrolment code can be used. */
export const enrolmentMsMax = 10 * 60_000;

/** Makes a key. Its text is in the answer and nowhere else: only a hash is kept. */
export async function addKey(
  deps: IdentityDeps,
  args: { name: string; grants: Grants; expiresAt?: number | null; actor: string },
): Promise<{ credential: Credential; text: string }> {
  const at = deps.clock.wallMs();
  if (args.expiresAt != null && !(args.expiresAt > at))
    throw new RequestError('malformed', {
      field: 'expiresAt',
      message: 'The key would have expired already.',
    });
  const { key, secret, text } = createKeyText(deps.random);
  const credential: Credential = {
    key,
    name: checkName(args.name),
    device: null,
    grants: checkGrants(args.grants),
    createdAt: at,
    expiresAt: args.expiresAt ?? null,
    revokedAt: null,
  };
  await deps.store.identity.addCredential(
    { ...credential, secretHash: hashSecret(secret, deps.sha256) },
    { at, actor: args.actor, action: 'key.add', subject: key },
  );
  return { credential, text };
}

/** Every key, revoked and expired ones too; none holds its secret. */
export async function listKeys(deps: Pick<IdentityDeps, 'store'>): Promise<readonly Credential[]> {
  return deps.store.read((snapshot) => snapshot.credentials());
}

/** The id of the key that is meant: by its id or, when one alone of those that are good has it, by its name. */
export async function findKey(deps: Pick<IdentityDeps, 'store'>, text: string): Promise<string> {
  const all = await deps.store.read((snapshot) => snapshot.credentials());
  return meantBy(
    text,
    all.map(({ key: id, name, revokedAt }) => ({ id, name, revokedAt })),
    'key',
  );
}

/** The same for a device. */
export async function findDevice(deps: Pick<IdentityDeps, 'store'>, text: string): Promise<string> {
  const all = await deps.store.read((snapshot) => snapshot.devices());
  return meantBy(
    text,
    all.map(({ device: id, name, revokedAt }) => ({ id, name, revokedAt })),
    'device',
  );
}

function meantBy(
  text: string,
  all: readonly { id: string; name: string; revokedAt: number | null }[],
  what: 'key' | 'device',
): string {
  if (all.some(({ id }) => id === text)) return text;
  const named = all.filter(({ name, revokedAt }) => name === text && revokedAt === null);
  if (named.length < 2) return named[0]?.id ?? text;
  const ids = named.slice(0, 10).map(({ id }) => id);
  throw new RequestError('malformed', {
    field: what,
    message: `${named.length} ${what}s have the name ${text}: ${ids.join(', ')}${named.length > 10 ? ' …' : ''}. Name one by its id.`,
  });
}

/** False when there is no such key, or it was removed already. */
export async function removeKey(deps: IdentityDeps, args: { key: string; actor: string }): Promise<boolean> {
  const at = deps.clock.wallMs();
  return deps.store.identity.revokeCredential(args.key, at, {
    at,
    actor: args.actor,
    action: 'key.remove',
    subject: args.key,
  });
}

/** Makes a one-time code by which one device can enrol within ten minutes; shown once. */
export async function createEnrolment(
  deps: IdentityDeps,
  args: {
    name: string;
    grants: Grants;
    actor: string;
    /** A device that enrolled before, revoked or not, and shall come back. */
    device?: string | undefined;
  },
): Promise<{ code: string; expiresAt: number }> {
  const at = deps.clock.wallMs();
  const code = createCode(deps.random);
  const expiresAt = at + enrolmentMsMax;
  const name = checkName(args.name);
  await deps.store.identity.addEnrolmentCode(
    {
      codeHash: hashCode(code, deps.sha256),
      device: args.device ?? null,
      name,
      grants: checkGrants(args.grants),
      expiresAt,
    },
    { at, actor: args.actor, action: 'device.invite', subject: name },
  );
  return { code, expiresAt };
}

/** Every device, revoked ones too. */
export async function listDevices(deps: { store: Pick<Store, 'read'> }): Promise<readonly Device[]> {
  return deps.store.read((snapshot) => snapshot.devices());
}

/** Also ends every key issued to the device. False when there is no such device, or it was revoked already. */
export async function revokeDevice(
  deps: IdentityDeps,
  args: { device: string; actor: string },
): Promise<boolean> {
  const at = deps.clock.wallMs();
  return deps.store.identity.revokeDevice(args.device, at, {
    at,
    actor: args.actor,
    action: 'device.revoke',
    subject: args.device,
  });
}

const nameCharsMax = 200;

/** Names are shown on terminals: no control characters, which could move its cursor or forge a line. */
export function checkName(name: string, field = 'name'): string {
  const good = name.length > 0 && name.length <= nameCharsMax && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name);
  if (good && name.isWellFormed()) return name;
  throw new RequestError('malformed', {
    field,
    message: `The ${field} has 1 to ${nameCharsMax} characters and no control characters.`,
  });
}

const grantsMax = 1_000;
const scopeCharsMax = 200;

export function checkGrants(grants: Grants): Grants {
  if (grants === 'all') return grants;
  const fits = (scope: string): boolean =>
    scope.length > 0 && scope.length <= scopeCharsMax && scope.isWellFormed() && !scope.includes('\0');
  if (grants.length === 0 || grants.length > grantsMax || !grants.every(({ scope }) => fits(scope)))
    throw new RequestError('malformed', {
      field: 'grants',
      message: `Grants are 'all', or 1 to ${grantsMax} scopes of up to ${scopeCharsMax} characters.`,
    });
  return grants.map(({ scope, right }) => ({ scope, right }));
}
