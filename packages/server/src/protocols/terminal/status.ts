// How far terminals are, from the server's own knowledge of what each was sent, and what each said of its outbox.

import type { Engine } from '../../engine/engine.ts';
import type { MountDeps } from '../mount.ts';
import { timeText } from '../time.ts';
import type { AllStatus, Counts, Status } from './answers.ts';
import type { Entities } from './entities.ts';
import { readingOf } from './pull.ts';
import type { Terminal, Terminals } from './terminals.ts';
import { writerOf } from './translate.ts';

export type StatusDeps = Pick<MountDeps, 'scope'> & {
  engine: Pick<Engine, 'inspect' | 'readTo'>;
  entities: Entities;
  terminals: Terminals;
};

export async function statusOfOne(deps: StatusDeps, terminalId: string): Promise<Status> {
  const terminal = await deps.terminals.find(terminalId);
  const tables = await tablesOf(deps, terminal, await knownTypes(deps));
  return { ...about(terminal), ...summed(tables) };
}

/** Of all terminals together, and of each in a line. */
export async function statusOfAll(deps: StatusDeps): Promise<AllStatus> {
  const all = await deps.terminals.all();
  const types = await knownTypes(deps);
  const sums = new Map(types.map((type) => [type, { ...nothing }]));
  const terminals: AllStatus['terminals'] = [];
  for (const terminal of all) {
    const tables = await tablesOf(deps, terminal, types);
    for (const [type, counts] of tables) sums.set(type, added(sums.get(type) ?? nothing, counts));
    terminals.push({ ...about(terminal), totals: totalOf(tables) });
  }
  return { ...summed(sums), terminals };
}

function about({ terminalId, status, heardAt }: Terminal) {
  return { terminalId, status, lastSeen: heardAt === null ? null : timeText(heardAt) };
}

const nothing: Counts = { pending: 0, failed: 0, synced: 0, conflicts: 0 };

/** Those of the config, and those that terminals have named. */
async function knownTypes({ engine, scope, entities }: StatusDeps): Promise<readonly string[]> {
  const stored = (await engine.inspect.tally(scope)).flatMap(
    ({ collection }) => entities.type(collection) ?? [],
  );
  return [...new Set([...entities.declared, ...stored])];
}

async function tablesOf(
  { engine, scope, entities }: StatusDeps,
  { terminalId, outbox }: Terminal,
  known: readonly string[],
): Promise<ReadonlyMap<string, Counts>> {
  const types = [...new Set([...known, ...Object.keys(outbox)])];
  const seqOf = async (as: string): Promise<number> => {
    const { sent, confirmed } = await engine.readTo(scope, terminalId, { as });
    return Math.max(sent, confirmed);
  };
  const ofAll = await seqOf(readingOf());
  const asked: { type: string; collection: string; seq: number }[] = [];
  for (const type of types) {
    const collection = entities.collection(type);
    if (collection === undefined) continue;
    asked.push({ type, collection, seq: Math.max(ofAll, await seqOf(readingOf(type))) });
  }
  const unread = await engine.inspect.unread(scope, { writer: writerOf(terminalId), collections: asked });
  const tally = await engine.inspect.conflictTally(scope, terminalId);
  return new Map(
    types.map((type) => {
      const collection = asked.find((one) => one.type === type)?.collection;
      const found = unread.find((one) => one.collection === collection);
      const said = outbox[type] ?? { pending: 0, failed: 0 };
      const counts = {
        pending: (found?.unread ?? 0) + said.pending,
        failed: said.failed,
        synced: (found?.live ?? 0) - (found?.unreadLive ?? 0),
        conflicts: tally.find((one) => one.collection === collection)?.open ?? 0,
      };
      return [type, counts];
    }),
  );
}

function added(a: Counts, b: Counts): Counts {
  return {
    pending: a.pending + b.pending,
    failed: a.failed + b.failed,
    synced: a.synced + b.synced,
    conflicts: a.conflicts + b.conflicts,
  };
}

function totalOf(tables: ReadonlyMap<string, Counts>): Counts {
  return [...tables.values()].reduce(added, nothing);
}

function summed(tables: ReadonlyMap<string, Counts>): Pick<Status, 'tables' | 'totals' | 'summary'> {
  const having = (what: keyof Counts): number =>
    [...tables.values()].filter((counts) => counts[what] > 0).length;
  return {
    tables: Object.fromEntries(tables),
    totals: totalOf(tables),
    summary: {
      totalTables: tables.size,
      tablesWithPending: having('pending'),
      tablesWithFailed: having('failed'),
      tablesWithSynced: having('synced'),
      tablesWithConflicts: having('conflicts'),
    },
  };
}
