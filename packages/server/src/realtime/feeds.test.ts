// A scope's feed on an engine that only says what the test lets it: nothing is missed at its beginning, each page is made once, and
// nobody gets one whose standing is not certain.

import { type Grants, RequestError } from '@holdfast/core';
import { beforeEach, expect, test } from 'vitest';
import type {
  Caller,
  Engine,
  FollowPage,
  FollowPosition,
  FollowRequest,
  FollowStep,
  Standing,
} from '../engine/engine.ts';
import { createFeeds, type Feeds, type Follower } from './feeds.ts';

const bounds = { recordsMax: 10, charsMax: 1_000, mutationsMax: 10 };

/** An engine of one scope whose reads take as long as the test wants. */
class FakeEngine {
  head = 0;
  mark = 1;
  fails = false;
  cut = false;
  reads = 0;
  asked: (readonly Caller[])[] = [];
  standing: (caller: Caller) => Standing | RequestError = () => ({ grants: 'all', expiresAt: null });
  /** While there is one, reads wait for it behind having read. */
  gate: Promise<void> | undefined;
  /** Commits know their page. */
  knows = false;
  readonly #listeners = new Set<Parameters<Engine['subscribe']>[1]>();

  commit(): void {
    this.head += 1;
    let over = false;
    const known = (request: FollowRequest): FollowStep | undefined => {
      if (over) throw new Error('A commit is asked too late.');
      return this.knows ? this.#step(request) : undefined;
    };
    for (const listener of this.#listeners) listener(this.head, known);
    over = true;
  }

  subscribe = (_: string, listener: Parameters<Engine['subscribe']>[1]) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  get listeners(): number {
    return this.#listeners.size;
  }

  follow = async (_: string, request: FollowRequest): Promise<FollowStep> => {
    this.reads += 1;
    if (this.fails) throw new RequestError('storage_busy');
    const step = this.#step(request);
    await this.gate;
    return step;
  };

  #step = ({ after }: FollowRequest): FollowStep => {
    const to = at(this.head);
    const page: FollowPage | undefined =
      after === null || this.cut
        ? undefined
        : { from: after.checkpoint, checkpoint: to.checkpoint, head: to.seq, records: [], mutations: [] };
    return { to, mark: this.mark, page };
  };

  identityMark = async (): Promise<number> => this.mark;

  standings = async (callers: readonly Caller[]): Promise<(Standing | RequestError)[]> => {
    this.asked.push(callers);
    return callers.map((caller) => this.standing(caller));
  };
}

function at(seq: number): FollowPosition {
  return { seq, stamp: seq, checkpoint: `c${seq}` };
}

class FakeFollower implements Follower {
  readonly caller: Caller;
  readonly heard: string[] = [];
  readonly encode = encode;

  constructor(device: string) {
    this.caller = { key: 'k', device, actor: '' };
  }

  begin({ checkpoint }: FollowPosition): void {
    this.heard.push(`at ${checkpoint}`);
  }

  page({ from, checkpoint }: FollowPage, bytes: () => Uint8Array): void {
    this.heard.push(`${from}-${checkpoint}`);
    bytes();
  }

  stale(head: number): void {
    this.heard.push(`stale ${head}`);
  }

  refused({ code }: RequestError): void {
    this.heard.push(code);
  }
}

let encoded = 0;
const encode = (): Uint8Array => {
  encoded += 1;
  return new Uint8Array();
};
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let engine: FakeEngine;
let feeds: Feeds;
let failures: unknown[];
let turns: (() => void)[];
beforeEach(() => {
  encoded = 0;
  failures = [];
  turns = [];
  engine = new FakeEngine();
  feeds = createFeeds({
    engine,
    bounds,
    followersPerTurn: 10,
    turn: () => new Promise((resolve) => turns.push(resolve)),
    nowMs: () => 1_000,
    failed: (error) => failures.push(error),
  });
});

/** The turn of others is over. */
async function goOn(): Promise<void> {
  expect(turns).toHaveLength(1);
  turns.pop()?.();
  await settle();
}

async function followers(...devices: string[]): Promise<FakeFollower[]> {
  const all = devices.map((device) => new FakeFollower(device));
  for (const one of all) await feeds.follow('shop', one);
  await settle();
  for (const one of all) one.heard.length = 0;
  return all;
}

test('what is committed while somebody begins to follow is not missed', async () => {
  const one = new FakeFollower('d1');
  let open = (): void => undefined;
  engine.gate = new Promise((resolve) => {
    open = resolve;
  });
  const following = feeds.follow('shop', one);
  // Both reads have seen the scope as it was.
  engine.commit();
  open();
  await following;
  await settle();
  expect(one.heard).toContain('at c0');
  expect(one.heard.at(-1)).toBe('c0-c1');
});

test('a page is read once and made once for all, and what comes meanwhile is one page more', async () => {
  const all = await followers('d1', 'd2', 'd3');
  const before = engine.reads;
  let open = (): void => undefined;
  engine.gate = new Promise((resolve) => {
    open = resolve;
  });
  engine.commit();
  for (let n = 0; n < 5; n += 1) engine.commit();
  open();
  await settle();
  for (const { heard } of all) expect(heard).toEqual(['c0-c1', 'c1-c6']);
  expect(engine.reads - before).toBe(2);
  expect(encoded).toBe(2);
});

test('what the commit knows is told there and then, and nothing is read for it', async () => {
  const [one, two] = await followers('d1', 'd2');
  engine.commit();
  await settle();
  engine.knows = true;
  const before = engine.reads;
  engine.commit();
  expect([one!.heard, two!.heard]).toEqual(Array(2).fill(['c0-c1', 'c1-c2']));
  expect([engine.reads - before, encoded]).toEqual([0, 2]);
});

test('what the commit knew is not told when its turn comes later: it is read then', async () => {
  const [one] = await followers('d1');
  let open = (): void => undefined;
  engine.gate = new Promise((resolve) => {
    open = resolve;
  });
  engine.commit();
  engine.knows = true;
  engine.commit();
  const before = engine.reads;
  open();
  await settle();
  expect(one!.heard).toEqual(['c0-c1', 'c1-c2']);
  expect(engine.reads - before).toBe(1);
});

test('a page that the commit knows waits until it is certain who may read it', async () => {
  const [one, two] = await followers('d1', 'd2');
  engine.commit();
  await settle();
  engine.knows = true;
  engine.mark = 2;
  engine.standing = ({ device }) =>
    device === 'd1' ? new RequestError('device_revoked') : { grants: 'all', expiresAt: null };
  engine.commit();
  engine.commit();
  expect(one!.heard).toEqual(['c0-c1']);
  await settle();
  expect(one!.heard.slice(1)).toEqual(['device_revoked', 'stale 2', 'device_revoked', 'stale 3']);
  expect(two!.heard.slice(1)).toEqual(['c1-c2', 'c2-c3']);
  expect(failures).toEqual([]);
});

test('standings are read when a mark has changed, for those alone who are not certain', async () => {
  const [one, two] = await followers('d1', 'd2');
  engine.commit();
  await settle();
  engine.asked = [];
  engine.commit();
  await settle();
  expect(engine.asked).toEqual([]);
  engine.mark = 2;
  engine.standing = ({ device }) =>
    device === 'd1' ? new RequestError('device_revoked') : { grants: 'all', expiresAt: null };
  engine.commit();
  await settle();
  expect(engine.asked).toHaveLength(1);
  expect(one!.heard).toEqual(['c0-c1', 'c1-c2', 'device_revoked', 'stale 3']);
  expect(two!.heard.at(-1)).toBe('c2-c3');
});

test.each<[string, Grants, number | null]>([
  ['another scope alone', [{ scope: 'bar', right: 'write' }], null],
  ['this scope until a moment ago', [{ scope: 'shop', right: 'read' }], 1_000],
])('who may read %s gets no page', async (_, grants, expiresAt) => {
  engine.standing = () => ({ grants, expiresAt });
  const [one] = await followers('d1');
  engine.commit();
  await settle();
  expect(one!.heard).toEqual(['stale 1']);
});

test('what is too much for a page, or cannot be read, is told as such, and the next page has its place again', async () => {
  const [one] = await followers('d1');
  engine.cut = true;
  engine.commit();
  await settle();
  engine.cut = false;
  engine.commit();
  await settle();
  expect(one!.heard).toEqual(['stale 1', 'c1-c2']);
  engine.fails = true;
  engine.commit();
  await settle();
  expect(one!.heard.at(-1)).toBe(`stale ${Number.MAX_SAFE_INTEGER}`);
  expect(failures).toHaveLength(1);
  engine.fails = false;
  engine.commit();
  await settle();
  engine.commit();
  await settle();
  expect(one!.heard.slice(-2)).toEqual(['at c4', 'c4-c5']);
});

test('a scope that nobody follows costs nothing', async () => {
  const all = await followers('d1', 'd2');
  for (const one of all) feeds.unfollow('shop', one);
  const before = engine.reads;
  engine.commit();
  await settle();
  expect([engine.listeners, engine.reads - before]).toEqual([0, 0]);
  expect(all.flatMap(({ heard }) => heard)).toEqual([]);
});

test('between so many followers others get their turn; each is told all in order, and whoever left is not told', async () => {
  const all = await followers(...Array.from({ length: 25 }, (_, n) => `d${n}`));
  const told = (): number => all.filter(({ heard }) => heard.length > 0).length;
  engine.commit();
  await settle();
  expect(told()).toBe(10);
  engine.commit();
  feeds.unfollow('shop', all[15]!);
  const late = new FakeFollower('late');
  await feeds.follow('shop', late);
  await settle();
  expect([told(), turns.length]).toEqual([10, 1]);
  await goOn();
  expect(told()).toBe(19);
  await goOn();
  expect([told(), late.heard]).toEqual([24, ['at c2']]);
  // The last few of the first page and the first of the second share no turn: nobody is told of both in one.
  for (let n = 0; n < 2; n += 1) await goOn();
  for (const { heard } of all.filter((_, n) => n !== 15)) expect(heard).toEqual(['c0-c1', 'c1-c2']);
  expect(all[15]!.heard).toEqual([]);
  expect(late.heard).toEqual(['at c2', 'c1-c2']);
  expect([encoded, turns.length]).toEqual([2, 0]);
});

test('who is told after a turn of others is asked about again when anybody’s right has changed in it', async () => {
  const all = await followers(...Array.from({ length: 20 }, (_, n) => `d${n}`));
  engine.commit();
  await settle();
  engine.mark = 2;
  engine.standing = ({ device }) =>
    device === 'd19' ? new RequestError('device_revoked') : { grants: 'all', expiresAt: null };
  await goOn();
  expect(all.map(({ heard }) => heard.join())).toEqual([
    ...Array(19).fill('c0-c1'),
    'device_revoked,stale 1',
  ]);
});

test('when what came cannot be read, others get their turn between those who are told, too', async () => {
  const all = await followers(...Array.from({ length: 15 }, (_, n) => `d${n}`));
  engine.fails = true;
  engine.commit();
  await settle();
  expect(all.filter(({ heard }) => heard.length > 0)).toHaveLength(10);
  await goOn();
  for (const { heard } of all) expect(heard).toEqual([`stale ${Number.MAX_SAFE_INTEGER}`]);
});
