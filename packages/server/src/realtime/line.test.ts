// One socket under a clock that only the test moves: pings, silence, what is not taken, what does not end.

import { beforeEach, expect, test } from 'vitest';
import { liveBounds } from './bounds.ts';
import { Line } from './line.ts';
import { createTokens } from './tokens.ts';
import type { Wire } from './wire.ts';

class FakeWire implements Wire {
  ping(): void {}

  log: string[] = [];
  /** The system takes everything at once. */
  isQuick = true;
  #unsent: { bytes: number; sent: () => void }[] = [];

  send(bytes: Uint8Array, sent: () => void): void {
    if (bytes === ping) this.log.push('ping');
    if (this.isQuick) sent();
    else this.#unsent.push({ bytes: bytes.length, sent });
  }

  bufferedBytes(): number {
    return this.#unsent.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  takeAll(): void {
    for (const { sent } of this.#unsent.splice(0)) sent();
  }

  pause = (): void => void this.log.push('pause');
  resume = (): void => void this.log.push('resume');
  close = (code: number): void => void this.log.push(`close ${code}`);
  destroy = (): void => void this.log.push('destroy');
}

const ping = new Uint8Array(1);
const tooLate = { code: 4401, reason: '' };
let nowMs: number;
let wire: FakeWire;
let drained: number;
let line: Line;
beforeEach(() => {
  nowMs = 0;
  drained = 0;
  wire = new FakeWire();
  line = new Line({ wire, bounds: liveBounds, nowMs: () => nowMs, drained: () => (drained += 1) });
});

function pass(ms: number): void {
  nowMs += ms;
  line.tick(ping, tooLate);
}

test('who does not say who it is in time is told so, and cut when it does not end', () => {
  pass(liveBounds.helloMsMax - 1);
  expect(wire.log).toEqual([]);
  pass(1);
  pass(liveBounds.closingMsMax);
  expect(wire.log).toEqual(['close 4401', 'destroy']);
});

test('a ping goes out in time, and a peer that is heard stays', () => {
  line.greeted();
  for (let n = 0; n < 4; n += 1) {
    pass(liveBounds.pingMs);
    line.heard();
  }
  expect(wire.log).toEqual(['ping', 'ping', 'ping', 'ping']);
  pass(liveBounds.silentMsMax);
  expect(wire.log.at(-1)).toBe('destroy');
});

test('a line with too much unsent is behind and not read, until all is taken', () => {
  line.greeted();
  wire.isQuick = false;
  line.send(new Uint8Array(liveBounds.unsentBytesMax));
  expect(line.isBehind).toBe(false);
  line.send(new Uint8Array(1));
  expect([line.isBehind, wire.log]).toEqual([true, ['pause']]);
  wire.takeAll();
  expect([line.isBehind, wire.log, drained]).toEqual([false, ['pause', 'resume'], 1]);
});

test('one that stays behind is closed with 1013; silence is no fault of a peer that is not read', () => {
  line.greeted();
  wire.isQuick = false;
  line.send(new Uint8Array(liveBounds.unsentBytesMax + 1));
  pass(liveBounds.behindMsMax - 1);
  wire.takeAll();
  pass(liveBounds.silentMsMax - 1);
  expect(wire.log.filter((what) => what !== 'ping')).toEqual(['pause', 'resume']);
  line.send(new Uint8Array(liveBounds.unsentBytesMax + 1));
  pass(liveBounds.behindMsMax);
  // It is read again, so that its word of the end is heard.
  expect(wire.log.slice(-2)).toEqual(['resume', 'close 1013']);
});

test('what is held for two reasons is read when both are gone', () => {
  line.hold();
  line.hold();
  line.release();
  expect(wire.log).toEqual(['pause']);
  line.release();
  expect(wire.log).toEqual(['pause', 'resume']);
});

test('after its end nothing is sent, and whoever sends is told at once', () => {
  line.greeted();
  line.close(1012, '');
  let sent = 0;
  wire.isQuick = false;
  line.send(new Uint8Array(1), () => (sent += 1));
  expect([sent, wire.bufferedBytes()]).toEqual([1, 0]);
});

test('so many messages at once, and then so many a second', () => {
  const { messagesAtOnce, messagesPerSecond } = liveBounds;
  const heard = (count: number): number =>
    Array.from({ length: count }, () => line.heard()).filter(Boolean).length;
  expect(heard(5_000)).toBe(messagesAtOnce);
  nowMs += 2_000;
  expect(heard(5_000)).toBe(2 * messagesPerSecond);
});

test('who is refused is told a second in which it can be let in', () => {
  const tokens = createTokens({ perSecond: 10, atOnce: 5 });
  const refused: number[] = [];
  for (let n = 0; n < 35; n += 1) if (!tokens.take(0)) refused.push(tokens.waitSeconds());
  expect(refused).toHaveLength(30);
  expect([...new Set(refused)]).toEqual([1, 2, 3]);
  expect(tokens.take(1_000)).toBe(true);
});
