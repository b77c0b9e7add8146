// Every bound of live sockets, with the relations that must hold between them. An operator may set others in the config. (Those of
// HTTP stand in http/http-bounds.ts, those of content in core's limits.)

import type { Limits } from '@holdfast/core';
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
  /** After so many whom a page of news concerns, whatever else waits in the process gets its turn. */
  followersPerTurn: number;
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
  followersPerTurn: 200,
  tickMs: 500,
  page: { recordsMax: 500, charsMax: 65_536, mutationsMax: 500 },
};

/** Throws a RangeError that names the two bounds that contradict each other. */
export function assertLiveBounds(bounds: LiveBounds, limits: Limits): LiveBounds {
  const require = (holds: boolean, relation: string): void => {
    if (!holds) throw new RangeError(`These bounds contradict each other: ${relation}.`);
  };
  const { pingMs, page } = bounds;
  require(bounds.tickMs <= pingMs, 'tickMs ≤ pingMs');
  // Longer ones are no delays that a timer of JavaScript holds.
  require(pingMs <= pingMsMax, `pingMs ≤ ${pingMsMax}`);
  require(2 * pingMs < bounds.silentMsMax, '2 × pingMs < silentMsMax');
  require(helloBytesMin <= bounds.helloBytesMax, `${helloBytesMin} ≤ helloBytesMax`);
  // Else one page would put its socket behind.
  require(page.charsMax <= bounds.unsentBytesMax, 'page.charsMax ≤ unsentBytesMax');
  // A device that comes back subscribes to all its scopes at once, and pulls each of them.
  require(2 * bounds.subscriptionsMax < bounds.messagesAtOnce, '2 × subscriptionsMax < messagesAtOnce');
  require(limits.bodyBytesMax <= bounds.incomingBytesMax, 'limits.bodyBytesMax ≤ incomingBytesMax');
  require(bytesPerChar * limits.pageCharsMax <=
    bounds.outgoingBytesMax, `${bytesPerChar} × limits.pageCharsMax ≤ outgoingBytesMax`);
  return bounds;
}

/** The defaults; where one is there to hold what the limits of content allow, it follows them. */
export function fittingLiveBounds({ bodyBytesMax, pageCharsMax }: Limits): LiveBounds {
  const { incomingBytesMax, outgoingBytesMax } = liveBounds;
  return {
    ...liveBounds,
    incomingBytesMax: Math.max(incomingBytesMax, bodyBytesMax),
    outgoingBytesMax: Math.max(outgoingBytesMax, bytesPerChar * pageCharsMax),
  };
}

const pingMsMax = 3_600_000;
const helloBytesMin = 1_024;
/** A page's text in UTF-8, with what stands around it. */
const bytesPerChar = 4;
