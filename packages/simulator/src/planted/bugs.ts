// Bugs as others have made them, each one place in the product. The simulator must notice every one of them; the table in
// docs/reliability.md says after how many seeds.

import type { PlantedBug } from './copy.ts';

const plan = 'packages/core/src/plan.ts';
const pages = 'packages/client/src/pages.ts';
const verdicts = 'packages/client/src/verdicts.ts';
const pull = 'packages/server/src/engine/pull.ts';
const cycle = 'packages/client/src/cycle.ts';

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'noDedup',
    harm: 'a repeated mutation is applied again',
    file: plan,
    find: `if (known) return known.hash === hash ? repeat(draft, item.replica, known) : 'id_reused';`,
    replace: `if (known && known.hash !== hash) return 'id_reused';`,
  },
  {
    name: 'settledLeavesAtOnce',
    harm: 'an effect vanishes between its verdict and its record',
    file: verdicts,
    find: `if (!state.progress.ended && (entry.asOf ?? 0) > state.progress.seq) continue;`,
    replace: ``,
  },
  {
    name: 'rejectedIsDropped',
    harm: 'a rejected mutation is gone without a word',
    file: verdicts,
    find: `await quarantineEntry(tx, deps, { entry, reason: reasonOf(verdict), rejected: true }, state);`,
    replace: `for (const key of await removeEntry(tx, deps.scope, entry)) state.dirty.add(key);`,
  },
  {
    name: 'checkpointBeforeRun',
    harm: 'half a run is forgotten, its checkpoint kept',
    file: pages,
    find: `if (!last) return 'staged';`,
    replace: `if (!last) { progress.checkpoint = page.checkpoint; progress.staged = null; return 'staged'; }`,
  },
  {
    name: 'pagesShownAsTheyCome',
    harm: 'half a mutation is visible',
    file: pages,
    find: `const last = !page.more && progress.again === 0;`,
    replace: `const last = progress.again === 0;`,
  },
  {
    name: 'stagedNotShown',
    harm: 'the pages before the last are thrown away',
    file: pages,
    find: `    await unstage(tx, deps, dirty);`,
    replace: `    await takeServerRecords(tx, deps, page.records, dirty);`,
  },
  {
    name: 'pendingDroppedOnPull',
    harm: 'a page covers what the user has just written',
    file: 'packages/client/src/recompute.ts',
    find: `if (!isInView(entry)) continue;`,
    replace: `if (!isInView(entry) || entry.state === 'sent') continue;`,
  },
  {
    name: 'tombstoneIgnored',
    harm: 'a deleted record stays on the device',
    file: 'packages/client/src/recompute.ts',
    find: `else if (before) await tx.delete('records', key);\n    const after`,
    replace: `const after`,
  },
  {
    name: 'writeNotDurable',
    harm: 'a power cut takes what was said to be stored',
    file: 'packages/client/src/mutate.ts',
    find: `return deps.storage.transaction('durable', async (tx) => {`,
    replace: `return deps.storage.transaction('write', async (tx) => {`,
  },
  {
    name: 'verdictsNotDurable',
    harm: 'a power cut takes verdicts that the server was told are seen',
    file: 'packages/client/src/runner.ts',
    find: `const mode = mustLast(arrived.answer) ? 'durable' : 'write';`,
    replace: `const mode = 'write';`,
  },
  {
    name: 'diskFullHalf',
    harm: 'half a transaction stays after a full disk',
    file: 'packages/client/src/storage/sync-storage.ts',
    find: `    driver.rollback();\n`,
    replace: ``,
  },
  {
    name: 'endedScopeStays',
    harm: 'a device keeps what it may not see any more',
    file: 'packages/client/src/grants.ts',
    find: `for (const table of ['records', 'indexes', 'tombstones', 'staged', 'shadows'] as const)`,
    replace: `for (const table of ['tombstones', 'staged', 'shadows'] as const)`,
  },
  {
    name: 'reopenedScopeGoesOn',
    harm: 'a grant that returns does not bring back what was there',
    file: 'packages/client/src/grants.ts',
    find: `function forgetPages(progress: Progress): void {\n  progress.checkpoint = null;`,
    replace: `function forgetPages(progress: Progress): void {`,
  },
  {
    name: 'backoffForEver',
    harm: 'a device that met one failure never syncs again',
    file: cycle,
    find: `return onOwn(state, options, ['idle', 'backoff']);`,
    replace: `return onOwn(state, options, ['idle']);`,
  },
  {
    name: 'pausedForEver',
    harm: 'new credentials do not end a pause',
    file: cycle,
    find: `return state.phase === 'paused' ? begin(state) : stay(state);`,
    replace: `return stay(state);`,
  },
  {
    name: 'pageAheadOfVerdicts',
    harm: 'an effect is seen twice while its verdict is still to come',
    file: pull,
    find: `const seqMax = leftOutAsOf === null ? head : Math.min(head, leftOutAsOf - 1);`,
    replace: `const seqMax = head;`,
  },
  {
    name: 'checkpointAtHead',
    harm: 'a cut page claims to have reached the head',
    file: pull,
    find: `const atHead = !page.more && seqMax === head;`,
    replace: `const atHead = seqMax === head;`,
  },
  {
    name: 'checkpointPastPage',
    harm: 'the next page begins behind what was not sent',
    file: pull,
    find: `last ? { seq: last.seq, stamp: last.stamp } : from;`,
    replace: `last ? { seq: last.seq, stamp: last.stamp + 1 } : from;`,
  },
  {
    name: 'noTombstones',
    harm: 'no device learns of a delete',
    file: pull,
    find: `records: page.records,\n    checkpoint`,
    replace: `records: page.records.filter(({ body }) => body !== null),\n    checkpoint`,
  },
  {
    name: 'grantsNotAsked',
    harm: 'any key reads and writes every scope',
    file: 'packages/server/src/engine/access.ts',
    find: `return found.includes('read') ? 'read' : 'none';`,
    replace: `return found.includes('read') ? 'read' : 'write';`,
  },
  {
    name: 'deviceClockTrusted',
    harm: 'a clock in 2099 wins for ever',
    file: 'packages/core/src/clock.ts',
    find: `const clamped = claimed > arrival.atMs + arrival.driftMsMax ? arrival.atMs : claimed;`,
    replace: `const clamped = made.wall;`,
  },
  {
    name: 'floatCounters',
    harm: 'counters drift by rounding',
    file: 'packages/core/src/decimal.ts',
    find: `return exactNumber(new Decimal(a).plus(b));`,
    replace: `return a + b;`,
  },
  {
    name: 'conflictsUnseen',
    harm: 'the last writer wins, and nobody is told',
    file: 'packages/core/src/touched.ts',
    find: `return seq > base && (writer === null || writer === serverWriter || !own.has(writer, seq));`,
    replace: `return seq > base && (writer === null || writer === serverWriter) && !own.has('', seq);`,
  },
  {
    name: 'deleteUndone',
    harm: 'a write that never saw the delete brings the record back',
    file: 'packages/core/src/decide.ts',
    find: `if (forced === 'device' || (!unseen && !forced)) {`,
    replace: `if (forced === 'device' || !forced || !unseen) {`,
  },
  {
    name: 'waitingUnbounded',
    harm: 'a peer makes the server hold as much as it likes',
    file: 'packages/core/src/settle.ts',
    find: `if (!held && (state?.waiting ?? 0) >= draft.context.limits.waitingPerReplicaMax) {`,
    replace: `if (!held && (state?.waiting ?? 0) >= 1_000_000) {`,
  },
  {
    name: 'quarantineUnbounded',
    harm: 'a peer fills the quarantine',
    file: 'packages/core/src/draft.ts',
    find: `const full = before >= this.context.limits.quarantinePerDeviceMax;`,
    replace: `const full = false;`,
  },
];
