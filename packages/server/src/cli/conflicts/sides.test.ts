// A conflict as it is compared, field by field.

import { expect, test } from 'vitest';
import { type Compared, compareSides, sidesText } from './sides.ts';

const target = { collection: 'items', id: 'a', base: 1 };
const conflict: Compared = {
  fields: ['name'],
  base: { name: 'Tea', note: null },
  changes: [
    { type: 'patch', ...target, set: { name: 'Green tea' }, unset: ['note'], replaced: {} },
    { type: 'add', ...target, amounts: { stock: -2 } },
    { type: 'add', ...target, amounts: { stock: 0.5 } },
  ],
  server: { name: 'Black tea', stock: 4 },
  now: { name: 'Chai' },
};

test('what is in dispute comes first and is marked; then what else the device changed', () => {
  expect(compareSides(conflict)).toEqual([
    ...[
      {
        field: 'name',
        disputed: true,
        base: '"Tea"',
        device: '"Green tea"',
        server: '"Black tea"',
        now: '"Chai"',
      },
    ],
    ...[{ field: 'note', disputed: false, base: 'null', device: '–', server: '–', now: '–' }],
    ...[{ field: 'stock', disputed: false, base: '', device: '-2 +0.5', server: '4', now: '–' }],
  ]);
});

test.each([
  ['a put that gives it', { type: 'put', ...target, body: { name: 'P' } }, '"P"'],
  ['a put that leaves it out', { type: 'put', ...target, body: {} }, '–'],
  ['a put that did not change it', { type: 'put', ...target, body: {}, replaced: {} }, '"Green tea"'],
  ['a delete', { type: 'delete', ...target }, '(deleted)'],
] as const)('the last change counts: %s', (_what, change, device) => {
  const [name] = compareSides({
    ...conflict,
    changes: [...conflict.changes, change],
    server: null,
    now: null,
  });
  expect(name).toMatchObject({ device, server: '(deleted)', now: '(deleted)' });
});

test('side by side where there is room, else one below the other; now only if it moved', () => {
  const compared = compareSides({
    ...conflict,
    changes: conflict.changes.slice(0, 1),
    base: { name: 'Tea' },
  });
  expect(sidesText(compared, { columns: 80, moved: false }).split('\n')).toEqual([
    '   FIELD  BASE   DEVICE       SERVER',
    '*  name   "Tea"  "Green tea"  "Black tea"',
    '   note          –            –',
  ]);
  expect(sidesText(compared, { columns: undefined, moved: true })).toContain('SERVER       NOW');
  expect(sidesText(compared, { columns: 30, moved: true }).split('\n')).toEqual([
    '* name',
    '    base    "Tea"',
    '    device  "Green tea"',
    '    server  "Black tea"',
    '    now     "Chai"',
    '  note',
    '    base',
    '    device  –',
    '    server  –',
    '    now     –',
  ]);
});

test('a long value is cut, and nothing in it moves the cursor', () => {
  const [name] = compareSides({ ...conflict, now: { name: 'x'.repeat(5_000) } });
  expect(name?.now).toMatch(/^"x{999}… \(5002 characters\)$/);
  const text = sidesText(compareSides({ ...conflict, fields: ['\u001b[2J'] }), { columns: 10, moved: false });
  expect(text).not.toContain('\u001b');
});
