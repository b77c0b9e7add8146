// What an exchange that brought no answer means for the sync loop. Decided by codes and statuses, never by texts.

import type { TransportReply } from './transport/port.ts';

/** Why the loop does not go on, for programs (`code`) and people. */
export interface Blocked {
  code: string;
  message: string;
  help?: string;
  field?: string;
  /** Facts that came with the code, such as the fork seq of `rolled_back`. */
  details?: Readonly<Record<string, string | number>>;
}

export type Refusal = {
  blocked: Blocked;
  /** The server says that it changed nothing: entries first sent in this exchange count as unsent again. */
  nothingDone: boolean;
} & (
  | { type: 'backoff'; cause: 'network' | 'server'; floorMs: number }
  /** Waits for new credentials, a newer server, or the user's `sync()`. */
  | { type: 'pause' }
  | { type: 'stop' }
  /** The batch cannot be taken as it is: cut it smaller; one that is alone is put aside. */
  | {
      type: 'recut';
      single: 'quarantine' | 'hold';
      /** A bare status, from a proxy perhaps: when there is no batch to cut, time may help, and nothing else. */
      bare: boolean;
    }
  /** The server knows the replica's id from somebody else: for certain, or unless the storage was advanced meanwhile. */
  | { type: 'stale'; certain: boolean }
  | { type: 'restart' }
);

export function refusalOf(reply: Exclude<TransportReply, { type: 'answer' }>): Refusal {
  switch (reply.type) {
    case 'unreachable':
      return offline({ code: 'unreachable', message: reply.reason });
    case 'foreign':
      return offline(unmarked(reply.status, 'foreign_answer'));
    case 'refused':
      return refused(reply);
  }
}

type Refused = Extract<TransportReply, { type: 'refused' }>;

/** Marked codes whose meaning does not follow from their status. */
function refused(reply: Refused): Refusal {
  const { status, error, retryAfterMs = 0 } = reply;
  const blocked = blockedBy(reply);
  // What a proxy refuses by itself never reached the server. A failure, of a gateway or of the server, may have come behind the
  // commit, and after one a proxy may send the same request once more.
  const nothingDone = status < 500;
  switch (error?.code) {
    case 'rolled_back':
      return { type: 'stop', blocked, nothingDone };
    case 'stale_batch':
      return { type: 'stale', certain: false, blocked, nothingDone };
    case 'forbidden':
      // The storage is a copy of another device's, or the device was renamed.
      if (error.field === 'replica') return { type: 'stale', certain: true, blocked, nothingDone };
      break;
    case 'bad_checkpoint':
      return { type: 'restart', blocked, nothingDone };
    case 'schema_unknown':
    case 'protocol_unknown':
    case 'not_found':
      return { type: 'pause', blocked, nothingDone };
  }
  const bare = error === undefined;
  if (status === 413) return { type: 'recut', single: 'quarantine', bare, blocked, nothingDone };
  if (status === 401 || status === 403 || status === 421) {
    // Without the marker it is no word of the server's about this device, and is gone with the network that said it.
    if (bare) return { type: 'backoff', cause: 'network', floorMs: retryAfterMs, blocked, nothingDone };
    return { type: 'pause', blocked, nothingDone };
  }
  // Not what was sent is to blame, but the line: a smaller batch, or a better moment, may get through.
  if (status === 408)
    return { type: 'backoff', cause: 'network', floorMs: retryAfterMs, blocked, nothingDone };
  if (status === 429 || status >= 500)
    return { type: 'backoff', cause: 'server', floorMs: retryAfterMs, blocked, nothingDone };
  return { type: 'recut', single: 'hold', bare, blocked, nothingDone };
}

function blockedBy({ status, error }: Refused): Blocked {
  if (!error) return unmarked(status, `http_${status}`);
  return {
    code: error.code,
    message: error.message,
    ...(error.help === undefined ? {} : { help: error.help }),
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

/** An answer without the protocol's marker: what came, and what may have sent it. */
function unmarked(status: number, code: string): Blocked {
  return {
    code,
    message: `HTTP ${status} came, without the marker of a Holdfast server.`,
    help: unmarkedHelp[status] ?? unmarkedHelp.any,
    details: { status },
  };
}

const unmarkedHelp: Readonly<Record<number, string>> & { any: string } = {
  401: 'A network that asks to sign in, or a proxy on the way that wants a password of its own.',
  403: 'A network that asks to sign in, or a proxy on the way that does not let this device through.',
  413: 'A proxy on the way takes no request of this size: raise its limit.',
  429: 'A proxy on the way takes no more requests for now.',
  502: 'A proxy on the way does not reach the server.',
  503: 'A proxy on the way does not reach the server, or the server is starting.',
  504: 'A proxy on the way waited too long for the server.',
  any: 'A network that asks to sign in, another program at this address, a wrong path in the address, or a proxy on the way.',
};

function offline(blocked: Blocked): Refusal {
  return { type: 'backoff', cause: 'network', floorMs: 0, blocked, nothingDone: false };
}
