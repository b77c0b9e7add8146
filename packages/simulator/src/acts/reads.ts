// What an application reads must be what the disk holds. The answers are worked out afresh from all records, with no index, and
// compared when the disk has not changed meanwhile.

import { sorted } from '../history.ts';
import { stageOf } from '../shown.ts';
import type { Act, Choice, Hands } from './act.ts';

interface Shown {
  id: string;
  [field: string]: unknown;
}

/** Compares an answer with what `expected` says, unless the disk changed while it was read. */
async function compare<Answer>(
  { stores, complain }: Hands,
  what: string,
  { ask, expected }: { ask: () => Promise<Answer>; expected: () => unknown },
): Promise<void> {
  const before = stores();
  const answer = textOf(await ask());
  if (before === undefined || stores() !== before) return;
  const truth = textOf(expected());
  if (answer !== truth) complain(`${what} answers ${answer}, and the disk says ${truth}`);
}

function textOf(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function recordsOf({ disk, scope }: Hands, collection: string): Shown[] {
  const found = disk
    .entries<{ body: object }>('records', [scope.name, collection])
    .map(({ key, value }): Shown => ({ ...value.body, id: key[2] ?? '' }));
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function list({ draw, records }: Choice): Act {
  const of = draw.pick(['items', 'accounts', 'notes', 'bookings', 'sales', 'rates'] as const);
  const [limit, after] = [1 + draw.below(6), draw.chance(0.5) ? `${of[0]}${draw.below(records)}` : ''];
  return {
    name: `lists ${limit} of ${of}`,
    run: (hands) =>
      compare(hands, `list(${of})`, {
        ask: () => hands.scope.collection(of).list({ limit, ...(after === '' ? {} : { after }) }),
        expected: () =>
          recordsOf(hands, of)
            .filter(({ id }) => id > after)
            .slice(0, limit),
      }),
  };
}

/** A question as the reference reads it: one condition, one order, a limit. */
interface Question {
  of: 'items' | 'bookings' | 'sales';
  field: string;
  eq?: unknown;
  gte?: number;
  lt?: number;
  orderBy: string;
  direction: 'asc' | 'desc';
  limit: number;
}

export function where({ draw, records }: Choice): Act {
  const ends = { direction: draw.pick(['asc', 'desc'] as const), limit: 1 + draw.below(5) };
  const low = draw.below(80);
  const question: Question = draw.pick([
    { ...ends, of: 'items', field: 'price', gte: low, lt: low + 30, orderBy: 'price' },
    { ...ends, of: 'items', field: 'sku', eq: draw.pick(['sku 0', 'sku 1', null]), orderBy: 'name' },
    { ...ends, of: 'items', field: 'shelf', eq: `s${draw.below(records)}`, orderBy: 'quantity' },
    { ...ends, of: 'bookings', field: 'room', eq: `room ${draw.below(2)}`, orderBy: 'slot' },
    { ...ends, of: 'bookings', field: 'slot', gte: 1, lt: 3, orderBy: 'guest' },
    { ...ends, of: 'sales', field: 'item', eq: `i${draw.below(records)}`, orderBy: 'amount' },
  ]);
  return {
    name: `asks for ${question.limit} of ${question.of} by ${question.field}`,
    run: (hands) =>
      compare(hands, `where(${JSON.stringify(question)})`, {
        ask: () => ask(hands, question),
        expected: () => answerTo(question, recordsOf(hands, question.of)),
      }),
  };
}

function ask(
  { scope }: Hands,
  { of, field, eq, gte, lt, orderBy, direction, limit }: Question,
): Promise<unknown> {
  const condition = eq === undefined ? { gte, lt } : eq;
  // The question is one for any collection; its types are those of one.
  const query = { where: { [field]: condition }, orderBy: [{ field: orderBy, direction }], limit };
  return scope.collection(of).where(query as never);
}

function answerTo(
  { field, eq, gte = 0, lt = 0, orderBy, direction, limit }: Question,
  all: Shown[],
): Shown[] {
  const fits = (value: unknown): boolean =>
    eq === undefined ? typeof value === 'number' && value >= gte && value < lt : (value ?? null) === eq;
  const sign = direction === 'asc' ? 1 : -1;
  return all
    .filter((record) => fits(record[field]))
    .sort((a, b) => sign * (order(a[orderBy], b[orderBy]) || order(a.id, b.id)))
    .slice(0, limit);
}

/** Null first, then numbers, then texts; the reference has no others. */
function order(a: unknown, b: unknown): number {
  const [x, y] = [a ?? null, b ?? null];
  const rank = (value: unknown): number => (value === null ? 0 : typeof value === 'number' ? 1 : 2);
  if (rank(x) !== rank(y)) return rank(x) - rank(y);
  if (x === y) return 0;
  return (x as number | string) < (y as number | string) ? -1 : 1;
}

/** The counts that the device shows. */
export function status(): Act {
  return {
    name: 'looks at the status',
    run: (hands) =>
      compare(hands, 'status()', {
        ask: async () => {
          const { pending, waiting, held, conflicts, quarantined, seq, open } = await hands.scope.status();
          return { pending, waiting, held, conflicts, quarantined, seq, open };
        },
        expected: () => countsOf(hands),
      }),
  };
}

function countsOf({ disk, scope: { name } }: Hands): object {
  const states = disk.entries<{ state: string }>('outbox', [name]).map(({ value }) => value.state);
  const progress = disk.get<{ seq: number }>('scopes', [name, 'progress']);
  const count = (state: string): number => states.filter((other) => other === state).length;
  return {
    pending: states.length - count('settled'),
    waiting: count('waiting'),
    held: count('held'),
    conflicts: disk
      .entries<{ state: string }>('conflicts', [name])
      .filter(({ value }) => value.state === 'open').length,
    quarantined: disk.entries('quarantine', [name]).length,
    seq: progress?.seq ?? 0,
    open: stageOf(disk, name)?.collections ?? [],
  };
}
