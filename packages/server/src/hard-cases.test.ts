// What goes wrong in the field, for every protocol whose clients page by a time: a table of cases, each run for each protocol. Where a
// case means nothing to a protocol, the table says why.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type HardServer, startHardServer, type WireClient, type Write } from './hard-cases.fixture.ts';

const protocols = ['hims', 'pos', 'documents'] as const;
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
      const perPush = name === 'hims' ? 7 : 100;
      const count = name === 'hims' ? 210 : 1_000;
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
      await client.push('a', [write('r1', 'Oil', nowMs + 20, 2)]);
      expect((await client.push('b', [write('r1', 'Rice', nowMs + 10, 2)])).answers).toEqual(['conflict']);
      expect(await read(client)).toEqual([['r1', 'Oil']]);
      expect(name).toBeTypeOf('string');
    },
  },
  {
    what: 'equal times with other content: the contract says which one stands',
    async run({ name, client, nowMs }) {
      await client.push('a', [write('r1', 'Tea', nowMs)]);
      const { answers } = await client.push('b', [write('r1', 'Oil', nowMs)]);
      const later = name === 'documents';
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
];

for (const { what, run, not = {} } of cases)
  describe(what, () => {
    for (const name of protocols) {
      const reason = not[name];
      if (reason === undefined)
        test(name, () => run({ name, client: server.client(name), nowMs: Date.now() }));
      // The reason is the test's name.
      else test.skip(`${name}: ${reason}`, () => undefined);
    }
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
