// One collection in every protocol at once, each with its own names for it: what is written through one is read through all others.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HardServer, startHardServer, type WireClient } from './hard-cases.fixture.ts';

/** The scope of the user `ann` of documents, in which the others are mounted, too. */
const scope = 'user:ann';
const collection = 'orders';

let server: HardServer;
beforeAll(async () => {
  server = await startHardServer({
    hims: { prefix: '/hims', scope, collections: { purchases: { collection, id: 'uuid' } } },
    pos: { prefix: '/pos', scope, collections: { orders: { collection } } },
    documents: { prefix: '/documents', collections: { appointments: { collection, id: 'id' } } },
    crm: { prefix: '/crm', scope, collections: { customers: { collection } } },
    terminal: { prefix: '/terminal', scope, collections: { Product: { collection } } },
  });
});
afterAll(() => server.close());

const native: WireClient = {
  async push(device, writes) {
    const changes = writes.map(({ id, name }) =>
      name === null ? { type: 'delete', collection, id, base: versions.get(id) } : putOf(id, name),
    );
    const made = { wall: Date.now(), mono: 0, session: 's', offset: 0, seen: 0 };
    const mutations = changes.map((change) => ({
      id: crypto.randomUUID(),
      schema: 1,
      made,
      changes: [change],
    }));
    batches += 1;
    const answer = await exchange(device, { n: batches, mutations });
    return {
      status: 200,
      // It has seen none of its former ones, and is told them again.
      answers: answer.verdicts
        .slice(-writes.length)
        .map(({ verdict }) => (verdict === 'rejected' ? 'error' : 'taken')),
    };
  },
  async pull(device) {
    const { records } = await exchange(device);
    for (const { id, version } of records) versions.set(id, version);
    const names = records.map(({ id, body }) => [id, body?.name ?? null] as const);
    return { names: new Map(names), cursor: '', more: false };
  },
};

let batches = 0;
const versions = new Map<string, number>();

function putOf(id: string, name: string): object {
  const base = versions.get(id);
  return { type: 'put', collection, id, body: { name }, ...(base === undefined ? {} : { base }) };
}

interface Exchanged {
  verdicts: { verdict: string }[];
  records: { id: string; version: number; body?: { name: string } }[];
}

async function exchange(device: string, batch?: object): Promise<Exchanged> {
  const reply = await fetch(`${server.url()}/v1/exchange`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      protocol: 'holdfast/1',
      device,
      replica: device,
      scope,
      checkpoint: null,
      schema: 1,
      clock: { wall: Date.now(), mono: 0, session: 's' },
      verdictsSeen: 0,
      ...(batch ? { batch } : {}),
    }),
  });
  expect(reply.status).toBe(200);
  return (await reply.json()) as Exchanged;
}

const names = ['native', 'hims', 'pos', 'documents', 'crm', 'terminal'] as const;
const client = (name: (typeof names)[number]): WireClient =>
  name === 'native' ? native : server.client(name);

async function readThrough(name: (typeof names)[number], id: string): Promise<string | null | undefined> {
  let cursor: string | null = null;
  let found: string | null | undefined;
  for (;;) {
    const page = await client(name).pull(`reader-${name}`, cursor);
    if (page.names.has(id)) found = page.names.get(id);
    if (!page.more) return found;
    cursor = page.cursor;
  }
}

test.each(names)('what is written, changed and deleted through %s is read through all', async (writer) => {
  const id = `made-by-${writer}`;
  const from = Date.now() - 60_000;
  for (const [nth, name] of ['Tea', 'Oil', null].entries()) {
    // A native replica changes what it has read.
    await native.pull('teller', null);
    const { answers } = await client(writer).push('teller', [
      { id, name, atMs: from + nth * 1_000, version: nth + 1 },
    ]);
    expect(answers).toEqual(['taken']);
    for (const reader of names) expect([reader, await readThrough(reader, id)]).toEqual([reader, name]);
  }
});

test('each changes in turn what the one before it wrote', async () => {
  const id = 'made-by-all';
  let version = 0;
  for (const [nth, writer] of [...names, ...names].entries()) {
    version += 1;
    await native.pull('teller', null);
    const write = { id, name: `name ${nth}`, atMs: Date.now() + nth, version };
    expect([writer, (await client(writer).push('teller', [write])).answers]).toEqual([writer, ['taken']]);
    for (const reader of names)
      expect([reader, await readThrough(reader, id)]).toEqual([reader, `name ${nth}`]);
  }
});
