// Writes the outcome of a judgement into the draft: the commit, unique values, conflicts, the verdict, and what it wakes.

import { type Mutation, mutationKey, recordKey } from './change.ts';
import { type Claimant, isRoomFor, logMerge, openConflict } from './conflict-log.ts';
import type { Draft } from './draft.ts';
import { type Problem, type VerdictCode, verdictCodes } from './errors.ts';
import { foreseeChain } from './foresee.ts';
import { type Judgement, judge } from './judge.ts';
import type { HeldMutation } from './stored.ts';
import type { Own } from './touched.ts';
import type { Case, CaseConflict } from './trial.ts';
import { type Exception, isFinal, type Verdict } from './verdict.ts';

/** A mutation on its way to a verdict, with whom it came from. */
export interface Sender {
  mutation: Mutation;
  hash: string;
  madeAt: number;
  device: string;
  /** The replicas that are told, the sending one first. Empty for what a person decides at the server. */
  replicas: readonly string[];
  own: Own;
  /** Of a client that knows no base. */
  declared?: Case['declared'];
  /** Under which it is remembered, when that is not its own id. */
  rememberedAs?: string;
}

type Accepted = Extract<Judgement, { type: 'accept' }>;

/** Judges a mutation and writes down what came of it, unless the draft needs more. `held`: it was held until now. */
export function settle(draft: Draft, sender: Sender, held?: HeldMutation): void {
  const judgement = judge(draft, {
    mutation: sender.mutation,
    madeAt: sender.madeAt,
    own: sender.own,
    forced: new Map(),
    first: !held,
    decided: false,
  });
  switch (judgement.type) {
    case 'needs':
      return;
    case 'wait':
      wait(draft, sender, judgement.waitsFor, held);
      return;
    case 'ask':
      ask(draft, sender, judgement.conflicts, held);
      return;
    case 'reject':
      reject(draft, sender, judgement.problem, { held });
      return;
    case 'accept':
      accept(draft, sender, judgement, { held });
  }
}

/** Applies what was accepted as the scope's next commit and answers. `known` names conflicts that exist already, by record. */
export function accept(
  draft: Draft,
  sender: Sender,
  accepted: Accepted,
  { held, known = new Map() }: { held?: HeldMutation | undefined; known?: ReadonlyMap<string, number> } = {},
): Verdict {
  const commit = accepted.records.length === 0 ? null : draft.commit(accepted.records, commitOf(sender));
  if (commit && held) {
    draft.letGo.add(commit.seq);
    const [first, ...others] = sender.replicas;
    if (first !== undefined) noteWaited(draft, first, sender, commit.seq);
    for (const replica of others) noteRepeated(draft, replica, [commit.seq]);
  }
  for (const entry of accepted.unique.entries) draft.setHolders(entry);
  const claimant = claimantOf(sender);
  const live = (commit?.records ?? []).map(
    (record) => [recordKey(record.record.collection, record.record.id), record] as const,
  );
  const applied = { after: new Map(live), seq: commit?.seq, known };
  const ids = new Map<CaseConflict, number>();
  const merged = accepted.merged.map((conflict) => {
    const merge = logMerge(draft, claimant, conflict, applied);
    ids.set(conflict, merge.conflict);
    return merge;
  });
  for (const conflict of accepted.open) ids.set(conflict, openConflict(draft, claimant, conflict));
  const exceptions = accepted.flags.map(({ exception, kept }): Exception => {
    const conflict = kept ? ids.get(kept) : undefined;
    return conflict === undefined ? exception : { ...exception, conflict };
  });
  const verdict: Verdict = {
    mutation: sender.mutation.id,
    verdict: exceptions.length > 0 ? 'excepted' : merged.length > 0 ? 'merged' : 'applied',
    ...(commit ? { seq: commit.seq } : {}),
    asOf: draft.scope.head,
    ...(accepted.ruled ? { ruling: accepted.ruled.ruling } : {}),
    ...(merged.length > 0 ? { merged } : {}),
    ...(exceptions.length > 0 ? { exceptions } : {}),
  };
  conclude(draft, sender, verdict, held);
  draft.woken.push(...accepted.created);
  return verdict;
}

/** Answers that nothing of a mutation was applied, and keeps its payload. `asOf`: the head that the sender may know. */
export function reject(
  draft: Draft,
  sender: Sender,
  problem: Problem<VerdictCode>,
  {
    held,
    inScope = true,
    asOf = draft.scope.head,
  }: { held?: HeldMutation | undefined; inScope?: boolean; asOf?: number } = {},
): void {
  // A declared change that was refused is judged afresh when it comes again; its payload is kept once.
  const before = sender.declared && draft.mutation(sender.mutation.id);
  const verdict: Verdict = {
    mutation: sender.mutation.id,
    verdict: 'rejected',
    asOf,
    code: problem.code,
    ...(problem.field === undefined ? {} : { field: problem.field }),
    message: problem.message,
    help: verdictCodes[problem.code].help,
  };
  conclude(draft, sender, verdict, held);
  // Who sends at the server itself is told at once, and has it still.
  if ((sender.device === '' && !held) || before) return;
  const payload = problem.code === 'record_too_large' ? null : sender.mutation;
  draft.quarantine({
    device: sender.device,
    replica: sender.replicas[0] ?? '',
    mutation: sender.mutation.id,
    code: problem.code,
    at: draft.context.nowMs,
    hash: sender.hash,
    chars: JSON.stringify(sender.mutation).length,
    payload: payload as never,
    inScope,
  });
}

/**
 * Judges again what waited for something that has come about: a record that exists now, or a mutation that got its verdict;
 * then what waited for those, and so on. One after the other: a chain may be longer than the stack is deep.
 */
export function settleWoken(draft: Draft): void {
  for (let key = draft.woken.shift(); key !== undefined; key = draft.woken.shift()) {
    for (const id of draft.waitingOn(key) ?? []) {
      const held = draft.held(id);
      if (!held) continue;
      foreseeChain(draft, held);
      const waitsFor = held.waitsFor.filter((other) => other !== key);
      if (waitsFor.length > 0) draft.hold({ ...held, waitsFor });
      else settle(draft, senderOf(held), held);
    }
  }
}

/** Notes commits under other ids whose mutations a replica repeated. Beyond the bound the oldest are forgotten, and not its own. */
export function noteRepeated(draft: Draft, replica: string, seqs: readonly number[]): void {
  const state = draft.replica(replica);
  if (!state || seqs.length === 0) return;
  const repeated = [...new Set([...state.repeated, ...seqs])].sort((a, b) => a - b);
  draft.setReplica({ ...state, repeated: repeated.slice(-draft.context.limits.repeatedMax) });
}

/** Commits of a present id that a replica has not heard of may be a copy's. What it heard waiting is not. */
function noteWaited(draft: Draft, replica: string, { mutation, rememberedAs }: Sender, seq: number): void {
  const state = draft.replica(replica);
  const n = draft.mutation(rememberedAs ?? mutation.id)?.logged[replica];
  if (!state || n === undefined) return;
  draft.setReplica({
    ...state,
    waited: [...state.waited, { n, seq }].slice(-draft.context.limits.repeatedMax),
  });
}

export function senderOf(held: HeldMutation): Sender {
  return {
    mutation: held.mutation,
    hash: held.hash,
    madeAt: held.madeAt,
    device: held.device,
    replicas: held.replicas,
    own: held.own,
  };
}

function wait(draft: Draft, sender: Sender, waitsFor: readonly string[], held?: HeldMutation): void {
  const [replica] = sender.replicas;
  const state = replica === undefined ? null : draft.replica(replica);
  if (state === undefined) return;
  if (!held && (state?.waiting ?? 0) >= draft.context.limits.waitingPerReplicaMax) {
    const { meaning } = verdictCodes.waiting_too_many;
    reject(draft, sender, { code: 'waiting_too_many', message: meaning });
    return;
  }
  draft.hold(heldOf(draft, sender, { waitsFor, conflicts: [] }, held));
  // It was told once that it waits; waiting on for another parent is no news.
  if (held) return;
  answer(draft, sender, {
    mutation: sender.mutation.id,
    verdict: 'waiting',
    asOf: draft.scope.head,
    code: 'parent_missing',
    message: `Waits for ${waitsFor.join(', ')}.`,
    help: verdictCodes.parent_missing.help,
  });
}

function ask(draft: Draft, sender: Sender, found: readonly CaseConflict[], held?: HeldMutation): void {
  const claimant = claimantOf(sender);
  if (!isRoomFor(draft, claimant, found)) {
    const { meaning } = verdictCodes.conflicts_too_many;
    reject(draft, sender, { code: 'conflicts_too_many', message: meaning }, { held });
    return;
  }
  const conflicts = [...new Set(found.map((conflict) => openConflict(draft, claimant, conflict)))];
  draft.hold(heldOf(draft, sender, { waitsFor: [], conflicts }, held));
  answer(draft, sender, {
    mutation: sender.mutation.id,
    verdict: 'conflict',
    asOf: draft.scope.head,
    code: 'conflict_open',
    message: verdictCodes.conflict_open.meaning,
    help: verdictCodes.conflict_open.help,
    conflicts,
  });
}

function heldOf(
  draft: Draft,
  sender: Sender,
  why: Pick<HeldMutation, 'waitsFor' | 'conflicts'>,
  held: HeldMutation | undefined,
): HeldMutation {
  const { mutation, hash, madeAt, device, replicas, own } = sender;
  return { mutation, hash, madeAt, device, replicas, own, at: held?.at ?? draft.context.nowMs, ...why };
}

/** The verdict of a mutation that is held no more. What stood behind it comes next. */
function conclude(draft: Draft, sender: Sender, verdict: Verdict, held: HeldMutation | undefined): void {
  if (held) draft.release(held);
  answer(draft, sender, verdict);
  if (held && isFinal(verdict.verdict)) draft.woken.push(mutationKey(sender.mutation.id));
}

function answer(draft: Draft, sender: Sender, verdict: Verdict): void {
  const { mutation, hash, madeAt, replicas } = sender;
  draft.answer({ id: sender.rememberedAs ?? mutation.id, hash, madeAt }, verdict, replicas);
}

function claimantOf({ mutation, madeAt, device, own }: Sender): Claimant {
  return { mutation: mutation.id, madeAt, device, own };
}

function commitOf({ mutation, hash, device, replicas }: Sender): Parameters<Draft['commit']>[1] {
  const [replica = ''] = replicas;
  return { mutation: mutation.id, mutationHash: hash, device, replica, actor: mutation.actor ?? '' };
}
