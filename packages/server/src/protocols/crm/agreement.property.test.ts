// Laws, whatever browsers write, in whatever order they sync, and whichever answers are lost:
// 1. Browsers that have synced to the end hold what the server holds: nothing that a full sync left out was news.
// 2. An answer that was lost and asked for again is the same.

import type { JsonObject } from '@holdfast/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noon, startCrm, type TestCrm } from './crm.fixture.ts';
import { type Strategy, strategies } from './wire.ts';

const fields = ['name', 'city', 'phone'] as const;

interface Edit {
  device: number;
  id: string;
  /** None: it is deleted. */
  fields: readonly (typeof fields)[number][];
  /** How long the clock stands before: within and beyond what counts as the same time. */
  afterMs: number;
}

interface Sync {
  device: number;
  via: 'full' | 'push' | 'pull';
  /** Whether a push says what was read. */
  says: boolean;
  strategy: Strategy;
  lost: boolean;
}

const device = fc.nat({ max: 2 });
const edits: fc.Arbitrary<Edit> = fc.record({
  device,
  id: fc.constantFrom('c1', 'c2'),
  fields: fc.oneof({ weight: 6, arbitrary: fc.subarray([...fields], { minLength: 1 }) }, fc.constant([])),
  afterMs: fc.constantFrom(0, 400, 2_000),
});
const syncs: fc.Arbitrary<Sync> = fc.record({
  device,
  via: fc.constantFrom('full', 'full', 'push', 'pull'),
  says: fc.boolean(),
  strategy: fc.constantFrom(...strategies),
  lost: fc.boolean(),
});
const stories = fc.array(fc.oneof(edits, edits, syncs), { minLength: 5, maxLength: 40 });

class Tablet {
  readonly held = new Map<string, JsonObject>();
  readonly #name: string;
  readonly #crm: TestCrm;
  #pending: JsonObject[] = [];
  #timestamp: string | null = null;

  constructor(crm: TestCrm, name: string) {
    this.#crm = crm;
    this.#name = name;
  }

  edit(id: string, written: JsonObject | null): void {
    const updated_at = new Date(this.#crm.clock.wall).toISOString();
    const before = this.held.get(id);
    if (written) this.held.set(id, { ...before, ...written, updated_at });
    else this.held.delete(id);
    this.#pending.push({ customer_id: id, ...(written ?? { deleted: true }), updated_at });
  }

  async sync({ via, says, strategy, lost }: Omit<Sync, 'device'>): Promise<void> {
    const stamp = { lastSyncTimestamp: this.#timestamp };
    if (via !== 'pull') {
      const sent = { changes: { customers: this.#pending }, strategy };
      const body = await this.#ask(via, { ...sent, ...(says || via === 'full' ? stamp : {}) });
      const told = via === 'full' ? body.push : body;
      if (lost) {
        const again = await this.#ask(via, { ...sent, ...(says || via === 'full' ? stamp : {}) });
        expect(via === 'full' ? again.push : again).toEqual(told);
        return;
      }
      expect(told.errors).toEqual([]);
      this.#pending = [];
      if (via === 'full') return this.#keep(body.pull);
    }
    // Written records come back by a pull, and would hide what waits to be sent.
    if (this.#pending.length === 0) this.#keep(await this.#ask('pull', stamp));
  }

  #keep({ changes, timestamp }: { changes: { customers: JsonObject[] }; timestamp: string }): void {
    for (const { customer_id, sync_status: _, last_synced_at: __, ...rest } of changes.customers) {
      if (rest.deleted === true) this.held.delete(String(customer_id));
      else this.held.set(String(customer_id), rest);
    }
    this.#timestamp = timestamp;
  }

  async #ask(path: string, body: object) {
    const answer = await this.#crm.send(`/api/sync/${path}`, { deviceId: this.#name, ...body });
    expect(answer.status).toBe(200);
    return answer.body;
  }
}

test('browsers that synced to the end agree with the server', { timeout: 120_000 }, async () => {
  const crm = await startCrm();
  let story = 0;
  try {
    const law = fc.asyncProperty(stories, async (steps) => {
      story += 1;
      crm.clock.wall = noon + story * 3_600_000;
      const tablets = [0, 1, 2].map((n) => new Tablet(crm, `tablet-${story}-${n}`));
      for (const [n, step] of steps.entries()) {
        const tablet = tablets[step.device];
        if ('via' in step) await tablet?.sync(step);
        else {
          crm.clock.wall += step.afterMs;
          const written = step.fields.map((field) => [field, `${field} ${n}`]);
          tablet?.edit(`${step.id}-${story}`, step.fields.length > 0 ? Object.fromEntries(written) : null);
        }
      }
      const last = { via: 'full', says: true, strategy: 'merge', lost: false } as const;
      for (let round = 0; round < 2; round += 1) for (const tablet of tablets) await tablet.sync(last);
      const auditor = new Tablet(crm, `auditor-${story}`);
      await auditor.sync({ ...last, via: 'pull' });
      const stands = [...auditor.held].filter(([id]) => id.endsWith(`-${story}`)).sort();
      for (const tablet of tablets)
        expect([...tablet.held].filter(([id]) => id.endsWith(`-${story}`)).sort()).toEqual(stands);
    });
    await fc.assert(law, { numRuns: 40 });
  } finally {
    await crm.stop();
  }
});
