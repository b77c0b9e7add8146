// A checkpoint names how far a replica has read a scope: the server's life in which it was given out, the seq and the
// stamp of the last record. Opaque to replicas; every answer gives out one of the present life.

import { integerMax, RequestError } from '@holdfast/core';
import type { StoreSnapshot } from '../store/port.ts';

export interface Position {
  life: string;
  seq: number;
  stamp: number;
}

export function writeCheckpoint(position: Position): string {
  return `${position.life}.${position.seq}.${position.stamp}`;
}

/** Throws RequestError `bad_checkpoint` on text that no server ever wrote. */
export function readCheckpoint(text: string): Position {
  const position = positionIn(text);
  if (!position) throw new RequestError('bad_checkpoint', { field: 'checkpoint' });
  return position;
}

/** Undefined: no server ever wrote this text. */
export function positionIn(text: string): Position | undefined {
  const match = /^([0-9a-z-]{1,64})\.(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})$/.exec(text);
  const [, life, seq, stamp] = match ?? [];
  const position = { life: life ?? '', seq: Number(seq), stamp: Number(stamp) };
  return match && position.seq <= integerMax && position.stamp <= integerMax ? position : undefined;
}

/**
 * Checks that the database still holds what the checkpoint's owner has read. Throws RequestError `rolled_back` with the
 * fork seq when its life is unknown or it lies past that life's end, and `bad_checkpoint` when seq and stamp never met.
 */
export async function checkPosition(
  snapshot: StoreSnapshot,
  scope: string,
  position: Position,
): Promise<void> {
  const end = await snapshot.lifeEnd(scope, position.life);
  if (end === null || position.seq > end) {
    const fork = end ?? 0;
    throw new RequestError('rolled_back', { field: 'checkpoint', details: { fork } });
  }
  if (position.seq === 0) {
    if (position.stamp !== 0) throw new RequestError('bad_checkpoint', { field: 'checkpoint' });
    return;
  }
  const stamps = await snapshot.commitStamp(scope, position.seq);
  if (stamps && (position.stamp < stamps.first || position.stamp > stamps.last)) {
    throw new RequestError('bad_checkpoint', { field: 'checkpoint' });
  }
}
