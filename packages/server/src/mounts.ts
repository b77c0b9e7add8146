// From the protocols of a config to what is mounted: finds each by its name, checks what only it can know, and hands it its place.

import type { Config } from './config.ts';
import { fail } from './config-error.ts';
import type { CollectionMapping, MountedAt } from './config-protocols.ts';
import type { MountedProtocol } from './http/mounted.ts';
import { createDoor } from './protocols/door.ts';
import type { MountDeps, MountedCollection, Protocol } from './protocols/mount.ts';
import type { Registry } from './protocols/registry.ts';

/** A protocol with its place, checked and not made yet. */
export interface PlannedMount {
  name: string;
  protocol: Protocol;
  prefix: string;
  place: Pick<MountDeps, 'scope' | 'collections' | 'options'>;
}

/** Throws a ConfigError that names the field. */
export function planMounts(
  { protocols, schema }: Pick<Config, 'protocols' | 'schema'>,
  registry: Registry,
): readonly PlannedMount[] {
  return Object.entries(protocols).map(([name, at]) => {
    const field = `protocols.${name}`;
    const protocol = Object.hasOwn(registry, name) ? registry[name] : undefined;
    if (!protocol) {
      const known = Object.keys(registry).join(', ');
      return fail(field, 'there is no such protocol.', `Known are ${known}.`);
    }
    const options = protocol.options.safeParse(at.options);
    if (!options.success) {
      const [issue] = options.error.issues;
      return fail([`${field}.options`, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'it is wrong.');
    }
    const collections = readCollections(field, { schema, protocol, at });
    return {
      name,
      protocol,
      prefix: at.prefix,
      place: { scope: at.scope, collections, options: at.options },
    };
  });
}

function readCollections(
  field: string,
  { schema, protocol, at }: { schema: Config['schema']; protocol: Protocol; at: MountedAt },
): ReadonlyMap<string, MountedCollection> {
  const mappings = at.collections ?? ownNames(schema, protocol);
  const mounted = Object.entries(mappings).map(([wire, mapping]): MountedCollection => {
    const one = `${field}.collections.${wire}`;
    if (protocol.collections && !protocol.collections.includes(wire))
      fail(one, `the protocol knows ${protocol.collections.join(', ')} alone.`);
    const { ids = {}, id: anyId, time: anyTime } = protocol.fields;
    const ownId = Object.hasOwn(ids, wire) ? ids[wire] : undefined;
    const { collection = wire, id = ownId ?? anyId, time = anyTime } = mapping;
    const declared = schema.collections.get(collection);
    if (!declared) return fail(one, `the schema declares no collection ${collection}.`);
    if (declared.counters.size > 0 && !protocol.counters) {
      const why = `${collection} has counters, and clients of this protocol can only set values.`;
      fail(one, why, 'Map the other collections alone, or declare plain fields.');
    }
    return { wire, collection, id, time };
  });
  const taken = new Set<string>();
  for (const { wire, collection } of mounted) {
    if (taken.has(collection))
      fail(`${field}.collections.${wire}`, `${collection} has another name already.`);
    taken.add(collection);
  }
  return new Map(mounted.map((one) => [one.wire, one]));
}

/** Where nothing is mapped: what the protocol names and the schema declares. */
function ownNames(
  { collections }: Config['schema'],
  protocol: Protocol,
): Readonly<Record<string, CollectionMapping>> {
  const names = [...collections.keys()].filter(
    (name) => protocol.collections === null || protocol.collections.includes(name),
  );
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** What all mounted protocols share of the running server. */
export type MountHost = Omit<MountDeps, 'scope' | 'collections' | 'options' | 'caller'>;

export function mountProtocol(
  host: MountHost,
  { name, protocol, prefix, place }: PlannedMount,
): MountedProtocol {
  const door = createDoor(host.identity);
  const mount = protocol.create({ ...host, ...place, caller: door.caller });
  return {
    name,
    prefix,
    origins: protocol.origins,
    gzip: protocol.gzip,
    mount: {
      ...mount,
      routes: async (app) => {
        app.addHook('onRequest', door.prove);
        await app.register(mount.routes);
      },
    },
  };
}
