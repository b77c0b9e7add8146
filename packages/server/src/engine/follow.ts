// What those who follow a scope are told without asking: one page for all of them, and what each of them may read.

import { type Grants, RequestError } from '@holdfast/core';
import type { Store, StoreSnapshot } from '../store/port.ts';
import { writeCheckpoint } from './checkpoint.ts';
import type { Caller, FollowBounds, FollowPosition, FollowRequest, FollowStep, Standing } from './engine.ts';
import { readGrants } from './pull.ts';

/** All that came behind `after`, from one snapshot. Without `after`: where the scope is now. */
export function follow(store: Store, scope: string, { after, bounds }: FollowRequest): Promise<FollowStep> {
  return store.read(async (snapshot) => {
    const { head = 0, stamp = 0 } = (await snapshot.scope(scope)) ?? {};
    const to = { seq: head, stamp, checkpoint: writeCheckpoint({ life: store.life.id, seq: head, stamp }) };
    const mark = await readIdentityMark(snapshot);
    const page = after === null ? undefined : await readBetween(snapshot, scope, { after, to, bounds });
    return { to, mark, page };
  });
}

/** What each caller may do now; an error for one whose credential or device is good for nothing. */
export function readStandings(
  store: Store,
  callers: readonly Caller[],
  nowMs: number,
): Promise<readonly (Standing | RequestError)[]> {
  return store.read(async (snapshot) => {
    const standings: (Standing | RequestError)[] = [];
    for (const caller of callers) standings.push(await readStanding(snapshot, caller, nowMs));
    return standings;
  });
}

/** Changes with whatever may change a caller's standing, but the passing of time: each such write leaves an audit entry. */
export async function readIdentityMark(snapshot: Pick<StoreSnapshot, 'audit'>): Promise<number> {
  const [newest] = await snapshot.audit({ max: 1 });
  return newest === undefined ? -1 : newest.place;
}

async function readStanding(
  snapshot: StoreSnapshot,
  caller: Caller,
  nowMs: number,
): Promise<Standing | RequestError> {
  let grants: Grants;
  try {
    grants = await readGrants(snapshot, caller, nowMs);
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
  const credential = caller.key === null ? undefined : await snapshot.credential(caller.key);
  return { grants, expiresAt: caller.token?.expiresAt ?? caller.expiresAt ?? credential?.expiresAt ?? null };
}

async function readBetween(
  snapshot: StoreSnapshot,
  scope: string,
  { after, to, bounds }: { after: FollowPosition; to: FollowPosition; bounds: FollowBounds },
): Promise<FollowStep['page']> {
  if (to.seq - after.seq > bounds.mutationsMax) return undefined;
  const { recordsMax, charsMax } = bounds;
  const { records, more } = await snapshot.page(scope, {
    afterStamp: after.stamp,
    seqMax: to.seq,
    recordsMax,
    charsMax,
  });
  // A page holds one record at least, however long it is.
  const chars = records.reduce((sum, { body }) => sum + (body?.length ?? 0), 0);
  if (more || chars > charsMax) return undefined;
  return {
    from: after.checkpoint,
    checkpoint: to.checkpoint,
    head: to.seq,
    records,
    mutations: await snapshot.commitMutations(scope, after.seq, to.seq),
  };
}
