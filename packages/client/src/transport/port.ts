// How an exchange reaches the server. A transport never throws for what a network does: each outcome is a value.

import type { ErrorAnswer, ExchangeAnswer, ExchangeRequest } from '@holdfast/core';

export type TransportReply =
  /** A marked answer. */
  | { type: 'answer'; answer: ExchangeAnswer }
  /** A marked error, or a bare status that a proxy on the way may give (401, 403, 413, 429, 502, 503, 504). */
  | { type: 'refused'; status: number; error?: ErrorAnswer['error']; retryAfterMs?: number }
  /** Somebody else answered: no marker, or a body that is no message of ours. A captive portal does this. */
  | { type: 'foreign'; status: number }
  /** No answer: whether the server got the request is unknown. */
  | { type: 'unreachable'; reason: string };

/**
 * Guarantees: one reply for one call; an answer is handed on only when its body arrived whole and is a message of the
 * protocol; a call ends within the transport's time limit, or at once when `signal` aborts (then as `unreachable`).
 */
export interface Transport {
  exchange(request: ExchangeRequest, signal?: AbortSignal): Promise<TransportReply>;
}
