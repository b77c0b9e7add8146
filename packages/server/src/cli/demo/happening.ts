// What came of the steps of a story, for who tells it.

import type { StoredConflict, VerdictName } from '@holdfast/core';
import type { DeviceName } from './story.ts';

export type Happening =
  | { type: 'said'; text: string }
  | { type: 'wrote'; device: DeviceName; says: string }
  | { type: 'showed'; devices: readonly DeviceName[]; ms: number }
  | { type: 'unplugged'; devices: readonly DeviceName[] }
  | { type: 'plugged'; device: DeviceName; judged: readonly Judged[]; refused: readonly Refused[] }
  | { type: 'killed'; device: DeviceName; sent: number; arrived: number }
  | { type: 'restarted'; device: DeviceName; pending: number; judged: readonly Judged[] }
  | { type: 'cut'; device: DeviceName; sent: number; arrived: number; open: number }
  | { type: 'agreed'; seq: number }
  | { type: 'conflicts'; conflicts: readonly StoredConflict[] }
  | { type: 'decided'; device: DeviceName; says: string; conflict: StoredConflict };

export interface Judged {
  says: string;
  verdict: VerdictName;
  /** Why a fact was flagged. */
  reasons: readonly string[];
}

/** A mutation in the quarantine of a device. */
export interface Refused {
  says: string;
  message: string;
  help: string;
}
