// A preset: a ready config for clients of one existing system, and the environment variables that its contract names. What it says
// gives way to these, and both to flags.

import { resolve } from 'node:path';
import type { ConfigOptions } from '../config.ts';
import { ConfigError } from '../config-error.ts';
import { readStoreUrl } from '../config-store.ts';
import { isKeyText, keyWords } from '../config-values.ts';

/** What existing clients put into one request: a thousand orders with their lines, or all that was changed in days without a network. */
export const largeBodies = {
  bodyBytesMax: 8 * 1_048_576,
  bodyInflatedBytesMax: 16 * 1_048_576,
  jsonValuesMax: 1_000_000,
};

export interface Preset {
  /** In a few words, for the list of presets. */
  about: string;
  config: ConfigOptions;
  variables: Readonly<Record<string, Variable>>;
}

/** Puts what an environment variable says into the config. Throws a ConfigError that names it. */
export type Variable = (config: ConfigOptions, text: string, name: string) => ConfigOptions;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The preset's config as the environment wants it; one that is set to nothing counts as not set. */
export function presetConfig({ config, variables }: Preset, environment: Environment): ConfigOptions {
  return Object.entries({ ...tokenVariables, ...variables }).reduce((read, [name, put]) => {
    const text = environment[name]?.trim() ?? '';
    return text === '' ? read : put(read, text, name);
  }, config);
}

export const port: Variable = (config, text, name) => ({
  ...config,
  port: wholeNumber(text, { name, min: 0, max: 65_535 }),
});

export const beaconPort: Variable = (config, text, name) => ({
  ...config,
  discovery: {
    ...(typeof config.discovery === 'object' ? config.discovery : {}),
    beaconPort: wholeNumber(text, { name, min: 1, max: 65_535 }),
  },
});

export const logLevel: Variable = (config, text, name) => {
  const level = (['debug', 'info', 'warn', 'error'] as const).find((known) => known === text.toLowerCase());
  return level === undefined
    ? wrong(name, 'it is one of debug, info, warn, error')
    : { ...config, logLevel: level };
};

export const store: Variable = (config, text, name) => ({
  ...config,
  database: readStoreUrl(text, { name, folder: resolve('.') }),
});

/** A key by which every client may come. */
export const key: Variable = (config, text, name) =>
  isKeyText(text) ? { ...config, keys: [text] } : wrong(name, `it is a key: ${keyWords}`);

/** Reads the text of a variable. Throws a ConfigError that names it. */
export type VariableReader<Value> = (text: string, name: string) => Value;

/** Something that becomes an option of the protocol. */
export function protocolOption(
  protocol: string,
  option: string,
): (read: VariableReader<string | number | boolean>) => Variable {
  return (read) => (config, text, name) => {
    const given = config.protocols?.[protocol] ?? '';
    const mounted = typeof given === 'string' ? { prefix: given } : given;
    const changed = { ...mounted, options: { ...mounted.options, [option]: read(text, name) } };
    return { ...config, protocols: { ...config.protocols, [protocol]: changed } };
  };
}

export function protocolNumber(
  protocol: string,
  option: string,
  bounds: { min: number; max: number },
): Variable {
  return protocolOption(protocol, option)((text, name) => wholeNumber(text, { name, ...bounds }));
}

/** One of these words, in whatever case. */
export function choice<Word extends string>(words: readonly Word[]): VariableReader<Word> {
  return (text, name) =>
    words.find((word) => word.toLowerCase() === text.toLowerCase()) ??
    wrong(name, `it is one of ${words.join(', ')}`);
}

export const flag: VariableReader<boolean> = (text, name) => {
  const word = text.toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return true;
  return ['false', '0', 'no', 'off'].includes(word) ? false : wrong(name, 'it is true or false');
};

const secondsMax = 86_400;

/** Seconds; a number from 1000 on is milliseconds, as both are written. `30s` and `500ms` say which. */
export const milliseconds: VariableReader<number> = (text, name) => {
  const [, digits = '', unit] = /^(\d{1,9})\s*(ms|s)?$/i.exec(text) ?? [];
  const value = digits === '' ? Number.NaN : Number(digits);
  const isSeconds = unit === undefined ? value < 1_000 : unit.toLowerCase() === 's';
  const ms = isSeconds ? value * 1_000 : value;
  return ms >= 1 && ms <= secondsMax * 1_000
    ? ms
    : wrong(name, `it is a time of up to ${secondsMax} seconds, such as 30, 30s or 500ms`);
};

// They turn nothing on: `auth` does.
const tokenVariables: Preset['variables'] = {
  JWT_SECRET: token('secret'),
  JWT_JWKS_URL: token('jwksUrl'),
  JWT_ISSUER: token('issuer'),
  JWT_AUDIENCE: token('audience'),
};

function token(option: keyof NonNullable<ConfigOptions['jwt']>): Variable {
  return (config, text) => ({ ...config, jwt: { ...config.jwt, [option]: text } });
}

function wholeNumber(text: string, { name, min, max }: { name: string; min: number; max: number }): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : wrong(name, `it is a whole number from ${min} to ${max}`);
}

function wrong(name: string, what: string): never {
  throw new ConfigError('config_invalid', {
    field: name,
    message: `Environment, ${name}: ${what}.`,
    help: 'Mend the environment variable, or unset it.',
  });
}
