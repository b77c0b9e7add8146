// The value that follows calls across awaits, as Node has it.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { AsyncVariable } from '../inside.ts';

export function nodeAsyncVariable(): AsyncVariable {
  const local = new AsyncLocalStorage();
  return { run: (value, work) => local.run(value, work), get: () => local.getStore() };
}
