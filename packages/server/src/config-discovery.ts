// How devices on the local network find this server: by DNS-SD and, where old clients listen for one, by a beacon.

import { fail } from './config-error.ts';

export interface DiscoveryOptions {
  /** Under which this server is shown. Default: Holdfast. */
  name?: string;
  /** A datagram goes to this UDP port of the network every few seconds. Default: none does. */
  beaconPort?: number;
}

export interface Discovery {
  readonly name: string;
  readonly beaconPort?: number;
}

/** Undefined: nobody is told. */
export function readDiscovery(value: unknown): Discovery | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return { name: defaultName };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('discovery', 'it is true, false or an object.');
  for (const option of Object.keys(value))
    if (option !== 'name' && option !== 'beaconPort')
      fail(`discovery.${option}`, 'there is no such option; known are name, beaconPort.');
  const { name = defaultName, beaconPort } = value as { name?: unknown; beaconPort?: unknown };
  if (typeof name !== 'string' || name === '' || Buffer.byteLength(name) > 63)
    return fail('discovery.name', 'it is a text of 1 to 63 bytes.');
  if (beaconPort === undefined) return Object.freeze({ name });
  if (!Number.isInteger(beaconPort) || Number(beaconPort) < 1 || Number(beaconPort) > 65_535)
    fail('discovery.beaconPort', 'it is a whole number from 1 to 65535.');
  return Object.freeze({ name, beaconPort: Number(beaconPort) });
}

const defaultName = 'Holdfast';
