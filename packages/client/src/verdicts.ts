// What a verdict does to the outbox. An entry is settled only by a verdict that names it.

import type { ExchangeAnswer, VerdictEntry } from '@holdfast/core';
import { settleConflictsOf } from './conflict-list.ts';
import { createdKeys, dependentsOn, hideEntry } from './dependents.ts';
import {
  clearOutbox,
  countEntry,
  findEntries,
  isInView,
  isSendable,
  keysOf,
  type OutboxEntry,
  readEntries,
  removeEntry,
  writeEntry,
} from './outbox.ts';
import { type QuarantineState, quarantineEntry, type Reason } from './quarantine-entry.ts';
import type { ScopeDeps } from './recompute.ts';
import { isAllOpen, readOpenStage } from './stages.ts';
import type { StorageKey, StorageTransaction } from './storage/port.ts';
import { touchedRecords } from './veil.ts';

/**
 * Applies the verdicts that are new here, in the order of their numbers, and seen ones that still tell something: the mutation
 * came back into the outbox by the user's word, and its repeat gets the verdict that it had. Answers those.
 */
export async function takeVerdicts(
  tx: StorageTransaction,
  deps: ScopeDeps,
  verdicts: readonly VerdictEntry[],
  state: QuarantineState,
): Promise<VerdictEntry[]> {
  const { progress } = state;
  const fresh: VerdictEntry[] = [];
  for (const verdict of [...verdicts].sort((a, b) => a.n - b.n)) {
    // Read one by one: an earlier verdict of the same answer may have moved the entry, or quarantined it.
    const entry = (await findEntries(tx, deps.scope, [verdict.mutation])).get(verdict.mutation);
    const isNew = verdict.n > progress.verdictsSeen;
    if (!isNew && !(entry && isSendable(entry))) continue;
    if (entry) await takeVerdict(tx, deps, { entry, verdict }, state);
    else await settleConflictsOf(tx, deps.scope, verdict.mutation);
    if (isNew) {
      progress.verdictsSeen = verdict.n;
      progress.seqSeen = Math.max(progress.seqSeen, verdict.seq ?? 0);
      progress.lastVerdict = { n: verdict.n, mutation: verdict.mutation, verdict: verdict.verdict };
    }
    fresh.push(verdict);
  }
  return fresh;
}

/** Mutations of the batch that the server would not judge: they are held, and settled by nothing but the user's word. */
export async function takeErrors(
  tx: StorageTransaction,
  deps: ScopeDeps,
  errors: ExchangeAnswer['errors'],
  state: QuarantineState,
): Promise<number> {
  const entries = await findEntries(
    tx,
    deps.scope,
    errors.map(({ mutation }) => mutation),
  );
  let held = 0;
  for (const { mutation, code, message } of errors) {
    const entry = entries.get(mutation);
    if (!entry || entry.state === 'settled') continue;
    await holdEntry(tx, deps, { entry, reason: { code, message } }, state);
    held += 1;
  }
  return held;
}

/** Keeps an entry in outbox and view, but sends it no more. */
export async function holdEntry(
  tx: StorageTransaction,
  deps: ScopeDeps,
  { entry, reason }: { entry: OutboxEntry; reason: Reason },
  state: QuarantineState,
): Promise<void> {
  const { again: _, ...rest } = entry;
  const after: OutboxEntry = {
    ...rest,
    state: 'held',
    reason,
    ...(entry.state === 'unsent' ? { unreached: true } : {}),
  };
  await replaceEntry(tx, deps, { before: entry, after }, state);
}

/** Lets go of settled entries whose effect the visible state holds. */
export async function releaseSettled(
  tx: StorageTransaction,
  deps: ScopeDeps,
  state: Pick<QuarantineState, 'progress' | 'dirty'>,
): Promise<void> {
  const { ended, opened, seq, pending } = state.progress;
  const open = opened ? undefined : await readOpenStage(tx, deps.scope);
  const asOfMax = ended ? Number.POSITIVE_INFINITY : Math.max(seq, open?.seq ?? 0);
  if (pending === 0 && !open && (await isAllDue(tx, deps.scope, asOfMax))) {
    for (const key of await touchedRecords(tx, deps.scope)) state.dirty.add(key);
    await clearOutbox(tx, deps.scope);
    return;
  }
  let after: StorageKey | undefined;
  for (;;) {
    const found = await tx.scan('marks', {
      prefix: [deps.scope, 'settled'],
      limit: chunk,
      ...(after ? { after } : {}),
    });
    // Such a mark holds the entry's asOf: what stays need not be read.
    const due = found.filter(({ value }) => Number(value) <= asOfMax);
    const entries = await readEntries(
      tx,
      deps.scope,
      due.map(({ key }) => key[2] ?? ''),
    );
    for (const entry of entries) {
      // A part of it may be in a collection that is not open yet, and stays in the view until it is.
      const gone = !open || isAllOpen(open, entry);
      const keys = gone ? await removeEntry(tx, deps.scope, entry) : keysOf(entry.mutation);
      for (const key of keys) state.dirty.add(key);
    }
    after = found.at(-1)?.key;
    if (found.length < chunk) return;
  }
}

const chunk = 500;

/** Whether the visible state holds the effect of all settled entries. */
async function isAllDue(tx: StorageTransaction, scope: string, asOfMax: number): Promise<boolean> {
  let after: StorageKey | undefined;
  for (;;) {
    const found = await tx.scan('marks', {
      prefix: [scope, 'settled'],
      limit: chunk,
      ...(after ? { after } : {}),
    });
    if (found.some(({ value }) => Number(value) > asOfMax)) return false;
    after = found.at(-1)?.key;
    if (found.length < chunk) return true;
  }
}

async function takeVerdict(
  tx: StorageTransaction,
  deps: ScopeDeps,
  { entry, verdict }: { entry: OutboxEntry; verdict: VerdictEntry },
  state: QuarantineState,
): Promise<void> {
  if (entry.state === 'settled') {
    // A resolution was undone, or the like. The server's state holds the effect from the first asOf on; a later one would
    // keep the entry in the view beside it.
    await settleConflictsOf(tx, deps.scope, verdict.mutation);
    return;
  }
  const { again: _, reason: __, ...rest } = entry;
  switch (verdict.verdict) {
    case 'applied':
    case 'merged':
    case 'excepted':
      await settle(tx, deps, { entry, asOf: verdict.asOf }, state);
      return;
    case 'waiting':
      await replaceEntry(
        tx,
        deps,
        { before: entry, after: { ...rest, state: 'waiting', reason: reasonOf(verdict) } },
        state,
      );
      return;
    case 'conflict': {
      const after: OutboxEntry = {
        ...rest,
        state: 'conflict',
        reason: reasonOf(verdict),
        conflicts: verdict.conflicts ?? [],
      };
      // What builds on a record that it makes goes out of the view with it.
      const created = await createdKeys(tx, deps, entry);
      await replaceEntry(tx, deps, { before: entry, after }, state);
      for (const dependent of await dependentsOn(tx, deps, created, entry.place))
        await hideEntry(tx, deps, dependent, state.dirty);
      return;
    }
    case 'rejected':
      if (entry.state === 'conflict') await settleConflictsOf(tx, deps.scope, verdict.mutation);
      await quarantineEntry(tx, deps, { entry, reason: reasonOf(verdict), rejected: true }, state);
  }
}

/** The entry stays in the view until the visible state holds its effect. One that a conflict took out of it does not come back. */
async function settle(
  tx: StorageTransaction,
  deps: ScopeDeps,
  { entry, asOf }: { entry: OutboxEntry; asOf: number },
  state: QuarantineState,
): Promise<void> {
  if (entry.state === 'conflict') {
    await settleConflictsOf(tx, deps.scope, entry.mutation.id);
    for (const key of await removeEntry(tx, deps.scope, entry)) state.dirty.add(key);
    countEntry(state.progress, entry, undefined);
    return;
  }
  const { again: _, reason: __, conflicts: ___, ...rest } = entry;
  await replaceEntry(tx, deps, { before: entry, after: { ...rest, state: 'settled', asOf } }, state);
}

async function replaceEntry(
  tx: StorageTransaction,
  deps: ScopeDeps,
  { before, after }: { before: OutboxEntry; after: OutboxEntry },
  state: QuarantineState,
): Promise<void> {
  await writeEntry(tx, deps.scope, after, before);
  countEntry(state.progress, before, after);
  if (isInView(before) === isInView(after)) return;
  for (const key of keysOf(after.mutation)) state.dirty.add(key);
}

function reasonOf({ code = 'unknown', field, message, help }: VerdictEntry): Reason {
  return {
    code,
    ...(field === undefined ? {} : { field }),
    ...(message === undefined ? {} : { message }),
    ...(help === undefined ? {} : { help }),
  };
}
