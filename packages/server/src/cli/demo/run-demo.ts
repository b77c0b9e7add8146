// Plays the story on a stage and settles the account. The only place that knows both the words and the processes.

import type { StoredConflict } from '@holdfast/core';
import { type Account, settleAccount } from './account.ts';
import { readJudged, readRecords } from './databases.ts';
import { type Ink, tell, tellAccount } from './narrate.ts';
import { openStage, type Stage } from './stage.ts';
import { type DeviceName, type Scene, story } from './story.ts';

export interface DemoParts {
  /** Where its files lie; it is the caller's. */
  folder: string;
  ink: Ink;
  print(line: string): void;
  /** Lets who reads along read. */
  pause(): Promise<void>;
  interrupt: AbortSignal;
  /** Called when all processes have ended, before the databases are compared. */
  beforeCompare?(files: { server: string; devices: ReadonlyMap<DeviceName, string> }): void;
}

export interface DemoResult extends Account {
  conflicts: readonly StoredConflict[];
}

/** Rejects with the signal's reason when it is interrupted. Nothing runs any more when it settles. */
export async function runDemo(parts: DemoParts): Promise<DemoResult> {
  const { folder, interrupt, beforeCompare } = parts;
  const stage = await openStage(folder);
  const stop = (): void => void stage.close();
  interrupt.addEventListener('abort', stop, { once: true });
  try {
    for (const scene of story) await play(parts, stage, scene);
    const conflicts = await stage.conflicts();
    const files = await stage.finish();
    beforeCompare?.(files);
    const account = settleAccount({
      ledger: stage.ledger,
      shown: stage.shown,
      judged: readJudged(files.server),
      server: readRecords(files.server),
      devices: new Map([...files.devices].map(([name, file]) => [name, readRecords(file)])),
    });
    title(parts, 'The account');
    for (const line of tellAccount(account, parts.ink)) parts.print(line);
    return { ...account, conflicts };
  } catch (error) {
    interrupt.throwIfAborted();
    throw error;
  } finally {
    interrupt.removeEventListener('abort', stop);
    await stage.close();
  }
}

async function play(parts: DemoParts, stage: Stage, scene: Scene): Promise<void> {
  title(parts, scene.title);
  for (const step of scene.steps) {
    parts.interrupt.throwIfAborted();
    for (const line of tell(await stage.perform(step), parts.ink)) parts.print(line);
    await parts.pause();
  }
}

function title({ print, ink }: DemoParts, text: string): void {
  print('');
  print(ink.title(text));
}
