// What the sync loop says in the application's log: lines for operators. They hold no contents of records and no keys.

import { type CyclePhase, type CycleState, failedIn, type Tally } from './cycle/state.ts';
import type { Blocked } from './refusal.ts';

/** `console` is one. A logger must not throw. */
export interface Logger {
  info(message: string, facts: LogFacts): void;
  warn(message: string, facts: LogFacts): void;
  error(message: string, facts: LogFacts): void;
}

export type LogFacts = Readonly<Record<string, string | number>>;

export interface LogLine {
  level: keyof Logger;
  message: string;
  facts: LogFacts;
}

/** How a sync ended, and where that left the loop. */
export interface SyncEnd extends Pick<CycleState, 'phase' | 'cause'> {
  scope: string;
  tally: Tally;
  reason: Blocked | undefined;
}

/**
 * The line of a sync that has ended. Undefined: it moved nothing and ended as the one before, or nobody waited for it any more.
 * `failing` is the code of the failure that the last line told, if none went well since.
 */
export function lineOf(
  { scope, tally, reason, ...end }: SyncEnd,
  failing: string | undefined,
): LogLine | undefined {
  if (reason) {
    if (reason.code === failing || reason.code === 'aborted' || end.phase === 'closed') return undefined;
    const { code, message } = reason;
    return {
      level: levelOf(end),
      message: `The sync of ${scope} failed: ${message}`,
      facts: { scope, code },
    };
  }
  const { pushed, pulled, verdicts } = tally;
  const failed = failedIn(tally);
  const conflicts = verdicts.conflict ?? 0;
  if (pushed + pulled + failed + conflicts === 0 && failing === undefined) return undefined;
  const level = failed + conflicts > 0 ? 'warn' : 'info';
  return { level, message: `Synced ${scope}.`, facts: { scope, pushed, pulled, conflicts, failed } };
}

/** What does not end by itself is an error. */
function levelOf({ phase, cause }: Pick<SyncEnd, 'phase' | 'cause'>): keyof Logger {
  const lasting: readonly CyclePhase[] = ['paused', 'stopped'];
  return lasting.includes(phase) || cause === 'storage' || cause === 'fault' ? 'error' : 'warn';
}
