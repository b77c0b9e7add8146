// What stands between a simulated server and the native protocol, in the place of the server's HTTP layer.

import { type Json, type Limits, parseJson, RequestError } from '@holdfast/core';
import { type NativeDeps, nativeRoutes } from 'holdfast/native';
import { liveBounds } from 'holdfast/realtime/bounds';
import { StoreError } from 'holdfast/store';

type Handler = (request: unknown, reply: unknown) => Promise<unknown>;

export interface ExchangeRoute {
  onRequest: (request: unknown) => Promise<void>;
  handler: Handler;
}

/** Small, so that all of them are met. */
export const socketBounds = {
  ...liveBounds,
  socketsPerDeviceMax: 3,
  helloMsMax: 2_000,
  pingMs: 3_000,
  silentMsMax: 8_000,
  unsentBytesMax: 600,
  behindMsMax: 3_000,
  followersPerTurn: 1,
  page: { recordsMax: 4, charsMax: 1_500, mutationsMax: 4 },
};

/** The real routes, registered with a host that keeps the handlers instead of listening. */
export async function registerExchange(deps: NativeDeps): Promise<ExchangeRoute> {
  let found: ExchangeRoute | undefined;
  const host = {
    post(path: string, options: { onRequest?: (request: unknown) => Promise<void> }, handler?: Handler) {
      if (path === '/v1/exchange' && options.onRequest && handler)
        found = { onRequest: options.onRequest, handler };
    },
  };
  await (nativeRoutes(deps) as unknown as (app: typeof host) => Promise<void>)(host);
  if (!found) throw new Error('The native protocol has no exchange.');
  return found;
}

/** As the server's HTTP layer reads one. Throws RequestError. */
export function readBody(body: string, limits: Limits): Json {
  if (Buffer.byteLength(body) > limits.bodyBytesMax) throw new RequestError('too_large');
  const read = parseJson(body, {
    depthMax: limits.jsonDepthMax,
    keysMax: limits.jsonKeysMax,
    valuesMax: limits.jsonValuesMax,
  });
  if (read.ok) return read.value;
  throw new RequestError(read.problem.code, { message: read.problem.message });
}

/** A fault of the store in front of the engine (the credential's) is answered as the server's HTTP layer answers it. */
export function toldAs(error: unknown): RequestError | undefined {
  if (error instanceof RequestError) return error;
  return error instanceof StoreError ? new RequestError('storage_busy') : undefined;
}
