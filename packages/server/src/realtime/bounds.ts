// Every bound of live sockets. (Those of HTTP stand in http/app.ts, those of content in core's limits.)

import type { FollowBounds } from '../engine/engine.ts';

export interface LiveBounds {
  /** Sockets in all, of one device, of one key, and those that have not said who they are. */
  socketsMax: number;
  socketsPerDeviceMax: number;
  socketsPerKeyMax: number;
  strangersMax: number;
  /** Sockets let in a second, and at once after a quiet time: what a restart brings back comes in its turn. */
  admittedPerSecond: number;
  admittedAtOnce: number;
  /** By then a socket has said who it is, in a message no larger than this. */
  helloMsMax: number;
  helloBytesMax: number;
  /** A ping goes out so often; a peer that was not heard for so long is gone. */
  pingMs: number;
  silentMsMax: number;
  /** A socket with more than this unsent gets no pages; one that stays so for so long is closed. */
  unsentBytesMax: number;
  behindMsMax: number;
  /** A socket that was told to close and does not is cut. */
  closingMsMax: number;
  /** Messages a second that a peer may send, and at once after a quiet time. */
  messagesPerSecond: number;
  messagesAtOnce: number;
  subscriptionsMax: number;
  /** Exchanges of one socket that are answered at one time. */
  exchangesMax: number;
  /** Of all sockets: messages that are not answered, and large answers that are not sent. */
  incomingBytesMax: number;
  outgoingBytesMax: number;
  /** Sockets and credentials are looked at so often. */
  tickMs: number;
  page: FollowBounds;
}

export const liveBounds: LiveBounds = {
  socketsMax: 10_000,
  socketsPerDeviceMax: 8,
  socketsPerKeyMax: 2_000,
  strangersMax: 500,
  admittedPerSecond: 200,
  admittedAtOnce: 1_000,
  helloMsMax: 5_000,
  helloBytesMax: 2_048,
  pingMs: 25_000,
  silentMsMax: 55_000,
  unsentBytesMax: 262_144,
  behindMsMax: 15_000,
  closingMsMax: 2_000,
  messagesPerSecond: 100,
  messagesAtOnce: 1_000,
  subscriptionsMax: 200,
  exchangesMax: 8,
  incomingBytesMax: 64 * 1_048_576,
  outgoingBytesMax: 128 * 1_048_576,
  tickMs: 500,
  page: { recordsMax: 500, charsMax: 65_536, mutationsMax: 500 },
};
