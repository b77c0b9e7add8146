// Exchanges over HTTP with `fetch`, in browsers and in Node alike.

import type { Clock, ExchangeRequest, Timer } from '@holdfast/core';
import type { AnswerHead, Transport, TransportReply } from './port.ts';
import { listenForHead, readReply } from './reply.ts';

export interface HttpOptions {
  /** The server's address; a path is kept: `https://example.org/sync` is asked at `/sync/v1/exchange`. */
  url: string;
  /** The device's key. A function is asked for each exchange. */
  key?: string | (() => string | undefined);
  clock: Clock;
  timer: Timer;
  /** From sending to the last byte of the answer. Default 30 seconds. */
  timeLimitMs?: number;
  /** An answer's body, decompressed. Default 32 MiB. */
  answerBytesMax?: number;
  /** Instead of the platform's own. */
  fetch?: typeof fetch;
}

/** Throws a TypeError when `url` is no http or https address. */
export function createHttpTransport(options: HttpOptions): Transport {
  const address = exchangeAddress(options.url);
  return { exchange: (request, signal, begun) => exchange(options, address, { request, signal, begun }) };
}

const timeLimitMsDefault = 30_000;
const answerBytesMaxDefault = 33_554_432;

interface Call {
  request: ExchangeRequest;
  signal: AbortSignal | undefined;
  begun: ((head: AnswerHead) => void) | undefined;
}

async function exchange(
  options: HttpOptions,
  address: string,
  { request, signal, begun }: Call,
): Promise<TransportReply> {
  const ending = new AbortController();
  const abort = (): void => ending.abort(new Error('The exchange was aborted.'));
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  const limit = options.timer.after(options.timeLimitMs ?? timeLimitMsDefault, () =>
    ending.abort(new Error('The server did not answer in time.')),
  );
  try {
    const response = await (options.fetch ?? fetch)(address, {
      method: 'POST',
      headers: headersOf(options),
      body: JSON.stringify(request),
      signal: ending.signal,
      // A redirect comes from a captive portal or a wrong address; following it would hand the key to somebody else.
      redirect: 'manual',
      cache: 'no-store',
      credentials: 'omit',
    });
    const listen = begun && response.status === 200 ? listenForHead(begun) : undefined;
    const body = await readBody(response, options.answerBytesMax ?? answerBytesMaxDefault, listen);
    const retryAfter = response.headers.get('retry-after') ?? undefined;
    return readReply({ status: response.status, body, retryAfter }, options.clock.wallMs());
  } catch (error) {
    return { type: 'unreachable', reason: reasonOf(ending.signal.aborted ? ending.signal.reason : error) };
  } finally {
    limit.cancel();
    signal?.removeEventListener('abort', abort);
  }
}

function exchangeAddress(url: string): string {
  const address = new URL(url);
  if (address.protocol !== 'http:' && address.protocol !== 'https:') {
    throw new TypeError(`The server's address begins with http:// or https://, not ${address.protocol}`);
  }
  address.search = '';
  address.hash = '';
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/v1/exchange`;
  return address.href;
}

function headersOf({ key }: HttpOptions): Record<string, string> {
  const credential = typeof key === 'function' ? key() : key;
  return {
    'content-type': 'application/json',
    accept: 'application/json',
    ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
  };
}

/** Undefined when the body is larger than allowed (the rest is not read) or no UTF-8: then it is no message of ours. */
async function readBody(
  response: Response,
  bytesMax: number,
  listen: ((soFar: string) => void) | undefined,
): Promise<string | undefined> {
  if (!response.body) return '';
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const reader = response.body.getReader();
  let text = '';
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const part = decode(decoder, done ? undefined : value);
      if (part === undefined) return undefined;
      text += part;
      if (done) return text;
      bytes += value.byteLength;
      if (bytes > bytesMax) return undefined;
      listen?.(text);
    }
  } finally {
    // After a failed read this rejects with the same failure.
    await reader.cancel().catch(() => undefined);
  }
}

function decode(decoder: TextDecoder, bytes: Uint8Array | undefined): string | undefined {
  try {
    return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
  } catch {
    return undefined;
  }
}

/** `fetch` says only "fetch failed"; why stands in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : undefined;
  const code = cause && 'code' in cause ? String(cause.code) : undefined;
  return [error.message, code ?? cause?.message]
    .filter((part) => part !== undefined && part !== '')
    .join(': ');
}
