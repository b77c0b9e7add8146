// A token (JWT) as text: header and claims, read before anything is believed of them.

import { type JsonObject, parseJson, RequestError } from '@holdfast/core';

// A token travels in a header; what is larger is none.
const tokenCharsMax = 8_192;

/** The issuer's clock may be ahead; how long a token is good is never stretched. */
export const clockAheadSecondsMax = 60;

/** Header and claims, read by the strict parser: a name that comes twice means one thing here and another there. */
export function readParts(text: string): { header: JsonObject; claims: JsonObject } {
  const parts = text.length > tokenCharsMax ? [] : text.split('.');
  const [header = '', claims = '', signature = ''] = parts;
  if (parts.length !== 3 || ![header, claims, signature].every(isPlainBase64url)) throw refused();
  return { header: readPart(header), claims: readPart(claims) };
}

function readPart(part: string): JsonObject {
  const read = parseJson(Buffer.from(part, 'base64url').toString(), {
    depthMax: 8,
    keysMax: 200,
    valuesMax: 2_000,
  });
  if (!read.ok || typeof read.value !== 'object' || read.value === null || Array.isArray(read.value))
    throw refused();
  return read.value as JsonObject;
}

/** One text for one token: else a changed last character would still be the same signature. */
function isPlainBase64url(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
}

export function refused(): RequestError {
  return new RequestError('unauthenticated', { field: 'authorization' });
}
