// The operator: gives keys, ends them, takes scopes away, and answers conflicts that wait for a person.

import type { Grants, JsonObject, Random, ResolutionAnswer } from '@holdfast/core';
import { sha256 } from 'holdfast/digest';
import { addKey } from 'holdfast/identity/keys';
import { type Store, StoreError } from 'holdfast/store';
import type { Device } from './device.ts';
import type { ServerProcess } from './server-process.ts';
import { epochMs, type World } from './world.ts';

interface Key {
  id: string;
  scopes: readonly string[];
  right: 'write' | 'read';
  revokedMs: number;
}

export class Operator {
  readonly #world: World;
  /** What is there now: a server that starts may open another. */
  readonly #store: () => Promise<Store>;
  readonly #random: Random;
  /** By the text that a device shows. */
  readonly #keys = new Map<string, Key>();

  constructor(world: World, store: () => Promise<Store>) {
    this.#world = world;
    this.#store = store;
    this.#random = world.random('operator');
  }

  /** Gives a device a new key, good for these scopes. */
  give(device: Device, scopes: readonly string[], right: 'write' | 'read' = 'write'): Promise<void> {
    if (!this.#world.profile.authenticated) return Promise.resolve();
    return this.#insist(async (store) => {
      // A key is good for one scope at least.
      const granted = scopes.length > 0 ? scopes : ['elsewhere'];
      const grants: Grants = granted.map((scope) => ({ scope, right }));
      const clock = { wallMs: () => this.#wallMs(), monoMs: () => 0 };
      const { credential, text } = await addKey(
        { store, clock, random: this.#random, sha256 },
        { name: device.name, grants, actor: 'operator' },
      );
      this.#keys.set(text, { id: credential.key, scopes, right, revokedMs: Number.POSITIVE_INFINITY });
      device.key = text;
      await device.signIn();
    });
  }

  /** Takes a scope away for a while. */
  endGrant(device: Device, scope: string): void {
    const { timeline, profile } = this.#world;
    const restoreMs = this.#world.stream(`grants ${device.name}`).around(5_000);
    void this.give(
      device,
      profile.scopes.filter((other) => other !== scope),
    );
    timeline.after(restoreMs, () => void this.give(device, profile.scopes));
  }

  async revoke(device: Device): Promise<void> {
    const key = this.#keys.get(device.key ?? '');
    if (!key) return;
    const audit = { at: this.#wallMs(), actor: 'operator', action: 'key.revoke', subject: key.id };
    await this.#insist(async ({ identity }) => {
      await identity.revokeCredential(key.id, this.#wallMs(), audit);
      key.revokedMs = Math.min(key.revokedMs, this.#world.timeline.nowMs);
    });
  }

  /** A person tries again when the store was not there. */
  async #insist(work: (store: Store) => Promise<void>): Promise<void> {
    try {
      await work(await this.#store());
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#world.timeline.after(500, () => void this.#insist(work));
    }
  }

  rightOf(text: string | undefined, scope: string, atMs: number): 'write' | 'read' | 'none' {
    if (!this.#world.profile.authenticated) return 'write';
    const key = this.#keys.get(text ?? '');
    return key?.scopes.includes(scope) === true && atMs <= key.revokedMs ? key.right : 'none';
  }

  /** Answers one open conflict as a person might, or takes an answer back. */
  async decide(server: ServerProcess): Promise<void> {
    const { engine } = server;
    const draw = this.#world.stream('decisions');
    const scope = draw.pick(this.#world.profile.scopes);
    const [type, nth, word] = [draw.pick(answers), draw.below(4), `decided ${draw.below(9)}`];
    if (!engine) return;
    try {
      const state = type === 'undo' ? 'settled' : 'open';
      const found = await engine.inspect.conflicts(scope, { state, max: 4 });
      const conflict = found[nth % found.length];
      if (!conflict) return;
      const [now] = await engine.inspect.history(scope, conflict.collection, conflict.record, 1);
      const caller = { key: null, device: '', actor: 'operator' };
      const answer = answerOf(type, { text: now?.body ?? null, word });
      await engine.resolve(caller, scope, conflict.id, { seenVersion: now?.seq ?? 0 }, answer);
      this.#world.trace.note(
        this.#world.timeline.nowMs,
        [8, conflict.id],
        () => `the operator answers conflict ${conflict.id} of ${scope} with ${type}`,
      );
    } catch (error) {
      // The server died, its store failed, or the record moved on: the person will look again.
      if ((error as { code?: string }).code === undefined && server.engine === engine)
        this.#world.fail('fault', `A decision failed: ${String(error)}`);
    }
  }

  /** Gives up what waited too long, as the server does by itself every minute. */
  async sweep(server: ServerProcess): Promise<void> {
    const { engine } = server;
    try {
      await engine?.sweep();
    } catch (error) {
      if ((error as { code?: string }).code === undefined && server.engine === engine)
        this.#world.fail('fault', `A sweep failed: ${String(error)}`);
    }
  }

  #wallMs(): number {
    return Math.floor(epochMs + this.#world.timeline.nowMs);
  }
}

const answers = ['server', 'device', 'value', 'undo'] as const;

/** A value is the record as it stands with one text changed; where there is none to change, the device's side is taken. */
function answerOf(
  type: (typeof answers)[number],
  { text, word }: { text: string | null; word: string },
): ResolutionAnswer {
  if (type !== 'value') return { type };
  const body: JsonObject = text === null ? {} : JSON.parse(text);
  const field = Object.keys(body).find((name) => typeof body[name] === 'string');
  return field === undefined ? { type: 'device' } : { type, body: { ...body, [field]: word } };
}
