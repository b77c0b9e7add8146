// Whatever goes wrong becomes a sentence, something to do, and an exit code.

import { RequestError } from '@holdfast/core';
import { CommanderError } from 'commander';
import { expect, test } from 'vitest';
import { ConfigError } from '../config-error.ts';
import { StoreError } from '../store/port.ts';
import { CommandError, failureOf } from './failure.ts';

test.each([
  [new CommandError('x', { message: 'M.', help: 'H.' }), { code: 'x', message: 'M.', help: 'H.', exit: 1 }],
  [
    new CommandError('x', { message: 'M.', help: 'H.', exit: 2 }),
    { code: 'x', message: 'M.', help: 'H.', exit: 2 },
  ],
  [
    new CommanderError(1, 'commander.x', 'error: unknown option'),
    { code: 'usage', message: 'unknown option.', exit: 2 },
  ],
  [new ConfigError('config_missing', { message: 'M.', help: 'H.' }), { code: 'config_missing', exit: 1 }],
  [
    new RequestError('storage_full', { field: 'f' }),
    { code: 'storage_full', field: 'f', exit: 1, help: expect.stringContaining('Free space') },
  ],
  [new StoreError('corrupt', 'M.'), { code: 'corrupt', message: 'M.', exit: 1 }],
  [
    Object.assign(new Error('x'), { code: 'ENOENT', path: 'a.csv' }),
    { code: 'ENOENT', message: 'a.csv does not exist.', exit: 1 },
  ],
])('%s', (error, failure) => {
  const found = failureOf(error);
  expect(found).toMatchObject(failure);
  expect(found.stack).toBeUndefined();
});

test('a bug says that it is one', () => {
  const found = failureOf(new TypeError('cannot read\nmore'));
  expect(found).toMatchObject({
    code: 'internal',
    exit: 1,
    message: expect.stringContaining('fault of holdfast itself: cannot read'),
  });
  expect(found.stack).toContain('TypeError');
});
