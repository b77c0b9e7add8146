// What goes wrong in the field, for every protocol whose clients page by a time: a table of cases, each run for each protocol. Where a
// case means nothing to a protocol, the table says why.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { himsRecordsMax } from './hard-cases.fixture.config.ts';
import {
  type HardServer,
  startHardServer,
  type WireClient,
  type Write,
  wireClient,
} from './hard-cases.fixture.ts';
import { startServer } from './server-process.fixture.ts';

const protocols = ['hims', 'pos', 'documents', 'crm', 'terminal'] as const;
type Name = (typeof protocols)[number];

let server: HardServer;
beforeEach(async () => {
  server = await startHardServer();
});
afterEach(() => server.close());

interface At {
  name: Name;
  client: WireClient;
  nowMs: number;
}

interface Case {
  what: string;
  run: (at: At) => Promise<void>;
  /** Why the case means nothing to a protocol. */
  not?: Partial<Record<Name, string>>;
}

const noTimes = 'its clients declare versions, no times';

const cases: readonly Case[] = [
  {
    what: 'a page cut at its limit while four others push: nothing is missed',
    async run({ client, nowMs }) {
      const devices = ['a', 'b', 'c', 'd'];
      const pushing = devices.map(async (device) => {
        for (let n = 0; n < 6; n += 1)
          await client.push(
            device,
            [0, 1, 2, 3].map((m) => write(`${device}-${n}-${m}`, device, nowMs + n)),
          );
      });
      let done = false;
      const all = Promise.all(pushing).then(() => {
        done = true;
      });
      const seen = new Map<string, string | null>();
      let cursor: string | null = null;
      for (let last = false; !last; ) {
        last = done;
        cursor = await pullInto(client, seen, cursor);
      }
      await all;
      expect(seen.size).toBe(devices.length * 24);
    },
  },
  {
    what: 'a thousand changes in one millisecond: nothing is missed at page limits',
    async run({ name, client, nowMs }) {
      server.clock.nowMs = nowMs;
      const perPush = name === 'hims' ? himsRecordsMax : 100;
      const count = name === 'hims' ? 30 * himsRecordsMax : 1_000;
      for (let n = 0; n < count; n += perPush)
        await client.push(
          'a',
          Array.from({ length: perPush }, (_, m) => write(`r${n + m}`, 'x', nowMs)),
        );
      const seen = new Map<string, string | null>();
      await pullInto(client, seen, null);
      expect(seen.size).toBe(count);
    },
  },
  {
    what: 'the server’s clock steps back: what comes then is not behind a cursor that was given before',
    async run({ client, nowMs }) {
      server.clock.nowMs = nowMs;
      await client.push('a', [write('r1', 'Tea', nowMs)]);
      const seen = new Map<string, string | null>();
      const cursor = await pullInto(client, seen, null);
      server.clock.nowMs = nowMs - 3_600_000;
      await client.push('a', [write('r2', 'Oil', nowMs - 3_600_000)]);
      await server.restart();
      await client.push('a', [write('r3', 'Rice', nowMs - 3_600_000)]);
      const later = new Map<string, string | null>();
      await pullInto(client, later, cursor);
      expect([...later.keys()].sort()).toEqual(['r2', 'r3']);
    },
  },
  {
    what: 'a record that is pushed late with an old device time reaches who has read on',
    async run({ client, nowMs }) {
      await client.push('a', [write('r1', 'Tea', nowMs)]);
      const cursor = await pullInto(client, new Map(), null);
      await client.push('b', [write('r2', 'Oil', nowMs - 24 * 3_600_000)]);
      const later = new Map<string, string | null>();
      await pullInto(client, later, cursor);
      expect([...later]).toEqual([['r2', 'Oil']]);
    },
  },
  {
    what: 'the same push ten times is one',
    async run({ client, nowMs }) {
      const writes = [write('r1', 'Tea', nowMs), write('r2', 'Oil', nowMs)];
      const first = await client.push('a', writes);
      const cursor = await pullInto(client, new Map(), null);
      for (let n = 0; n < 9; n += 1) expect(await client.push('a', writes)).toEqual(first);
      const later = new Map<string, string | null>();
      await pullInto(client, later, cursor);
      expect(later.size).toBe(0);
    },
  },
  {
    what: 'a repeat after another device has written does not come back over it',
    async run({ client, nowMs }) {
      const first = await client.push('a', [write('r1', 'Tea', nowMs)]);
      expect(await client.push('b', [write('r1', 'Oil', nowMs + 10, 2)])).toMatchObject({
        answers: ['taken'],
      });
      expect(await client.push('a', [write('r1', 'Tea', nowMs)])).toEqual(first);
      expect(await read(client)).toEqual([['r1', 'Oil']]);
    },
  },
  {
    what: 'a push whose reply was lost is answered after a restart as it would have been',
    async run({ client, nowMs }) {
      const first = await client.push('a', [write('r1', 'Tea', nowMs)]);
      await server.restart();
      expect(await client.push('a', [write('r1', 'Tea', nowMs)])).toEqual(first);
      expect(await read(client)).toEqual([['r1', 'Tea']]);
    },
  },
  {
    what: 'a delete stands against an older update',
    async run({ client, nowMs }) {
      await client.push('a', [write('r1', 'Tea', nowMs)]);
      await client.push('b', [write('r1', null, nowMs + 20, 2)]);
      expect((await client.push('a', [write('r1', 'Oil', nowMs + 10, 2)])).answers).toEqual(['conflict']);
      expect(await read(client)).toEqual([['r1', null]]);
    },
  },
  {
    what: 'a clock in 2099 does not win for ever, also when it comes again',
    async run({ client, nowMs }) {
      server.clock.nowMs = nowMs;
      const far = write('r1', 'Far', Date.parse('2099-01-01T00:00:00Z'));
      await client.push('a', [far]);
      server.clock.nowMs = nowMs + 60_000;
      expect((await client.push('b', [write('r1', 'Oil', nowMs + 60_000)])).answers).toEqual(['taken']);
      await client.push('a', [far]);
      expect(await read(client)).toEqual([['r1', 'Oil']]);
    },
    not: { pos: noTimes },
  },
  {
    what: 'two devices that edit from one version: neither is lost without a word',
    async run({ name, client, nowMs }) {
      await client.push('a', [write('r1', 'Tea', nowMs)]);
      // Further apart than what a contract takes for the same time.
      await client.push('a', [write('r1', 'Oil', nowMs + 20_000, 2)]);
      expect((await client.push('b', [write('r1', 'Rice', nowMs + 10_000, 2)])).answers).toEqual([
        'conflict',
      ]);
      expect(await read(client)).toEqual([['r1', 'Oil']]);
      expect(name).toBeTypeOf('string');
    },
  },
  {
    what: 'equal times with other content: the contract says which one stands',
    async run({ name, client, nowMs }) {
      await client.push('a', [write('r1', 'Tea', nowMs)]);
      const { answers } = await client.push('b', [write('r1', 'Oil', nowMs)]);
      const later = ['documents', 'crm', 'terminal'].includes(name);
      expect(answers).toEqual([later ? 'taken' : 'conflict']);
      expect(await read(client)).toEqual([['r1', later ? 'Oil' : 'Tea']]);
    },
    not: { pos: noTimes },
  },
  {
    what: 'names as attack are names',
    async run({ client, nowMs }) {
      const ids = [
        "'; DROP TABLE hf_records; --",
        'constructor',
        '__proto__',
        '../../etc/passwd',
        '€ 😀 %00',
      ];
      for (const id of ids) {
        const { answers, status } = await client.push('a', [write(id, '<script>', nowMs)]);
        expect([id, status, answers]).toEqual([id, 200, ['taken']]);
      }
      expect(new Map(await read(client))).toEqual(new Map(ids.map((id) => [id, '<script>'])));
    },
  },
  {
    what: 'what no store could hold refuses itself, and nothing beside it',
    async run({ client, nowMs }) {
      const names = ['Tea', 'a\u0000b', '\ud800', 'Oil'];
      const { status, answers } = await client.push(
        'a',
        names.map((name, n) => write(`r${n}`, name, nowMs)),
      );
      expect([status, answers]).toEqual([200, ['taken', 'error', 'error', 'taken']]);
      expect(await read(client)).toEqual([
        ['r0', 'Tea'],
        ['r3', 'Oil'],
      ]);
    },
  },
  {
    what: 'as many records as a request may hold are taken, one more is none of them',
    async run({ name, client, nowMs }) {
      const most = name === 'hims' ? himsRecordsMax : 1_000;
      const some = (count: number, from: string) =>
        Array.from({ length: count }, (_, n) => write(`${from}${n}`, 'x', nowMs));
      const full = await client.push('a', some(most, 'full'));
      expect(full.answers.every((answer) => answer === 'taken')).toBe(true);
      expect((await client.push('a', some(most + 1, 'more'))).status).toBe(413);
      expect((await read(client)).map(([id]) => id.slice(0, 4))).toEqual(Array(most).fill('full'));
    },
    not: { documents: 'its bound is one of bytes, shown by the tests of its socket' },
  },
  {
    what: 'one user who asks for another’s data is told nothing of it',
    async run({ client, nowMs }) {
      await client.push('a', [write('r1', 'Tea', nowMs)]);
      const reply = await fetch(`${server.url()}/documents/api/sync/bob`, { headers: { 'device-id': 'a' } });
      expect(await reply.json()).toMatchObject({ success: true, data: { appointments: [] } });
    },
    not: {
      hims: 'its devices share one scope',
      pos: 'its devices share one scope',
      crm: 'its devices share one scope',
      terminal: 'its devices share one scope',
    },
  },
];

describe('kill -9 in between: what was answered is there, and what was not can be sent again', () => {
  test.each(protocols)(
    '%s',
    async (name) => {
      const data = mkdtempSync(join(tmpdir(), 'holdfast-killed-'));
      const config = fileURLToPath(new URL('hard-cases.fixture.config.ts', import.meta.url));
      let running = await startServer({ data, config });
      try {
        const client = wireClient(name, () => running.url);
        const from = Date.now() - 60_000;
        const sent: Write[] = [];
        const taken = new Set<string>();
        const pushes = Array.from({ length: 40 }, async (_, n) => {
          const one = write(`r${n}`, `name ${n}`, from + n);
          sent.push(one);
          const answer = await client.push(`device ${n % 4}`, [one]);
          if (answer.answers[0] === 'taken') taken.add(one.id);
        });
        // As soon as one is answered, with the others on their way.
        await Promise.race(pushes);
        await running.kill();
        await Promise.allSettled(pushes);
        running = await startServer({ data, config });
        const there = new Map(await read(client));
        expect([...taken].filter((id) => !there.has(id))).toEqual([]);
        expect(taken.size).toBeGreaterThan(0);
        for (const [n, one] of sent.entries())
          expect((await client.push(`device ${n % 4}`, [one])).answers).toEqual(['taken']);
        const all = new Map(sent.map(({ id, name: written }) => [id, written]));
        expect(new Map(await read(client))).toEqual(all);
      } finally {
        await running.kill();
        rmSync(data, { recursive: true });
      }
    },
    120_000,
  );
});

for (const { what, run, not = {} } of cases)
  describe(what, () => {
    for (const name of protocols.filter((one) => not[one] === undefined))
      test(name, () => run({ name, client: server.client(name), nowMs: Date.now() }));
  });

test('where a case means nothing to a protocol, the table says why', () => {
  const empty = cases.flatMap(({ what, not = {} }) =>
    Object.entries(not).map(([name, why]) => `${what} | ${name} | ${why}`),
  );
  expect(empty).toMatchInlineSnapshot(`
    [
      "a clock in 2099 does not win for ever, also when it comes again | pos | its clients declare versions, no times",
      "equal times with other content: the contract says which one stands | pos | its clients declare versions, no times",
      "as many records as a request may hold are taken, one more is none of them | documents | its bound is one of bytes, shown by the tests of its socket",
      "one user who asks for another’s data is told nothing of it | hims | its devices share one scope",
      "one user who asks for another’s data is told nothing of it | pos | its devices share one scope",
      "one user who asks for another’s data is told nothing of it | crm | its devices share one scope",
      "one user who asks for another’s data is told nothing of it | terminal | its devices share one scope",
    ]
  `);
});

function write(id: string, name: string | null, atMs: number, version = 1): Write {
  return { id, name, atMs, version };
}

/** Reads to the head and answers the cursor there. */
async function pullInto(
  client: WireClient,
  into: Map<string, string | null>,
  from: string | null,
): Promise<string> {
  let cursor = from;
  for (;;) {
    const page = await client.pull('reader', cursor);
    for (const [id, name] of page.names) into.set(id, name);
    if (page.more && page.cursor === cursor) throw new Error('The cursor does not move.');
    cursor = page.cursor;
    if (!page.more) return cursor;
  }
}

async function read(client: WireClient): Promise<[string, string | null][]> {
  const all = new Map<string, string | null>();
  await pullInto(client, all, null);
  return [...all];
}
