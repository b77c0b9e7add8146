// The next page is asked for while the last one is read and stored; what came of it counts only for who asks for the very same.

import { expect, test } from 'vitest';
import { Asker } from './ahead.ts';
import { bare, FakeServer, ok, refusal } from './fake-server.fixture.ts';
import { openBench, shopSchema, VirtualTime } from './replica.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import type { Storage } from './storage/port.ts';
import { exchangeAnswer } from './transport/contract.ts';
import { createLoopbackTransport } from './transport/loopback.ts';
import type { Transport, TransportReply } from './transport/port.ts';

const question = {
  protocol: 'holdfast/1',
  device: 'till-1',
  replica: 'r',
  scope: 'shop-1',
  checkpoint: null,
  schema: 1,
  verdictsSeen: 0,
} as const;

function openAsker(): { asker: Asker; server: FakeServer } {
  const server = new FakeServer(shopSchema);
  server.pageRecords = 1;
  for (const id of ['a', 'b', 'c']) server.write('notes', id, { text: id });
  const transport = createLoopbackTransport({ handler: server.handler });
  return { asker: new Asker({ transport, clock: new VirtualTime(), session: 's' }), server };
}

async function firstPage(asker: Asker) {
  const { reply } = await asker.ask(question);
  if (reply.type !== 'answer') throw new Error(reply.type);
  return reply.answer;
}

test('who asks for the next page has the reply to what was asked ahead', async () => {
  const { asker, server } = openAsker();
  const answer = await firstPage(asker);
  expect(server.requests.length).toBe(2);
  const { reply } = await asker.ask({ ...question, checkpoint: answer.checkpoint });
  expect(reply).toMatchObject({ type: 'answer', answer: { from: '1', checkpoint: '2' } });
  expect(server.requests.map(({ checkpoint }) => checkpoint)).toEqual([null, '1', '2']);
});

test('who asks for something else has what he asked for', async () => {
  const { asker, server } = openAsker();
  await firstPage(asker);
  const { reply } = await asker.ask({ ...question, checkpoint: '2' });
  expect(reply).toMatchObject({ type: 'answer', answer: { from: '2', checkpoint: '3' } });
  expect(server.requests.length).toBe(3);
  expect((await asker.ask({ ...question, checkpoint: '1' })).reply).toMatchObject({ answer: { from: '1' } });
});

test('nothing is asked ahead of the last page, nor before verdicts are stored', async () => {
  const verdict = { n: 1, mutation: 'm', verdict: 'applied', asOf: 1 } as const;
  for (const change of [{ more: false }, { verdicts: [verdict] }]) {
    const { asker, server } = openAsker();
    server.hooks = [(_, serve) => ok({ ...serve(), ...change })];
    await firstPage(asker);
    expect(server.requests.length).toBe(1);
  }
});

test('what is dropped comes to nobody; the next question is asked anew', async () => {
  const { asker, server } = openAsker();
  const waiting = asker.ask(question);
  asker.drop();
  expect((await waiting).reply).toMatchObject({ type: 'unreachable' });
  const { checkpoint } = await firstPage(asker);
  expect(server.requests.length).toBe(3);
  asker.drop();
  expect((await asker.ask({ ...question, checkpoint })).reply).toMatchObject({ type: 'answer' });
  expect(server.requests.map((request) => request.checkpoint)).toEqual([null, null, '1', '1', '2']);
});

/** A transport whose answers come when the test says so. */
function openByHand() {
  const asked: { from: string | null; begin(): void; end(reply?: TransportReply): void }[] = [];
  const transport: Transport = {
    exchange: ({ checkpoint: from }, _, begun) =>
      new Promise((resolve) => {
        const answer = { ...exchangeAnswer, from, checkpoint: `${from ?? ''}+`, more: true };
        const end = (reply: TransportReply = { type: 'answer', answer }): void => resolve(reply);
        asked.push({ from, begin: () => begun?.(answer), end });
      }),
  };
  const asker = new Asker({ transport, clock: new VirtualTime(), session: 's' });
  return { asker, asked, from: () => asked.map(({ from }) => from) };
}

test('the next page is asked for when the last one begins to arrive, and none behind it before somebody comes for it', async () => {
  const { asker, asked, from } = openByHand();
  const first = asker.ask(question);
  asked[0]!.begin();
  expect(from()).toEqual([null, '+']);
  asked[1]!.begin();
  asked[1]!.end();
  asked[0]!.end();
  await first;
  expect(from()).toEqual([null, '+']);
  expect((await asker.ask({ ...question, checkpoint: '+' })).reply).toMatchObject({ type: 'answer' });
  expect(from()).toEqual([null, '+', '++']);
});

test('of a page that began and never came whole nothing is left: its question is asked again', async () => {
  const { asker, asked, from } = openByHand();
  const first = asker.ask(question);
  asked[0]!.begin();
  asked[0]!.end({ type: 'unreachable', reason: 'The network was lost.' });
  expect((await first).reply).toMatchObject({ type: 'unreachable' });
  const again = asker.ask(question);
  asked[1]!.end();
  asked[2]!.end();
  expect((await again).reply).toMatchObject({ type: 'answer', answer: { from: null } });
  expect(from()).toEqual([null, '+', null, '+']);
});

/** Calls `onWrite` while a transaction that writes is open. */
function heldStorage(onWrite: () => Promise<void>): Storage {
  const storage = createMemoryStorage();
  return {
    close: () => storage.close(),
    transaction: (mode, work) =>
      storage.transaction(mode, async (tx) => {
        const result = await work(tx);
        if (mode === 'write') await onWrite();
        return result;
      }),
  };
}

test('a sync asks for each page once, and for the next while it stores the last', async () => {
  const server = new FakeServer(shopSchema);
  server.pageRecords = 1;
  for (const id of ['a', 'b', 'c']) server.write('notes', id, { text: id });
  const askedWhileStored: number[] = [];
  const storage = heldStorage(async () => void askedWhileStored.push(server.requests.length));
  const { shop } = await openBench({ server, storage });
  expect(await shop.sync()).toMatchObject({ ok: true, pulled: 3 });
  expect(askedWhileStored.slice(0, 3)).toEqual([2, 3, 3]);
  expect(server.requests.map(({ checkpoint }) => checkpoint)).toEqual([null, '1', '2']);
  expect((await shop.notes.list()).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
});

test('a write that comes meanwhile goes with the next exchange, whatever was asked ahead', async () => {
  const server = new FakeServer(shopSchema);
  server.pageRecords = 1;
  for (const id of ['a', 'b', 'c']) server.write('notes', id, { text: id });
  const { shop } = await openBench({ server });
  let written: Promise<unknown> | undefined;
  server.hooks = [
    undefined,
    () => {
      written = shop.notes.put({ id: 'own', text: 'own' });
      return undefined;
    },
  ];
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1 });
  await written;
  expect(server.body('notes', 'own')).toEqual({ text: 'own' });
  expect((await shop.notes.list()).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'own']);
});

test('a refusal of what was asked ahead ends the sync as any; the next goes on from what is stored', async () => {
  for (const [reply, code] of [
    [refusal(503, 'busy'), 'busy'],
    [bare(200), 'foreign_answer'],
  ] as const) {
    const server = new FakeServer(shopSchema);
    server.pageRecords = 1;
    for (const id of ['a', 'b', 'c']) server.write('notes', id, { text: id });
    const { shop, time } = await openBench({ server });
    server.hooks = [undefined, () => reply];
    const { ok, reason } = await shop.sync();
    expect([ok, reason?.code]).toEqual([false, code]);
    expect(await shop.notes.list()).toEqual([]);
    await time.pass(60_000);
    expect(await shop.sync()).toMatchObject({ ok: true, pulled: 2 });
    expect((await shop.notes.list()).length).toBe(3);
  }
});
