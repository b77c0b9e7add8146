// The frames of live sockets: a hash that pins them to the protocol version, and what is refused.

import { expect, test } from 'vitest';
import { z } from 'zod';
import { canonicalJson } from './canonical.ts';
import * as frames from './live-messages.ts';
import { protocolMarker } from './messages.ts';
import { sha256 } from './scope-store.fixture.ts';

/** As in messages.test.ts: what differs is a new version of the protocol. */
const history: readonly { marker: string; hash: string }[] = [
  { marker: 'holdfast/1', hash: '2480de9f1cc9d2d2aea4d27b4fbefc01267b23a8d57e242057e2be947f5477a2' },
];

test('the frames are those of their protocol version', () => {
  const schemas = Object.entries(frames).filter(([name]) => name.endsWith('Message')) as [
    string,
    z.ZodType,
  ][];
  expect(schemas.map(([name]) => name).sort()).toEqual([
    'deviceFrameMessage',
    'livePageMessage',
    'serverFrameMessage',
  ]);
  const shapes = Object.fromEntries(
    schemas.map(([name, schema]) => [name, z.toJSONSchema(schema, { unrepresentable: 'any' })]),
  );
  const hash = sha256(canonicalJson(JSON.parse(JSON.stringify(shapes))));
  expect(history.at(-1)).toEqual({ marker: protocolMarker, hash });
});

test('a frame is split at its first line feed', () => {
  expect(frames.splitFrame('{"type":"pong"}')).toEqual({ head: '{"type":"pong"}', body: undefined });
  expect(frames.splitFrame('{"a":1}\n{"b":\n2}')).toEqual({ head: '{"a":1}', body: '{"b":\n2}' });
  expect(frames.splitFrame('')).toEqual({ head: '', body: undefined });
});

test.each([
  { type: '__proto__' },
  { type: 'page', scope: 'shop' },
  { type: 'hello', protocol: 'holdfast/2', device: 'till' },
  { type: 'subscribe', scope: '', checkpoint: null },
  { type: 'exchange', id: -1 },
])('a device does not send %j', (head) => {
  expect(frames.deviceFrameMessage.safeParse(head).success).toBe(false);
});
