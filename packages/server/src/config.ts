// The operator's configuration: what may stand in holdfast.config.ts, checked field by field, and read from the file.

import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Limits, Schema } from '@holdfast/core';
import { type Discovery, type DiscoveryOptions, readDiscovery } from './config-discovery.ts';
import { ConfigError, fail } from './config-error.ts';
import { type JwtOptions, readJwt } from './config-jwt.ts';
import { type LiveOptions, readLimits, readLive } from './config-limits.ts';
import { type MountedAt, type ProtocolsGiven, readProtocols } from './config-protocols.ts';
import { readStoreUrl } from './config-store.ts';
import {
  readChoice,
  readHost,
  readKey,
  readList,
  readNumber,
  readObject,
  readOrigin,
  readText,
} from './config-values.ts';
import { readViews } from './config-views.ts';
import { type LogLevel, logLevels } from './log.ts';
import type { LiveBounds } from './realtime/bounds.ts';
import type { SqlView } from './store/sql-views.ts';

export interface ConfigOptions {
  /** What `defineSchema` returned. */
  schema: Schema;
  /** Default 4870; 0 takes any free one. */
  port?: number;
  /** The address to listen on. Default 127.0.0.1: this machine alone. */
  host?: string;
  /** The data folder. A relative path starts at the folder of the config file. Default `./data`. */
  data?: string;
  /** The database in the data folder; a path may lead elsewhere. Default `holdfast.db`. */
  database?: string;
  /**
   * `none` serves loopback and private addresses only; `keys` asks every device for its key, `jwt` every caller for a token.
   * `keys-if-any` is `keys` at a start that finds a key, here or in the store, and else `none`. Default `none`.
   */
  auth?: Auth;
  /** Texts that are taken as keys, besides those in the store, such as one that the environment gives. They may write in every scope. */
  keys?: readonly string[];
  /** How tokens of another issuer are verified; only `auth: 'jwt'` asks for them. The server's own users need nothing here. */
  jwt?: JwtOptions;
  /** With `auth: 'jwt'` a start that finds no user makes this one, an admin, and prints a password once. Default: it makes none. */
  firstAdmin?: string;
  /** Names by which devices reach this server, besides localhost, this machine's name and addresses. */
  hosts?: readonly string[];
  /**
   * Web origins whose pages may call this server, such as `https://app.example.com`. Default: none call the native protocol; each
   * other protocol has its own rule.
   */
  corsOrigins?: readonly string[];
  /** Other protocols, by their names, each with its prefix: `{ hims: '/hims' }`. */
  protocols?: ProtocolsGiven;
  /** SQL views for reports, besides or in the place of the collections' own. */
  views?: readonly SqlView[];
  /** What protocols tell of the server to whoever asks without a credential. Default `full`. */
  health?: 'full' | 'minimal';
  /** Whether, and how, devices on the local network are told of this server. Default: they are not. */
  discovery?: boolean | DiscoveryOptions;
  /** Of what peers send and get. */
  limits?: Partial<Limits>;
  /** Of live sockets. */
  live?: LiveOptions;
  /** The database grows no larger than this; then writes are answered with `storage_full`. */
  sizeBytesMax?: number;
  /** How far a device's clock may be ahead: short for `limits.clockDriftMsMax`. */
  maxClockDriftMs?: number;
  logLevel?: LogLevel;
  /** Whether the log also goes to `logs/combined.log` and `logs/error.log` in the data folder. Default false. */
  logFiles?: boolean;
}

export type Auth = 'none' | 'keys' | 'jwt' | 'keys-if-any';

/** The same with every default filled in. */
export interface Config {
  readonly schema: Schema;
  readonly port: number;
  readonly host: string;
  readonly data: string;
  readonly database: string;
  readonly auth: Auth;
  readonly keys: readonly string[];
  readonly jwt?: JwtOptions;
  readonly firstAdmin?: string;
  readonly hosts: readonly string[];
  /** Undefined: none are listed. */
  readonly corsOrigins?: readonly string[];
  readonly protocols: Readonly<Record<string, MountedAt>>;
  readonly views: readonly SqlView[];
  readonly health: 'full' | 'minimal';
  readonly discovery?: Discovery;
  readonly limits: Limits;
  readonly live: LiveBounds;
  readonly sizeBytesMax?: number;
  readonly logLevel: LogLevel;
  readonly logFiles: boolean;
}

/** What the command line may say; it goes before the file. A relative `data` starts at the current folder. */
export interface ConfigFlags {
  port?: number | string;
  host?: string;
  data?: string;
  auth?: string;
  /** A URL: `sqlite:PATH`. */
  store?: string;
  discoveryPort?: number;
  /** False: nobody is told. */
  discovery?: boolean;
}

/** Checks the options and fills in the defaults. Throws a ConfigError that names the field. What it returned passes again. */
export function defineConfig(options: ConfigOptions | Config): Config {
  const given = readObject(options);
  for (const name of Object.keys(given))
    if (!optionNames.has(name))
      fail(name, 'there is no such option.', `Known are ${[...optionNames].join(', ')}.`);
  const maxClockDriftMs = readNumber(given, 'maxClockDriftMs', { min: 1, max: Number.MAX_SAFE_INTEGER });
  const limits = readLimits(given.limits, { maxClockDriftMs });
  const sizeBytesMax = readNumber(given, 'sizeBytesMax', { min: 1_048_576, max: Number.MAX_SAFE_INTEGER });
  const discovery = readDiscovery(given.discovery);
  const auth = readChoice(given, 'auth', ['none', 'keys', 'jwt', 'keys-if-any']) ?? 'none';
  const jwt = readJwt(given.jwt, { needed: auth === 'jwt' });
  const firstAdmin = readText(given, 'firstAdmin');
  const schema = readSchema(given.schema);
  return Object.freeze({
    schema,
    views: readViews(given.views, schema),
    port: readNumber(given, 'port', { min: 0, max: 65_535 }) ?? 4870,
    host: readText(given, 'host') ?? '127.0.0.1',
    data: readText(given, 'data') ?? './data',
    database: readText(given, 'database') ?? 'holdfast.db',
    auth,
    keys: readList(given, 'keys', readKey),
    ...(jwt === undefined ? {} : { jwt }),
    ...(firstAdmin === undefined ? {} : { firstAdmin }),
    hosts: readList(given, 'hosts', readHost),
    ...(given.corsOrigins === undefined ? {} : { corsOrigins: readList(given, 'corsOrigins', readOrigin) }),
    protocols: readProtocols(given.protocols),
    health: readChoice(given, 'health', ['full', 'minimal']) ?? 'full',
    ...(discovery === undefined ? {} : { discovery }),
    limits,
    live: readLive(given.live, limits),
    ...(sizeBytesMax === undefined ? {} : { sizeBytesMax }),
    logLevel: readChoice(given, 'logLevel', logLevels) ?? 'info',
    logFiles: readChoice(given, 'logFiles', [true, false]) ?? false,
  });
}

/** Puts what the command line said before what the file says. */
export function withFlags(config: Config, flags: ConfigFlags): Config {
  const port = typeof flags.port === 'string' ? readPortText(flags.port) : flags.port;
  return defineConfig({
    ...config,
    ...(port === undefined ? {} : { port }),
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(flags.data === undefined ? {} : { data: resolve(flags.data) }),
    ...(flags.auth === undefined ? {} : { auth: flags.auth as Auth }),
    ...(flags.store === undefined
      ? {}
      : { database: readStoreUrl(flags.store, { name: '--store', folder: resolve('.') }) }),
    discovery: discoveryWith(config.discovery, flags),
  });
}

function discoveryWith(
  given: Discovery | undefined,
  { discovery, discoveryPort }: ConfigFlags,
): boolean | DiscoveryOptions {
  if (discovery === false) return false;
  if (discoveryPort !== undefined) return { ...given, beaconPort: discoveryPort };
  return given ?? false;
}

/** Imports a config file (Node strips its types). Throws a ConfigError with one line for whatever is wrong with it. */
export async function loadConfig(path: string): Promise<Config> {
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) {
    throw new ConfigError('config_missing', {
      message: `There is no config file ${path}.`,
      help: 'Write one with `npx holdfast init`, or name yours with --config.',
    });
  }
  const module = (await import(pathToFileURL(file).href).catch((error: unknown) => {
    throw brokenFile({ path, file }, error);
  })) as { default?: ConfigOptions };
  // A file without an export counts as CommonJS, which always exports an object.
  if (module.default === undefined || Object.keys(module.default).length === 0) {
    throw new ConfigError('config_broken', {
      message: `${path} has no default export.`,
      help: 'End it with `export default defineConfig({ … })`.',
    });
  }
  const config = defineConfig(module.default);
  return defineConfig({ ...config, data: resolve(dirname(file), config.data) });
}

const optionNames: ReadonlySet<string> = new Set<keyof ConfigOptions>([
  'schema',
  'port',
  'host',
  'data',
  'database',
  'auth',
  'keys',
  'jwt',
  'firstAdmin',
  'hosts',
  'corsOrigins',
  'protocols',
  'views',
  'health',
  'discovery',
  'limits',
  'live',
  'sizeBytesMax',
  'maxClockDriftMs',
  'logLevel',
  'logFiles',
]);

function readSchema(value: unknown): Schema {
  const schema = value as Partial<Schema> | null | undefined;
  const made =
    schema?.collections instanceof Map && schema.versions instanceof Map && schema.version !== undefined;
  return made
    ? (schema as Schema)
    : fail('schema', 'it is missing or not made by defineSchema.', 'Give what defineSchema({ … }) returns.');
}

function readPortText(text: string): number {
  return /^\d{1,5}$/.test(text.trim())
    ? Number(text)
    : fail('port', `"${text.slice(0, 40)}" is no port.`, 'Give a number from 0 to 65535.');
}

/** Whatever importing the file threw, in one line. A ConfigError keeps its field; it may come from another copy of this module. */
function brokenFile({ path, file }: { path: string; file: string }, error: unknown): ConfigError {
  const { name, message, code, field, help, stack } = error as Partial<Omit<ConfigError, 'code'>> & {
    code?: string;
  };
  if (name === 'ConfigError')
    return new ConfigError('config_invalid', {
      field,
      message: message ?? '',
      help: help ?? 'Mend it in the config file.',
    });
  const line =
    (message ?? String(error)).split('\n').find((part) => part.trim() !== '') ?? 'it cannot be read.';
  const at = new RegExp(`${RegExp.escape(file)}:(\\d+)`).exec(stack ?? '')?.[1];
  return new ConfigError('config_broken', {
    message: `${path}${at === undefined ? '' : `, line ${at}`}: ${line.trim().slice(0, 300)}`,
    help: code === 'ERR_MODULE_NOT_FOUND' ? 'Run `npm install` in its folder.' : 'Mend the file.',
  });
}
