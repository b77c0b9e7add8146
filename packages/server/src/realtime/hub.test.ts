// How many sockets there may be, of whom, and that what is gone is not counted.

import { RequestError } from '@holdfast/core';
import { beforeEach, expect, test } from 'vitest';
import type { Caller, Standing } from '../engine/engine.ts';
import { type LiveBounds, liveBounds } from './bounds.ts';
import { createHub, type Hub, type Member } from './hub.ts';
import { Line } from './line.ts';

const standing: Standing = { grants: 'all', expiresAt: null };
const till: Caller = { key: 'k1', device: 'till', actor: '' };

let nowMs: number;
let mark: number;
let ticks: (() => void)[];
let standings: (callers: readonly Caller[]) => (Standing | RequestError)[];
beforeEach(() => {
  nowMs = 0;
  mark = 1;
  ticks = [];
  standings = (callers) => callers.map(() => standing);
});

function open(bounds: Partial<LiveBounds> = {}): Hub {
  return createHub({
    engine: { identityMark: async () => mark, standings: async (callers) => standings(callers) },
    clock: { wallMs: () => nowMs, monoMs: () => nowMs },
    timer: {
      after: (_, run) => {
        ticks.push(run);
        return { cancel: () => ticks.splice(ticks.indexOf(run), 1) };
      },
    },
    turn: async () => undefined,
    bounds: { ...liveBounds, ...bounds },
    failed: (error) => {
      throw error;
    },
  });
}

class FakeMember implements Member {
  readonly log: string[] = [];
  readonly ping = new Uint8Array();
  readonly tooLate = { code: 4401, reason: '' };
  readonly line = new Line({
    wire: {
      send: (_, sent) => sent(),
      ping: () => undefined,
      bufferedBytes: () => 0,
      pause: () => undefined,
      resume: () => undefined,
      close: (code) => this.log.push(`close ${code}`),
      destroy: () => this.log.push('destroy'),
    },
    bounds: liveBounds,
    nowMs: () => nowMs,
    drained: () => undefined,
  });

  refused({ code }: RequestError): void {
    this.log.push(code);
  }
}

async function tick(): Promise<void> {
  ticks.splice(0)[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
}

function enter(hub: Hub, caller: Caller): FakeMember {
  hub.admit();
  const member = new FakeMember();
  hub.add(member);
  hub.identify(member, caller, standing);
  return member;
}

test('sockets are bounded in all, and those that have not said who they are', () => {
  const hub = open({ socketsMax: 3, strangersMax: 2 });
  enter(hub, till);
  const strangers = [new FakeMember(), new FakeMember()];
  for (const stranger of strangers) hub.add(stranger);
  expect(() => hub.admit()).toThrow(expect.objectContaining({ code: 'overloaded' }));
  hub.remove(strangers[0]!);
  hub.admit();
  hub.add(new FakeMember());
  expect(() => hub.admit()).toThrow(expect.objectContaining({ code: 'overloaded' }));
});

test('they are bounded for a device and for a key', () => {
  const hub = open({ socketsPerDeviceMax: 1, socketsPerKeyMax: 2 });
  const first = enter(hub, till);
  expect(() => enter(hub, till)).toThrow(expect.objectContaining({ code: 'too_many', field: 'device' }));
  enter(hub, { ...till, device: 'bar' });
  expect(() => enter(hub, { ...till, device: 'spa' })).toThrow(
    expect.objectContaining({ code: 'too_many', field: 'authorization' }),
  );
  hub.remove(first);
  enter(hub, till);
});

test('a socket that was gone before its credential was read is not counted', () => {
  const hub = open({ socketsPerDeviceMax: 1, strangersMax: 1 });
  const gone = new FakeMember();
  hub.add(gone);
  hub.remove(gone);
  hub.identify(gone, till, standing);
  expect(hub.count()).toBe(0);
  hub.remove(gone);
  enter(hub, till);
  // Nor is there room for one stranger too many.
  hub.add(new FakeMember());
  expect(() => hub.admit()).toThrow(expect.objectContaining({ code: 'overloaded' }));
});

test('when a credential has changed, each socket is asked about once more', async () => {
  const hub = open();
  const [one, two] = [enter(hub, till), enter(hub, { ...till, device: 'bar' })];
  await tick();
  let asked = 0;
  standings = (callers) => {
    asked += 1;
    return callers.map(({ device }) => (device === 'bar' ? new RequestError('device_revoked') : standing));
  };
  await tick();
  expect(asked).toBe(0);
  mark = 2;
  await tick();
  await tick();
  expect([asked, one.log, two.log]).toEqual([1, [], ['device_revoked']]);
});

test('with nobody there is no timer, and after its end nobody comes in', () => {
  const hub = open();
  const member = enter(hub, till);
  expect(ticks).toHaveLength(1);
  hub.stop();
  expect(member.log).toEqual(['close 1012']);
  expect(() => hub.admit()).toThrow(expect.objectContaining({ code: 'stopping' }));
  hub.remove(member);
  expect(ticks).toEqual([]);
});
