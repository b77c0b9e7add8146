// Every bound of sockets and requests. (Those of content stand in core's limits, those of live sockets in realtime/bounds.ts.)

import type { ConnectionBounds } from './connections.ts';

export interface HttpBounds extends ConnectionBounds {
  /** The whole request must have arrived by then, its headers by then; looked at every so often. */
  requestMsMax: number;
  headersMsMax: number;
  checkEveryMs: number;
  headersBytesMax: number;
  /** An idle socket is closed; one on which nothing moves, too, because its peer may be gone. */
  keepAliveMsMax: number;
  silentMsMax: number;
  /** All bodies that are held at one time. */
  bodiesBytesMax: number;
  /** All answers that are not sent yet, as far as they are large. */
  answersBytesMax: number;
  /** Of mounted protocols: requests of one address, of one device, and live sockets of one address. */
  requestsPerAddressPerSecondMax: number;
  requestsPerDevicePerSecondMax: number;
  socketsPerAddressMax: number;
}

export const httpBounds: HttpBounds = {
  requestMsMax: 30_000,
  headersMsMax: 10_000,
  checkEveryMs: 2_000,
  headersBytesMax: 16_384,
  keepAliveMsMax: 60_000,
  silentMsMax: 120_000,
  connectionsMax: 12_288,
  connectionsPerAddressMax: 2_048,
  bodiesBytesMax: 64 * 1_048_576,
  answersBytesMax: 128 * 1_048_576,
  requestsPerAddressPerSecondMax: 2_000,
  requestsPerDevicePerSecondMax: 300,
  socketsPerAddressMax: 2_000,
};
