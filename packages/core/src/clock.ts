// When a mutation was made, from what its device says and when it arrived (DESIGN section 4, "Time").
// It decides only between concurrent changes under `newest`; server order decides all else.

import type { Made } from './change.ts';

/** The device's clocks at the moment of sending. */
export interface SendingClock {
  wall: number;
  mono: number;
  session: string;
}

export interface Arrival {
  /** Server time of arrival, milliseconds since 1970. */
  atMs: number;
  sent: SendingClock;
  driftMsMax: number;
}

/**
 * Milliseconds since 1970 at which the mutation counts as made; fixed at its first arrival.
 * Within one session the age is measured by the monotonic clock, so that a wall clock of any year does no harm.
 * Later than arrival + drift becomes arrival; never before what the replica had already seen of the server.
 */
export function madeAtMs(made: Made, arrival: Arrival): number {
  const sameSession = made.session === arrival.sent.session && arrival.sent.mono >= made.mono;
  const claimed = sameSession ? arrival.atMs - (arrival.sent.mono - made.mono) : made.wall + made.offset;
  const clamped = claimed > arrival.atMs + arrival.driftMsMax ? arrival.atMs : claimed;
  return Math.round(Math.max(clamped, Math.min(made.seen, arrival.atMs)));
}
