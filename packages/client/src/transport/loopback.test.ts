import { expect, test } from 'vitest';
import { exchangeRequest, type FarEnd, transportContract } from './contract.ts';
import { createLoopbackTransport } from './loopback.ts';

transportContract('loopback', async (nowMs) => {
  let far: FarEnd = 'hang';
  const seen: { body: string; authorization: string | undefined }[] = [];
  const transport = createLoopbackTransport({
    key: 'secret',
    wallMs: () => nowMs,
    handler: async (body, headers) => {
      seen.push({ body, authorization: headers.authorization });
      if (far === 'break') throw new Error('cut');
      return far === 'hang' ? new Promise(() => undefined) : far;
    },
  });
  return {
    transport,
    answer: (next) => {
      far = next;
      seen.length = 0;
    },
    seen: () => seen,
    close: async () => undefined,
  };
});

test('a key that is a function is asked for each exchange; without a key there is no header', async () => {
  let key: string | undefined = 'one';
  const seen: (string | undefined)[] = [];
  const transport = createLoopbackTransport({
    key: () => key,
    handler: async (_, headers) => {
      seen.push(headers.authorization);
      return { status: 503, body: '' };
    },
  });
  await transport.exchange(exchangeRequest);
  key = undefined;
  await transport.exchange(exchangeRequest);
  expect(seen).toEqual(['Bearer one', undefined]);
});
