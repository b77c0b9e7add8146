// The endpoints of pos: what came is read, the engine decides, its words are answered. README.md is the contract.

import { type Declared, RequestError, type StoredRecord, uniqueValue } from '@holdfast/core';
import type { FastifyPluginAsync } from 'fastify';
import type { ZodType } from 'zod';
import { rightIn } from '../../engine/access.ts';
import type { Caller, PullResult } from '../../engine/engine.ts';
import type { MountDeps, ZodRoutes } from '../mount.ts';
import { stampOfNothing } from '../time.ts';
import {
  batchAnswer,
  errorAnswer,
  type Result,
  resultMessage,
  statsAnswer,
  type Updates,
  updatesAnswer,
} from './answers.ts';
import {
  badResult,
  groupIn,
  ignored,
  refusalOf,
  resultOf,
  statsOf,
  updatesOf,
  writeOf,
  writerOf,
} from './translate.ts';
import {
  type BadItem,
  batchMessage,
  checkCount,
  type Item,
  itemOf,
  itemReader,
  itemsMax,
  type Kind,
  kinds,
  singleMessages,
  stampOf,
  updatesMessage,
} from './wire.ts';

// How far a device was sent is noted under this name.
const notedAs = 'pos';

export function posRoutes(deps: MountDeps): FastifyPluginAsync {
  const { limits } = deps;
  const read = itemReader(limits);
  const single = singleMessages(limits);
  return async (plain) => {
    const app = plain.withTypeProvider<ZodRoutes>();
    app.post(
      '/api/sync/batch',
      {
        schema: {
          ...says('Send items, and read what others wrote', batchAnswer),
          body: batchMessage(limits),
        },
        config: { items: kinds.map((kind) => [kind, '*']) },
      },
      async (request) => {
        const { body } = request;
        const { deviceId, orders, transactions, lastSyncTimestamp } = body;
        const caller = deps.caller(request, deviceId);
        deps.countDevice(deviceId);
        checkCount(body);
        const given = { orders: orders ?? [], transactions: transactions ?? [] };
        const items = kinds.flatMap((kind) => given[kind].map((value) => read(kind, value, deviceId)));
        const results = await push(deps, caller, items);
        const { updates, ...page } = await pull(deps, caller, stampOf(lastSyncTimestamp));
        const syncedOrders = results.slice(0, given.orders.length);
        const syncedTransactions = results.slice(given.orders.length);
        return { success: true, syncedOrders, syncedTransactions, serverUpdates: updates, ...page };
      },
    );
    for (const [kind, path] of [
      ['orders', '/api/sync/order'],
      ['transactions', '/api/sync/transaction'],
    ] as const) {
      app.post(
        path,
        { schema: { ...says('Send one item', resultMessage), body: single[kind] } },
        async (request) => {
          const { deviceId } = request.body;
          const caller = deps.caller(request, deviceId);
          deps.countDevice(deviceId);
          const [result] = await push(deps, caller, [itemOf(kind, request.body, deviceId)]);
          return result;
        },
      );
    }
    app.get(
      '/api/sync/updates',
      { schema: { ...says('Read what others wrote', updatesAnswer), querystring: updatesMessage(limits) } },
      async (request) => {
        const { deviceId, since } = request.query;
        const caller = deps.caller(request, deviceId);
        deps.countDevice(deviceId);
        const { updates, ...page } = await pull(deps, caller, stampOf(since));
        return { ...updates, ...page };
      },
    );
    app.get(
      '/api/sync/stats',
      { schema: says('Count what is stored and what was refused', statsAnswer) },
      async (request) => {
        const { stamp } = await readPage(deps, deps.caller(request), { since: Number.MAX_SAFE_INTEGER });
        return statsOf(await deps.engine.inspect.tally(deps.scope), { kindOf: kindsOf(deps), stamp });
      },
    );
  };
}

/** What a route is for, and what it answers. */
function says(summary: string, answer: ZodType) {
  return { summary, response: { 200: answer, '4xx': errorAnswer } };
}

/** A result for each item, in order. */
async function push(
  deps: MountDeps,
  caller: Caller,
  given: readonly (Item | BadItem)[],
): Promise<readonly Result[]> {
  const { engine, scope, sha256 } = deps;
  const items = given.map((item) => ('kind' in item ? (refusalOf(item, deps) ?? item) : item));
  const good = items.filter((item) => 'kind' in item);
  const declared = await engine.pushDeclared(caller, scope, {
    writer: writerOf(caller.device),
    judge: {
      by: 'version',
      sentSeq: (await engine.readTo(scope, caller.device, { as: notedAs })).sent,
      ignored,
    },
    writes: good.map((item) => writeOf(item, collectionOf(deps, item.kind), sha256)),
  });
  const answers = new Map(good.map((item, place) => [item, declared[place]]));
  const results: Result[] = [];
  for (const item of items) {
    if ('kind' in item) results.push(await tell(deps, item, answers.get(item)));
    else results.push(badResult(item));
  }
  return results;
}

async function tell(deps: MountDeps, item: Item, answer: Declared | undefined): Promise<Result> {
  if (!answer) throw new Error('The engine answers each write.');
  const owner = answer.verdict.code === 'unique_taken' ? await ownerOf(deps, item, answer) : undefined;
  return resultOf(item, { ...answer, owner }, deps.sha256);
}

/** The record that has the number which an item was refused for. */
async function ownerOf(
  { engine, scope, sha256, ...deps }: MountDeps,
  { kind, content }: Item,
  { verdict }: Declared,
): Promise<StoredRecord | undefined> {
  const group = groupIn(verdict);
  const value = uniqueValue(content, group.split(','), sha256);
  if (value === undefined) return undefined;
  return engine.inspect.owner(scope, { collection: collectionOf(deps, kind), group, value });
}

/** What other devices wrote behind a stamp, with the stamp to go on from. */
async function pull(
  deps: MountDeps,
  caller: Caller,
  since: number,
): Promise<{ updates: Updates; nextSyncToken: string; hasMore: boolean }> {
  const { head, stamp, records, more } = await readPage(deps, caller, { since, notedAs });
  const { sha256, clock } = deps;
  const updates = updatesOf(records, { device: caller.device, kindOf: kindsOf(deps), sha256 });
  const next = head === 0 ? stampOfNothing(since, clock.wallMs()) : stamp;
  return { updates, nextSyncToken: String(next), hasMore: more };
}

/** Throws RequestError `forbidden` for who may not read. */
async function readPage(
  { engine, scope, collections }: MountDeps,
  caller: Caller,
  { since, ...named }: { since: number; notedAs?: string },
): Promise<PullResult> {
  const page = await engine.pull(caller, scope, {
    after: { stamp: since },
    collections: [...collections.values()].map(({ collection }) => collection),
    recordsMax: itemsMax,
    ...named,
  });
  if (rightIn(page.grants, scope) === 'none') throw new RequestError('forbidden', { field: 'scope' });
  return page;
}

function kindsOf({ collections }: Pick<MountDeps, 'collections'>): ReadonlyMap<string, Kind> {
  return new Map(
    kinds.flatMap((kind) => {
      const mounted = collections.get(kind);
      return mounted ? [[mounted.collection, kind] as const] : [];
    }),
  );
}

function collectionOf({ collections }: Pick<MountDeps, 'collections'>, kind: Kind): string {
  return collections.get(kind)?.collection ?? kind;
}
