// What a socket is told, on an engine that answers when the test lets it: nothing is missed between hearing and reading, while a reading
// is under way, or while the line is behind.

import { RequestError, type StoredRecord } from '@holdfast/core';
import { beforeEach, expect, test } from 'vitest';
import type { FollowPage, PullRequest, PullResult } from '../../engine/engine.ts';
import { liveBounds } from '../../realtime/bounds.ts';
import { Line } from '../../realtime/line.ts';
import type { Room } from '../../realtime/wire.ts';
import { createRoom } from './read-scope.ts';
import { Tail, toldBy } from './tail.ts';

const bounds = { ...liveBounds, unsentBytesMax: 300 };

/** Records of one scope. Pulls read at once, and answer when they are let through. */
class FakeEngine {
  records: StoredRecord[] = [];
  waiting: (() => void)[] = [];
  asked: PullRequest[] = [];
  isGated = false;
  fails = false;

  write(id: string, writer = 'documents/tablet'): StoredRecord {
    const seq = this.records.length + 1;
    const facts = {
      number: 1,
      ordinal: 0,
      edits: 1,
      declared: 0,
      madeAt: 0,
      schema: 1,
      bodyHash: '',
      touched: '',
    };
    const record = { ...facts, collection: 'appointments', id, seq, stamp: seq * 10, writer, body: '{}' };
    this.records.push(record);
    return record;
  }

  pull = async (_: unknown, __: string, request: PullRequest): Promise<PullResult> => {
    this.asked.push(request);
    if (this.fails) throw new RequestError('storage_busy');
    const after = request.after && 'stamp' in request.after ? request.after.stamp : 0;
    const behind = this.records.filter(({ stamp }) => stamp > after);
    const records = behind.slice(0, request.recordsMax ?? 2);
    const more = records.length < behind.length;
    const stamp = records.at(-1)?.stamp ?? after;
    const head = this.records.length;
    const answer = {
      records,
      more,
      stamp,
      head,
      checkpoint: '',
      grants: 'all' as const,
      verdicts: [],
      conflicts: [],
    };
    if (this.isGated) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return answer;
  };
}

let engine: FakeEngine;
let said: string[];
/** What the system has not taken; it takes all at once unless it is slow. */
let unsent: { bytes: number; sent: () => void }[];
let isSlow: boolean;
let failures: unknown[];
let tail: Tail;
let room: Room;
const names = {
  collection: () => undefined,
  wire: (collection: string) => ({ wire: collection, collection, id: 'id', time: '' }),
};
const encode = toldBy(names);

beforeEach(() => {
  engine = new FakeEngine();
  said = [];
  unsent = [];
  isSlow = false;
  failures = [];
  room = createRoom(10_000);
  const line = new Line({
    wire: {
      send(bytes, sent) {
        const { type, data } = JSON.parse(Buffer.from(bytes).toString());
        const ids =
          type === 'FULL_SYNC' ? data.appointments.map(({ id }: { id: string }) => id) : [data.document.id];
        said.push(`${type} ${ids.join(' ')}`);
        if (isSlow) unsent.push({ bytes: bytes.length, sent });
        else sent();
      },
      ping: () => undefined,
      bufferedBytes: () => unsent.reduce((sum, { bytes }) => sum + bytes, 0),
      pause: () => undefined,
      resume: () => undefined,
      close: () => undefined,
      destroy: () => undefined,
    },
    bounds,
    nowMs: () => 0,
    drained: () => tail.drained(),
  });
  tail = new Tail({
    isWriting: () => false,
    engine,
    nowMs: () => 0,
    names,
    room,
    line,
    caller: { key: null, device: 'phone', actor: '' },
    scope: 'user:anna',
    writer: 'documents/phone',
    encode,
    outgoing: createRoom(10_000),
    failed: (error) => {
      failures.push(error);
      line.close(1013, '');
    },
  });
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

async function letThrough(): Promise<void> {
  engine.isGated = false;
  for (const go of engine.waiting.splice(0)) go();
  await settle();
}

/** A page of these records, as the feed hands it to all who follow. */
function page(...records: StoredRecord[]): void {
  const told = encode('', { records });
  tail.page(
    { from: '', checkpoint: '', head: records.at(-1)?.seq ?? 0, records, mutations: [] } as FollowPage,
    () => told,
  );
}

function takeAll(): void {
  isSlow = false;
  for (const { sent } of unsent.splice(0)) sent();
}

test('what comes before the first reading is in it, and is not told again', async () => {
  const record = engine.write('a');
  page(record);
  tail.sendWhole();
  await settle();
  page(record);
  expect(said).toEqual(['FULL_SYNC a']);
});

test('what comes while all is read is told behind it', async () => {
  engine.write('a');
  engine.isGated = true;
  tail.sendWhole();
  await settle();
  page(engine.write('b'));
  await letThrough();
  expect(said).toEqual(['FULL_SYNC a', 'DATA_UPDATE b']);
});

test('what its own device writes is not told, and moves it on', async () => {
  tail.sendWhole();
  await settle();
  page(
    engine.write('a', 'documents/phone'),
    engine.write('b', 'documents/phones'),
    engine.write('c', 'pos/phone'),
  );
  expect(said).toEqual(['FULL_SYNC ', 'DATA_UPDATE b', 'DATA_UPDATE c']);
  tail.stale();
  await settle();
  expect(said).toHaveLength(3);
});

test('a page that the line does not take whole is cut there, and the rest is told when it has drained', async () => {
  tail.sendWhole();
  await settle();
  isSlow = true;
  page(...['a', 'b', 'c', 'd', 'e'].map((id) => engine.write(id)));
  const taken = said.length - 1;
  expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThan(5);
  page(engine.write('f'));
  await settle();
  expect(said).toHaveLength(1 + taken);
  takeAll();
  await settle();
  expect(said).toEqual(['FULL_SYNC ', ...['a', 'b', 'c', 'd', 'e', 'f'].map((id) => `DATA_UPDATE ${id}`)]);
});

test('all is wanted many times while the line is behind, and sent once', async () => {
  tail.sendWhole();
  await settle();
  isSlow = true;
  page(...['a', 'b', 'c', 'd'].map((id) => engine.write(id)));
  const before = said.length;
  for (let n = 0; n < 5; n += 1) tail.sendWhole();
  await settle();
  expect(said).toHaveLength(before);
  takeAll();
  await settle();
  expect(said.slice(before)).toEqual(['FULL_SYNC a b c d']);
});

test('a record that changes while all is read stands there once, as it last was', async () => {
  for (const id of ['a', 'b', 'c']) engine.write(id);
  engine.isGated = true;
  tail.sendWhole();
  await settle();
  engine.records = engine.records.filter(({ id }) => id !== 'a');
  engine.records.push({ ...engine.write('a'), stamp: 90, body: '{"n":2}' });
  engine.records = engine.records.filter(({ id, stamp }) => id !== 'a' || stamp === 90);
  await letThrough();
  expect(said).toEqual(['FULL_SYNC b c a']);
});

test('a reading that fails ends the socket, and is not tried for ever', async () => {
  engine.fails = true;
  tail.sendWhole();
  await settle();
  expect([said, failures.length, engine.asked.length]).toEqual([[], 1, 1]);
});

test('what does not fit into the room for readings ends the socket, and the room is free again', async () => {
  for (let n = 0; n < 4; n += 1) engine.write(`${n}${'x'.repeat(3_000)}`);
  tail.sendWhole();
  await settle();
  expect([said, failures]).toEqual([[], [expect.objectContaining({ code: 'overloaded' })]]);
  expect(room.take(10_000)).toBe(true);
});
