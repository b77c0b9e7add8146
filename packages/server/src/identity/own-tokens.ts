// Tokens of this server's own users: signed (HS256) by a key that lies in the store, so that they outlive a restart. A token names the
// key as `kid`, and as `key` the credential of the user that it stands for; what that is worth is read where it is used.
//
//   signs for 30 days ──► retired: verifies until the last token that it signed has ended ──► removed

import type { Clock, Random } from '@holdfast/core';
import { jwtVerify, SignJWT } from 'jose';
import type { Credential, SigningKey, Store, User } from '../store/port.ts';
import { createKid } from './key-text.ts';
import { clockAheadSecondsMax, readParts, refused } from './token-text.ts';

const issuer = 'holdfast';
const algorithm = 'HS256';

export const tokenSeconds = 24 * 3_600;
const signingMsMax = 30 * 24 * 3_600_000;

export interface OwnTokensDeps {
  store: Pick<Store, 'read' | 'identity'>;
  clock: Clock;
  random: Random;
}

export interface OwnTokens {
  sign(user: Pick<User, 'name' | 'role' | 'key'>): Promise<string>;
  /** Undefined: another has signed it. Throws RequestError `unauthenticated`. */
  verify(text: string): Promise<{ credential: Credential; expiresAt: number } | undefined>;
}

export function createOwnTokens(deps: OwnTokensDeps): OwnTokens {
  const { store, clock } = deps;
  return {
    async sign({ name, role, key }) {
      const { kid, secret } = await signer(deps);
      const seconds = Math.floor(clock.wallMs() / 1_000);
      return new SignJWT({ role, key })
        .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid })
        .setIssuer(issuer)
        .setSubject(name)
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + tokenSeconds)
        .sign(bytesOf(secret));
    },
    async verify(text) {
      const { header, claims } = readParts(text);
      const { kid } = header;
      const { key, exp } = claims;
      if (typeof kid !== 'string') return undefined;
      const { signed, credential } = await store.read(async (snapshot) => ({
        signed: await snapshot.signingKey(kid),
        credential: typeof key === 'string' ? await snapshot.credential(key) : undefined,
      }));
      if (!signed) return undefined;
      const options = {
        algorithms: [algorithm],
        issuer,
        typ: 'JWT',
        requiredClaims: ['sub', 'exp', 'iat'],
        clockTolerance: clockAheadSecondsMax,
        currentDate: new Date(clock.wallMs()),
      };
      await jwtVerify(text, bytesOf(signed.secret), options).catch(() => {
        throw refused();
      });
      const isEnded = typeof exp !== 'number' || exp * 1_000 <= clock.wallMs();
      if (isEnded || !credential) throw refused();
      return { credential, expiresAt: exp * 1_000 };
    },
  };
}

/** The key that signs now; a new one when there is none, or it has signed for long enough. */
async function signer(deps: OwnTokensDeps): Promise<SigningKey> {
  const all = await deps.store.read((snapshot) => snapshot.signingKeys());
  const signing = all.find(({ retiredAt }) => retiredAt === null);
  const isGood = signing !== undefined && deps.clock.wallMs() - signing.createdAt < signingMsMax;
  return isGood ? signing : rotateSigningKeys(deps, { actor: 'server' });
}

/** A new key signs from now on. `endAll`: the tokens that older keys have signed end at once. */
export async function rotateSigningKeys(
  { store, clock, random }: OwnTokensDeps,
  { actor, endAll = false }: { actor: string; endAll?: boolean },
): Promise<SigningKey> {
  const at = clock.wallMs();
  const key: SigningKey = {
    kid: createKid(random),
    secret: Buffer.from(random.bytes(32)).toString('base64url'),
    createdAt: at,
    retiredAt: null,
  };
  const endedBefore = endAll ? Number.MAX_SAFE_INTEGER : at - tokenSeconds * 1_000;
  await store.identity.addSigningKey(key, endedBefore, {
    at,
    actor,
    action: 'tokens.rotate',
    subject: key.kid,
  });
  return key;
}

function bytesOf(secret: string): Uint8Array {
  return Buffer.from(secret, 'base64url');
}
