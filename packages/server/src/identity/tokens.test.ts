// Which tokens are good, and which attacks are not. (RFC 8725 is the list behind most of these.)

import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterEach, expect, test, vi } from 'vitest';
import { createTokens, type TokenRules } from './tokens.ts';

const secret = 'a secret of more than thirty-two characters';
const nowMs = 1_700_000_000_000;
const now = nowMs / 1_000;
const clock = { wallMs: () => nowMs, monoMs: () => 0 };
const good = { sub: 'ann', exp: now + 600, holdfast_scopes: ['shop-1', 'shop-2:read'] };

const verify = (text: string, rules: TokenRules = { secret }) => createTokens(rules, clock)(text);
const refused = { code: 'unauthenticated', field: 'authorization' };

const part = (json: unknown): string =>
  Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)).toString('base64url');

/** Signed as the header may say or not. */
function hs256(
  claims: unknown,
  header: unknown = { alg: 'HS256', typ: 'JWT' },
  key: string = secret,
): string {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

test('a token says who acts, what is granted, and until when', async () => {
  expect(await verify(hs256(good))).toEqual({
    subject: 'ann',
    device: null,
    grants: [
      { scope: 'shop-1', right: 'write' },
      { scope: 'shop-2', right: 'read' },
    ],
    expiresAt: (now + 600) * 1_000,
  });
  expect(await verify(hs256({ ...good, holdfast_scopes: 'all', holdfast_device: 'till-1' }))).toMatchObject({
    grants: 'all',
    device: 'till-1',
  });
  // Not the claim of OAuth: it means something else.
  expect(await verify(hs256({ sub: 'ann', exp: now + 1, scope: 'shop-1' }))).toMatchObject({ grants: [] });
});

const [head = '', body = '', signature = ''] = hs256(good).split('.');

test.each([
  ['nothing', ''],
  ['a word', 'token'],
  ['no algorithm', `${part({ alg: 'none' })}.${body}.`],
  ['no algorithm, signed', hs256(good, { alg: 'none' })],
  ['no algorithm in other letters', hs256(good, { alg: 'nOnE' })],
  ['no signature', `${head}.${body}.`],
  ['another algorithm', hs256(good, { alg: 'HS512' })],
  ['another secret', hs256(good, undefined, `${secret}.`)],
  ['a cut signature', `${head}.${body}.${signature.slice(0, -1)}`],
  [
    'another last character of the same signature',
    `${head}.${body}.${signature.slice(0, -1)}${String.fromCharCode(signature.charCodeAt(42) + 1)}`,
  ],
  ['padding', `${head}.${body}.${signature}=`],
  ['two dots', `${head}..${body}.${signature}`],
  ['a fourth part', `${head}.${body}.${signature}.${signature}`],
  ['a megabyte', hs256({ ...good, more: 'x'.repeat(1_000_000) })],
  ['a key of its own', hs256(good, { alg: 'HS256', jwk: { kty: 'oct', k: 'eA' } }, 'x')],
  ['a critical header that nobody knows', hs256(good, { alg: 'HS256', crit: ['x'], x: 1 })],
  ['another type', hs256(good, { alg: 'HS256', typ: 'refresh+jwt' })],
  ['a type that is no text', hs256(good, { alg: 'HS256', typ: 7 })],
  ['the past', hs256({ ...good, exp: now })],
  ['no end', hs256({ sub: 'ann' })],
  ['an endless end', hs256(`{"sub":"ann","exp":1e400}`)],
  ['an end as a text', hs256({ ...good, exp: String(now + 600) })],
  ['a negative end', hs256({ ...good, exp: -1 })],
  ['not yet', hs256({ ...good, nbf: now + 100 })],
  ['made in the future', hs256({ ...good, iat: 4_070_908_800 })],
  ['nobody', hs256({ exp: now + 600 })],
  ['an empty name', hs256({ ...good, sub: '' })],
  ['a name that is no text', hs256({ ...good, sub: ['ann'] })],
  ['a claim twice', hs256(`{"sub":"ann","sub":"bob","exp":${now + 600}}`)],
  ['scopes that are no list', hs256({ ...good, holdfast_scopes: '*' })],
  ['a scope that is no text', hs256({ ...good, holdfast_scopes: [{ scope: 'x' }] })],
  ['an empty scope', hs256({ ...good, holdfast_scopes: [':read'] })],
])('refused: %s', async (_, text) => {
  await expect(verify(text)).rejects.toMatchObject(refused);
});

test('another issuer or audience is refused when one is configured', async () => {
  const rules = { secret, issuer: 'https://login.example', audience: 'holdfast' };
  const ours = { ...good, iss: rules.issuer, aud: ['other', 'holdfast'] };
  expect(await verify(hs256(ours), rules)).toMatchObject({ subject: 'ann' });
  for (const claims of [good, { ...ours, iss: 'https://evil.example' }, { ...ours, aud: 'other' }])
    await expect(verify(hs256(claims), rules)).rejects.toMatchObject(refused);
});

test('without a secret and without keys nobody is let in', async () => {
  await expect(verify(hs256(good, undefined, ''), {})).rejects.toMatchObject(refused);
});

let issuer: Server | undefined;
afterEach(() => {
  issuer?.closeAllConnections();
  issuer?.close();
});

/** Answers what `answer` gives, and counts. */
async function serveKeys(answer: () => string | null): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    const text = answer();
    response.writeHead(text === null ? 500 : 200, { 'content-type': 'application/json' }).end(text ?? '');
  });
  issuer = server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, asked: () => asked };
}

async function createSigner(kid: string): Promise<{
  jwk: JWK;
  publicText: string;
  sign: (header?: object) => Promise<string>;
}> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' },
    publicText: await exportSPKI(publicKey),
    sign: (header = {}) =>
      new SignJWT(good).setProtectedHeader({ alg: 'ES256', kid, ...header }).sign(privateKey),
  };
}

test('keys of an issuer: an unknown one is asked for once, and its algorithm is not the token’s to choose', async () => {
  const [one, two] = [await createSigner('one'), await createSigner('two')];
  const { url, asked } = await serveKeys(() => JSON.stringify({ keys: [one.jwk] }));
  const check = createTokens({ jwksUrl: url }, clock);
  expect(await check(await one.sign())).toMatchObject({ subject: 'ann' });
  await expect(check(await two.sign())).rejects.toMatchObject(refused);
  for (const kid of ['a', '../../dev/null', '__proto__', 'x'.repeat(5_000)])
    await expect(check(await two.sign({ kid }))).rejects.toMatchObject(refused);
  await expect(check(await two.sign({ kid: 'one' }))).rejects.toMatchObject(refused);
  // The public key as the secret of a symmetric algorithm.
  for (const key of [one.publicText, `${one.publicText}\n`])
    await expect(check(hs256(good, { alg: 'HS256', kid: 'one' }, key))).rejects.toMatchObject(refused);
  expect(asked()).toBe(1);
});

test('known keys go on working while their issuer fails, and one that it takes back ends with the next reading', async () => {
  const [one, two] = [await createSigner('one'), await createSigner('two')];
  let text: string | null = JSON.stringify({ keys: [one.jwk] });
  const { url, asked } = await serveKeys(() => text);
  const check = createTokens({ jwksUrl: url }, clock);
  // jose asks the system when it read the keys.
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    expect(await check(await one.sign())).toMatchObject({ subject: 'ann' });
    vi.setSystemTime(Date.now() + 11 * 60_000);
    text = null;
    expect(await check(await one.sign())).toMatchObject({ subject: 'ann' });
    await expect(check(await two.sign())).rejects.toMatchObject(refused);
    text = JSON.stringify({ keys: [two.jwk] });
    expect(await check(await two.sign())).toMatchObject({ subject: 'ann' });
    await expect(check(await one.sign())).rejects.toMatchObject(refused);
    expect(asked()).toBe(4);
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  ['an error', null],
  ['no keys', '{}'],
  ['no JSON', '<html>'],
  ['too much', `{"keys":[],"more":"${'x'.repeat(2_000_000)}"}`],
])('an issuer that answers %s is the server’s trouble, not the token’s', async (_, text) => {
  const { url } = await serveKeys(() => text);
  const { sign } = await createSigner('one');
  await expect(createTokens({ jwksUrl: url }, clock)(await sign())).rejects.toMatchObject({
    code: 'overloaded',
  });
});
