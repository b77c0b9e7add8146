// The public face of `holdfast`, as one list: a change of it is a change for its users.

import { expect, test } from 'vitest';
import * as face from './index.ts';

test('what a config file can import', () => {
  expect(Object.keys(face).sort()).toEqual([
    'ConfigError',
    'defineConfig',
    'defineSchema',
    'presetOptions',
    'z',
  ]);
});
