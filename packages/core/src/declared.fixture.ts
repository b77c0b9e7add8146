// A device whose writes are declared, in a scope in memory.

import { createHash, randomUUID } from 'node:crypto';
import type { Judge } from './declared.ts';
import { type DeclaredWrite, declaredMutations } from './declared-mutation.ts';
import type { JsonObject } from './json.ts';
import type { TestScope } from './plan.fixture.ts';
import { morning } from './plan.fixture.ts';
import type { Declared, DeclaredOutcome } from './plan-declared.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export class Client {
  readonly #scope: TestScope;
  readonly #device: string;
  readonly #judge: Judge;

  constructor(scope: TestScope, device: string, judge: Judge) {
    this.#scope = scope;
    this.#device = device;
    this.#judge = judge;
  }

  push(...writes: DeclaredWrite[]): readonly Declared[] {
    const { schema, limits, nowMs: atMs } = this.#scope;
    const writer = `old/${this.#device}`;
    const judge = this.#judge;
    const mutations = declaredMutations(writes, {
      writer,
      actor: '',
      judge,
      schema,
      limits,
      sha256,
      atMs,
      newId: randomUUID,
    });
    const item = {
      type: 'declared' as const,
      device: this.#device,
      writer,
      right: 'write' as const,
      judge,
      mutations,
    };
    const [outcome] = this.#scope.commit([item]) as DeclaredOutcome[];
    if (outcome?.type !== 'declared') throw new Error('Nothing of it was taken.');
    return outcome.answers;
  }

  one(write: DeclaredWrite) {
    const [answer] = this.push(write);
    if (!answer) throw new Error('There is no answer.');
    const { verdict, code, ruling } = answer.verdict;
    return { ...answer, ruled: ruling ?? code, word: verdict };
  }
}

export const item = (
  id: string,
  body: JsonObject,
  more: Omit<DeclaredWrite, 'change'> = {},
): DeclaredWrite => ({
  change: { type: 'put', collection: 'items', id, body },
  ...more,
});
export const gone = (id: string, more: Omit<DeclaredWrite, 'change'> = {}): DeclaredWrite => ({
  change: { type: 'delete', collection: 'items', id },
  ...more,
});
export const at = (ms: number): { madeAt: number } => ({ madeAt: morning + ms });
