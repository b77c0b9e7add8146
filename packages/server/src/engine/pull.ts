// One page for a reader, and the verdicts that belong to it, from one snapshot.

import {
  type ConflictEntry,
  hiddenReplica,
  type Limits,
  type LoggedVerdict,
  RequestError,
  type StoredConflict,
  type VerdictEntry,
  whyNotReplica,
} from '@holdfast/core';
import type { Store, StoreSnapshot } from '../store/port.ts';
import { grantsOf, isEnrolled, type Right, rightIn } from './access.ts';
import { checkPosition, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { Caller, PullRequest, PullResult } from './engine.ts';
import type { Reads } from './reads.ts';

export interface PullDeps {
  store: Store;
  limits: Limits;
  nowMs: () => number;
  noteRead: Reads['note'];
}

export function pull(
  deps: PullDeps,
  reader: Caller,
  scope: string,
  request: PullRequest,
): Promise<PullResult> {
  return deps.store.read(async (snapshot) => {
    const grants = await readGrants(snapshot, reader, deps.nowMs());
    const right = rightIn(grants, scope);
    const logged = await readVerdicts(deps, { snapshot, reader, scope, right }, request);
    if (right === 'none') {
      const checkpoint = request.after && 'checkpoint' in request.after ? request.after.checkpoint : null;
      return {
        records: [],
        checkpoint,
        stamp: 0,
        head: 0,
        // No page, but perhaps more verdicts than this answer holds.
        more: logged.leftOutAsOf !== null,
        grants,
        verdicts: logged.entries,
        conflicts: [],
      };
    }
    const told = await addConflicts(deps, snapshot, scope, logged);
    const { entries: verdicts, leftOutAsOf } = told;
    const merges = { ...told, device: reader.device, max: request.verdictsOf?.merges ?? 0 };
    const conflicts = await addMerges(deps, snapshot, scope, merges);
    const page = await readPage(deps, snapshot, scope, request, leftOutAsOf);
    // A page of some collections says nothing of how far the device has read the others.
    const { notedAs, notedWhole = false } = request;
    const sent = notedWhole && page.more ? page.confirmed : page.sent;
    if (reader.device !== '' && (notedAs !== undefined || !request.collections))
      deps.noteRead(scope, reader.device, { sent, confirmed: page.confirmed }, notedAs);
    const { records, checkpoint, stamp, head, more } = page;
    return { records, checkpoint, stamp, head, more, grants, verdicts, conflicts };
  });
}

/** Throws RequestError when the reader's credential or device is good for nothing now. */
export async function readGrants(
  snapshot: StoreSnapshot,
  reader: Caller,
  nowMs: number,
): Promise<PullResult['grants']> {
  const credential = reader.key === null ? undefined : await snapshot.credential(reader.key);
  const device = reader.device === '' ? undefined : await snapshot.device(reader.device);
  const { key = null } = device ?? {};
  const last = key === reader.key || key === null ? credential : await snapshot.credential(key);
  return grantsOf(reader, { credential, device, enrolled: isEnrolled(device, last), nowMs });
}

interface Verdicts {
  entries: readonly VerdictEntry[];
  /** The lowest asOf of those that this answer does not hold. */
  leftOutAsOf: number | null;
}

async function readVerdicts(
  deps: PullDeps,
  by: { snapshot: StoreSnapshot; reader: Caller; scope: string; right: Right },
  request: PullRequest,
): Promise<Verdicts> {
  if (!request.verdictsOf) return { entries: [], leftOutAsOf: null };
  const { snapshot, reader, scope, right } = by;
  const { seen } = request.verdictsOf;
  const named = await snapshot.replica(scope, request.verdictsOf.replica);
  const hidden = named !== undefined && named.device !== reader.device && right === 'none';
  const replica = hidden
    ? hiddenReplica(reader.device, request.verdictsOf.replica)
    : request.verdictsOf.replica;
  const state = hidden ? await snapshot.replica(scope, replica) : named;
  if (!state) return { entries: [], leftOutAsOf: null };
  const message = whyNotReplica(state, reader.device);
  if (message !== undefined) throw new RequestError('forbidden', { field: 'replica', message });
  const { verdicts, leftOutAsOf } = await snapshot.verdicts(
    scope,
    replica,
    seen,
    deps.limits.answerVerdictsMax,
  );
  return { entries: verdicts.map(entryOf), leftOutAsOf };
}

export function entryOf(logged: LoggedVerdict): VerdictEntry {
  return { ...(logged.verdict as VerdictEntry), n: logged.n };
}

interface Page {
  records: PullResult['records'];
  checkpoint: string;
  stamp: number;
  head: number;
  more: boolean;
  sent: number;
  confirmed: number;
}

async function readPage(
  deps: PullDeps,
  snapshot: StoreSnapshot,
  scope: string,
  request: PullRequest,
  leftOutAsOf: number | null,
): Promise<Page> {
  const state = await snapshot.scope(scope);
  const head = state?.head ?? 0;
  const headStamp = state?.stamp ?? 0;
  const from = await readFrom(snapshot, scope, request, { head, stamp: headStamp });
  // A page must not run ahead of verdicts that did not fit: their effects would be seen before they settle.
  const seqMax = leftOutAsOf === null ? head : Math.min(head, leftOutAsOf - 1);
  const recordsMax = Math.min(
    request.recordsMax ?? deps.limits.pageRecordsDefault,
    deps.limits.pageRecordsMax,
  );
  const page =
    recordsMax === 0 || headStamp <= from.stamp || seqMax < from.seq
      ? { records: [], more: from.stamp < headStamp }
      : await snapshot.page(scope, {
          afterStamp: from.stamp,
          seqMax,
          recordsMax,
          charsMax: deps.limits.pageCharsMax,
          ...(request.collections ? { collections: request.collections } : {}),
        });
  const last = page.records.at(-1);
  const atHead = !page.more && seqMax === head;
  const to = atHead ? { seq: head, stamp: headStamp } : last ? { seq: last.seq, stamp: last.stamp } : from;
  return {
    records: page.records,
    checkpoint: writeCheckpoint({ life: deps.store.life.id, seq: to.seq, stamp: to.stamp }),
    stamp: to.stamp,
    head,
    more: !atHead,
    sent: to.seq,
    confirmed: from.seq,
  };
}

async function readFrom(
  snapshot: StoreSnapshot,
  scope: string,
  request: PullRequest,
  at: { head: number; stamp: number },
): Promise<{ seq: number; stamp: number }> {
  if (request.after === null) return { seq: 0, stamp: 0 };
  if ('stamp' in request.after) {
    const stamp = Math.min(request.after.stamp, at.stamp);
    return { seq: request.notedAs === undefined ? 0 : await seqAt(snapshot, scope, { stamp, at }), stamp };
  }
  const position = readCheckpoint(request.after.checkpoint);
  await checkPosition(snapshot, scope, position);
  return position;
}

/**
 * The last commit of which all that it wrote has a stamp up to the one given: commits are in the order of their stamps, so a few of
 * them say where it lies.
 */
export async function seqAt(
  snapshot: Pick<StoreSnapshot, 'commitStamp'>,
  scope: string,
  { stamp, at }: { stamp: number; at: { head: number; stamp: number } },
): Promise<number> {
  if (stamp >= at.stamp) return at.head;
  let [low, high] = [0, at.head];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const last = (await snapshot.commitStamp(scope, middle))?.last ?? 0;
    if (last <= stamp) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The conflicts that the verdicts name. From the first verdict on whose conflicts do not fit any more, verdicts are left out. */
async function addConflicts(
  { limits }: PullDeps,
  snapshot: StoreSnapshot,
  scope: string,
  { entries, leftOutAsOf }: Verdicts,
): Promise<Verdicts & { conflicts: readonly ConflictEntry[] }> {
  const told = new Map<number, ConflictEntry>();
  let chars = 0;
  for (const [place, entry] of entries.entries()) {
    const ids = conflictsIn(entry).filter((id) => !told.has(id));
    if (ids.length === 0) continue;
    // One verdict at a time, because one conflict may hold as much as many pages.
    const found = (await snapshot.conflicts(scope, { ids, max: ids.length })).map(conflictEntry);
    chars += JSON.stringify(found).length;
    if (told.size > 0 && chars > limits.pageCharsMax) {
      const asOfs = entries.slice(place).map(({ asOf }) => asOf);
      const asOf = Math.min(...asOfs, leftOutAsOf ?? Number.POSITIVE_INFINITY);
      return { entries: entries.slice(0, place), conflicts: [...told.values()], leftOutAsOf: asOf };
    }
    for (const conflict of found) told.set(conflict.id, conflict);
  }
  return { entries, conflicts: [...told.values()], leftOutAsOf };
}

/**
 * Those that the newest verdicts say a policy settled, as far as they fit beside the others: no verdict is left out for them. The
 * verdict on an answer may name another device's conflict, of which nothing is told.
 */
async function addMerges(
  { limits }: PullDeps,
  snapshot: StoreSnapshot,
  scope: string,
  { entries, conflicts, device, max }: MergesWanted,
): Promise<readonly ConflictEntry[]> {
  if (max === 0) return conflicts;
  const told = new Set(conflicts.map(({ id }) => id));
  const named = entries.toReversed().flatMap(({ merged = [] }) => merged.map(({ conflict }) => conflict));
  const ids = [...new Set(named)].filter((id) => !told.has(id)).slice(0, max);
  const all = [...conflicts];
  let chars = JSON.stringify(conflicts).length;
  for (const id of ids) {
    const [found] = await snapshot.conflicts(scope, { ids: [id], max: 1 });
    if (found?.device !== device) continue;
    const entry = conflictEntry(found);
    const comma = all.length > 0 ? 1 : 0;
    chars += comma + JSON.stringify(entry).length;
    if (chars > limits.pageCharsMax) break;
    all.push(entry);
  }
  return all;
}

interface MergesWanted {
  entries: readonly VerdictEntry[];
  conflicts: readonly ConflictEntry[];
  device: string;
  max: number;
}

/** In which something that it tells is open, for a person to decide. */
export function conflictsIn({ conflicts = [], exceptions = [] }: VerdictEntry): number[] {
  return [...new Set([...conflicts, ...exceptions.flatMap(({ conflict }) => conflict ?? [])])];
}

/** A conflict as it leaves the engine. */
export function conflictEntry(conflict: StoredConflict): ConflictEntry {
  const { id, collection, record, fields, state, base, server, serverVersion, changes, mutations, policy } =
    conflict;
  return {
    id,
    collection,
    record,
    fields: [...fields],
    state,
    base,
    server,
    serverVersion,
    policy,
    device: changes.map((change) => ({ ...change })),
    mutations: [...mutations],
  } as ConflictEntry;
}
