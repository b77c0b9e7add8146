// How devices on the local network find this server: by DNS-SD and, where old clients listen for one, by a beacon.

import { fail } from './config-error.ts';

export interface DiscoveryOptions {
  /** Under which this server is shown. Default: Holdfast. */
  name?: string;
  /** What is told as the server's version: of what clients see of it, not of the program. Default: 1. */
  version?: string;
  /** A datagram goes to this UDP port of the network every few seconds. Default: none does. */
  beaconPort?: number;
}

export interface Discovery {
  readonly name: string;
  readonly version: string;
  readonly beaconPort?: number;
}

/** Undefined: nobody is told. */
export function readDiscovery(value: unknown): Discovery | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return { name: defaultName, version: defaultVersion };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('discovery', 'it is true, false or an object.');
  for (const option of Object.keys(value))
    if (!['name', 'version', 'beaconPort'].includes(option))
      fail(`discovery.${option}`, 'there is no such option; known are name, version, beaconPort.');
  const given = value as Readonly<Record<string, unknown>>;
  const name = readLabel('discovery.name', given.name ?? defaultName);
  const version = readLabel('discovery.version', given.version ?? defaultVersion);
  const { beaconPort } = given;
  if (beaconPort === undefined) return Object.freeze({ name, version });
  if (!Number.isInteger(beaconPort) || Number(beaconPort) < 1 || Number(beaconPort) > 65_535)
    fail('discovery.beaconPort', 'it is a whole number from 1 to 65535.');
  return Object.freeze({ name, version, beaconPort: Number(beaconPort) });
}

/** As long as a label of DNS. */
function readLabel(field: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 63) return value;
  return fail(field, 'it is a text of 1 to 63 bytes.');
}

const defaultName = 'Holdfast';
const defaultVersion = '1';
