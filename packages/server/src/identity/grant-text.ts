// Grants as people and tokens write them: `shop-1` or `shop-1:read`.

import type { Grants } from '@holdfast/core';

export type Grant = Exclude<Grants, 'all'>[number];

/** Undefined for what names no scope. */
export function readGrant(text: string): Grant | undefined {
  const [, scope = '', right = 'write'] = /^(.*?)(?::(read|write))?$/s.exec(text) ?? [];
  if (scope === '' || scope.length > 200) return undefined;
  return { scope, right: right === 'read' ? 'read' : 'write' };
}
