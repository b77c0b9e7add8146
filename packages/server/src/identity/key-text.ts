// How keys and enrolment codes are written: `hf_<id>_<secret>`, and `K7QWM-3XZ9P`.

import { timingSafeEqual } from 'node:crypto';
import type { Random, Sha256 } from '@holdfast/core';

// Crockford's base 32: no I, L, O, U, so that nothing is misread.
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const idChars = 12;
const secretBytes = 32;
// 50 bits: with ten minutes of life and the bound on guesses, a hit is out of reach.
const codeChars = 10;

export interface KeyText {
  /** Public; names the key in lists and logs. */
  key: string;
  secret: string;
}

export function createKeyText(random: Random): KeyText & { text: string } {
  const key = letters(random, idChars).toLowerCase();
  const secret = Buffer.from(random.bytes(secretBytes)).toString('base64url');
  return { key, secret, text: `hf_${key}_${secret}` };
}

/** The public id of a user's credential. It has no secret, and no key's text can name it. */
export function createUserKey(random: Random): string {
  return `user-${letters(random, idChars).toLowerCase()}`;
}

/** The public id of a key that signs tokens. */
export function createKid(random: Random): string {
  return `hf-${letters(random, idChars).toLowerCase()}`;
}

export function parseKeyText(text: string): KeyText | undefined {
  const [, key, secret] = /^hf_([0-9a-z]{12})_([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  return key === undefined || secret === undefined ? undefined : { key, secret };
}

/** The secret has 256 random bits, so a plain hash keeps it; the text is hashed, because several texts decode to the same bytes. */
export function hashSecret(secret: string, sha256: Sha256): string {
  return sha256(`holdfast key ${secret}`);
}

/** Takes as long for any two hashes. */
export function sameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

export function createCode(random: Random): string {
  const text = letters(random, codeChars);
  return `${text.slice(0, codeChars / 2)}-${text.slice(codeChars / 2)}`;
}

/** 100 bits, to be typed once: `k7qwm-3xz9p-4f0te-hv2bc`. */
export function createPassword(random: Random): string {
  const parts = Array.from({ length: 4 }, () => letters(random, codeChars / 2));
  return parts.join('-').toLowerCase();
}

/** Reads a code as people type it: any case, spaces and dashes anywhere, O for 0, I and L for 1. */
export function hashCode(typed: string, sha256: Sha256): string {
  const plain = typed.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
  return sha256(`holdfast enrolment ${plain}`);
}

/** 32 divides 256, so the low five bits of a random byte are as random. */
function letters(random: Random, count: number): string {
  return [...random.bytes(count)].map((byte) => alphabet[byte & 31]).join('');
}
