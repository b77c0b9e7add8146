// The plan: folds pushes, resolutions and time-outs of one scope over one working set. It answers either what it still
// needs to know, or the commit: everything to be written, and what each sender is told. It holds every decision; the
// engine only loads, asks, writes.
//
//   load ──► plan ──► needs ──► load more ──► plan ──► … ──► commit
//
// A plan that needs more has changed nothing: the draft is thrown away and the fold starts again.

import { resolveIn } from './change.ts';
import { Draft, type PlanContext } from './draft.ts';
import { type MutationErrorCode, mutationErrors, requestErrors, verdictCodes } from './errors.ts';
import { foreseeWaiting, hiddenReplica, refusedAs } from './foresee.ts';
import type { VerdictEntry } from './messages.ts';
import { type DeclaredOutcome, takeDeclared } from './plan-declared.ts';
import type { Arrived, ExpireItem, PlanItem, PushItem } from './plan-item.ts';
import { answerConflict, type ResolveOutcome, resolveConflict } from './plan-resolve.ts';
import { whyNotReplica } from './replica-use.ts';
import { noteRepeated, reject, type Sender, senderOf, settle, settleWoken } from './settle.ts';
import type { ReplicaState, StoredMutation } from './stored.ts';
import type { Former, Own } from './touched.ts';
import { isFinal } from './verdict.ts';
import { type Needs, needsAnything, type WorkingSet, type Writes } from './working-set.ts';

export type PushOutcome =
  | {
      type: 'pushed';
      verdicts: readonly VerdictEntry[];
      errors: readonly { mutation: string; code: MutationErrorCode; message: string }[];
    }
  /** Nothing of the push was taken. */
  | { type: 'refused'; code: 'stale_batch' | 'forbidden'; field: string; message: string };

export type ItemOutcome = PushOutcome | DeclaredOutcome | ResolveOutcome | { type: 'expired' };

export type Plan =
  | { type: 'needs'; needs: Needs }
  | { type: 'commit'; writes: Writes; outcomes: readonly ItemOutcome[] };

/** Folds `items` in order. Pure: the same items, set and context give the same plan. */
export function plan(items: readonly PlanItem[], set: WorkingSet, context: PlanContext): Plan {
  const draft = new Draft(set, context);
  foreseeWaiting(draft, items);
  if (needsAnything(draft.needs)) return { type: 'needs', needs: draft.needs };
  const outcomes = items.map((item) => takeItem(draft, item));
  if (needsAnything(draft.needs)) return { type: 'needs', needs: draft.needs };
  return {
    type: 'commit',
    writes: draft.writes(),
    outcomes: outcomes.map((outcome) => outcome ?? { type: 'expired' }),
  };
}

function takeItem(draft: Draft, item: PlanItem): ItemOutcome | undefined {
  switch (item.type) {
    case 'push':
      return takePush(draft, item);
    case 'declared':
      return takeDeclared(draft, item);
    case 'resolve':
      return resolveConflict(draft, item);
    case 'expire':
      return expire(draft, item);
  }
}

/** Undefined while the draft needs more. */
function takePush(draft: Draft, given: PushItem): PushOutcome | undefined {
  const item = withOwnReplica(draft, given);
  if (!item) return undefined;
  const before = draft.replica(item.replica);
  if (before === undefined) return undefined;
  const message = before ? whyNotReplica(before, item.device) : undefined;
  if (message !== undefined) return { type: 'refused', code: 'forbidden', field: 'replica', message };
  const former = formerOf(draft, item);
  if (!former) return undefined;
  const ids = [item.replica, ...former.map(({ id }) => id)];
  const keys = item.mutations.map(({ mutation }) => keyOf(draft, item, mutation.id, ids));
  const known = keys.map((key) => (key === undefined ? undefined : draft.mutation(key)));
  if (known.includes(undefined)) return undefined;
  const fresh = known.filter((mutation) => mutation === null).length;
  if (item.right !== 'write' && (fresh > item.room.refusals || (!before && item.room.replicas < 1)))
    return withoutRight();
  const state: ReplicaState = before ?? {
    replica: item.replica,
    device: item.device,
    repeated: [],
    waited: [],
    batch: 0,
    verdicts: 0,
    verdictsSeen: 0,
    waiting: 0,
    renewed: false,
  };
  const stale = fresh > 0 ? staleOf(item, state) : undefined;
  if (stale) return stale;
  draft.setReplica({
    ...state,
    batch: Math.max(state.batch, item.n ?? 0),
    verdictsSeen: Math.max(state.verdictsSeen, Math.min(item.verdictsSeen, state.verdicts)),
  });
  for (const { id } of former) giveUp(draft, id);
  let own = ownIn(draft, item, former);
  const repeats: StoredMutation[] = [];
  const errors: { mutation: string; code: MutationErrorCode; message: string }[] = [];
  const answered: string[] = [];
  for (const [place, arrived] of item.mutations.entries()) {
    const key = keys[place] ?? arrived.mutation.id;
    const repeated = known[place];
    if (repeated?.hash === arrived.hash) repeats.push(repeated);
    // What it repeats behind a mutation was not in sight of it: a copy may have sent the later one alone.
    if (!repeated) own = withRepeats(draft, own, repeats.splice(0));
    const outcome = takeMutation(draft, item, { ...arrived, key }, own);
    if (outcome === 'id_reused')
      errors.push({
        mutation: arrived.mutation.id,
        code: outcome,
        message: mutationErrors.id_reused.meaning,
      });
    else answered.push(key);
  }
  withRepeats(draft, own, repeats);
  return { type: 'pushed', verdicts: verdictsOf(draft, item.replica, answered), errors };
}

/** Who may see nothing is not told that the replica is another device's: it is answered as if there were no such replica. */
function withOwnReplica(draft: Draft, item: PushItem): PushItem | undefined {
  const named = draft.replica(item.replica);
  if (named === undefined) return undefined;
  const hidden = named !== null && named.device !== item.device && item.right === 'none';
  return hidden ? { ...item, replica: hiddenReplica(item.device, item.replica) } : item;
}

/** The sender is not as far as the replica was: its storage was set back, or it is a copy of one that went on. */
function staleOf({ n, verdictsSeen, seqSeen }: PushItem, state: ReplicaState): PushOutcome | undefined {
  const stale = { type: 'refused' as const, code: 'stale_batch' as const };
  if (n === undefined) return undefined;
  if (n <= state.batch) {
    const message = `The last batch of this replica was ${state.batch}, and this one holds mutations that are not known.`;
    return { ...stale, field: 'batch.n', message };
  }
  // Who does not say what it has heard of does not look for copies.
  if (seqSeen === undefined || verdictsSeen >= state.verdictsSeen) return undefined;
  return { ...stale, field: 'verdictsSeen', message: `This replica has seen verdict ${state.verdictsSeen}.` };
}

/** Without the right to write, and beyond what is remembered of one who has none: nothing is kept. */
function withoutRight(): PushOutcome {
  return { type: 'refused', code: 'forbidden', field: 'scope', message: requestErrors.forbidden.meaning };
}

/** Former ids that belong to the same device. */
function formerOf(draft: Draft, item: PushItem): readonly Former[] | undefined {
  const states = item.former.map(({ id }) => draft.replica(id));
  if (states.includes(undefined)) return undefined;
  return item.former.filter(({ id }, place) => states[place]?.device === item.device && id !== item.replica);
}

function giveUp(draft: Draft, id: string): void {
  const state = draft.replica(id);
  if (state && !state.renewed) draft.setReplica({ ...state, renewed: true });
}

/** Which writes are the sender's own before it repeats any. */
function ownIn(draft: Draft, item: PushItem, former: readonly Former[]): Own {
  // Behind that, a copy under the same id may have repeated what this one never had.
  const inherited = former.flatMap(({ id, seqSeen }) =>
    (draft.replica(id)?.repeated ?? []).filter((seq) => seq <= seqSeen),
  );
  noteRepeated(draft, item.replica, [...inherited, ...takeHeard(draft, item)]);
  const until = item.seqSeen === undefined ? 0 : draft.scope.head;
  return { writer: item.replica, seen: item.seqSeen ?? 0, until, former, repeated: [] };
}

/** Seqs of commits that the sender does not know of yet, but of whose mutations it has heard that they wait. */
function takeHeard(draft: Draft, { replica, verdictsSeen }: PushItem): readonly number[] {
  const state = draft.replica(replica);
  const heard = state?.waited.filter(({ n }) => n <= verdictsSeen) ?? [];
  if (state && heard.length > 0)
    draft.setReplica({ ...state, waited: state.waited.filter(({ n }) => n > verdictsSeen) });
  return heard.map(({ seq }) => seq);
}

/** Counts `repeats` as the sender's own. Those that came under other ids are noted for later, too. */
function withRepeats(draft: Draft, own: Own, repeats: readonly StoredMutation[]): Own {
  if (repeats.length === 0) return own;
  const seqsOf = (under: 'this' | 'other'): number[] =>
    repeats.flatMap(({ logged, verdict }) =>
      (Object.hasOwn(logged, own.writer) ? 'this' : 'other') === under ? (verdict.seq ?? []) : [],
    );
  noteRepeated(draft, own.writer, seqsOf('other'));
  return { ...own, repeated: [...own.repeated, ...seqsOf('this')] };
}

/**
 * Under which a mutation is remembered: its id. One that came without the right to write is remembered for its device
 * alone: it must neither decide for others nor learn what they sent. For that device the refusal stands.
 */
function keyOf(draft: Draft, item: PushItem, id: string, ids: readonly string[]): string | undefined {
  const refusedKey = refusedAs(item.device, id);
  const known = draft.mutation(id);
  const refused = draft.mutation(refusedKey);
  if (known === undefined || refused === undefined) return undefined;
  if (refused) return refusedKey;
  if (item.right === 'write') return id;
  return known && ids.some((replica) => Object.hasOwn(known.logged, replica)) ? id : refusedKey;
}

function takeMutation(
  draft: Draft,
  item: PushItem,
  arrived: Arrived & { key: string },
  own: Own,
): 'id_reused' | 'taken' {
  const { mutation, hash } = arrived;
  const known = draft.mutation(arrived.key);
  if (known) return known.hash === hash ? repeat(draft, item.replica, known) : 'id_reused';
  const sender: Sender = {
    mutation,
    hash,
    madeAt: arrived.madeAt,
    device: item.device,
    replicas: [item.replica],
    own,
    rememberedAs: arrived.key,
  };
  const answer = resolveIn(mutation);
  const noGrant = { code: 'no_grant' as const, message: verdictCodes.no_grant.meaning };
  // Who may not even read is not told how far the scope has come.
  if (item.right === 'none') reject(draft, sender, noGrant, { inScope: false, asOf: 0 });
  else if (item.right === 'read') reject(draft, sender, noGrant, { inScope: false });
  else if (arrived.problem) reject(draft, sender, arrived.problem, { inScope: false });
  else if (answer) answerConflict(draft, sender, answer);
  else settle(draft, sender);
  settleWoken(draft);
  return 'taken';
}

/** A repeat changes nothing; a replica that sends it for the first time gets its verdict into its own log, and later ones too. */
function repeat(draft: Draft, replica: string, known: StoredMutation): 'taken' {
  if (Object.hasOwn(known.logged, replica)) return 'taken';
  if (!isFinal(known.verdict.verdict)) {
    const held = draft.held(known.id);
    if (held) draft.hold({ ...held, replicas: [...held.replicas, replica] });
  }
  draft.answer({ id: known.id, hash: known.hash, madeAt: known.madeAt }, known.verdict, [replica]);
  return 'taken';
}

/** The verdicts in force at the plan's end: a later mutation of the same push may have settled an earlier one. */
function verdictsOf(draft: Draft, replica: string, ids: readonly string[]): VerdictEntry[] {
  return ids.flatMap((id) => {
    const mutation = draft.mutation(id);
    return mutation ? [{ ...(mutation.verdict as VerdictEntry), n: mutation.logged[replica] ?? 0 }] : [];
  });
}

function expire(draft: Draft, item: ExpireItem): { type: 'expired' } | undefined {
  for (const id of item.mutations) {
    const held = draft.held(id);
    if (held === undefined) return undefined;
    const over =
      held && held.waitsFor.length > 0 && held.at + draft.context.limits.waitingMsMax <= draft.context.nowMs;
    if (!over) continue;
    const { meaning } = verdictCodes.waiting_too_long;
    reject(draft, senderOf(held), { code: 'waiting_too_long', message: meaning }, { held });
    settleWoken(draft);
  }
  return { type: 'expired' };
}
