// One exchange of the sync loop, and the next page of a run, asked for while the last one is being stored: the server makes it meanwhile.
//
//   page 1 arrives ──▶ stored ──────────▶ page 2, which has come meanwhile ──▶ stored ──▶ …
//          └── page 2 is asked for ──▶ …          └── page 3 is asked for ──▶ …
//
// It is one exchange sent a little earlier, never a second one: whoever comes to ask takes its reply if he asks for the very same;
// if not, it is dropped, and changes nothing.

import { type Clock, type ExchangeAnswer, type ExchangeRequest, equalJson, type Json } from '@holdfast/core';
import { mustLast } from './answer.ts';
import type { Transport, TransportReply } from './transport/port.ts';

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

/** Asks the server, one question at a time. */
export class Asker {
  readonly #deps: AskerDeps;
  #asked: { question: Question; exchanged: Promise<Exchanged>; ending: AbortController } | undefined;

  constructor(deps: AskerDeps) {
    this.#deps = deps;
  }

  async ask(question: Question): Promise<Exchanged> {
    if (!this.#asked || !equalJson(this.#asked.question as unknown as Json, question as unknown as Json)) {
      this.drop();
      this.#asked = this.#send(question);
    }
    const asked = this.#asked;
    try {
      return await asked.exchanged;
    } finally {
      if (this.#asked === asked) this.#asked = undefined;
    }
  }

  /** Asks for what comes behind the page of an answer that is still to be stored. */
  askAhead(request: ExchangeRequest, answer: ExchangeAnswer): void {
    // The server may be told of verdicts only once they are stored.
    if (!answer.more || mustLast(answer)) return;
    const { clock: _, batch: __, ...question } = request;
    this.#asked ??= this.#send({ ...question, checkpoint: answer.checkpoint });
  }

  /** What was asked is not wanted any more: whoever waits for it is told at once that it did not come. */
  drop(): void {
    this.#asked?.ending.abort();
    this.#asked = undefined;
  }

  #send(question: Question): { question: Question; exchanged: Promise<Exchanged>; ending: AbortController } {
    const { clock, session, transport } = this.#deps;
    const sentMs = clock.monoMs();
    const request: ExchangeRequest = {
      ...question,
      clock: { wall: Math.round(clock.wallMs()), mono: Math.round(sentMs), session },
    };
    const ending = new AbortController();
    const exchanged = transport.exchange(request, ending.signal).then((reply): Exchanged => {
      const receivedMonoMs = clock.monoMs();
      const ageMs = (receivedMonoMs - sentMs) / 2;
      return { request, reply, receivedMonoMs, receivedWallMs: clock.wallMs(), ageMs };
    });
    // A fault of the program is told to whoever asks for it; nobody may.
    exchanged.catch(() => undefined);
    return { question, exchanged, ending };
  }
}
