// The hooks in real renders, over a real replica in memory.

import { createMemoryStorage, createReplica, type Replica, StorageError } from '@holdfast/client';
import { defineSchema } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createHooks } from './create-hooks.ts';
import { inComponent, type Rendered } from './in-component.fixture.ts';
import { createWatchedStore } from './watched-store.ts';

const schema = defineSchema({
  version: 1,
  collections: { notes: { kind: 'request', fields: z.object({ text: z.string() }) } },
});
const { ScopeProvider, useScope, useRecords, useRecord, useIsPending, useStatus } =
  createHooks<typeof schema>();

let replica: Replica<typeof schema>;
let scope: ReturnType<typeof replica.scope>;
const open: Rendered<unknown>[] = [];

beforeEach(async () => {
  replica = await createReplica({
    schema,
    storage: createMemoryStorage(),
    device: 'phone-1',
    clock: { wallMs: () => 1_700_000_000_000, monoMs: () => 0 },
    timer: { after: () => ({ cancel: () => {} }) },
    random: { fraction: () => 0.5, bytes: (length) => new Uint8Array(length).fill(7) },
  });
  scope = replica.scope('user-1');
});

afterEach(async () => {
  for (const one of open.splice(0)) await one.unmount();
  await replica.close();
});

async function render<Value>(
  hook: () => Value,
  below: typeof scope | undefined = scope,
): Promise<Rendered<Value>> {
  const rendered = await inComponent({ hook, ScopeProvider, scope: below });
  open.push(rendered);
  return rendered;
}

test('records are shown as they are, and as they become', async () => {
  await scope.notes.put({ id: 'a', text: 'Apple' });
  const { values, latest } = await render(() => useRecords('notes', { where: { text: { prefix: 'A' } } }));
  expect(values[0]).toBeUndefined();
  expect(await latest()).toEqual([{ id: 'a', text: 'Apple' }]);
  await scope.notes.put({ id: 'b', text: 'Avocado' });
  await scope.notes.put({ id: 'c', text: 'Banana' });
  expect(await latest()).toMatchObject([{ id: 'a' }, { id: 'b' }]);
});

test('a render by itself asks for nothing anew, and answers the same object', async () => {
  await scope.notes.put({ id: 'a', text: 'Apple' });
  const { values, latest, again } = await render(() => useRecords('notes', { orderBy: 'text' }));
  const before = await latest();
  const renders = values.length;
  await again();
  expect(values.length).toBeGreaterThan(renders);
  expect(new Set(values.slice(renders))).toEqual(new Set([before]));
  expect(await latest()).toBe(before);
});

test('one record: not read yet, not there, there, gone', async () => {
  const { values, latest } = await render(() => useRecord('notes', 'a'));
  expect(values[0]).toBeUndefined();
  expect(await latest()).toBeNull();
  await scope.notes.put({ id: 'a', text: 'Apple' });
  expect(await latest()).toEqual({ id: 'a', text: 'Apple' });
  await scope.notes.delete('a');
  expect(await latest()).toBeNull();
});

test('what a query asks for may change from render to render', async () => {
  for (const id of ['a', 'b']) await scope.notes.put({ id, text: id });
  let id = 'a';
  const { latest, again } = await render(() => useRecord('notes', id));
  expect(await latest()).toMatchObject({ id: 'a' });
  id = 'b';
  await again();
  expect(await latest()).toMatchObject({ id: 'b' });
});

test('another scope below the same component is another view', async () => {
  await scope.notes.put({ id: 'a', text: 'Apple' });
  const { latest, again } = await render(() => useRecords('notes')?.length);
  expect(await latest()).toBe(1);
  await again(replica.scope('user-2'));
  expect(await latest()).toBe(0);
});

test('what waits for the server, of one record and in all', async () => {
  const { latest } = await render(() => [useIsPending('notes', 'a'), useStatus()?.pending]);
  expect(await latest()).toEqual([false, 0]);
  await scope.notes.put({ id: 'a', text: 'Apple' });
  expect(await latest()).toEqual([true, 1]);
});

test('the scope is there to write to', async () => {
  const { latest } = await render(() => useScope());
  expect(await latest()).toBe(scope);
});

test('outside of a provider a hook says so', async () => {
  const hooks = [useScope, useStatus, () => useRecords('notes'), () => useRecord('notes', 'a')];
  for (const hook of hooks) {
    const { errors } = await render<unknown>(hook, null as never);
    expect(String(errors[0])).toContain('ScopeProvider');
  }
});

test('after the component has gone, nothing is watched', async () => {
  const { values, unmount } = await render(() => useRecords('notes'));
  await unmount();
  const renders = values.length;
  await scope.notes.put({ id: 'a', text: 'Apple' });
  expect(values).toHaveLength(renders);
});

test('a query that is none, and a replica that is closed, reach the error boundary', async () => {
  const { errors } = await render(() => useRecords('notes', { limit: -1 }));
  expect(errors[0]).toBeInstanceOf(Error);
  await replica.close();
  const closed = await render(() => useStatus());
  expect(closed.errors[0]).toMatchObject({ code: 'replica_closed' });
});

test('what could not be read is thrown in the render, until another value is told', () => {
  const told: { listener(value: number): void; onError(error: unknown): void }[] = [];
  let stopped = 0;
  const store = createWatchedStore<number>((listener, { onError }) => {
    told.push({ listener, onError });
    return () => {
      stopped += 1;
    };
  });
  let changes = 0;
  const first = store.subscribe(() => {
    changes += 1;
  });
  const second = store.subscribe(() => {});
  expect(told).toHaveLength(1);
  const failure = new StorageError('failed', 'The disk is gone.');
  told[0]?.onError(failure);
  expect(store.read()).toEqual({ failure: { error: failure } });
  told[0]?.listener(7);
  expect(store.read()).toEqual({ value: 7 });
  expect(store.read()).toBe(store.read());
  expect(changes).toBe(2);
  first();
  expect(stopped).toBe(0);
  second();
  expect(stopped).toBe(1);
  store.subscribe(() => {});
  expect(told).toHaveLength(2);
});
