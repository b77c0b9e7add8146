// The protocols in a config: each with its place and what its clients call things. Whether a protocol of that name exists, and
// what its own options mean, is judged where the protocols are known (mounts.ts).

import { fail } from './config-error.ts';
import { ownPaths } from './http/own-paths.ts';

export interface CollectionMapping {
  /** The schema's collection. Default: the same name. */
  collection?: string;
  /** The wire's field that holds a record's id. Default: as the protocol has it. */
  id?: string;
  /** The one that holds its time of change. */
  time?: string;
}

export interface ProtocolOptions {
  /** Such as `/hims`; '' mounts it at the root. */
  prefix: string;
  /** Default `main`. */
  scope?: string;
  /** By their names on the wire. Default: the protocol's own, as far as the schema declares them. */
  collections?: Readonly<Record<string, string | CollectionMapping>>;
  /** The protocol's own. */
  options?: Readonly<Record<string, unknown>>;
}

export interface MountedAt {
  readonly prefix: string;
  readonly scope: string;
  /** Undefined: the protocol's own. */
  readonly collections?: Readonly<Record<string, CollectionMapping>>;
  readonly options: Readonly<Record<string, unknown>>;
}

export type ProtocolsGiven = Readonly<Record<string, string | ProtocolOptions>>;

export function readProtocols(value: unknown): Readonly<Record<string, MountedAt>> {
  if (value === undefined) return {};
  const given = readFields('protocols', value);
  const read = Object.entries(given).map(([name, place]) => [name, readPlace(name, place)] as const);
  const names = new Map<string, string>();
  for (const [name, { prefix }] of read) {
    const other = names.get(prefix);
    if (other !== undefined) fail(`protocols.${name}`, `its prefix '${prefix}' is that of ${other}.`);
    names.set(prefix, name);
  }
  return Object.freeze(Object.fromEntries(read));
}

function readPlace(name: string, value: unknown): MountedAt {
  const field = `protocols.${name}`;
  const given = typeof value === 'string' ? { prefix: value } : readFields(field, value);
  const known: readonly string[] = ['prefix', 'scope', 'collections', 'options'];
  for (const key of Object.keys(given))
    if (!known.includes(key)) fail(`${field}.${key}`, unknownOption(known));
  const { collections } = given;
  return Object.freeze({
    prefix: readPrefix(`${field}.prefix`, given.prefix),
    scope: readName(`${field}.scope`, given.scope ?? 'main'),
    ...(collections === undefined ? {} : { collections: readMappings(`${field}.collections`, collections) }),
    options: readFields(`${field}.options`, given.options ?? {}),
  });
}

function readPrefix(field: string, value: unknown): string {
  if (typeof value !== 'string' || !/^(\/[a-z0-9_-]+)*$/.test(value))
    return fail(field, "it is '' or a path in small letters, such as /hims.");
  const own = ownPaths.find((path) => value === path || value.startsWith(`${path}/`));
  return own === undefined ? value : fail(field, `${own} is the server's own.`);
}

function readMappings(field: string, value: unknown): Readonly<Record<string, CollectionMapping>> {
  const entries = Object.entries(readFields(field, value)).map(([wire, given]) => {
    const one = `${field}.${wire}`;
    const mapping = typeof given === 'string' ? { collection: given } : readFields(one, given);
    const known: readonly string[] = ['collection', 'id', 'time'];
    for (const [key, name] of Object.entries(mapping)) {
      if (!known.includes(key)) fail(`${one}.${key}`, unknownOption(known));
      readName(`${one}.${key}`, name);
    }
    return [wire, mapping as CollectionMapping] as const;
  });
  return Object.freeze(Object.fromEntries(entries));
}

function unknownOption(known: readonly string[]): string {
  return `there is no such option; known are ${known.join(', ')}.`;
}

function readFields(field: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  return fail(field, 'it is an object.');
}

function readName(field: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= 200) return value;
  return fail(field, 'it is a text of 1 to 200 characters.');
}
