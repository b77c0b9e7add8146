// Tokens (JWT) of an issuer that the config names. The config says by which kind of key they are signed, never the token itself; who
// a token is for and what it grants stands in its claims:
//
//   sub  who acts · exp  until when · holdfast_scopes  ["shop-1", "shop-2:read"] or "all" · holdfast_device  the only device it is for

import { type Clock, defaultLimits, type Grants, type JsonObject, RequestError } from '@holdfast/core';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { readGrant } from './grant-text.ts';
import { clockAheadSecondsMax, readParts, refused } from './token-text.ts';

export interface TokenRules {
  /** HS256 … */
  secret?: string;
  /** … or the public keys that lie there. */
  jwksUrl?: string;
  issuer?: string;
  audience?: string;
}

export interface VerifiedToken {
  subject: string;
  /** Null: any. */
  device: string | null;
  grants: Grants;
  /** By the wall clock. */
  expiresAt: number;
}

/** Throws RequestError `unauthenticated` for a token that is good for nothing, `overloaded` when its issuer's keys cannot be read. */
export type VerifyToken = (text: string) => Promise<VerifiedToken>;

export function createTokens(rules: TokenRules, clock: Clock): VerifyToken {
  const { secret, jwksUrl, issuer, audience } = rules;
  const key = jwksUrl === undefined ? undefined : keysAt(jwksUrl);
  const bytes = new TextEncoder().encode(secret ?? '');
  const demands = {
    algorithms: key ? signedByPair : ['HS256'],
    clockTolerance: clockAheadSecondsMax,
    requiredClaims: ['sub', 'exp'],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
  return async (text) => {
    const nowMs = clock.wallMs();
    if (!key && secret === undefined) throw refused();
    const { header, claims } = readParts(text);
    const { typ } = header;
    if (typ !== undefined && !(typeof typ === 'string' && /^(application\/)?(at\+)?jwt$/i.test(typ)))
      throw refused();
    const options = { ...demands, currentDate: new Date(nowMs) };
    await (key ? jwtVerify(text, key, options) : jwtVerify(text, bytes, options)).catch(refuse);
    return readClaims(claims, nowMs);
  };
}

const signedByPair = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

function readClaims(claims: JsonObject, nowMs: number): VerifiedToken {
  const { sub, exp, iat, holdfast_scopes: scopes, holdfast_device: device = null } = claims;
  const fits = (text: unknown): text is string =>
    typeof text === 'string' && text !== '' && text.length <= defaultLimits.idCharsMax;
  if (!fits(sub) || (device !== null && !fits(device))) throw refused();
  if (typeof exp !== 'number' || exp * 1_000 <= nowMs) throw refused();
  if (iat !== undefined && !(typeof iat === 'number' && iat <= nowMs / 1_000 + clockAheadSecondsMax))
    throw refused();
  return { subject: sub, device, grants: readScopes(scopes), expiresAt: exp * 1_000 };
}

function readScopes(given: unknown): Grants {
  if (given === undefined) return [];
  if (given === 'all') return given;
  if (!Array.isArray(given)) throw refused();
  return given.map((text: unknown) => {
    const grant = typeof text === 'string' ? readGrant(text) : undefined;
    if (!grant) throw refused();
    return grant;
  });
}

// As the guide says.
const keysMsMax = 10 * 60_000;
const keysAgainMs = 60_000;
const fetchMsMax = 5_000;
const keysBytesMax = 1_048_576;

/** The issuer's keys, read anew now and then; known ones go on working while it cannot be reached. */
function keysAt(url: string): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(url), {
    cacheMaxAge: keysMsMax,
    cooldownDuration: keysAgainMs,
    timeoutDuration: fetchMsMax,
    [customFetch]: fetchBounded,
  });
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      if (isVerdict(error)) throw error;
      const known = remote.jwks();
      if (!known) throw new RequestError('overloaded', { cause: error });
      return createLocalJWKSet(known)(header, token);
    }
  };
}

/** Of the token, not of the way to the keys. */
function isVerdict(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

async function fetchBounded(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, options);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > keysBytesMax) throw new Error('The key set is too large.');
    chunks.push(chunk);
  }
  return new Response(Buffer.concat(chunks), { status: response.status, headers: response.headers });
}

function refuse(error: unknown): never {
  throw error instanceof RequestError ? error : refused();
}
