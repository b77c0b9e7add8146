// How many holders of a unique value a plan has to be given: as many as its changes may take away, and the one that claims next.

import type { PlanItem } from './plan-item.ts';
import { type Needs, noNeeds, uniqueKey, type WorkingSet } from './working-set.ts';

/** Beside the owner. Held mutations count as soon as they are loaded: what is pushed or resolved may let them go. */
export function holdersMaxOf(items: readonly PlanItem[], sets: Iterable<WorkingSet>): number {
  let changes = 1;
  for (const item of items) {
    if (item.type === 'push')
      for (const { mutation } of item.mutations)
        for (const { type } of mutation.changes) changes += type === 'resolve' ? answerChanges : 1;
    if (item.type === 'resolve') changes += answerChanges;
  }
  for (const { held } of sets)
    for (const one of held.values()) changes += one ? one.mutation.changes.length : 0;
  return changes;
}

/** An answer writes one record, by a patch and an add. */
const answerChanges = 2;

/** The values of which a set that was loaded with `holdersMax` may not have all holders. */
export function holdersCut(set: WorkingSet, holdersMax: number): Needs {
  const needs = noNeeds();
  for (const holders of set.unique.values()) {
    const [first] = holders;
    if (!first || holders.length < holdersMax) continue;
    const { collection, group, value } = first;
    needs.unique.set(uniqueKey(collection, group, value), { collection, group, value });
  }
  return needs;
}
