// The real process, killed at random moments while pushes are in flight: nothing that was acknowledged is missing, nothing
// is applied twice. What was acknowledged is written down outside the server.

import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  exchange,
  mutationOf,
  pullAll,
  type SentMutation,
  type ServerProcess,
  startServer,
} from './server-process.fixture.ts';

const config = fileURLToPath(new URL('./crash.fixture.config.ts', import.meta.url));
const kills = 20;
const workers = 5;

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'holdfast-crash-'));
});
afterEach(() => rm(data, { recursive: true, force: true }));

interface Batch {
  n: number;
  mutations: readonly SentMutation[];
  amount: number;
}

/** A till that pushes batch after batch, and sends each again under the same ids until it is answered. */
async function work(
  worker: number,
  on: {
    server: () => Promise<ServerProcess>;
    over: () => boolean;
    inFlight: { now: number };
    /** Tells when a request was sent or a verdict came. */
    moved: EventEmitter;
    journal: Map<string, number>;
    sent: Batch[];
  },
): Promise<void> {
  for (let n = 1; !on.over(); n++) {
    const amount = (worker + 1) * 0.1 + n;
    const batch: Batch = {
      n,
      amount,
      mutations: [
        mutationOf([
          { type: 'add', collection: 'totals', id: 'all', amounts: { sum: amount } },
          { type: 'put', collection: 'marks', id: `${worker}-${n}`, body: { worker, n, amount } },
        ]),
        mutationOf([
          { type: 'put', collection: 'marks', id: `${worker}-${n}-b`, body: { worker, n, amount: 0 } },
        ]),
      ],
    };
    on.sent.push(batch);
    for (;;) {
      const { url } = await on.server();
      on.inFlight.now += 1;
      on.moved.emit('moved');
      try {
        const { status, answer } = await exchange(url, { replica: `r${worker}`, limit: 0, batch });
        expect(status).toBe(200);
        for (const verdict of answer.verdicts)
          if (verdict.seq !== undefined) on.journal.set(verdict.mutation, verdict.seq);
        on.moved.emit('moved');
        break;
      } catch (error) {
        // No answer: whether the server has it is unknown. Anything else is a failure of the test.
        if (!(error instanceof TypeError)) throw error;
      } finally {
        on.inFlight.now -= 1;
      }
    }
  }
}

test(`nothing acknowledged is lost or doubled by ${kills} kills in the middle of pushes`, {
  timeout: 180_000,
}, async () => {
  let server = startServer({ data, config });
  const { url } = await server;
  const first = mutationOf([{ type: 'put', collection: 'totals', id: 'all', body: {} }]);
  await exchange(url, { replica: 'setup', batch: { n: 1, mutations: [first] } });
  let over = false;
  const moved = new EventEmitter();
  const inFlight = { now: 0 };
  const journal = new Map<string, number>();
  const sent: Batch[] = [];
  const running = Array.from({ length: workers }, (_, worker) =>
    work(worker, { server: () => server, over: () => over, inFlight, moved, journal, sent }),
  );
  let busiest = 0;
  try {
    for (let kill = 0; kill < kills; kill++) {
      const before = journal.size;
      const present = await server;
      const moment = 20 + Math.floor(Math.random() * 60);
      while (journal.size < before + moment || inFlight.now < 4) await once(moved, 'moved');
      busiest = Math.max(busiest, inFlight.now);
      const dead = present.kill();
      server = dead.then(() => startServer({ data, config }));
      await server;
    }
  } finally {
    over = true;
    await Promise.all(running);
  }
  expect(busiest).toBeGreaterThanOrEqual(4);
  const alive = await server;
  try {
    const records = await pullAll(alive.url, 'reader', 1_000);
    const mutations = sent.flatMap((batch) => batch.mutations);
    // Every batch was sent until it was answered, so every mutation was acknowledged.
    expect([...journal.keys()].sort()).toEqual(mutations.map(({ id }) => id).sort());
    expect(new Set(journal.values()).size).toBe(journal.size);
    for (const mutation of mutations)
      for (const change of mutation.changes)
        expect(records.has(`${change.collection}/${change.id}`)).toBe(true);
    const tenths = sent.reduce((sum, batch) => sum + Math.round(batch.amount * 10), 0);
    expect(records.get('totals/all')?.body?.sum).toBe(tenths / 10);
    // Everything once more under new batch numbers: the original verdicts, and nothing changes.
    for (const [worker, batches] of Map.groupBy(sent, (batch) => replicaOf(batch)).entries()) {
      const again = { n: 1_000_000, mutations: batches.flatMap((batch) => batch.mutations).slice(-1_000) };
      const { answer } = await exchange(alive.url, { replica: worker, limit: 0, batch: again });
      for (const { mutation, seq } of answer.verdicts) expect(seq).toBe(journal.get(mutation));
    }
    expect((await pullAll(alive.url, 'reader-2', 1_000)).get('totals/all')).toEqual(
      records.get('totals/all'),
    );
  } finally {
    expect(await alive.end()).toBe(0);
  }
});

function replicaOf(batch: Batch): string {
  const change = batch.mutations[0]?.changes[1];
  return `r${change?.id.split('-')[0]}`;
}
