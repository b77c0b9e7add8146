// What a config may say of terminal.

import { z } from 'zod';
import { strategies } from './wire.ts';

export const optionsShape = z.strictObject({
  /** For entity types for which the schema names no policy. */
  conflictStrategy: z.enum(strategies).default('TERMINAL_WINS'),
  /** How often terminals send heartbeats; one that was silent for three of them is shown as OFFLINE. */
  heartbeatMs: z.number().int().min(1).max(86_400_000).default(30_000),
  /** Whether terminals are told to sync after a start of the server. */
  autoSyncOnRestart: z.boolean().default(true),
  /** `optional`: sockets without a credential are let in. */
  socketAuth: z.enum(['required', 'optional']).default('required'),
});
export type TerminalOptions = z.infer<typeof optionsShape>;
