// A transport without a network: the request goes as text into a function and the answer comes back as text.
// For tests, the simulator, and a server in the same process.

import type { ExchangeRequest } from '@holdfast/core';
import type { AnswerHead, Transport, TransportReply } from './port.ts';
import { listenForHead, readReply } from './reply.ts';

export interface LoopbackAnswer {
  status: number;
  /** Names in lower case. */
  headers?: Readonly<Record<string, string>>;
  body: string;
}

/** What a server does with `POST /v1/exchange`. A rejection is a network that failed: whether it got the request is unknown. */
export type LoopbackHandler = (
  body: string,
  headers: Readonly<Record<string, string>>,
) => Promise<LoopbackAnswer>;

export interface LoopbackOptions {
  handler: LoopbackHandler;
  key?: string | (() => string | undefined);
  /** The wall clock, for a Retry-After that is a date. Absent: such a header is not read. */
  wallMs?: () => number;
}

export function createLoopbackTransport({ handler, key, wallMs }: LoopbackOptions): Transport {
  return {
    exchange: async (
      request: ExchangeRequest,
      signal?: AbortSignal,
      begun?: (head: AnswerHead) => void,
    ): Promise<TransportReply> => {
      if (signal?.aborted) return aborted;
      const credential = typeof key === 'function' ? key() : key;
      const headers = {
        'content-type': 'application/json',
        ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
      };
      return new Promise((resolve) => {
        const abort = (): void => resolve(aborted);
        signal?.addEventListener('abort', abort, { once: true });
        handler(JSON.stringify(request), headers)
          .then(
            ({ status, headers: answered, body }) => {
              if (begun && status === 200 && !signal?.aborted) listenForHead(begun)(body);
              return readReply({ status, body, retryAfter: answered?.['retry-after'] }, wallMs?.() ?? 0);
            },
            (error: unknown): TransportReply => ({
              type: 'unreachable',
              reason: error instanceof Error ? error.message : String(error),
            }),
          )
          .then(resolve, () => resolve({ type: 'unreachable', reason: 'The answer could not be read.' }))
          .finally(() => signal?.removeEventListener('abort', abort));
      });
    },
  };
}

const aborted: TransportReply = { type: 'unreachable', reason: 'The exchange was aborted.' };
