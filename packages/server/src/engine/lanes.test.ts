import { RequestError } from '@holdfast/core';
import { expect, test } from 'vitest';
import { createLanes, type Job } from './lanes.ts';

interface Named extends Job {
  name: string;
}

function lanesOf(options: { oneLane?: boolean; jobs?: number; changes?: number; waiting?: number } = {}) {
  const groups: string[][] = [];
  const turns: (() => void)[] = [];
  const runs: (() => void)[] = [];
  const lanes = createLanes<Named>({
    oneLane: options.oneLane ?? true,
    groupJobsMax: options.jobs ?? 10,
    groupChangesMax: options.changes ?? 100,
    waitingMax: options.waiting ?? 100,
    turn: () => new Promise((resolve) => turns.push(resolve)),
    run: (group) => {
      groups.push(group.map(({ name }) => name));
      return new Promise((resolve) => runs.push(resolve));
    },
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  return {
    lanes,
    groups,
    add: (name: string, scope = 's', changes = 1) => lanes.add({ name, scope, changes }),
    async turn() {
      for (const resolve of turns.splice(0)) resolve();
      await settle();
    },
    async finish() {
      for (const resolve of runs.splice(0)) resolve();
      await settle();
    },
  };
}

test('what comes in one turn of the event loop is one group', async () => {
  const { add, turn, groups } = lanesOf();
  for (const name of ['a', 'b', 'c']) add(name);
  expect(groups).toEqual([]);
  await turn();
  expect(groups).toEqual([['a', 'b', 'c']]);
});

test('what comes while a group runs goes into the next, and groups never overlap', async () => {
  const { add, turn, finish, groups } = lanesOf();
  add('a');
  await turn();
  add('b');
  add('c');
  await turn();
  expect(groups).toEqual([['a']]);
  await finish();
  await turn();
  expect(groups).toEqual([['a'], ['b', 'c']]);
});

test('a group ends at its bound of jobs or of changes, and one job always fits', async () => {
  const { add, turn, finish, groups } = lanesOf({ jobs: 2, changes: 5 });
  add('a', 's', 9);
  add('b', 's', 3);
  add('c', 's', 3);
  add('d', 's', 1);
  add('e', 's', 1);
  for (let i = 0; i < 4; i++) {
    await turn();
    await finish();
  }
  expect(groups).toEqual([['a'], ['b'], ['c', 'd'], ['e']]);
});

test('with several writers each scope has a lane of its own', async () => {
  const { add, turn, groups } = lanesOf({ oneLane: false });
  add('a', 'x');
  add('b', 'y');
  add('c', 'x');
  await turn();
  expect(groups).toEqual([['a', 'c'], ['b']]);
});

test('too much waiting work is refused, and room comes back when a group is taken', async () => {
  const { add, turn } = lanesOf({ waiting: 2 });
  add('a');
  add('b');
  expect(() => add('c')).toThrow(new RequestError('overloaded'));
  await turn();
  add('c');
});

test('stop waits for what was taken and takes nothing more', async () => {
  const { lanes, add, turn, finish, groups } = lanesOf();
  add('a');
  let stopped = false;
  const stop = lanes.stop().then(() => {
    stopped = true;
  });
  expect(() => add('b')).toThrow(new RequestError('stopping'));
  await turn();
  expect([stopped, groups]).toEqual([false, [['a']]]);
  await finish();
  await stop;
  expect(stopped).toBe(true);
});
