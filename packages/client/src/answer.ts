// Applies an answer of the server: its verdicts and its records in one transaction, so that an effect is never seen twice
// and never vanishes between the two.

import type { ExchangeAnswer, ExchangeRequest, Random, VerdictEntry } from '@holdfast/core';
import { hideDecided, takeConflicts } from './conflict-list.ts';
import type { Tally } from './cycle/state.ts';
import { takeGrants } from './grants.ts';
import { type PageOutcome, takePage } from './pages.ts';
import { readIdentity, readProgress, readServerClock, writeProgress, writeServerClock } from './progress.ts';
import type { QuarantineState } from './quarantine-entry.ts';
import { recompute, type ScopeDeps } from './recompute.ts';
import { isCopied, renew } from './renewal.ts';
import type { StorageTransaction } from './storage/port.ts';
import { releaseSettled, takeErrors, takeVerdicts } from './verdicts.ts';

export interface Received {
  request: ExchangeRequest;
  answer: ExchangeAnswer;
  /** Measured now: server time minus wall clock, in milliseconds. */
  offsetMs: number;
  /** The wall clock in milliseconds since 1970. */
  wallMs: number;
}

export interface AnswerOutcome {
  /** `ignored`: the page is not for this replica as it is now. */
  page: PageOutcome | 'ignored';
  /** The server has more pages, or the page has to be asked for again. */
  more: boolean;
  records: number;
  verdicts: readonly VerdictEntry[];
  held: number;
  /** Whether anything moved; two exchanges in a row without are not followed by a third at once. */
  progressed: boolean;
}

/**
 * The answer must be to a request of this replica; an answer to its former id changes nothing. Nor does one that shows that a
 * copy of the storage goes by its id: the replica takes a new one, and asks again.
 */
export async function applyAnswer(
  tx: StorageTransaction,
  deps: ScopeDeps & { random: Random },
  received: Received,
): Promise<AnswerOutcome> {
  const { request, answer } = received;
  const identity = await readIdentity(tx);
  if (identity?.id !== request.replica) return ignored;
  if (await isCopied(tx, request, answer.verdicts)) {
    await renew(tx, deps.random, identity);
    return ignored;
  }
  const clock = await readServerClock(tx);
  await writeServerClock(tx, {
    offset: Math.round(received.offsetMs),
    seen: Math.max(clock.seen, answer.now),
  });
  const state: QuarantineState = {
    progress: await readProgress(tx, deps.scope),
    dirty: new Set(),
    wallMs: received.wallMs,
  };
  const verdicts = await takeVerdicts(tx, deps, answer.verdicts, state);
  const held = await takeErrors(tx, deps, answer.errors, state);
  await takeConflicts(tx, deps.scope, answer.conflicts);
  if (verdicts.length > 0) await hideDecided(tx, deps.scope, [], state.dirty);
  await takeGrants(tx, deps, answer.grants, state);
  const checkpoint = state.progress.staged?.checkpoint ?? state.progress.checkpoint;
  // What comes for a scope whose grant has ended is not to be kept.
  const { collections } = request;
  const page = state.progress.ended ? 'ignored' : await takePage(tx, deps, { ...answer, collections }, state);
  const shown = page === 'visible' || page === 'open';
  if (!shown) await releaseSettled(tx, deps, state);
  await recompute(tx, deps, state.dirty);
  await writeProgress(tx, deps.scope, state.progress);
  const taken = shown || page === 'staged';
  return {
    page,
    more: page === 'dropped' || page === 'open' || (taken && answer.more),
    records: taken ? answer.records.length : 0,
    verdicts,
    held,
    progressed:
      verdicts.length + held > 0 ||
      page === 'open' ||
      (taken && (answer.records.length > 0 || checkpoint !== answer.checkpoint)),
  };
}

/** Whether the answer changes what may not be lost again once the server was told that this replica has it. */
export function mustLast(answer: Pick<ExchangeAnswer, 'verdicts' | 'errors' | 'conflicts'>): boolean {
  return answer.verdicts.length + answer.errors.length + answer.conflicts.length > 0;
}

/** What an answer counts for in the result of a sync. */
export function tallyOf(outcome: AnswerOutcome, request: ExchangeRequest): Tally {
  const sent = new Set(request.batch?.mutations.map(({ id }) => id));
  const verdicts: Tally['verdicts'] = {};
  const answered = new Set<string>();
  for (const { verdict, mutation } of outcome.verdicts) {
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    if (sent.has(mutation)) answered.add(mutation);
  }
  return { pushed: answered.size, pulled: outcome.records, verdicts, held: outcome.held };
}

const ignored: AnswerOutcome = {
  page: 'ignored',
  more: true,
  records: 0,
  verdicts: [],
  held: 0,
  progressed: false,
};
