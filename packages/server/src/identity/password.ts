// Passwords as they are kept: hashed by Argon2id, written as the PHC string format has it. The parameters are in the text, so that a
// hash stays good when those of new ones change.
// https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html (m = 19 MiB, t = 2, p = 1)

import { argon2, timingSafeEqual } from 'node:crypto';
import { type Random, RequestError } from '@holdfast/core';

const fresh = { memory: 19_456, passes: 2, parallelism: 1 };
const saltBytes = 16;
const hashBytes = 32;

export const passwordCharsMin = 8;
const passwordCharsMax = 1_000;

/** Throws RequestError `malformed` for one that is too short or too long. */
export function checkPassword(password: string): string {
  const chars = [...password].length;
  if (chars >= passwordCharsMin && chars <= passwordCharsMax && password.isWellFormed()) return password;
  throw new RequestError('malformed', {
    field: 'password',
    message: `A password has ${passwordCharsMin} to ${passwordCharsMax} characters.`,
  });
}

export async function hashPassword(password: string, random: Random): Promise<string> {
  const salt = random.bytes(saltBytes);
  return hashText({ ...fresh, salt, hash: await derive(password, { ...fresh, salt }) });
}

/** Takes as long for any password, and for null: who is unknown is not told apart by the time. */
export async function isPassword(password: string, kept: string | null): Promise<boolean> {
  const { hash, ...rest } = (kept === null ? undefined : readHash(kept)) ?? nobodys;
  const derived = await derive(password.slice(0, passwordCharsMax), rest);
  return timingSafeEqual(derived, hash) && kept !== null;
}

interface Parameters {
  /** In KiB. */
  memory: number;
  passes: number;
  parallelism: number;
  salt: Uint8Array;
}

type Hash = Parameters & { hash: Uint8Array };

const nobodys: Hash = { ...fresh, salt: new Uint8Array(saltBytes), hash: new Uint8Array(hashBytes) };

/** Off the event loop. Keyboards compose letters differently, so that the text is normalized first (NIST SP 800-63B, 3.1.1.2). */
function derive(password: string, { salt, ...parameters }: Parameters): Promise<Uint8Array> {
  const given = { ...parameters, message: password.normalize('NFKC'), nonce: salt, tagLength: hashBytes };
  return new Promise((resolve, reject) => {
    argon2('argon2id', given, (error, derived) => (error ? reject(error) : resolve(derived)));
  });
}

function hashText({ memory, passes, parallelism, salt, hash }: Hash): string {
  const parts = [salt, hash].map((bytes) => Buffer.from(bytes).toString('base64').replace(/=+$/, ''));
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${parts.join('$')}`;
}

function readHash(text: string): Hash | undefined {
  const [, memory, passes, parallelism, salt = '', hash = ''] =
    /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(text) ?? [];
  const bytes = Buffer.from(hash, 'base64');
  if (bytes.length !== hashBytes) return undefined;
  const numbers = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  return { ...numbers, salt: Buffer.from(salt, 'base64'), hash: bytes };
}
