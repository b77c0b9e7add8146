// One exchange of the sync loop, and the next one: the next page of a run (or the next batch: exchanges.ts), asked for as soon as the last one begins to arrive: the server makes it
// while that is being read and stored.
//
//   page 1 begins ──▶ read, stored ──▶ page 2, which has come meanwhile ──▶ read, stored ──▶ …
//          └── page 2 is asked for        └── page 3 is asked for
//
// It is one exchange sent a little earlier, never a second one: whoever comes to ask takes its reply if he asks for the very same;
// if not, it is dropped, and changes nothing. What was asked ahead asks no further before somebody has come for it.

import { type Clock, type ExchangeRequest, equalJson, type Json } from '@holdfast/core';
import { mustLast } from './answer.ts';
import type { AnswerHead, Transport, TransportReply } from './transport/port.ts';

/** A request without the clocks at sending, which are read when it is sent. */
export type Question = Omit<ExchangeRequest, 'clock'>;

export interface Exchanged {
  request: ExchangeRequest;
  reply: TransportReply;
  receivedMonoMs: number;
  receivedWallMs: number;
  /** Half a round trip, as far as anybody can tell: so long ago the reply was made. */
  ageMs: number;
}

export interface AskerDeps {
  transport: Transport;
  clock: Clock;
  session: string;
}

/** What to ask behind an answer that brings no page to go on from at once. */
export interface Behind {
  /** Settles when `question` knows all that it will. */
  ready: Promise<void>;
  question(head: AnswerHead): Question | undefined;
}

interface Asked {
  question: Question;
  exchanged: Promise<Exchanged>;
  ending: AbortController;
  head: AnswerHead | undefined;
  behind?: Behind | undefined;
}

/** Asks the server, one question at a time and at most one ahead. */
export class Asker {
  readonly #deps: AskerDeps;
  /** What somebody waits for. */
  #asked: Asked | undefined;
  #ahead: Asked | undefined;

  constructor(deps: AskerDeps) {
    this.#deps = deps;
  }

  async ask(question: Question, behind?: Behind): Promise<Exchanged> {
    const asked = this.#takeAhead(question) ?? this.#send(question);
    this.#asked = asked;
    asked.behind = behind;
    // Its failure is told below; until then nobody listens.
    behind?.ready.catch(() => undefined);
    if (asked.head) this.#askBehind(asked, asked.head);
    try {
      const exchanged = await asked.exchanged;
      await behind?.ready;
      const { reply } = exchanged;
      if (this.#asked === asked && reply.type === 'answer') this.#askBehind(asked, reply.answer);
      return exchanged;
    } finally {
      if (this.#asked === asked) this.#asked = undefined;
    }
  }

  /** Whether this was asked ahead, and nobody has come for it. */
  isAhead(question: Question): boolean {
    return this.#ahead?.question === question;
  }

  /** What was asked is not wanted any more: whoever waits for it is told at once that it did not come. */
  drop(): void {
    this.#asked?.ending.abort();
    this.#ahead?.ending.abort();
    this.#asked = undefined;
    this.#ahead = undefined;
  }

  #takeAhead(question: Question): Asked | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (!ahead || ahead.question === question) return ahead;
    if (equalJson(ahead.question as unknown as Json, question as unknown as Json)) return ahead;
    ahead.ending.abort();
    return undefined;
  }

  /** Asks for what comes behind an answer that is still to be stored. */
  #askBehind({ question, behind }: Asked, head: AnswerHead): void {
    if (this.#ahead) return;
    const next = behind?.question(head) ?? pageBehind(question, head);
    if (next) this.#ahead = this.#send(next);
  }

  #send(question: Question): Asked {
    const { clock, session, transport } = this.#deps;
    const sentMs = clock.monoMs();
    const request: ExchangeRequest = {
      ...question,
      clock: { wall: Math.round(clock.wallMs()), mono: Math.round(sentMs), session },
    };
    const ending = new AbortController();
    const begun = (head: AnswerHead): void => {
      asked.head = head;
      if (this.#asked === asked) this.#askBehind(asked, head);
    };
    const exchanged = transport.exchange(request, ending.signal, begun).then((reply): Exchanged => {
      const receivedMonoMs = clock.monoMs();
      const ageMs = (receivedMonoMs - sentMs) / 2;
      return { request, reply, receivedMonoMs, receivedWallMs: clock.wallMs(), ageMs };
    });
    // A fault of the program is told to whoever asks for it; nobody may.
    exchanged.catch(() => undefined);
    const asked: Asked = { question, exchanged, ending, head: undefined };
    return asked;
  }
}

function pageBehind({ batch: _, ...question }: Question, head: AnswerHead): Question | undefined {
  // The server may be told of verdicts only once they are stored.
  return head.more && !mustLast(head) ? { ...question, checkpoint: head.checkpoint } : undefined;
}
