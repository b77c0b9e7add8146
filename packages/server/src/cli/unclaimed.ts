// How people are told that values which should be unique are doubled: by a field that became unique later, or by facts.

import { unclaimedMax } from '../admin/admin.ts';
import type { Unclaimed } from '../store/port.ts';
import { numberText } from './terminal.ts';

/** One sentence for each group; nothing when all is well. */
export function unclaimedLines(unclaimed: readonly Unclaimed[]): string[] {
  const all = unclaimed.reduce((sum, { records }) => sum + records, 0);
  const least = all >= unclaimedMax ? 'at least ' : '';
  return unclaimed.map(({ collection, group, records }) => {
    const [who, hold] = records === 1 ? ['record', 'holds'] : ['records', 'hold'];
    const fields = group.split(',').join(' and ');
    return `${least}${numberText(records)} ${who} of ${collection} ${hold} a value of ${fields} that belongs to another record`;
  });
}

export const unclaimedHelp =
  'The earliest record owns the value, and new requests with it are rejected. Change the others, or take `unique` out of the schema.';
