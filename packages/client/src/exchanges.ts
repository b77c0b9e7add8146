// The exchanges of the sync loop, and the batch behind the one that is in flight: cut while the server works, and sent as soon as an
// answer begins to arrive that leaves it as it is. So the server works on it while the device reads and stores that answer.
//
//   batch 1 leaves ──▶ batch 2 is cut ──▶ the answer begins ──▶ batch 2 leaves ──▶ the answer is stored ──▶ batch 3 is cut ──▶ …
//                                              └── and changes what is to be sent: batch 2 is given back
//
// One batch is in flight at a time: the second leaves when the server has said what became of the first.

import { Asker, type AskerDeps, type Exchanged, type Question } from './ahead.ts';
import {
  giveBackBatch,
  isStillDue,
  type PrepareDeps,
  type Prepared,
  type PrepareWish,
  prepareBehind,
  prepareExchange,
} from './prepare.ts';
import type { Storage, StorageTransaction } from './storage/port.ts';
import type { AnswerHead } from './transport/port.ts';

export type ExchangesDeps = PrepareDeps & AskerDeps & { storage: Storage };

export class Exchanges {
  readonly #deps: ExchangesDeps;
  readonly #asker: Asker;
  /** Cut behind what is in flight. */
  #cut: Prepared | undefined;
  /** Sent, and not asked for by the loop yet. */
  #left: Prepared | undefined;

  constructor(deps: ExchangesDeps) {
    this.#deps = deps;
    this.#asker = new Asker(deps);
  }

  /** What has left already, if it is what is due now; else it counts as one whose answer was lost. As `prepareExchange`. */
  async prepare(tx: StorageTransaction, wish: PrepareWish): Promise<Prepared | undefined> {
    const left = this.#left;
    this.#left = undefined;
    if (left && wish.push && (await isStillDue(tx, this.#deps, left))) return left;
    return prepareExchange(tx, this.#deps, wish);
  }

  async make(prepared: Prepared): Promise<Exchanged> {
    const exchanged = await this.#asker.ask(prepared.request, {
      ready: this.#cutBehind(prepared),
      question: (head) => this.#leave(prepared.request, head),
    });
    await this.#giveBack();
    return exchanged;
  }

  /** As it is to be taken back: what has left ahead may have reached the server. */
  refused(prepared: Prepared): Prepared {
    return this.#asker.isAhead(prepared.request) ? { ...prepared, fresh: [] } : prepared;
  }

  /** What is under way is not wanted any more. */
  drop(): void {
    this.#asker.drop();
    this.#left = undefined;
  }

  /** Durable before it is known here: nothing leaves before that. */
  async #cutBehind(inFlight: Prepared): Promise<void> {
    const { unfilled: wish } = inFlight;
    if (!wish) return;
    this.#cut = await this.#deps.storage.transaction('durable', (tx) =>
      prepareBehind(tx, this.#deps, { wish, inFlight }),
    );
  }

  #leave({ batch }: Question, head: AnswerHead): Question | undefined {
    const cut = this.#cut;
    if (!cut || !batch || !leavesNext(head, batch, cut.request)) return undefined;
    const { checkpoint, verdicts } = head;
    // Of what the batch wrote it knows now; that it holds the verdicts durably, it does not say before it does.
    const seqSeen = Math.max(cut.request.seqSeen ?? 0, ...verdicts.map(({ seq = 0 }) => seq));
    this.#cut = undefined;
    this.#left = { ...cut, request: { ...cut.request, checkpoint, seqSeen } };
    return this.#left.request;
  }

  /** What was cut and has not left is as if it had never been cut. */
  async #giveBack(): Promise<void> {
    const cut = this.#cut;
    this.#cut = undefined;
    if (cut) await this.#deps.storage.transaction('write', (tx) => giveBackBatch(tx, this.#deps, cut));
  }
}

/**
 * Every mutation of the batch was applied, and nothing else is told that this replica does not hold already: no verdict that takes
 * something out of the outbox, keeps it there, or lets go what waits; and none of a copy of the storage that goes by the same id.
 */
function leavesNext(
  { verdicts, errors, conflicts, grants }: AnswerHead,
  { mutations }: NonNullable<Question['batch']>,
  { scope, verdictsSeen }: Question,
): boolean {
  if (errors.length + conflicts.length > 0) return false;
  if (grants !== 'all' && !grants.some((grant) => grant.scope === scope && grant.right === 'write'))
    return false;
  const fresh = verdicts.filter(({ n }) => n > verdictsSeen);
  const applied = new Set(
    fresh.filter(({ verdict }) => verdict === 'applied').map(({ mutation }) => mutation),
  );
  return (
    fresh.length === mutations.length &&
    applied.size === mutations.length &&
    mutations.every(({ id }) => applied.has(id))
  );
}
