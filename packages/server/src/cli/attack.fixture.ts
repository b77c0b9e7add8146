// What an attack is, and what it has at hand.

import { expect } from 'vitest';
import type { Attacked, Sent, Target, Who } from './attacks.fixture.ts';
import type { BadToken } from './bad-tokens.fixture.ts';

export interface Attack {
  /** Its number in the list of security cases. */
  number: number;
  what: string;
  run: (at: At) => Promise<void>;
  /** Why it means nothing to a protocol, or to all. */
  not?: string | Readonly<Record<string, string>>;
  /** What it writes is what it is about; of the others nothing may be written. */
  writes?: true;
}

export interface At {
  server: Attacked;
  name: string;
  target: Target;
  bad: Readonly<Record<number, readonly BadToken[]>>;
  /** Ann's, unless it says otherwise. */
  send(sent: Sent, as?: As): Promise<Answer>;
}

export interface As {
  /** A token, or whose. Null: none. */
  token?: string | null;
  who?: Who;
  headers?: Record<string, string>;
  /** In place of the body. */
  text?: string | Uint8Array;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

export function createSend(server: Attacked): At['send'] {
  return async ({ method, path, headers, body }, as = {}) => {
    const token = as.token === undefined ? server.tokens[as.who ?? 'ann'] : as.token;
    const given = as.text ?? (body && JSON.stringify(body));
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        ...(given === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
        ...as.headers,
      },
      ...(given === undefined ? {} : { body: typeof given === 'string' ? given : new Uint8Array(given) }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

const insides = /node_modules|\.ts:\d|SQLITE|SELECT |hf_[a-z]|\bat [A-Za-z.]+ \(/;

/** In the protocol's own shape, and without a word of what lies behind it. */
export function expectRefused(
  target: Target,
  { status, text }: Pick<Answer, 'status' | 'text'>,
  statuses: readonly number[],
  what = '',
): void {
  expect(statuses, `${what}: ${text.slice(0, 300)}`).toContain(status);
  expect(text.match(insides), what).toBeNull();
  expect(() => target.error.parse(JSON.parse(text)), `${what}: ${text.slice(0, 300)}`).not.toThrow();
}

let drawn = 0;
export function newId(): string {
  drawn += 1;
  return `id-${drawn}`;
}

/** Without what is other in each answer. */
export function masked(text: string): string {
  return text
    .replaceAll(/"(request|timestamp|nextSyncToken|lastSync|checkpoint)":("[^"]*"|\d+|null)/g, '"$1":0')
    .replaceAll(/"(now|serverTime|replica|mutation|id)":("[^"]*"|\d+)/g, '"$1":0');
}
