// A peer that no device of ours is: garbage, other protocols, keys that nobody gave, ids of others. The server must refuse it with
// a marked answer, tell it nothing, and keep nothing of it.

import type { Device } from './device.ts';
import type { Operator } from './operator.ts';
import type { Stream } from './random.ts';
import type { ServerProcess } from './server-process.ts';
import { numberOf } from './trace.ts';
import type { World } from './world.ts';

export const strangers = [
  'garbage',
  'protocol',
  'shape',
  'schema',
  'key',
  'replica',
  'checkpoint',
  'size',
] as const;
export type StrangerKind = (typeof strangers)[number];

interface Call {
  body: string;
  key: string | undefined;
  /** What may be answered, besides that the server is busy or the key no good. */
  statuses: readonly number[];
}

/** No JSON, or JSON that not every store could hold. */
const garbage = [
  '',
  '{',
  'null',
  '[]',
  '{"protocol":"holdfast/1"',
  '{"protocol":"holdfast/1","protocol":"holdfast/1"}',
  '{"__proto__":{"protocol":"holdfast/1"}}',
  '{"protocol":"holdfast/1","scope":"\\ud800"}',
  '{"protocol":"holdfast/1","limit":1e400}',
  `${'['.repeat(99)}${']'.repeat(99)}`,
];

export class Stranger {
  readonly #world: World;
  readonly #devices: readonly Device[];
  readonly #operator: Operator;
  readonly #draw: Stream;

  constructor(world: World, devices: readonly Device[], operator: Operator) {
    this.#world = world;
    this.#devices = devices;
    this.#operator = operator;
    this.#draw = world.stream('stranger');
  }

  /** Sends one request of this kind. */
  async call(server: ServerProcess, kind: StrangerKind): Promise<void> {
    const { timeline, trace, profile } = this.#world;
    const { authenticated, scopes } = profile;
    const scope = this.#draw.pick(scopes);
    const { body, key, statuses } = this.#callOf(kind, scope);
    const right = this.#operator.rightOf(key, scope, timeline.nowMs);
    trace.note(timeline.nowMs, [9, numberOf(kind)], () => `a stranger comes to ${server.name}: ${kind}`);
    try {
      const answer = await server.handle(body, key === undefined ? {} : { authorization: `Bearer ${key}` });
      const allowed = [
        ...statuses,
        429,
        503,
        ...(authenticated ? [401] : []),
        ...(right === 'none' ? [200, 403] : []),
      ];
      this.#check(kind, answer, allowed);
    } catch {
      // The server died, or was not there.
    }
  }

  #check(
    kind: StrangerKind,
    { status, body }: { status: number; body: string },
    allowed: readonly number[],
  ): void {
    const { records, head, verdicts } = this.#read(kind, body);
    const told = status === 200 && ((records?.length ?? 0) > 0 || head !== 0);
    const taken = verdicts?.some(({ verdict }) => verdict !== 'rejected') === true;
    if (allowed.includes(status) && !told && !taken) return;
    this.#world.fail(
      'strangers refused',
      `A stranger (${kind}) was answered ${status}: ${body.slice(0, 300)}`,
    );
  }

  #read(
    kind: StrangerKind,
    body: string,
  ): { records?: unknown[]; head?: number; verdicts?: { verdict: string }[] } {
    try {
      const answer = JSON.parse(body);
      if (answer.protocol === 'holdfast/1') return answer;
    } catch {
      // Said below.
    }
    this.#world.fail('strangers refused', `A stranger (${kind}) got an answer without the marker: ${body}`);
    return {};
  }

  #callOf(kind: StrangerKind, scope: string): Call {
    const victim = this.#draw.pick(this.#devices);
    const key = victim.key;
    const asked = exchangeOf(scope);
    switch (kind) {
      case 'garbage':
        return { body: this.#draw.pick(garbage), key, statuses: [400] };
      case 'protocol':
        return { body: textOf({ ...asked, protocol: 'holdfast/2' }), key, statuses: [400] };
      case 'shape':
        return { body: textOf({ ...asked, ...this.#draw.pick(shapes) }), key, statuses: [400] };
      case 'schema':
        return { body: textOf({ ...asked, schema: 99 }), key, statuses: [409] };
      case 'checkpoint':
        return {
          body: textOf({ ...asked, checkpoint: this.#draw.pick(checkpoints) }),
          key,
          statuses: [400, 409],
        };
      case 'size':
        return { body: textOf({ ...asked, padding: 'x'.repeat(1_100_000) }), key, statuses: [413] };
      case 'key':
        return this.#withoutKey(asked);
      case 'replica':
        return {
          body: textOf({ ...asked, replica: this.#replicaOf(victim, scope) }),
          key,
          statuses: [400, 403],
        };
    }
  }

  /** Without authentication there is no wrong key; then it is no exchange at all. */
  #withoutKey(asked: object): Call {
    const { authenticated } = this.#world.profile;
    const key = this.#draw.pick([undefined, 'hf_nobody', '', 'x'.repeat(5_000)]);
    return authenticated
      ? { body: textOf(asked), key, statuses: [401] }
      : { body: '{}', key, statuses: [400] };
  }

  /** One that the server knows from that device; where it knows none, something that is no id. */
  #replicaOf({ disk }: Device, scope: string): unknown {
    const progress = disk.get<{ verdictsSeen: number }>('scopes', [scope, 'progress']);
    const identity = disk.get<{ id: string }>('meta', ['replica']);
    return progress && progress.verdictsSeen > 0 ? identity?.id : 7;
  }
}

/** Would be valid, but for what a stranger changes in it. It carries a mutation, which nobody may ever see. */
function exchangeOf(scope: string): object {
  const made = { wall: 0, mono: 0, session: 's', offset: 0, seen: 0 };
  const change = { type: 'put', collection: 'notes', id: 'n0', body: { text: 'by a stranger' } };
  const mutation = { id: '01900000-0000-7000-8000-000000000000', schema: 1, made, changes: [change] };
  return {
    protocol: 'holdfast/1',
    device: 'stranger',
    replica: 'stranger',
    scope,
    checkpoint: null,
    schema: 1,
    clock: { wall: 0, mono: 0, session: 's' },
    verdictsSeen: 0,
    batch: { n: 1, mutations: [mutation] },
  };
}

const shapes: readonly object[] = [
  { batch: { n: 0, mutations: [] } },
  { batch: { n: 1, mutations: [{ id: 'no uuid' }] } },
  { batch: [] },
  { limit: -1 },
  { device: '' },
  { scope: 'x'.repeat(500) },
  { former: Array.from({ length: 50 }, (_, at) => `r${at}`) },
  { verdictsSeen: 1.5 },
  { clock: null },
];
const checkpoints = ['', 'x', 'life-1.1', 'life-1.1.99999999999999999', 'life-0.5.1', '../../etc/passwd'];

function textOf(value: object): string {
  return JSON.stringify(value);
}
