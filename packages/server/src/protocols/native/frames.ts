// The frames of `/v1/live` on this side of the wire. The head of a frame is a line of JSON; the body behind it is not read here.

import {
  type DeviceFrame,
  deviceFrameMessage,
  parseJson,
  protocolMarker,
  type ServerFrame,
} from '@holdfast/core';
import type { FollowPage } from '../../engine/engine.ts';
import { recordText } from './translate.ts';

/** Undefined: it is no frame of this protocol. */
export function readFrame(bytes: Uint8Array): { head: DeviceFrame; body: Uint8Array } | undefined {
  const at = bytes.indexOf(lineFeed);
  const end = at < 0 ? bytes.length : at;
  if (end > headBytesMax) return undefined;
  const read = parseJson(new TextDecoder().decode(bytes.subarray(0, end)), headBounds);
  const head = read.ok ? deviceFrameMessage.safeParse(read.value).data : undefined;
  return head && { head: head as DeviceFrame, body: bytes.subarray(at < 0 ? end : at + 1) };
}

export function frameBytes(head: ServerFrame, body?: string): Uint8Array {
  const text = JSON.stringify(head);
  return Buffer.from(body === undefined ? text : `${text}\n${body}`);
}

/** A live page, the same for all who may read the scope. Bodies are stored JSON text and go out as they are. */
export function pageBytes(
  scope: string,
  { from, checkpoint, head, records, mutations }: FollowPage,
): Uint8Array {
  const page = JSON.stringify({ protocol: protocolMarker, from, checkpoint, head, mutations });
  const body = `${page.slice(0, -1)},"records":[${records.map(recordText).join(',')}]}`;
  return frameBytes({ type: 'page', scope }, body);
}

/** Room that a frame's head takes. */
export const headBytesMax = 2_048;
const headBounds = { depthMax: 2, keysMax: 20, valuesMax: 40 };
const lineFeed = 10;
