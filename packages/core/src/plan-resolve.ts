// How a person's answer to a conflict becomes changes like any other, and verdicts for the mutations that it held.
//
//   open ── server │ device │ value ──► settled ── undo ──► settled (the other way) ── undo ──► …
//
// A person answers at the server (an item of the plan) or on a device (a mutation of one change, `resolve`, with a verdict like any).
// First come the changes that the answer itself makes; if they cannot be applied, nothing has changed. Then each mutation that
// this conflict held is judged again, with the person's answer in place of the policy. Whoever sent a mutation that is in the
// conflict gets a verdict, the same one again if it has not changed: so every device learns that the conflict is settled.

import { admit } from './admit.ts';
import { canonicalJson } from './canonical.ts';
import { type Change, hashedPart, type Mutation, type ResolveChange, recordKey } from './change.ts';
import type { Draft } from './draft.ts';
import type { Problem, RequestErrorCode, VerdictCode } from './errors.ts';
import type { JsonObject } from './json.ts';
import { type Judgement, judge } from './judge.ts';
import type { Resolution } from './plan-item.ts';
import { changesOf, heldOf } from './resolution-changes.ts';
import { accept, reject, type Sender, senderOf, settleWoken } from './settle.ts';
import type { HeldMutation, Settlement, StoredConflict, StoredRecord } from './stored.ts';
import { anyForeign, ownerOf, ownOf, readTouched, serverWriter } from './touched.ts';
import type { Verdict } from './verdict.ts';

export type ResolveOutcome =
  /** `verdict` is that of the answer's own changes; null when it made none. */
  | { type: 'resolved'; conflict: StoredConflict; record: StoredRecord | null; verdict: Verdict | null }
  | { type: 'unresolved'; code: RequestErrorCode; field?: string; message: string };

/** Undefined while the draft needs more. */
export function resolveConflict(draft: Draft, item: Resolution): ResolveOutcome | undefined {
  const outcome = resolve(draft, item);
  if (outcome?.type !== 'refused') return outcome;
  const { code, message } = outcome.problem;
  const known = requestCodes[code];
  if (known) return { type: 'unresolved', code: known, message };
  return { ...outcome.problem, type: 'unresolved', code: 'malformed' };
}

const requestCodes: Readonly<Partial<Record<VerdictCode, RequestErrorCode>>> = {
  conflict_unknown: 'not_found',
  conflict_changed: 'conflict_changed',
  conflict_settled: 'conflict_settled',
};

/** Gives the mutation that is an answer its verdict, unless the draft needs more. */
export function answerConflict(draft: Draft, sender: Sender, change: ResolveChange): void {
  const { mutation } = sender;
  const { conflict, base = 0, answer, body = {}, replaced } = change;
  const outcome = resolve(draft, {
    conflict,
    about: recordKey(change.collection, change.id),
    seenVersion: base,
    // What a person on a device sees of a conflict is whether it is open.
    ...(answer === 'undo' ? {} : { seenOpen: true }),
    answer: answer === 'value' ? { type: answer, body, ...(replaced && { replaced }) } : { type: answer },
    mutation: mutation.id,
    actor: mutation.actor ?? '',
    sender,
  });
  if (outcome?.type === 'refused') reject(draft, sender, problemIn(outcome.problem));
  if (outcome?.type !== 'resolved' || outcome.verdict) return;
  const { hash, madeAt, replicas, rememberedAs: id = mutation.id } = sender;
  const verdict = { mutation: mutation.id, verdict: 'applied' as const, asOf: draft.scope.head };
  draft.answer({ id, hash, madeAt }, verdict, replicas);
}

/** Whatever changes the answer made, it is one change of its mutation. */
function problemIn({ field, ...problem }: Problem<VerdictCode>): Problem<VerdictCode> {
  const path = field?.replace(/^changes\[\d+\]/, '') ?? '';
  return { ...problem, field: `changes[0]${path}` };
}

/** An answer, wherever it was given. */
interface Asked extends Omit<Resolution, 'type'> {
  /** The key of the record that it says it is about. */
  about?: string;
  /** Who sent it as a mutation; absent at the server. */
  sender?: Sender;
}

type Outcome =
  | Extract<ResolveOutcome, { type: 'resolved' }>
  | { type: 'refused'; problem: Problem<VerdictCode> };

function resolve(draft: Draft, item: Asked): Outcome | undefined {
  // What another answer let go was no moment ago for this one: how answers are grouped into plans decides nothing.
  draft.letGo.clear();
  const conflict = draft.conflict(item.conflict);
  if (conflict === undefined) return undefined;
  const about = conflict && recordKey(conflict.collection, conflict.record);
  if (conflict === null || (item.about !== undefined && item.about !== about))
    return refused('conflict_unknown', '.conflict', 'There is no such conflict.');
  const isOpen = conflict.state === 'open';
  if (isOpen && item.answer.type === 'undo')
    return refused('conflict_settled', '.answer', 'An open conflict has nothing to undo.');
  if (!isOpen && item.seenOpen)
    return refused('conflict_settled', '.conflict', 'Somebody else has settled the conflict.');
  const live = draft.record(conflict.collection, conflict.record);
  const held = isOpen ? heldOf(draft, conflict) : [];
  if (live === undefined || held === undefined) return undefined;
  if (!isSeen(live?.record, item))
    return refused('conflict_changed', '.base', `The record is at version ${live?.record.seq ?? 0}.`);
  const own = ownMutation(draft, item, changesOf(draft, { conflict, live, held, answer: item.answer }));
  const judged = own && judgeOwn(draft, { conflict, item, own });
  if (judged?.type === 'needs') return undefined;
  if (judged?.type === 'reject') return { type: 'refused', problem: judged.problem };
  return settleConflict(draft, item, { conflict, before: live?.body ?? null, held, own, judged });
}

/** Whether no field stands as somebody else than the person's own replica has written it since the person saw the record. */
function isSeen(record: StoredRecord | undefined, { seenVersion, sender }: Asked): boolean {
  const version = record?.seq ?? 0;
  if (version === seenVersion || !record || !sender) return version === seenVersion;
  return version > seenVersion && !anyForeign(readTouched(record), seenVersion, ownerOf(sender.own, []));
}

function refused(code: VerdictCode, field: string, message: string): Outcome {
  return { type: 'refused', problem: { code, field, message } };
}

interface Answered {
  conflict: StoredConflict;
  before: JsonObject | null;
  held: readonly HeldMutation[];
  own: Mutation | null;
  judged: Accepted | null;
}

type Accepted = Extract<Judgement, { type: 'accept' }>;

function settleConflict(draft: Draft, item: Asked, answered: Answered): Outcome | undefined {
  const { conflict, before, held, own, judged } = answered;
  const head = draft.scope.head;
  const settled = (after: JsonObject | null): StoredConflict => {
    const seq = draft.scope.head > head ? draft.scope.head : null;
    const settlement = settlementOf(draft, item, { conflict, held, before, after, seq });
    return { ...conflict, state: 'settled', settlement };
  };
  // Settled before the held mutations are judged, so that none is folded onto it again.
  draft.setConflict(settled(before));
  const known = new Map([[recordKey(conflict.collection, conflict.record), conflict.id]]);
  const verdict = own && judged ? accept(draft, ownSender(draft, item, own), judged, { known }) : null;
  const told = new Set<string>();
  for (const mutation of held) {
    const outcome = settleHeld(draft, mutation, { conflict, item });
    if (outcome === 'needs') return undefined;
    if (outcome === 'answered') told.add(mutation.mutation.id);
  }
  settleWoken(draft);
  const now = draft.record(conflict.collection, conflict.record) ?? null;
  const final = settled(now?.body ?? null);
  draft.setConflict(final);
  for (const id of conflict.mutations) if (!told.has(id)) tellAgain(draft, id);
  return { type: 'resolved', conflict: final, record: now?.record ?? null, verdict };
}

function settlementOf(
  draft: Draft,
  item: Asked,
  {
    conflict,
    held,
    before,
    after,
    seq,
  }: Omit<Answered, 'own' | 'judged'> & Pick<Settlement, 'after' | 'seq'>,
): Settlement {
  const { type } = item.answer;
  const counted = conflict.settlement?.counted === true || type === 'device' || held.length > 0;
  const { nowMs: at } = draft.context;
  const device = item.sender && { device: item.sender.device };
  return { by: 'person', resolution: type, at, actor: item.actor, ...device, seq, before, after, counted };
}

/** Judges a mutation again that this conflict alone still held; one that others hold too goes on waiting for them. */
function settleHeld(
  draft: Draft,
  held: HeldMutation,
  { conflict, item }: { conflict: StoredConflict; item: Asked },
): 'answered' | 'undecided' | 'needs' {
  const sides = new Map<string, 'server' | 'device'>();
  const known = new Map<string, number>();
  for (const id of held.conflicts) {
    const other = id === conflict.id ? conflict : draft.conflict(id);
    if (other === undefined) return 'needs';
    if (!other) continue;
    if (id !== conflict.id && other.state === 'open') return 'undecided';
    const answer = id === conflict.id ? item.answer.type : other.settlement?.resolution;
    const key = recordKey(other.collection, other.record);
    sides.set(key, answer === 'device' ? 'device' : 'server');
    known.set(key, id);
  }
  const sender = senderOf(held);
  const askedAt = draft.mutation(held.mutation.id)?.verdict.asOf;
  if (askedAt === undefined) return 'needs';
  const judgement = judge(draft, { ...caseOf(sender), forced: sides, askedAt });
  if (judgement.type === 'needs') return 'needs';
  if (judgement.type === 'accept') accept(draft, sender, judgement, { held, known });
  else reject(draft, sender, problemOf(judgement), { held });
  return 'answered';
}

function problemOf(judgement: Exclude<Judgement, { type: 'accept' | 'needs' }>): Problem<VerdictCode> {
  if (judgement.type === 'reject') return judgement.problem;
  // Another record of the mutation has come into conflict meanwhile: a person decides about that one too.
  const message = 'Another record of this mutation was changed meanwhile; make the change again.';
  return { code: 'conflict_open', message };
}

/** Enters the verdict in force of a mutation once more into the logs that hold it: its conflict is settled now. */
function tellAgain(draft: Draft, id: string): void {
  const known = draft.mutation(id);
  if (!known) return;
  const { hash, madeAt, verdict, logged } = known;
  draft.answer({ id, hash, madeAt }, { ...verdict, asOf: draft.scope.head }, Object.keys(logged));
}

/** The changes that the answer makes, as a mutation. What a person on a device gives is read by the schema that it has. */
function ownMutation(draft: Draft, item: Asked, changes: readonly Change[]): Mutation | null {
  if (changes.length === 0) return null;
  const { nowMs } = draft.context;
  const made = { wall: nowMs, mono: 0, session: serverWriter, offset: 0, seen: nowMs };
  const actor = item.actor === '' ? {} : { actor: item.actor };
  const given = item.answer.type === 'value' ? item.sender?.mutation : undefined;
  const schema = given?.schema ?? draft.context.schema.version;
  return { id: item.mutation, schema, ...actor, made, changes };
}

function judgeOwn(
  draft: Draft,
  { conflict, item, own }: { conflict: StoredConflict; item: Asked; own: Mutation },
): Exclude<Judgement, { type: 'wait' | 'ask' }> {
  const { schema, limits } = draft.context;
  // What a person gives comes through the door like any other; all else came through it once.
  const problem = item.answer.type === 'value' ? admit(own, schema, limits).problem : undefined;
  if (problem) return { type: 'reject', problem };
  const key = recordKey(conflict.collection, conflict.record);
  const forced = new Map([[key, 'device' as const]]);
  const judgement = judge(draft, { ...caseOf(ownSender(draft, item, own)), first: true, forced });
  if (judgement.type !== 'wait' && judgement.type !== 'ask') return judgement;
  throw new Error('A resolution’s own changes neither wait nor ask.');
}

/** What is decided at the server is nobody's own; on a device, that replica's: what it writes next is made in sight of it. */
function ownSender(draft: Draft, { sender }: Asked, mutation: Mutation): Sender {
  if (sender) return { ...sender, mutation, own: ownOf(sender.own.writer) };
  const { nowMs, sha256 } = draft.context;
  const hash = sha256(canonicalJson(hashedPart(mutation)));
  return { mutation, hash, madeAt: nowMs, device: '', replicas: [], own: ownOf(serverWriter) };
}

function caseOf({ mutation, madeAt, own }: Sender): Omit<Parameters<typeof judge>[1], 'forced'> {
  return { mutation, madeAt, own, first: false, decided: true };
}
