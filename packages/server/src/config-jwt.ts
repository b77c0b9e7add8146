// How tokens of other issuers are verified. Nothing here has a default: without it `auth: 'jwt'` knows the server's own users alone.

import { fail } from './config-error.ts';

export interface JwtOptions {
  /** Tokens are signed with HS256 and this secret, of 32 characters at least … */
  secret?: string;
  /** … or with a key of the set that lies at this address. */
  jwksUrl?: string;
  /** When given, a token must name them. */
  issuer?: string;
  audience?: string;
}

export function readJwt(value: unknown, { needed }: { needed: boolean }): JwtOptions | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('jwt', 'it is an object.');
  const known = ['secret', 'jwksUrl', 'issuer', 'audience'] as const;
  const given = value as Readonly<Record<string, unknown>>;
  for (const [name, text] of Object.entries(given)) {
    if (!(known as readonly string[]).includes(name)) fail(`jwt.${name}`, 'there is no such option.');
    if (typeof text !== 'string' || text === '') fail(`jwt.${name}`, 'it is a text that is not empty.');
  }
  const { secret, jwksUrl } = given as JwtOptions;
  if (secret !== undefined && jwksUrl !== undefined)
    fail('jwt', 'it has a secret and a jwksUrl.', 'Keep the one by which tokens are signed.');
  if (needed && secret === undefined && jwksUrl === undefined)
    fail('jwt', "auth 'jwt' needs a secret or a jwksUrl here.");
  // RFC 7518, section 3.2: a key as long as the hash at least. One that lies there unused is nobody's business.
  if (needed && secret !== undefined && Buffer.byteLength(secret) < 32)
    fail('jwt.secret', 'it is shorter than 32 characters, and could be guessed.');
  if (jwksUrl !== undefined && !(URL.canParse(jwksUrl) && /^https?:$/.test(new URL(jwksUrl).protocol)))
    fail('jwt.jwksUrl', 'it is no http or https address.');
  return Object.freeze({ ...(given as JwtOptions) });
}
