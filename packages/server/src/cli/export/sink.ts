// Where an export goes: standard output, or a file that appears under its name only when it is whole and durable.

import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemRandom } from '../../clock.ts';
import { syncFolder } from '../backup.ts';
import type { Terminal } from '../terminal.ts';

export interface Sink {
  /** Resolves when there is room for more. */
  write(text: string): Promise<void>;
  /** All is there. */
  finish(): Promise<void>;
  /** Leaves nothing behind, unless it was finished. */
  close(): Promise<void>;
}

export function terminalSink(terminal: Pick<Terminal, 'write'>): Sink {
  return {
    write: (text) => terminal.write(text),
    finish: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** Rejects with the system's error when the file cannot be made. A file that is there is replaced by `finish`, at once. */
export async function fileSink(file: string): Promise<Sink> {
  const name = Buffer.from(systemRandom.bytes(6)).toString('hex');
  const partial = join(dirname(file), `.${basename(file)}.${name}.part`);
  // Everybody's records are in it.
  const handle = await open(partial, 'wx', 0o600);
  let isOpen = true;
  // What fails on an open file does not say which one it is.
  const named = (error: unknown): never => {
    throw Object.assign(error as Error, { path: file });
  };
  return {
    write: (text) => handle.writeFile(text).catch(named),
    async finish() {
      await handle.sync().catch(named);
      isOpen = false;
      await handle.close();
      await rename(partial, file);
      await syncFolder(dirname(file));
    },
    async close() {
      if (isOpen) await handle.close();
      isOpen = false;
      await rm(partial, { force: true });
    },
  };
}
