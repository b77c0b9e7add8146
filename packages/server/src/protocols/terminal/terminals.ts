// What the server knows of terminals: when one was heard of, what its last heartbeat said, and the trigger that waits for it. Kept as
// the engine's notes of devices.

import type { Json } from '@holdfast/core';
import { z } from 'zod';
import type { Engine } from '../../engine/engine.ts';
import { protocolName } from './translate.ts';
import type { Trigger } from './trigger.ts';
import { triggerMessage } from './trigger.ts';

export interface Outbox {
  readonly [entityType: string]: { pending: number; failed: number };
}

export interface Terminal {
  terminalId: string;
  /** What its last heartbeat said; OFFLINE when it was not heard of for long. */
  status: string;
  heardAt: number | null;
  outbox: Outbox;
  trigger: Trigger | undefined;
}

export interface TerminalsDeps {
  engine: Pick<Engine, 'deviceNotes'>;
  scope: string;
  nowMs: () => number;
  heartbeatMs: number;
}

export interface Terminals {
  /** It has said something. */
  hear(terminalId: string): void;
  beat(terminalId: string, said: { status: string; outbox: Outbox }): void;
  /** Null: none waits any more. */
  keepTrigger(terminalId: string, trigger: Trigger | null): void;
  /** Of one that was never heard of: OFFLINE, and nothing else. */
  find(terminalId: string): Promise<Terminal>;
  /** All that were ever heard of, as far as they are kept. */
  all(): Promise<readonly Terminal[]>;
  /** Resolves when what was noted is durable. */
  written(): Promise<void>;
}

/** One that was not heard of for so many intervals is shown as OFFLINE. */
const silentBeats = 3;

export function createTerminals({ engine, scope, nowMs, heartbeatMs }: TerminalsDeps): Terminals {
  const { deviceNotes } = engine;
  const about = { protocol: protocolName, scope };
  const put = (device: string, name: NoteName, value: Json): void =>
    deviceNotes.put({ ...about, device, name, value });
  const terminalOf = (terminalId: string, notes: readonly Note[]): Terminal => {
    const beat = heartbeatNote.safeParse(notes.find(({ name }) => name === 'heartbeat')?.value);
    const kept = triggerMessage.safeParse(notes.find(({ name }) => name === 'trigger')?.value);
    const heard = notes.filter(({ name }) => name !== 'trigger').map(({ at }) => at);
    const heardAt = heard.length === 0 ? null : Math.max(...heard);
    const isSilent = heardAt === null || nowMs() - heardAt > silentBeats * heartbeatMs;
    return {
      terminalId,
      status: isSilent ? 'OFFLINE' : beat.success ? beat.data.status : 'ONLINE',
      heardAt,
      outbox: beat.success ? beat.data.outbox : {},
      trigger: kept.success ? kept.data : undefined,
    };
  };
  return {
    hear: (terminalId) => put(terminalId, 'heard', true),
    beat: (terminalId, { status, outbox }) => put(terminalId, 'heartbeat', { status, outbox: { ...outbox } }),
    keepTrigger: (terminalId, trigger) => put(terminalId, 'trigger', trigger && { ...trigger }),
    async find(terminalId) {
      return terminalOf(terminalId, await deviceNotes.list({ ...about, device: terminalId }));
    },
    async all() {
      const byTerminal = Map.groupBy(await deviceNotes.list(about), ({ device }) => device);
      return [...byTerminal].map(([terminalId, notes]) => terminalOf(terminalId, notes));
    },
    written: () => deviceNotes.written(),
  };
}

type NoteName = 'heard' | 'heartbeat' | 'trigger';
type Note = Awaited<ReturnType<TerminalsDeps['engine']['deviceNotes']['list']>>[number];

const count = z.int().min(0);
const heartbeatNote = z.object({
  status: z.string(),
  outbox: z.record(z.string(), z.object({ pending: count, failed: count })),
});
