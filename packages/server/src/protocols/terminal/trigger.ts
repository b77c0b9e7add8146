// A word to a terminal that it should sync. It carries no data.

import { z } from 'zod';

export const triggerMessage = z.object({
  type: z.enum(['FULL', 'INCREMENTAL']),
  reason: z.enum(['SERVER_RESTART', 'API', 'CHANGE']),
});
export type Trigger = z.infer<typeof triggerMessage>;

/** Of two that wait, one is enough: what asks for everything goes before what asks for a part, and the later before the earlier. */
export function joined(waiting: Trigger | undefined, next: Trigger): Trigger {
  return waiting?.type === 'FULL' && next.type === 'INCREMENTAL' ? waiting : next;
}
