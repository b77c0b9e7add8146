// Tokens that prove nothing, by the number of their attack: each is a good one with one thing wrong.

import { createHmac } from 'node:crypto';
import type { Attacked } from './attacks.fixture.ts';

export type BadToken = readonly [what: string, text: string];

const part = (json: unknown): string =>
  Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)).toString('base64url');

export async function badTokens({ tokens, issuer }: Attacked): Promise<Record<number, readonly BadToken[]>> {
  const seconds = Math.floor(Date.now() / 1_000);
  const good = {
    ...{ sub: 'ann', iss: 'https://login.example', aud: 'holdfast', iat: seconds, exp: seconds + 600 },
    holdfast_scopes: 'all',
  };
  const [head = '', claims = '', signature = ''] = tokens.ann.split('.');
  const { kid: ownKid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string };
  const hs256 = (header: object, body: unknown, key: string): string => {
    const text = `${part(header)}.${part(body)}`;
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
  };
  const signed = (body: object, header?: object) => issuer.sign(body, header);
  const without = (name: keyof typeof good): object => ({ ...good, [name]: undefined });
  const sure = await signed(good);
  const [sureHead = '', sureClaims = '', sureSignature = ''] = sure.split('.');
  const last = (text: string): string => `${text.slice(0, -1)}${text.endsWith('A') ? 'B' : 'A'}`;
  return {
    2: ['none', 'None', 'nOnE'].flatMap((alg): BadToken[] => [
      [`alg ${alg}`, `${part({ alg, kid: 'k1' })}.${part(good)}.`],
      [`alg ${alg}, with a signature`, `${part({ alg, kid: 'k1' })}.${part(good)}.${sureSignature}`],
      [`alg ${alg}, one of ours`, `${part({ alg, typ: 'JWT', kid: ownKid })}.${claims}.${signature}`],
    ]),
    3: [issuer.pem, issuer.pem.trimEnd(), `${issuer.pem}\n`].map(
      (key, n): BadToken => [
        `the public key as a secret, ${n}`,
        hs256({ alg: 'HS256', typ: 'JWT', kid: 'k1' }, good, key),
      ],
    ),
    4: ['../../../../dev/null', "' OR 1=1--", 'x'.repeat(4_000), '__proto__', ['k1'], null, 7].map(
      (kid): BadToken => [
        `kid ${JSON.stringify(kid).slice(0, 30)}`,
        `${part({ alg: 'ES256', kid })}.${sureClaims}.${sureSignature}`,
      ],
    ),
    5: [
      ...['jku', 'x5u'].map(
        (name): BadToken => [
          name,
          hs256({ alg: 'HS256', [name]: `${issuer.url}/of-the-attacker`, kid: 'other' }, good, 'x'),
        ],
      ),
      ['jwk', hs256({ alg: 'HS256', jwk: { kty: 'oct', k: part('x') } }, good, 'x')],
      ['x5c', hs256({ alg: 'HS256', x5c: ['AAAA'] }, good, 'x')],
    ],
    6: [
      ['another audience', await signed({ ...good, aud: 'payroll' })],
      ['no audience', await signed(without('aud'))],
      ['another issuer', await signed({ ...good, iss: 'https://evil.example' })],
      ['no issuer', await signed(without('iss'))],
      ['an ID token', await signed(good, { typ: 'id+jwt' })],
      ['a refresh token', await signed(good, { typ: 'refresh+jwt' })],
    ],
    7: [
      ['exp in the past', await signed({ ...good, exp: seconds - 1 })],
      ['no exp', await signed(without('exp'))],
      ['exp negative', await signed({ ...good, exp: -1 })],
      ['nbf in the future', await signed({ ...good, nbf: seconds + 120 })],
      ['iat in 2099', await signed({ ...good, iat: 4_070_908_800 })],
    ],
    8: [
      ['cut', sure.slice(0, -1)],
      ['another last character', `${sureHead}.${sureClaims}.${last(sureSignature)}`],
      ['padding', `${sure}=`],
      [
        'the standard alphabet',
        `${sureHead}.${sureClaims}.${Buffer.from(sureSignature, 'base64url').toString('base64')}`,
      ],
      ['two dots', `${sureHead}..${sureClaims}.${sureSignature}`],
      ['an own one, cut', `${head}.${claims}.${signature.slice(0, -1)}`],
      ['an own one for another', `${head}.${part({ ...good, role: 'admin' })}.${signature}`],
      ['8 kB', `${sureHead}.${part({ ...good, more: 'x'.repeat(8_192) })}.${sureSignature}`],
    ],
    9: [
      ['crit', `${part({ alg: 'ES256', kid: 'k1', crit: ['x'], x: 1 })}.${sureClaims}.${sureSignature}`],
      ['a claim twice', hs256({ alg: 'HS256', kid: 'k1' }, '{"sub":"bob","sub":"ann","exp":9e9}', 'x')],
    ],
  };
}
