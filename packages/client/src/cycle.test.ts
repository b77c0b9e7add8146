// The sync loop by itself: every arrow of the drawing in cycle.ts, and laws over random events.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CycleEffect,
  type CycleEvent,
  type CycleOptions,
  type CycleState,
  initialCycle,
  noTally,
} from './cycle/state.ts';
import { isBusy, stepCycle } from './cycle.ts';
import type { Refusal } from './refusal.ts';

const manual: CycleOptions = { delayMsMin: 1_000, delayMsMax: 60_000, batchMutationsMax: 100 };
const automatic: CycleOptions = { ...manual, everyMs: 30_000 };

const blocked = { code: 'x', message: 'x' };
const offline: Refusal = { type: 'backoff', cause: 'network', floorMs: 0, blocked, nothingDone: false };
const sync: CycleEvent = { type: 'sync', atMs: 0, priorityMin: 1 };
const prepared = (mutations: number): CycleEvent => ({ type: 'prepared', mutations, first: 7 });
const answered: CycleEvent = { type: 'answered' };
const applied = (more = false, progressed = true): CycleEvent => ({
  type: 'applied',
  more,
  progressed,
  tally: noTally(),
});
const refused = (refusal: Refusal, atMs = 0): CycleEvent => ({ type: 'refused', refusal, atMs });
const mended: CycleEvent = { type: 'mended', atMs: 0 };
const nothing: CycleEvent = { type: 'nothing' };

/** Runs events through the cycle; answers the last state and the effects of the last event. */
function run(
  options: CycleOptions,
  ...events: CycleEvent[]
): { state: CycleState; effects: readonly CycleEffect[] } {
  let state = initialCycle(options);
  let effects: readonly CycleEffect[] = [];
  for (const event of events) ({ state, effects } = stepCycle(state, event, options));
  return { state, effects };
}

function kinds(effects: readonly CycleEffect[]): string[] {
  return effects.map(({ type }) => type);
}

describe('a pass', () => {
  test('prepares, exchanges, applies, prepares what is next, and rests when there is nothing', () => {
    expect(kinds(run(manual, sync).effects)).toEqual(['sleep', 'prepare']);
    expect(kinds(run(manual, sync, prepared(1)).effects)).toEqual(['exchange']);
    expect(kinds(run(manual, sync, prepared(1), answered).effects)).toEqual(['apply']);
    const next = run(manual, sync, prepared(1), answered, applied());
    expect(next.effects).toEqual([
      { type: 'prepare', push: true, pull: false, priorityMin: 1, mutationsMax: 100, passOver: [] },
    ]);
    const done = run(manual, sync, prepared(1), answered, applied(), nothing);
    expect(done.effects).toEqual([{ type: 'finish', ok: true, tally: noTally() }]);
    expect(done.state.phase).toBe('idle');
  });

  test('asks for the next page while there are more', () => {
    expect(run(manual, sync, prepared(0), answered, applied(true)).effects).toMatchObject([
      { type: 'prepare', pull: true },
    ]);
  });

  test('a sync that comes in the middle makes it go round once more, with the lower priority of the two', () => {
    const late: CycleEvent = { type: 'sync', atMs: 0, priorityMin: 3 };
    const next = run(
      manual,
      { ...sync, priorityMin: 7 } as CycleEvent,
      prepared(0),
      late,
      answered,
      applied(),
    );
    expect(next.effects).toMatchObject([{ type: 'prepare', pull: true, priorityMin: 3 }]);
    expect(run(manual, sync, late, nothing).effects).toMatchObject([{ type: 'prepare', pull: true }]);
  });

  test('a write that comes while nothing was found is not forgotten', () => {
    expect(run(automatic, sync, { type: 'write' }, nothing).effects).toMatchObject([
      { type: 'prepare', push: true, pull: false },
    ]);
  });

  test('steps back when the server answers and nothing moves', () => {
    const still = [prepared(1), answered, applied(false, false)];
    const end = run(manual, sync, ...still, ...still, ...still);
    expect(end.effects).toMatchObject([{ type: 'finish', ok: false, blocked: { code: 'no_progress' } }]);
    expect(end.state.phase).toBe('backoff');
  });
});

describe('by itself', () => {
  test('it runs after a write, after a time, and when the network or the lead comes; not otherwise', () => {
    for (const event of [
      { type: 'write' },
      { type: 'wake' },
      { type: 'online', atMs: 0 },
      { type: 'leads', leads: true, atMs: 0 },
    ] as const) {
      expect(run(automatic, event).state.phase, event.type).toBe('preparing');
      expect(run(manual, event).state.phase, event.type).toBe('idle');
    }
    expect(run(automatic, { type: 'offline' }, { type: 'write' }).state.phase).toBe('idle');
    expect(run(automatic, { type: 'leads', leads: false, atMs: 0 }, { type: 'wake' }).state.phase).toBe(
      'idle',
    );
    expect(run(automatic, { type: 'offline' }, { type: 'online', atMs: 0 }).state.phase).toBe('preparing');
  });

  test('it polls when idle, devices not in phase with each other', () => {
    expect(run(automatic, sync, nothing).effects).toContainEqual({
      type: 'wake',
      floorMs: 30_000,
      jitterMs: 3_000,
    });
  });

  test('a user’s sync goes through although the platform says that there is no network', () => {
    expect(run(automatic, { type: 'offline' }, sync).state.phase).toBe('preparing');
  });
});

describe('live', () => {
  const poke: CycleEvent = { type: 'poke' };
  const live = (open: boolean): CycleEvent => ({ type: 'live', open, atMs: 0 });

  test('a poke begins a pass of a loop that runs by itself, and of no other', () => {
    expect(kinds(run(automatic, poke).effects)).toEqual(['sleep', 'prepare']);
    expect(run(manual, poke).effects).toEqual([]);
    expect(run(automatic, { type: 'offline' }, poke).effects).toEqual([]);
  });

  test('one in the middle of a pass is one more pull at its end', () => {
    expect(run(automatic, sync, prepared(0), poke, answered, applied()).effects).toMatchObject([
      { type: 'prepare', pull: true },
    ]);
  });

  test('one does not end a wait or a pause', () => {
    for (const type of ['backoff', 'pause'] as const) {
      const refusal: Refusal = type === 'pause' ? { type, blocked, nothingDone: false } : offline;
      expect(run(automatic, sync, prepared(0), refused(refusal), poke).effects).toEqual([]);
    }
  });

  test('while the server tells what comes the loop asks ten times as seldom', () => {
    const wake = (floorMs: number) => [{ type: 'wake', floorMs, jitterMs: floorMs / 10 }];
    expect(run(automatic, live(true)).effects).toEqual(wake(300_000));
    expect(run(automatic, live(true), live(false)).effects).toEqual(wake(30_000));
    const passed = run(automatic, live(true), sync, prepared(0), answered, applied(), nothing);
    expect(passed.effects.slice(1)).toEqual(wake(300_000));
    expect(run(manual, live(true)).effects).toEqual([]);
  });

  test('a line that opens ends a wait for the network, and no other', () => {
    const failed = [sync, prepared(0), refused(offline)];
    expect(kinds(run(automatic, ...failed, live(true)).effects)).toEqual(['sleep', 'prepare']);
    expect(run(automatic, ...failed, live(false)).effects).toEqual([]);
    const busy: Refusal = { ...offline, cause: 'server' } as Refusal;
    expect(run(automatic, sync, prepared(0), refused(busy), live(true)).effects).toEqual([]);
    const late: Refusal = { ...offline, floorMs: 500 } as Refusal;
    expect(run(automatic, sync, prepared(0), refused(late), live(true)).effects).toEqual([]);
  });
});

describe('backoff', () => {
  test('full jitter under a ceiling that doubles up to its bound', () => {
    const ceilings: number[] = [];
    let state = initialCycle(automatic);
    for (let failure = 0; failure < 9; failure += 1) {
      ({ state } = stepCycle(state, { type: 'wake' }, automatic));
      ({ state } = stepCycle(state, prepared(0), automatic));
      const failed = stepCycle(state, refused(offline), automatic);
      state = failed.state;
      for (const effect of failed.effects) if (effect.type === 'wake') ceilings.push(effect.jitterMs);
    }
    expect(ceilings).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  test('new credentials end the wait of a loop that runs by itself', () => {
    const waiting = run(automatic, sync, prepared(0), refused(offline)).state;
    expect(stepCycle(waiting, { type: 'credentials', atMs: 0 }, automatic).state.phase).toBe('preparing');
  });

  test('behind Retry-After: wake, online and sync do not go before it', () => {
    const busy: Refusal = { ...offline, cause: 'server', floorMs: 5_000 };
    const waiting = run(automatic, sync, prepared(0), refused(busy, 100));
    expect(waiting.effects).toContainEqual({ type: 'wake', floorMs: 5_000, jitterMs: 1_000 });
    for (const event of [
      { ...sync, atMs: 5_099 },
      { type: 'online', atMs: 5_099 },
      { type: 'credentials', atMs: 5_099 },
    ] as CycleEvent[]) {
      expect(stepCycle(waiting.state, event, automatic).state.phase).toBe('backoff');
    }
    expect(stepCycle(waiting.state, { ...sync, atMs: 5_099 } as CycleEvent, automatic).effects).toMatchObject(
      [{ type: 'finish', ok: false, blocked }],
    );
    expect(stepCycle(waiting.state, { ...sync, atMs: 5_100 } as CycleEvent, automatic).state.phase).toBe(
      'preparing',
    );
  });

  test('ends when the network comes back', () => {
    const waiting = run(automatic, sync, prepared(0), refused(offline));
    expect(stepCycle(waiting.state, { type: 'online', atMs: 0 }, automatic).state.phase).toBe('preparing');
  });

  test('after a batch that failed, pages first, until they come; then half the batch', () => {
    const failed = run(manual, sync, prepared(8), refused(offline), sync);
    expect(failed.effects).toMatchObject([{ type: 'sleep' }, { type: 'prepare', push: false, pull: true }]);
    const again = run(manual, sync, prepared(8), refused(offline), sync, prepared(0), refused(offline), sync);
    expect(again.effects).toMatchObject([{ type: 'sleep' }, { type: 'prepare', push: false, pull: true }]);
    const then = run(manual, sync, prepared(8), refused(offline), sync, prepared(0), answered, applied());
    expect(then.effects).toMatchObject([{ type: 'prepare', push: true, mutationsMax: 4 }]);
  });

  test('pages that come do not shorten the wait of a batch that always fails', () => {
    const round = [sync, prepared(0), answered, applied(), prepared(1), refused(offline)];
    const end = run(automatic, sync, prepared(1), refused(offline), ...round, ...round, ...round);
    expect(end.effects).toContainEqual({ type: 'wake', floorMs: 0, jitterMs: 8_000 });
  });

  test('a batch of one that failed is passed over, and comes last', () => {
    const next = run(manual, sync, prepared(1), refused(offline), sync, prepared(0), answered, applied());
    expect(next.effects).toMatchObject([{ type: 'prepare', push: true, passOver: [7] }]);
    expect(stepCycle(next.state, nothing, manual).effects).toMatchObject([
      { type: 'prepare', push: true, passOver: [] },
    ]);
  });

  test('a storage that fails leads here from every phase', () => {
    const failure: CycleEvent = {
      type: 'storageFailed',
      blocked: { code: 'storage_full', message: 'full' },
      atMs: 0,
    };
    const recut = refused({ type: 'recut', single: 'hold', bare: false, blocked, nothingDone: true });
    for (const events of [[sync], [sync, prepared(2), answered], [sync, prepared(2), recut]]) {
      const end = run(automatic, ...events, failure);
      expect(end.state).toMatchObject({ phase: 'backoff', cause: 'storage' });
      expect(kinds(end.effects)).toEqual(['finish', 'wake']);
    }
  });
});

describe('refusals', () => {
  const pause: Refusal = { type: 'pause', blocked, nothingDone: true };
  const stop: Refusal = { type: 'stop', blocked, nothingDone: true };

  test('pause: only credentials and sync go on', () => {
    const paused = run(automatic, sync, prepared(0), refused(pause));
    expect(paused.state.phase).toBe('paused');
    for (const event of [{ type: 'wake' }, { type: 'write' }, { type: 'online', atMs: 0 }] as CycleEvent[]) {
      expect(stepCycle(paused.state, event, automatic).state.phase).toBe('paused');
    }
    expect(stepCycle(paused.state, { type: 'credentials', atMs: 0 }, automatic).state.phase).toBe(
      'preparing',
    );
    expect(stepCycle(paused.state, sync, automatic).state.phase).toBe('preparing');
  });

  test('stop: only sync goes on', () => {
    const stopped = run(automatic, sync, prepared(0), refused(stop), mended);
    expect(stopped.state.phase).toBe('stopped');
    for (const event of [
      { type: 'wake' },
      { type: 'write' },
      { type: 'credentials', atMs: 0 },
    ] as CycleEvent[]) {
      expect(stepCycle(stopped.state, event, automatic).state.phase).toBe('stopped');
    }
    expect(stepCycle(stopped.state, sync, automatic).state.phase).toBe('preparing');
  });

  test('a batch that was refused as a whole is taken back first', () => {
    const paused = run(manual, sync, prepared(2), refused(pause));
    expect(paused.effects).toEqual([{ type: 'takeBack' }]);
    expect(stepCycle(paused.state, mended, manual).state.phase).toBe('paused');
    const stopped = run(manual, sync, prepared(2), refused(stop));
    expect(stopped.effects).toEqual([{ type: 'stop', reason: blocked, takeBack: true }]);
    expect(stepCycle(stopped.state, mended, manual).state.phase).toBe('stopped');
    expect(run(manual, sync, prepared(0), refused(stop)).effects).toEqual([
      { type: 'stop', reason: blocked, takeBack: false },
    ]);
  });

  test('recut: half the batch, pages first; without a batch it is a pause', () => {
    const recut: Refusal = { type: 'recut', single: 'quarantine', bare: false, blocked, nothingDone: true };
    const half = run(manual, sync, prepared(9), refused(recut));
    expect(half.effects).toEqual([{ type: 'takeBack' }]);
    expect(stepCycle(half.state, mended, manual).effects).toMatchObject([
      { type: 'prepare', push: false, pull: true },
    ]);
    const then = run(manual, sync, prepared(9), refused(recut), mended, prepared(0), answered, applied());
    expect(then.effects).toMatchObject([{ type: 'prepare', push: true, mutationsMax: 4 }]);
    expect(run(manual, sync, prepared(0), refused(recut)).state.phase).toBe('paused');
    // A proxy or portal that will be gone.
    const bare: Refusal = { ...recut, bare: true };
    const stepped = run(automatic, sync, prepared(0), refused(bare));
    expect([stepped.state.phase, kinds(stepped.effects)]).toEqual(['backoff', ['finish', 'wake']]);
  });

  test('one alone is put aside only when the server has answered an exchange without it', () => {
    const recut: Refusal = { type: 'recut', single: 'quarantine', bare: false, blocked, nothingDone: true };
    expect(run(manual, sync, prepared(1), refused(recut)).effects).toEqual([{ type: 'takeBack' }]);
    const again = [sync, prepared(1), refused(recut), mended, prepared(0)];
    expect(run(manual, ...again, refused(recut)).state.phase).toBe('paused');
    expect(run(manual, ...again, answered, applied(), prepared(1), refused(recut)).effects).toEqual([
      { type: 'takeBack', single: { as: 'quarantine', reason: blocked } },
    ]);
  });

  test('after batches that pass, they grow again up to their bound', () => {
    const recut: Refusal = { type: 'recut', single: 'hold', bare: false, blocked, nothingDone: true };
    const round = [prepared(50), answered, applied()];
    const pages = [prepared(0), answered, applied()];
    const end = run(
      manual,
      sync,
      prepared(100),
      refused(recut),
      mended,
      ...pages,
      ...round,
      ...round,
      ...round,
    );
    expect(end.effects).toMatchObject([{ type: 'prepare', mutationsMax: 100 }]);
  });

  test('stale and bad checkpoints are mended, but not for ever', () => {
    for (const [type, effect] of [
      ['stale', 'renew'],
      ['restart', 'restart'],
    ] as const) {
      const refusal: Refusal =
        type === 'stale'
          ? { type, certain: false, blocked, nothingDone: true }
          : { type, blocked, nothingDone: true };
      const round = [prepared(1), refused(refusal), mended];
      expect(kinds(run(manual, sync, prepared(1), refused(refusal)).effects)).toEqual([effect]);
      const end = run(manual, sync, ...round, ...round, prepared(1), refused(refusal));
      expect(end.state.phase).toBe('backoff');
    }
  });
});

describe('abort', () => {
  const nobody: CycleEvent = { type: 'abort' };
  const urgent: CycleEvent = { type: 'sync', atMs: 0, priorityMin: 9 };
  const asksFor = (priorityMin: number): object => ({ type: 'prepare', push: true, pull: true, priorityMin });

  test('an exchange is cut, and counts as no failure', () => {
    const cut = run(manual, sync, prepared(1), nobody);
    expect(kinds(cut.effects)).toEqual(['abortExchange']);
    const end = stepCycle(cut.state, refused(offline), manual);
    expect(end.state).toMatchObject({ phase: 'idle', failures: 0, pullFirst: false });
    expect(end.effects).toMatchObject([{ type: 'finish', ok: false, blocked: { code: 'aborted' } }]);
  });

  test('a batch that nobody waits for any more is taken back before it leaves', () => {
    const back = run(manual, sync, nobody, prepared(3));
    expect(back.effects).toEqual([{ type: 'takeBack' }]);
    expect(stepCycle(back.state, mended, manual)).toMatchObject({
      state: { phase: 'idle' },
      effects: [{ type: 'finish', ok: false, blocked: { code: 'aborted' } }],
    });
    expect(run(manual, sync, nobody, prepared(0)).state.phase).toBe('idle');
  });

  test('the next call sends what it asked for, and not what the aborted one did, at whatever point it comes', () => {
    expect(run(manual, sync, nobody, urgent, prepared(3)).effects).toEqual([{ type: 'takeBack' }]);
    expect(run(manual, sync, nobody, urgent, prepared(3), mended).effects).toMatchObject([asksFor(9)]);
    const cut = run(manual, sync, prepared(3), nobody, urgent, refused(offline));
    expect(cut.effects).toMatchObject([asksFor(9)]);
    expect(cut.state).toMatchObject({ failures: 0, blocked: undefined });
    const late = run(manual, sync, prepared(3), nobody, urgent, answered, applied());
    expect(late.effects).toMatchObject([asksFor(9)]);
    const applying = run(manual, sync, prepared(3), answered, nobody, urgent, applied());
    expect(applying.effects).toMatchObject([asksFor(9)]);
    expect(run(manual, sync, nobody, nothing, urgent).effects).toMatchObject([{ type: 'sleep' }, asksFor(9)]);
  });

  test('a call that is left alone gets what it asked for, and an exchange that is out already is not cut', () => {
    const left: CycleEvent = { type: 'abort', priorityMin: 9 };
    expect(run(manual, sync, urgent, left, prepared(3)).effects).toEqual([{ type: 'takeBack' }]);
    expect(run(manual, sync, urgent, left, prepared(3), mended).effects).toMatchObject([asksFor(9)]);
    expect(run(manual, sync, prepared(3), urgent, left).effects).toEqual([]);
    expect(run(manual, sync, prepared(3), urgent, left, answered, applied()).effects).toMatchObject([
      asksFor(9),
    ]);
  });
});

test('a loop that runs by itself sends everything again after a call for a part', () => {
  const urgent: CycleEvent = { type: 'sync', atMs: 0, priorityMin: 9 };
  expect(run(automatic, urgent, { type: 'write' }, nothing).effects).toMatchObject([
    { type: 'prepare', push: true, priorityMin: 1 },
  ]);
  expect(run(automatic, urgent, prepared(1), answered, applied(), nothing).effects).toContainEqual({
    type: 'wake',
    floorMs: 0,
    jitterMs: 1_000,
  });
});

const event: fc.Arbitrary<CycleEvent> = fc.oneof(
  fc.constant(sync),
  fc.constantFrom<CycleEvent>(
    { type: 'write' },
    { type: 'wake' },
    { type: 'offline' },
    { type: 'online', atMs: 0 },
    { type: 'credentials', atMs: 0 },
    { type: 'poke' },
    { type: 'live', open: true, atMs: 0 },
    { type: 'live', open: false, atMs: 0 },
    { type: 'abort' },
    { type: 'abort', priorityMin: 5 },
    { type: 'sync', atMs: 0, priorityMin: 9 },
  ),
);
const refusal: fc.Arbitrary<Refusal> = fc.oneof(
  fc.record({
    type: fc.constant('backoff' as const),
    cause: fc.constantFrom('network' as const, 'server' as const),
    floorMs: fc.constantFrom(0, 500),
    blocked: fc.constant(blocked),
    nothingDone: fc.boolean(),
  }),
  fc.record({
    type: fc.constantFrom('pause' as const, 'stop' as const, 'restart' as const),
    blocked: fc.constant(blocked),
    nothingDone: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('stale' as const),
    certain: fc.boolean(),
    blocked: fc.constant(blocked),
    nothingDone: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('recut' as const),
    single: fc.constantFrom('hold' as const, 'quarantine' as const),
    bare: fc.boolean(),
    blocked: fc.constant(blocked),
    nothingDone: fc.boolean(),
  }),
);

test('whatever happens: one effect at a time is under way, an idle loop has answered, and a cycle that fails ends its pass', async () => {
  await fc.assert(
    fc.property(
      fc.array(fc.tuple(event, refusal, fc.nat(3), fc.boolean()), { maxLength: 60 }),
      fc.boolean(),
      (script, byItself) => {
        const options = byItself ? automatic : manual;
        let state = initialCycle(options);
        let waiting = false;
        let working: string | undefined;
        const take = (one: CycleEvent): void => {
          const step = stepCycle(state, one, options);
          state = step.state;
          for (const effect of step.effects) {
            if (effect.type === 'finish') waiting = false;
            if (
              ['prepare', 'exchange', 'apply', 'takeBack', 'stop', 'renew', 'restart'].includes(effect.type)
            ) {
              expect(working).toBeUndefined();
              working = effect.type;
            }
          }
          expect(isBusy(state)).toBe(working !== undefined);
          if (!isBusy(state)) expect(waiting).toBe(false);
        };
        for (const [given, how, mutations, good] of script) {
          if (given.type === 'sync') waiting = true;
          take(given);
          const done = working;
          working = undefined;
          if (done === 'prepare') take(good || mutations > 0 ? prepared(mutations) : nothing);
          else if (done === 'exchange') take(good ? answered : refused(how));
          else if (done === 'apply') take(applied(mutations > 1, good));
          else if (done !== undefined) take(mended);
        }
      },
    ),
    { numRuns: 500 },
  );
});
