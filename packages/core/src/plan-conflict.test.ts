// The whole conflict policy as one table. Each row names policies, what a device does, and what another device has done since; and
// tells the verdict of a request and of a fact, what the record is then, and the fields of the conflict that is logged.
//
// The record is { name: 'N0', note: 'O0', stock: 10 } (stock is a counter) and written here as `N0 O0 10`; a deleted one is `dead`, one
// that never was `none`. The device gives the name `NA`: by patch, or by put of { NA, O0, 10 } that says it replaced the name; or it deletes
// the record; or it adds 1 to the stock. A policy with `.` is the policy of the field `name`, in a collection that asks otherwise.

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Change } from './change.ts';
import { add, del, morning, mutation, patch, put, TestScope } from './plan.fixture.ts';
import {
  type CollectionKind,
  defineSchema,
  type FieldPolicyName,
  type RecordPolicy,
  type Schema,
} from './schema.ts';

// What the other device has done since; `+`: later than this device, by the clocks.
const states = [
  ...['alone', 'seen', 'equal', 'same', 'same+', 'other', 'other+', 'counter'],
  ...['deleted', 'gone', 'absent'],
] as const;
const policies = [
  ...['merge', 'server', 'client', 'newest', 'ask', 'f(server)', 'f(client)', 'f(ask)', 'f(set)'],
  ...['.server', '.client', '.newest', '.max', '.min', '.union'],
] as const;
const changes = ['patch', 'put', 'delete', 'add'] as const;
type State = (typeof states)[number];
type Policy = (typeof policies)[number];
type ChangeName = (typeof changes)[number];

const table = `
policies                            | change        | since                         | request  | fact     | record   | logged
------------------------------------|---------------|-------------------------------|----------|----------|----------|----------
*                                   | patch put     | alone equal seen              | applied  | applied  | NA O0 10 |
*                                   | patch put     | counter                       | applied  | applied  | NA O0 15 |
*                                   | add           | alone                         | applied  | applied  | N0 O0 11 |
*                                   | add           | equal                         | applied  | applied  | NA O0 11 |
*                                   | add           | seen same same+               | applied  | applied  | NB O0 11 |
*                                   | add           | other other+                  | applied  | applied  | N0 OB 11 |
*                                   | add           | counter                       | applied  | applied  | N0 O0 16 |
merge                               | patch put     | same                          | merged   | merged   | NA O0 10 | name
merge                               | patch put     | same+                         | merged   | merged   | NB O0 10 | name
merge                               | patch put     | other other+                  | applied  | applied  | NA OB 10 |
server f(server)                    | patch put     | same same+                    | merged   | merged   | NB O0 10 | name
server f(server)                    | patch put     | other other+                  | merged   | merged   | N0 OB 10 | note
client f(client)                    | patch put     | same same+                    | merged   | merged   | NA O0 10 | name
client f(client)                    | patch         | other other+                  | merged   | merged   | NA OB 10 | note
client f(client)                    | put           | other other+                  | merged   | merged   | NA O0 10 | note
newest                              | patch put     | same                          | merged   | merged   | NA O0 10 | name
newest                              | patch put     | same+                         | merged   | merged   | NB O0 10 | name
newest                              | patch         | other                         | merged   | merged   | NA OB 10 | note
newest                              | put           | other                         | merged   | merged   | NA O0 10 | note
newest                              | patch put     | other+                        | merged   | merged   | N0 OB 10 | note
f(set)                              | patch put     | same same+                    | merged   | merged   | NS O0 10 | name
f(set)                              | patch put     | other other+                  | merged   | merged   | NS OB 10 | note
ask f(ask)                          | patch put     | same same+                    | conflict | excepted | NB O0 10 | name open
ask f(ask)                          | patch put     | other other+                  | conflict | excepted | N0 OB 10 | note open
.server                             | patch put     | same same+                    | merged   | merged   | NB O0 10 | name
.client                             | patch put     | same same+                    | merged   | merged   | NA O0 10 | name
.newest .union                      | patch put     | same                          | merged   | merged   | NA O0 10 | name
.newest .union                      | patch put     | same+                         | merged   | merged   | NB O0 10 | name
.max                                | patch put     | same same+                    | merged   | merged   | NB O0 10 | name
.min                                | patch put     | same same+                    | merged   | merged   | NA O0 10 | name
.server .client .newest .max .min .union | patch put | other other+                 | applied  | applied  | NA OB 10 |
*                                   | delete        | alone seen                    | applied  | applied  | dead     |
EVERY                               | delete        | equal same same+              | merged   | merged   | dead     | name
EVERY                               | delete        | other other+                  | merged   | merged   | dead     | note
EVERY                               | delete        | counter                       | merged   | merged   | dead     | stock
ASKING                              | delete        | equal                         | conflict | excepted | NA O0 10 | name open
ASKING                              | delete        | same same+                    | conflict | excepted | NB O0 10 | name open
ASKING                              | delete        | other other+                  | conflict | excepted | N0 OB 10 | note open
ASKING                              | delete        | counter                       | conflict | excepted | N0 O0 15 | stock open
EVERY                               | patch put     | deleted                       | merged   | excepted | dead     | name
EVERY                               | add           | deleted                       | merged   | excepted | dead     | stock
ASKING                              | patch put     | deleted                       | conflict | excepted | dead     | name open
ASKING                              | add           | deleted                       | conflict | excepted | dead     | stock open
*                                   | delete        | deleted gone                  | applied  | applied  | dead     |
*                                   | delete        | absent                        | applied  | applied  | none     |
*                                   | put           | gone absent                   | applied  | applied  | NA O0 10 |
*                                   | patch add     | gone                          | rejected | excepted | dead     | - fact
*                                   | patch add     | absent                        | rejected | excepted | none     | - fact
`;

interface Row {
  policy: Policy;
  change: ChangeName;
  state: State;
  verdict: { request: string; fact: string };
  record: string;
  /** Empty: nothing is logged. */
  fields: readonly string[] | null;
  open: boolean;
  /** Logged for a fact alone: a request is refused and lies in the quarantine. */
  factOnly: boolean;
}

// A delete wins under every policy but `ask`.
const asking: readonly Policy[] = ['ask', '.server', '.client', '.newest', '.max', '.min', '.union'];
const groups: Record<string, readonly Policy[]> = {
  '*': policies,
  ASKING: asking,
  EVERY: policies.filter((policy) => !asking.includes(policy)),
};

const rows: readonly Row[] = table
  .trim()
  .split('\n')
  .slice(2)
  .flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim());
    const [who = '', what = '', since = '', request = '', fact = '', record = '', logged = ''] = cells;
    const words = logged.split(' ').filter((word) => word !== '');
    const fields = words.filter((word) => !['open', 'fact', '-'].includes(word));
    const row = {
      verdict: { request, fact },
      record,
      open: words.includes('open'),
      factOnly: words.includes('fact'),
    };
    return (groups[who] ?? (who.split(/ +/) as Policy[])).flatMap((policy) =>
      (what.split(/ +/) as ChangeName[]).flatMap((change) =>
        (since.split(/ +/) as State[]).map((state) => ({
          ...{ ...row, policy, change, state },
          fields: words.length === 0 ? null : fields,
        })),
      ),
    );
  });

test('the table names every combination of policy, change and state once', () => {
  const named = rows.map(({ policy, change, state }) => `${policy} ${change} ${state}`).sort();
  const all = policies.flatMap((policy) =>
    changes.flatMap((change) => states.map((state) => `${policy} ${change} ${state}`)),
  );
  expect(named).toEqual(all.sort());
});

describe.each(['request', 'fact'] as const)('a %s', (kind) => {
  test.each(policies)('under %s', (policy) => {
    const wanted: string[] = [];
    const found: string[] = [];
    for (const row of rows.filter((other) => other.policy === policy)) {
      const logged =
        row.fields === null || (row.factOnly && kind === 'request') ? 'nothing' : row.fields.join(' ');
      const state = logged === 'nothing' ? '' : row.open ? 'open' : 'settled';
      wanted.push(
        `${row.change} ${row.state}: ${row.verdict[kind]}, ${row.record}, logged ${logged} ${state}`,
      );
      found.push(`${row.change} ${row.state}: ${play(kind, row)}`);
    }
    expect(found).toEqual(wanted);
  });
});

/** Plays one row, checks what every row has in common, and tells what happened as the table does. */
function play(kind: CollectionKind, { policy, change, state }: Row): string {
  const scope = new TestScope(schemas.get(`${kind} ${policy}`) ?? schemaFor(kind, policy));
  const start = { name: 'N0', note: 'O0', stock: 10 };
  if (state !== 'absent') scope.replica('z').push(put('things', 'r', start));
  const theirs = theirChange(state);
  const madeAt = morning + (state.endsWith('+') ? 2_000 : 0);
  if (theirs) scope.replica('b').send(mutation([theirs], { madeAt }));
  const server = scope.body('things', 'r') ?? null;
  const before = scope.record('things', 'r')?.seq;
  const made = ownChange(change, state);
  const verdict = scope.replica('a').send(mutation([made], { madeAt: morning + 1_000 }));
  const after = scope.record('things', 'r')?.seq;
  // A record that stays as it was has no new version, and the mutation no seq.
  expect(verdict.seq).toBe(after === before ? undefined : after);
  const [conflict, second] = scope.conflicts();
  expect(second).toBeUndefined();
  if (!conflict) return `${verdict.verdict}, ${shown(scope)}, logged nothing `;
  // Base and both sides, each whole.
  expect(conflict).toMatchObject({ collection: 'things', record: 'r', server, changes: [made] });
  for (const field of conflict.fields) expect(conflict.base).toHaveProperty(field, start[field as 'name']);
  const names = [
    ...(verdict.merged ?? []).map((merge) => merge.conflict),
    ...(verdict.exceptions ?? []).flatMap((exception) => exception.conflict ?? []),
    ...(verdict.conflicts ?? []),
  ];
  expect(names).toContain(conflict.id);
  if (verdict.verdict === 'merged') expect(verdict.merged).toMatchObject([{ fields: conflict.fields }]);
  return `${verdict.verdict}, ${shown(scope)}, logged ${conflict.fields.join(' ')} ${conflict.state}`;
}

describe('besides the table', () => {
  const merge = () => new TestScope(schemaFor('request', 'merge'));

  test('a field that somebody removed counts for a policy over the whole record', () => {
    const fields = z.object({ name: z.string(), note: z.string().optional() });
    const scope = new TestScope(
      defineSchema({ version: 1, collections: { things: { kind: 'request', fields, policy: 'server' } } }),
    );
    scope.replica('z').push(put('things', 'r', { name: 'N0', note: 'O0' }));
    scope.replica('b').push(patch('things', 'r', {}, { base: 1, unset: ['note'] }));
    expect(scope.replica('a').push(patch('things', 'r', { name: 'NA' }, { base: 1 })).merged).toMatchObject([
      { fields: ['note'] },
    ]);
    expect(scope.body('things', 'r')).toEqual({ name: 'N0' });
  });

  test.each(['merge', 'newest'] as const)(
    'made at the same time, the later arrival is the newer one (%s)',
    (policy) => {
      const scope = new TestScope(schemaFor('request', policy));
      scope.replica('z').push(put('things', 'r', { name: 'N0', note: 'O0' }));
      scope.replica('b').push(patch('things', 'r', { name: 'NB' }, { base: 1 }));
      scope.replica('a').push(patch('things', 'r', { name: 'NA' }, { base: 1 }));
      expect(scope.body('things', 'r')?.name).toBe('NA');
    },
  );

  test('a put that does not say what it replaced names every field: those that it omits go, if its schema knows them', () => {
    const scope = merge();
    scope.replica('z').push(put('things', 'r', { name: 'N0', note: 'O0', other: 1 }));
    scope.replica('b').push(patch('things', 'r', { note: 'OB' }, { base: 1 }));
    expect(
      scope.replica('a').push(put('things', 'r', { name: 'NA', note: 'O0' }, { base: 1 })).merged,
    ).toMatchObject([{ fields: ['note'] }]);
    expect(scope.body('things', 'r')).toEqual({ name: 'NA', note: 'O0', other: 1 });
  });

  test('a record that two devices put under one id is merged, and not in silence', () => {
    const scope = merge();
    scope.replica('b').push(put('things', 'r', { name: 'NB', note: 'O', stock: 1 }));
    const verdict = scope.replica('a').push(put('things', 'r', { name: 'NA', note: 'O', stock: 2 }));
    expect(verdict.merged).toMatchObject([{ fields: ['name'], conflict: 1 }]);
    expect(scope.conflict(1)).toMatchObject({ server: { name: 'NB' }, changes: [{ body: { name: 'NA' } }] });
    expect(scope.body('things', 'r')).toEqual({ name: 'NA', note: 'O', stock: 3 });
  });

  test('the base is looked up in history where the writer did not carry it, and a policy function is told', () => {
    const told: unknown[] = [];
    const policy: RecordPolicy = ({ base, fields }) => {
      told.push({ base, fields });
      return 'client';
    };
    const fields = z.object({ name: z.string(), note: z.string() });
    const scope = new TestScope(
      defineSchema({ version: 1, collections: { things: { kind: 'request', fields, policy } } }),
    );
    scope.replica('z').push(put('things', 'r', { name: 'N0', note: 'O0' }));
    scope.replica('b').push(patch('things', 'r', { note: 'OB', name: 'NB' }, { base: 1 }));
    scope.replica('a').push(patch('things', 'r', { name: 'NA' }, { base: 1 }));
    expect(told.at(-1)).toEqual({ base: { name: 'N0', note: 'O0' }, fields: ['name', 'note'] });
    expect(scope.conflict(1).base).toEqual({ name: 'N0', note: 'O0' });
  });

  test('a policy function is asked about two live records alone: a delete wins over it without a question', () => {
    const asked: unknown[] = [];
    const policy: RecordPolicy = (question) => {
      asked.push(question);
      throw new Error('It was not meant to be asked.');
    };
    const fields = z.object({ name: z.string() });
    const schema = defineSchema({ version: 1, collections: { things: { kind: 'request', fields, policy } } });
    const [edit, remove] = [patch('things', 'r', { name: 'N' }, { base: 1 }), del('things', 'r', 1)];
    for (const [theirs, own] of [
      [edit, remove],
      [remove, edit],
    ] as const) {
      const scope = new TestScope(schema);
      scope.replica('z').push(put('things', 'r', { name: 'N0' }));
      scope.replica('b').push(theirs);
      expect(scope.replica('a').push(own).verdict).toBe('merged');
      expect(scope.body('things', 'r')).toBeNull();
    }
    expect(asked).toEqual([]);
  });

  test('nobody is asked when nothing is concurrent: neither a function, nor a person, nor the clocks', () => {
    const never: RecordPolicy = () => {
      throw new Error('It was not meant to be asked.');
    };
    for (const policy of [never, 'ask', 'server', 'newest'] as const) {
      const fields = z.object({ name: z.string(), note: z.string().optional() });
      const scope = new TestScope(
        defineSchema({ version: 1, collections: { things: { kind: 'request', fields, policy } } }),
      );
      scope.replica('z').push(put('things', 'r', { name: 'N0' }));
      scope.replica('b').push(patch('things', 'r', { name: 'NB' }, { base: 1 }));
      const a = scope.replica('a');
      // In sight of all; on what it wrote itself; to the value that another gave.
      for (const change of [
        patch('things', 'r', { name: 'NA' }, { base: 2 }),
        patch('things', 'r', { name: 'NA2', note: 'O' }, { base: 2 }),
        patch('things', 'r', { note: 'OA' }, { base: 2 }),
      ])
        expect(a.send(mutation([change], { madeAt: 1 })).verdict).toBe('applied');
      expect(scope.replica('b').push(patch('things', 'r', { name: 'NA2' }, { base: 5 })).verdict).toBe(
        'applied',
      );
      expect(scope.replica('c').push(del('things', 'r', 5)).verdict).toBe('applied');
      expect(scope.conflicts()).toEqual([]);
    }
  });

  test('what history has lost is missing from the base, and all else is as always', () => {
    const scope = merge();
    scope.replica('z').push(put('things', 'r', { name: 'N0', note: 'O0' }));
    scope.replica('b').push(patch('things', 'r', { name: 'NB' }, { base: 1 }));
    scope.loseHistory();
    expect(scope.replica('a').push(patch('things', 'r', { name: 'NA' }, { base: 1 })).verdict).toBe('merged');
    expect(scope.conflict(1)).toMatchObject({ base: {}, server: { name: 'NB', note: 'O0' } });
  });

  test('a version that the scope has not reached is none that anybody saw', () => {
    const scope = merge();
    scope.replica('z').push(put('things', 'r', { name: 'N0', note: 'O0' }));
    const change = patch('things', 'r', { name: 'NA' }, { base: 99 });
    expect(scope.replica('a').push(change)).toMatchObject({
      verdict: 'merged',
      merged: [{ fields: ['name'] }],
    });
    expect(scope.replica('b').push(del('things', 'r', 99)).verdict).toBe('merged');
  });

  test('a writer is judged by each field’s last write, not by who wrote the record last', () => {
    const scope = merge();
    scope.replica('z').push(put('things', 'r', { name: 'N0', note: 'O0' }));
    scope.replica('b').push(patch('things', 'r', { name: 'NB' }, { base: 1 }));
    scope.replica('a').push(patch('things', 'r', { note: 'OA' }, { base: 1 }));
    // The record's last writer is this device itself, and yet the name is another's.
    expect(scope.replica('a').push(patch('things', 'r', { name: 'NA' }, { base: 1 })).verdict).toBe('merged');
    // And its own write of the name is no conflict with its next.
    expect(scope.replica('a').push(patch('things', 'r', { name: 'NA2' }, { base: 1 })).verdict).toBe(
      'applied',
    );
  });

  test('a device that deletes and puts again offline does not conflict with itself; one that did not see the delete does', () => {
    const scope = merge();
    scope.replica('a').push(put('things', 'r', { name: 'N0', note: 'O0' }));
    scope.replica('a').push(del('things', 'r', 1));
    expect(scope.replica('b').push(put('things', 'r', { name: 'NB', note: 'OB' }, { base: 1 })).verdict).toBe(
      'merged',
    );
    expect(scope.body('things', 'r')).toBeNull();
    expect(scope.replica('a').push(put('things', 'r', { name: 'N1', note: 'O1' }, { base: 1 })).verdict).toBe(
      'applied',
    );
    expect(scope.body('things', 'r')).toEqual({ name: 'N1', note: 'O1' });
  });
});

function theirChange(state: State): Change | null {
  switch (state) {
    case 'alone':
    case 'absent':
      return null;
    case 'equal':
      return patch('things', 'r', { name: 'NA' }, { base: 1, replaced: { name: 'N0' } });
    case 'seen':
    case 'same':
    case 'same+':
      return patch('things', 'r', { name: 'NB' }, { base: 1, replaced: { name: 'N0' } });
    case 'other':
    case 'other+':
      return patch('things', 'r', { note: 'OB' }, { base: 1, replaced: { note: 'O0' } });
    case 'counter':
      return add('things', 'r', { stock: 5 }, 1);
    case 'deleted':
    case 'gone':
      return del('things', 'r', 1);
  }
}

/** Made in sight of what the other device did, of the record before that, or of nothing. */
function ownChange(change: ChangeName, state: State): Change {
  const base = state === 'seen' || state === 'gone' ? 2 : state === 'absent' ? 0 : 1;
  const replaced = { name: state === 'seen' ? 'NB' : 'N0' };
  switch (change) {
    case 'patch':
      return patch('things', 'r', { name: 'NA' }, { base, replaced });
    case 'put': {
      const isNew = state === 'gone' || state === 'absent';
      return put(
        'things',
        'r',
        { name: 'NA', note: 'O0', stock: 10 },
        { base, ...(isNew ? {} : { replaced }) },
      );
    }
    case 'delete':
      return del('things', 'r', base);
    case 'add':
      return add('things', 'r', { stock: 1 }, base);
  }
}

const schemas = new Map<string, Schema>();

function schemaFor(kind: CollectionKind, policy: Policy): Schema {
  const functions: Record<string, RecordPolicy> = {
    'f(server)': () => 'server',
    'f(client)': () => 'client',
    'f(ask)': () => 'ask',
    'f(set)': () => ({ set: { name: 'NS' } }),
  };
  const ofField = policy.startsWith('.')
    ? { fieldPolicies: { name: policy.slice(1) as FieldPolicyName } }
    : {};
  const ofRecord = policy.startsWith('.') ? 'ask' : (functions[policy] ?? (policy as RecordPolicy));
  const fields = z.object({ name: z.string(), note: z.string(), stock: z.number().optional() });
  const schema = defineSchema({
    version: 1,
    collections: { things: { kind, fields, policy: ofRecord, counters: { stock: {} }, ...ofField } },
  });
  schemas.set(`${kind} ${policy}`, schema);
  return schema;
}

function shown(scope: TestScope): string {
  const body = scope.body('things', 'r');
  if (body === undefined) return 'none';
  return body === null ? 'dead' : `${body.name} ${body.note} ${body.stock}`;
}
