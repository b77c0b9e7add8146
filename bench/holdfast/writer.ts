// A bare client of the native protocol that only writes: it fills a server, and makes the load of many devices.

import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { type Item, itemOf } from '../item.ts';

export interface Verdict {
  n: number;
  verdict: string;
}

/** How what a writer asks travels. */
export interface Connection {
  /** Answers the body of the answer. One at a time. */
  exchange(body: string): Promise<string>;
  end(): void;
}

export class Writer {
  readonly #scope: string;
  readonly #device: string;
  readonly #replica = randomUUID();
  #n = 0;
  #verdictsSeen = 0;

  constructor(scope: string, device: string) {
    this.#scope = scope;
    this.#device = device;
  }

  /** The body of an exchange that puts these records, all or none. No page is asked for. */
  request(items: readonly Item[]): string {
    this.#n += 1;
    const wall = Date.now();
    const changes = items.map(({ id, ...body }) => ({ type: 'put', collection: 'items', id, body }));
    return JSON.stringify({
      protocol: 'holdfast/1',
      device: this.#device,
      replica: this.#replica,
      scope: this.#scope,
      schema: 1,
      checkpoint: null,
      limit: 0,
      clock: { wall, mono: 0, session: 's' },
      verdictsSeen: this.#verdictsSeen,
      batch: {
        n: this.#n,
        mutations: [
          {
            id: randomUUIDv7(),
            schema: 1,
            made: { wall, mono: 0, session: 's', offset: 0, seen: 0 },
            changes,
          },
        ],
      },
    });
  }

  /** Throws unless the server applied what the last request brought. */
  answered(text: string): void {
    const { verdicts } = JSON.parse(text) as { verdicts?: Verdict[] };
    const last = verdicts?.at(-1);
    if (last?.verdict !== 'applied') throw new Error(`Not applied: ${text.slice(0, 500)}`);
    this.#verdictsSeen = last.n;
  }
}

/** Puts records `from` up to, not including, `to`. */
export async function fill(
  url: string,
  writer: Writer,
  range: { from: number; to: number; step: number },
): Promise<void> {
  for (let at = range.from; at < range.to; at += range.step) {
    const count = Math.min(range.step, range.to - at);
    const items = Array.from({ length: count }, (_, index) => itemOf(at + index, Date.now()));
    const response = await fetch(`${url}/v1/exchange`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: writer.request(items),
    });
    writer.answered(await response.text());
  }
}
