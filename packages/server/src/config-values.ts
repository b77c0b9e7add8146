// The plain values of a config: each is read by the name of its option, and what it is not is said in one line.

import { ConfigError, fail } from './config-error.ts';

export type Given = Readonly<Record<string, unknown>>;

export function readObject(options: unknown): Given {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return options as Given;
  throw new ConfigError('config_invalid', {
    message: 'The config is no object.',
    help: 'Write `export default defineConfig({ schema })`.',
  });
}

export function readNumber(
  given: Given,
  field: string,
  bounds: { min: number; max: number },
): number | undefined {
  const value = given[field];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= bounds.min && value <= bounds.max)
    return value;
  return fail(field, `it is a whole number from ${bounds.min} to ${bounds.max}.`);
}

export function readText(given: Given, field: string): string | undefined {
  const value = given[field];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.trim() !== '' && !value.includes('\0')) return value;
  return fail(field, 'it is a text that is not empty.');
}

export function readChoice<Choice extends string | boolean>(
  given: Given,
  field: string,
  choices: readonly Choice[],
): Choice | undefined {
  const value = given[field];
  if (value === undefined) return undefined;
  return choices.find((choice) => choice === value) ?? fail(field, `it is one of ${choices.join(', ')}.`);
}

export function readList(
  given: Given,
  field: string,
  read: (text: string, field: string) => string,
): readonly string[] {
  const value = given[field];
  if (value === undefined) return [];
  if (!Array.isArray(value)) return fail(field, 'it is a list of texts.');
  return value.map((item: unknown, place) =>
    typeof item === 'string' ? read(item, `${field}[${place}]`) : fail(`${field}[${place}]`, 'it is a text.'),
  );
}

export function readHost(text: string, field: string): string {
  if (/^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(text))
    return text.toLowerCase();
  return fail(field, 'it is a host name without scheme and port.', 'Such as `shop.example.com`.');
}

export function readOrigin(text: string, field: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (origin !== 'null' && origin === text.toLowerCase() && /^https?:/.test(origin)) return origin;
  return fail(
    field,
    'it is an origin: scheme, host and port, nothing behind.',
    'Such as `https://app.example.com`; there is no wildcard.',
  );
}

/** What stands in a header as it is, and is not guessed in a few tries. */
export function isKeyText(text: string): boolean {
  return /^[\x21-\x7e]{8,512}$/.test(text);
}

/** A refusal does not quote it: it may be one with a slip. */
export function readKey(text: string, field: string): string {
  return isKeyText(text) ? text : fail(field, `it is a key: ${keyWords}.`);
}

export const keyWords = '8 to 512 characters of ASCII without spaces';
