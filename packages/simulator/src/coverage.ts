// Which kinds of fault met which states of the protocol. A pair that a long run never reaches is a hole in what it has shown.

import { type FaultKind, faultKinds } from './faults.ts';
import { marks } from './marks.ts';
import type { SeriesResult } from './series.ts';
import { strangers } from './stranger.ts';

const exchange = ['first', 'pull', 'push', 'repeat'];
const doubt = ['push', 'repeat', 'live'];
const port = ['begin', 'read', 'write', 'commit'];
const process = ['reading alone', 'reading in exchange', 'writing alone', 'writing in exchange'];

const states: Record<FaultKind, readonly string[]> = {
  lose_request: exchange,
  lose_reply: exchange,
  duplicate: exchange,
  delay: exchange,
  truncate: exchange,
  portal: exchange,
  status_401: exchange,
  status_403: exchange,
  status_413: exchange,
  status_429: exchange,
  status_503: exchange,
  refuse_socket: ['open'],
  drop_socket: ['up', 'down'],
  slow_socket: ['down'],
  partition: ['up', 'down'],
  crash_device: process,
  power_cut: process,
  crash_server: ['begin', 'load', 'write', 'commit', 'committed', 'read'],
  die_in_doubt: doubt,
  end_in_doubt: doubt,
  disk_full: ['begin', 'write', 'commit'],
  disk_busy: port,
  store_full: ['begin', 'load', 'write', 'commit'],
  store_busy: ['begin', 'load', 'write', 'commit', 'read'],
  clock_wrong: ['start'],
  clock_drift: ['start'],
  clock_jump: ['up', 'down'],
  revoke_key: ['up', 'down'],
  end_scope: ['up', 'down'],
  read_only: ['up', 'down'],
  store_fsync: ['commit', 'committed'],
  disk_failed: port,
  freeze: ['alone', 'in exchange'],
  stranger: strangers,
  old_device: ['start'],
  upgrade_device: ['up', 'down'],
  old_server: ['start'],
  upgrade_server: ['act one'],
  set_back: ['other', 'half', 'sent', 'in doubt'],
  clone: ['as itself', 'as the other'],
};

export interface Coverage {
  /** `met`: a state of the product, whatever the faults. */
  kind: FaultKind | 'met';
  state: string;
  struck: number;
}

/** Every pair that can be met, and how often it was. `struck` is counted by `kind state`, `met` by the state. */
export function coverageOf({ struck, met }: Pick<SeriesResult, 'struck' | 'met'>): Coverage[] {
  const pairs = faultKinds.flatMap((kind) =>
    states[kind].map((state): Coverage => ({ kind, state, struck: struck[`${kind} ${state}`] ?? 0 })),
  );
  return [...pairs, ...marks.map((state): Coverage => ({ kind: 'met', state, struck: met[state] ?? 0 }))];
}
