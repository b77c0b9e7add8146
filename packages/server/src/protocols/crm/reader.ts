// Who may read the scope, asked where no page of the engine asks it.

import { RequestError } from '@holdfast/core';
import { rightIn } from '../../engine/access.ts';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps } from '../mount.ts';

/** Throws RequestError for who has no right to the scope. */
export async function checkReader(
  { engine, scope }: Pick<MountDeps, 'engine' | 'scope'>,
  caller: Caller,
): Promise<void> {
  const [standing] = await engine.standings([caller]);
  if (standing instanceof RequestError) throw standing;
  if (!standing || rightIn(standing.grants, scope) === 'none')
    throw new RequestError('forbidden', { field: 'scope' });
}
