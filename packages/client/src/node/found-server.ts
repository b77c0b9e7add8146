// What the network says of a server, read with distrust: anybody near may send such datagrams. An address and a name come of it, no more.

import { isIPv4 } from 'node:net';
import type { ResponsePacket } from 'multicast-dns';

export interface FoundServer {
  /** For a person to choose by; it proves nothing. */
  name: string;
  /** Where the datagram came from, with the port that it told: what `openReplica` takes as `url`. */
  url: string;
  host: string;
  port: number;
  by: 'beacon' | 'dns-sd';
}

export const serviceType = '_holdfast._tcp.local';

const datagramBytesMax = 4_096;
const nameCharsMax = 200;

/** Undefined for what is no beacon. The address is the sender's: what a beacon says of another one could lead anywhere. */
export function readBeacon(datagram: Uint8Array, sender: string): FoundServer | undefined {
  if (datagram.length > datagramBytesMax) return undefined;
  try {
    const { name, port }: { name?: unknown; port?: unknown } =
      JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(datagram)) ?? {};
    return foundServer({ name, port, host: sender, by: 'beacon' });
  } catch {
    // No UTF-8, or no JSON: somebody else's datagram.
    return undefined;
  }
}

type Records = NonNullable<ResponsePacket['answers']>;

/** The servers that an answer of multicast DNS tells of; they are where it came from. */
export function readServices(
  { answers = [], additionals = [] }: Packet,
  sender: string,
): readonly FoundServer[] {
  const records = [...answers, ...additionals];
  return records.flatMap((pointer) => {
    if (pointer.type !== 'PTR' || pointer.name.toLowerCase() !== serviceType || pointer.ttl === 0) return [];
    const { data: instance } = pointer;
    const place = records.find(({ type, name }) => type === 'SRV' && name === instance);
    const texts = records.find(({ type, name }) => type === 'TXT' && name === instance);
    const port = place?.type === 'SRV' ? place.data.port : undefined;
    const name = (texts?.type === 'TXT' && nameIn(texts.data)) || instance.split('.')[0];
    return foundServer({ name, port, host: sender, by: 'dns-sd' }) ?? [];
  });
}

interface Packet {
  answers?: Records | undefined;
  additionals?: Records | undefined;
}

function nameIn(texts: unknown): string | undefined {
  const all = Array.isArray(texts) ? texts.map(String) : [];
  return all.find((text) => text.startsWith('name='))?.slice('name='.length);
}

function foundServer(given: {
  name: unknown;
  port: unknown;
  host: string;
  by: FoundServer['by'];
}): FoundServer | undefined {
  const { name, port, host, by } = given;
  if (typeof name !== 'string' || name === '' || name.length > nameCharsMax) return undefined;
  // A name is shown to people: nothing that could forge a line or move a cursor.
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name) || !name.isWellFormed()) return undefined;
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535 || !isIPv4(host)) return undefined;
  return { name, url: `http://${host}:${port}`, host, port: Number(port), by };
}
