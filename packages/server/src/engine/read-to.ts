// How far a device has read a scope, whether that is written down or only noted yet.

import type { Store } from '../store/port.ts';
import { seqAt } from './pull.ts';
import { furthest, type Reading, type Reads } from './reads.ts';

/** `stamp`: the device comes back with this one now, and has therefore read up to it. */
export async function readTo(
  { store, reads }: { store: Pick<Store, 'read'>; reads: Reads },
  { scope, device }: { scope: string; device: string },
  { as, stamp }: { as: string; stamp?: number },
): Promise<Reading> {
  const { stored, confirmed } = await store.read(async (snapshot) => {
    const state = stamp === undefined ? undefined : await snapshot.scope(scope);
    const at = { head: state?.head ?? 0, stamp: state?.stamp ?? 0 };
    return {
      stored: await snapshot.reads(scope, device),
      confirmed: stamp === undefined ? 0 : await seqAt(snapshot, scope, { stamp, at }),
    };
  });
  const noted = reads.get(scope, device, as);
  const known = stored.find(({ collection }) => collection === as);
  if (confirmed > Math.max(noted.confirmed, known?.confirmed ?? 0))
    reads.note(scope, device, { sent: confirmed, confirmed }, as);
  return furthest([noted, known, { sent: confirmed, confirmed }]);
}
