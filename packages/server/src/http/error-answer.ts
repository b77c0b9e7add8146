// How a fault leaves the server: every error in one shape, with the status of core's table. What was unexpected is told to the
// log alone, under the id that the answer carries.

import { STATUS_CODES } from 'node:http';
import {
  type Clock,
  type ErrorAnswer,
  protocolMarker,
  RequestError,
  type RequestErrorCode,
  requestErrors,
} from '@holdfast/core';
import type { Logger } from 'pino';

export interface FaultTelling {
  clock: Clock;
  log: Logger;
  /** Reads faults of layers that HTTP does not know; undefined for what nobody expected. */
  requestErrorOf: (error: unknown) => RequestError | undefined;
}

export interface ErrorReply {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: ErrorAnswer;
}

/** Seconds after which it makes sense to try again. */
const retryAfter: Partial<Record<RequestErrorCode, number>> = {
  too_many: 60,
  overloaded: 1,
  stopping: 2,
  unanswered: 2,
  storage_full: 5,
  storage_busy: 2,
  storage_readonly: 5,
  storage_failed: 5,
};

export function errorReply(error: RequestError, facts: { request: string; nowMs: number }): ErrorReply {
  const { status, help } = requestErrors[error.code];
  // Details that also have a header of their own; the time, when who threw it knows better than the table.
  const { retryAfter: known, allow, upgrade } = error.details;
  const seconds = typeof known === 'number' ? known : retryAfter[error.code];
  return {
    status,
    headers: {
      ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
      ...(allow === undefined ? {} : { allow: String(allow) }),
      // With `upgrade` alone Node keeps the connection, even for a request that asked to have it closed.
      ...(upgrade === undefined ? {} : { upgrade: String(upgrade), connection: 'upgrade, close' }),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: {
      protocol: protocolMarker,
      error: {
        code: error.code,
        message: error.message,
        ...(error.field === undefined ? {} : { field: error.field }),
        help,
        request: facts.request,
        ...(Object.keys(error.details).length === 0 ? {} : { details: { ...error.details } }),
      },
      now: facts.nowMs,
    },
  };
}

/** Makes an answer of whatever was thrown; what was unexpected, and a fault's cause, is told to the log. */
export function tellError(
  { clock, log, requestErrorOf }: FaultTelling,
  error: unknown,
  request: string,
): ErrorReply {
  const expected = expectedError(error, requestErrorOf);
  const answer = errorReply(expected ?? new RequestError('internal'), { request, nowMs: clock.wallMs() });
  if (!expected) log.error({ request, error }, 'A request met a fault of the server.');
  else if (expected.cause !== undefined && answer.status >= 500)
    log.error({ request, code: expected.code, error: expected.cause }, 'A request met a fault.');
  return answer;
}

export const errorHeaders = {
  'cache-control': 'no-store',
  'content-type': 'application/json; charset=utf-8',
} as const;

/** For a socket that is no request, or none any more: the whole answer, after which it is closed. */
export function rawAnswer({ status, headers }: ErrorReply, body: unknown): string {
  const text = JSON.stringify(body);
  const fields = {
    ...errorHeaders,
    ...headers,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`;
}

/** Reads whatever was thrown on the way. Undefined: nobody expected it. */
function expectedError(
  error: unknown,
  requestErrorOf: (error: unknown) => RequestError | undefined,
): RequestError | undefined {
  if (error instanceof RequestError) return error;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  const fromFastify =
    typeof code === 'string' && code.startsWith('FST_') ? readFastify(code, statusCode) : undefined;
  return fromFastify ?? requestErrorOf(error);
}

/** Fastify's own refusals of a request; its text may quote the request, so it is not passed on. */
function readFastify(code: string, status: unknown): RequestError | undefined {
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new RequestError('unsupported_media', { field: 'content-type' });
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new RequestError('too_large', { field: 'body' });
  if (code === 'FST_ERR_BAD_URL' || status === 404 || status === 414)
    return new RequestError('not_found', { field: 'path' });
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new RequestError('malformed', { field: 'body', message: 'The request cannot be read.' });
  return undefined;
}
