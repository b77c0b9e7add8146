// Laws of `touched`, against an oracle that reads the whole history of the record, version by version:
// 1. With room for every field, exactly those fields are in conflict that somebody else was the last to write after the base.
// 2. When entries are folded for want of room, a field may be in conflict without need; one that is in conflict is never missed.
// 3. What is stored stays within its bound.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { equalJson } from './canonical.ts';
import { mutation, patch, put, TestScope } from './plan.fixture.ts';
import { defineSchema } from './schema.ts';
import { bodyOf } from './stored.ts';

const schema = defineSchema({
  version: 1,
  collections: { things: { kind: 'request', fields: z.object({}), policy: 'merge' } },
});
const edit = fc.record({
  who: fc.constantFrom('a', 'b', 'c'),
  /** How far back the base lies. */
  behind: fc.integer({ min: 0, max: 6 }),
  set: fc.dictionary(fc.constantFrom('f', 'g', 'h', 'i', '*'), fc.integer({ min: 0, max: 3 }), {
    minKeys: 1,
  }),
  unset: fc.subarray(['f', 'g', 'h']),
});

function conflictsBy(
  scope: TestScope,
  who: string,
  base: number,
  wanted: ReadonlyMap<string, unknown>,
): string[] {
  const versions = [
    ...scope.stored.history.map(({ record }) => record),
    ...scope.stored.records.values(),
  ].sort((a, b) => a.seq - b.seq);
  const last = new Map<string, { seq: number; writer: string }>();
  let before: Record<string, unknown> = {};
  for (const version of versions) {
    const body = bodyOf(version) ?? {};
    for (const field of new Set([...Object.keys(before), ...Object.keys(body)])) {
      const changed = !equalJson((before[field] ?? null) as never, body[field] ?? null);
      if (changed) last.set(field, { seq: version.seq, writer: version.writer });
    }
    before = body;
  }
  return [...wanted]
    .filter(([field, value]) => !equalJson((before[field] ?? null) as never, (value ?? null) as never))
    .filter(([field]) => {
      const write = last.get(field);
      return write !== undefined && write.seq > base && write.writer !== who;
    })
    .map(([field]) => field)
    .sort();
}

test.each([1, 2, 4, 1_000])('conflicts found with room for %d fields', (touchedFieldsMax) => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 14 }), (edits) => {
      const scope = new TestScope(schema, { limits: { touchedFieldsMax }, laws: false });
      scope.replica('z').push(put('things', 'r', { f: 0, g: 0 }));
      for (const { who, behind, set, unset } of edits) {
        const base = Math.max(0, scope.stored.state.head - behind);
        const removed = unset.filter((field) => !Object.hasOwn(set, field));
        const wanted = new Map<string, unknown>([
          ...Object.entries(set),
          ...removed.map((field) => [field, undefined] as const),
        ]);
        const expected = conflictsBy(scope, who, base, wanted);
        const { merged } = scope
          .replica(who)
          .send(mutation([patch('things', 'r', { ...set }, { base, unset: removed })]));
        const found = merged?.[0]?.fields ?? [];
        if (touchedFieldsMax === 1_000) expect(found).toEqual(expected);
        else expect(found).toEqual(expect.arrayContaining(expected));
        const { touched = '' } = scope.record('things', 'r') ?? {};
        expect(Object.keys(JSON.parse(touched || '{}')).length).toBeLessThanOrEqual(touchedFieldsMax + 1);
      }
    }),
    { numRuns: 60 },
  );
});
