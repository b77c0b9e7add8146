// Whether a proven caller may speak for the user whom it names.

import { RequestError } from '@holdfast/core';
import type { Caller, Standing } from '../../engine/engine.ts';
import { scopeOf } from './translate.ts';
import { type Sender, unauthenticated } from './wire.ts';

/** Who is at the other end of a socket. */
export interface Who {
  sender: Sender;
  scope: string;
  caller: Caller;
  standing: Standing;
}

/**
 * The caller as it speaks for this user. A token grants the scope of the user whom it names as `sub`, and nothing else; of a key its
 * grants decide, in the engine. Throws RequestError `unauthenticated`.
 */
export function speakingFor(caller: Caller, userId: string): Caller {
  const { token, actor } = caller;
  if (token === undefined) return caller;
  if (actor !== userId) throw unauthenticated();
  return { ...caller, token: { ...token, grants: [{ scope: scopeOf(userId), right: 'write' }] } };
}

/** Whether it says that the credential, or the device, is good for nothing here. */
export function isRefusal(error: unknown): error is RequestError {
  return error instanceof RequestError && refusals.has(error.code);
}

const refusals: ReadonlySet<string> = new Set(['unauthenticated', 'forbidden', 'device_revoked']);
