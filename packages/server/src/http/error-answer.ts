// How a fault leaves the server: every error in one shape, with the status of core's table. What was unexpected is told to the
// log alone, under the id that the answer carries.

import {
  type ErrorAnswer,
  protocolMarker,
  RequestError,
  type RequestErrorCode,
  requestErrors,
} from '@holdfast/core';

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
  storage_full: 5,
  storage_busy: 2,
  storage_readonly: 5,
  storage_failed: 5,
};

export function errorReply(error: RequestError, facts: { request: string; nowMs: number }): ErrorReply {
  const { status, help } = requestErrors[error.code];
  // Details that also have a header of their own; the time, when who threw it knows better than the table.
  const { retryAfter: known, allow } = error.details;
  const seconds = typeof known === 'number' ? known : retryAfter[error.code];
  return {
    status,
    headers: {
      ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
      ...(allow === undefined ? {} : { allow: String(allow) }),
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

/** Reads whatever was thrown on the way. Undefined: nobody expected it. */
export function expectedError(
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
