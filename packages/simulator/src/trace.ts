// What happened, as a hash that two runs of the same seed must share and, when asked for, as lines for people.

export class Trace {
  readonly #lines: string[] | undefined;
  readonly #linesMax: number;
  #hash = 0x811c9dc5;
  #events = 0;

  /** `linesMax`: how many of the last lines are kept; 0 keeps none and never asks for one. */
  constructor(linesMax: number) {
    this.#linesMax = linesMax;
    this.#lines = linesMax > 0 ? [] : undefined;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  get events(): number {
    return this.#events;
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  /** `facts` are whole numbers; the line is made only when lines are kept. */
  note(atMs: number, facts: readonly number[], line: () => string): void {
    this.#events += 1;
    this.#mix(Math.round(atMs * 1_000));
    for (const fact of facts) this.#mix(fact);
    if (!this.#lines) return;
    this.#lines.push(`${(atMs / 1_000).toFixed(3).padStart(9)}  ${line()}`);
    if (this.#lines.length > this.#linesMax) this.#lines.shift();
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
    this.#hash = Math.imul(this.#hash ^ Math.floor(value / 2 ** 32), 0x01000193);
    this.#hash ^= this.#hash >>> 15;
  }
}

/** A whole number for a text, so that it can be part of the hash. */
export function numberOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}

/** An error for people, with where it came from. */
export function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
