// What every transport guarantees, whatever carries it. A transport's test is one call of `transportContract`.

import { type ExchangeAnswer, type ExchangeRequest, protocolMarker } from '@holdfast/core';
import { expect, test } from 'vitest';
import type { Transport } from './port.ts';

/** What the far end does with one request. `hang`: it takes the request and never answers. */
export type FarEnd =
  | { status: number; headers?: Readonly<Record<string, string>>; body: string }
  | 'hang'
  | 'break';

export interface TransportUnderTest {
  transport: Transport;
  /** Sets what the far end does, and forgets what it has seen. */
  answer(far: FarEnd): void;
  seen(): { body: string; authorization: string | undefined }[];
  close(): Promise<void>;
}

export const exchangeRequest: ExchangeRequest = {
  protocol: protocolMarker,
  device: 'till',
  replica: 'r'.repeat(32),
  scope: 'shop-1',
  checkpoint: null,
  schema: 1,
  clock: { wall: 1, mono: 2, session: 's' },
  verdictsSeen: 0,
  seqSeen: 0,
};

export const exchangeAnswer: ExchangeAnswer = {
  protocol: protocolMarker,
  from: null,
  checkpoint: '1',
  head: 1,
  more: false,
  records: [
    {
      collection: 'items',
      id: 'ж😀',
      version: 1,
      body: { name: 'Ω', n: 0.1, list: [null, true, { a: '' }] },
    },
  ],
  verdicts: [],
  conflicts: [],
  errors: [],
  grants: 'all',
  now: 1_700_000_000_000,
};

/** `open` makes a transport whose wall clock stands at `nowMs`, with the key `secret`. */
export function transportContract(name: string, open: (nowMs: number) => Promise<TransportUnderTest>): void {
  const nowMs = Date.UTC(2026, 0, 1);

  async function exchange(
    far: FarEnd,
    signal?: AbortSignal,
  ): Promise<Awaited<ReturnType<Transport['exchange']>>> {
    const given = await open(nowMs);
    try {
      given.answer(far);
      return await given.transport.exchange(exchangeRequest, signal);
    } finally {
      await given.close();
    }
  }

  const refused = (status: number, extra: object = {}): FarEnd => ({
    status,
    body: JSON.stringify({ protocol: protocolMarker, error: { code: 'stale_batch', message: 'm' }, now: 1 }),
    ...extra,
  });

  test(`${name}: carries the request and the answer, whole`, async () => {
    const given = await open(nowMs);
    given.answer({ status: 200, body: JSON.stringify(exchangeAnswer) });
    expect(await given.transport.exchange(exchangeRequest)).toEqual({
      type: 'answer',
      answer: exchangeAnswer,
    });
    const [request] = given.seen();
    expect(JSON.parse(request!.body)).toEqual(exchangeRequest);
    expect(request!.authorization).toBe('Bearer secret');
    await given.close();
  });

  test(`${name}: tells what stands before the records, before it hands the answer on`, async () => {
    const { records, ...head } = exchangeAnswer;
    const told = async (status: number, body: string): Promise<unknown[]> => {
      const given = await open(nowMs);
      given.answer({ status, body });
      const heard: unknown[] = [];
      const reply = await given.transport.exchange(exchangeRequest, undefined, (begun) => heard.push(begun));
      await given.close();
      return [...heard, reply.type];
    };
    const text = JSON.stringify({ ...head, records });
    expect(await told(200, text)).toEqual([{ ...head, records: [] }, 'answer']);
    expect(await told(200, text.slice(0, -1))).toEqual([{ ...head, records: [] }, 'foreign']);
    expect(await told(200, JSON.stringify({ records, ...head }))).toEqual(['answer']);
    expect(await told(200, JSON.stringify({ ...head, conflicts: [{ records }], records }))).toEqual([
      'foreign',
    ]);
    expect(await told(503, text)).toEqual(['refused']);
  });

  test(`${name}: ignores fields that it does not know`, async () => {
    const far = { status: 200, body: JSON.stringify({ ...exchangeAnswer, future: 1 }) };
    expect(await exchange(far)).toEqual({ type: 'answer', answer: exchangeAnswer });
  });

  test(`${name}: a marked error is a refusal with its code`, async () => {
    expect(await exchange(refused(409))).toEqual({
      type: 'refused',
      status: 409,
      error: { code: 'stale_batch', message: 'm' },
    });
  });

  test.each([401, 403, 413, 429, 502, 503, 504])(
    `${name}: a bare %i, as a proxy gives it, is a refusal`,
    async (status) => {
      expect(await exchange({ status, body: '<html>' })).toEqual({ type: 'refused', status });
    },
  );

  test.each([200, 204, 302, 400, 404, 500])(`${name}: an unmarked %i is somebody else’s`, async (status) => {
    expect(await exchange({ status, body: status === 204 ? '' : '<html>Sign in</html>' })).toMatchObject({
      type: 'foreign',
    });
  });

  test.each([
    ['no message', '{"protocol":"holdfast/1"}'],
    ['another protocol', JSON.stringify({ ...exchangeAnswer, protocol: 'holdfast/2' })],
    ['a wrong type', JSON.stringify({ ...exchangeAnswer, head: '1' })],
    ['a key twice', JSON.stringify(exchangeAnswer).replace('"head":1', '"head":1,"head":2')],
    ['a number that is not held', JSON.stringify(exchangeAnswer).replace('"n":0.1', '"n":1e400')],
    [
      'too deep',
      JSON.stringify(exchangeAnswer).replace('"n":0.1', `"n":${'['.repeat(100)}${']'.repeat(100)}`),
    ],
    ['cut short', JSON.stringify(exchangeAnswer).slice(0, -1)],
    [
      'an error with 200',
      JSON.stringify({ protocol: protocolMarker, error: { code: 'x', message: 'x' }, now: 1 }),
    ],
  ])(`${name}: a body that is no message of ours is not handed on: %s`, async (_, body) => {
    expect(await exchange({ status: 200, body })).toEqual({ type: 'foreign', status: 200 });
  });

  test.each([
    ['120', 120_000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['99999999', 3_600_000],
  ])(`${name}: Retry-After %s`, async (retryAfter, retryAfterMs) => {
    expect(await exchange(refused(503, { headers: { 'retry-after': retryAfter } }))).toMatchObject({
      type: 'refused',
      retryAfterMs,
    });
  });

  test.each(['', 'soon', '-5', '1.5'])(`${name}: a Retry-After that says nothing: %j`, async (retryAfter) => {
    const reply = await exchange(refused(503, { headers: { 'retry-after': retryAfter } }));
    expect(reply).toMatchObject({ type: 'refused' });
    expect(reply).not.toHaveProperty('retryAfterMs');
  });

  test(`${name}: a network that fails is a value, not an error`, async () => {
    expect(await exchange('break')).toMatchObject({
      type: 'unreachable',
      reason: expect.stringMatching(/\S/),
    });
  });

  test(`${name}: ends at once when it is aborted, before and during`, async () => {
    const before = new AbortController();
    before.abort();
    expect(await exchange('hang', before.signal)).toMatchObject({ type: 'unreachable' });
    const during = new AbortController();
    const given = await open(nowMs);
    given.answer('hang');
    const exchanging = given.transport.exchange(exchangeRequest, during.signal);
    await new Promise((resolve) => setTimeout(resolve, 10));
    during.abort();
    expect(await exchanging).toMatchObject({ type: 'unreachable' });
    await given.close();
  });
}
