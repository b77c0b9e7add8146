// The log in files beside the database, for who looks after the fact: everything in one, errors again in another. Files are cut by size,
// and few are kept. Whatever goes wrong with them is the log's own trouble: lines go to the terminal all the same.

import { mkdirSync } from 'node:fs';
import type { Clock } from '@holdfast/core';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';

export interface LogFiles {
  /** Each gets one line at a time. A line that there is no room for, on disk or in memory, is dropped. */
  combined: LineSink;
  error: LineSink;
  /** Both are there from now on, for who looks for them before anything happened. */
  open(): void;
  /** Resolves when everything is written that will be. A later line opens them again. */
  close(): Promise<void>;
}

export interface LineSink {
  write(line: string): void;
}

export interface LogFileBounds {
  /** A file that reaches this becomes `….log.1`, that one `….log.2` and so on. */
  fileBytesMax: number;
  /** How many of these are kept, besides the one that is written. */
  oldFilesMax: number;
  /** What waits for a slow disk. */
  waitingBytesMax: number;
}

export const logFileBounds: LogFileBounds = {
  fileBytesMax: 10 * 1_048_576,
  oldFilesMax: 5,
  waitingBytesMax: 1_048_576,
};

/** After a failure, such as a full disk, the file is tried again when this has passed. */
const againMs = 30_000;

export interface LogFilesDeps {
  /** Made when it is opened or with the first line, as the files are; the folder above must be there by then. */
  folder: string;
  clock: Pick<Clock, 'monoMs'>;
  /** Told when a file cannot be written, once until it is tried again. */
  failed: (error: unknown) => void;
  bounds?: LogFileBounds;
}

export function createLogFiles(deps: LogFilesDeps): LogFiles {
  const [combined, error] = [createLogFile(deps, 'combined.log'), createLogFile(deps, 'error.log')];
  return {
    combined,
    error,
    open() {
      combined.open();
      error.open();
    },
    async close() {
      await Promise.all([combined.close(), error.close()]);
    },
  };
}

interface LogFile extends LineSink {
  open(): void;
  close(): Promise<void>;
}

function createLogFile(
  { folder, clock, failed, bounds = logFileBounds }: LogFilesDeps,
  name: string,
): LogFile {
  let stream: RotatingFileStream | undefined;
  let tryAtMs = Number.NEGATIVE_INFINITY;
  const giveUp = (error: unknown): void => {
    stream = undefined;
    tryAtMs = clock.monoMs() + againMs;
    failed(error);
  };
  const open = (): void => {
    if (stream || clock.monoMs() < tryAtMs) return;
    try {
      stream = openFile({ folder, name, bounds }).once('error', giveUp);
    } catch (error) {
      giveUp(error);
    }
  };
  return {
    open,
    write(line) {
      open();
      if (stream && stream.writableLength + line.length <= bounds.waitingBytesMax) stream.write(line);
    },
    close() {
      const last = stream;
      stream = undefined;
      return new Promise((resolve) => (last ? last.once('close', resolve).end() : resolve()));
    },
  };
}

function openFile({
  folder,
  name,
  bounds,
}: {
  folder: string;
  name: string;
  bounds: LogFileBounds;
}): RotatingFileStream {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const { fileBytesMax, oldFilesMax } = bounds;
  return createStream(name, { path: folder, mode: 0o600, size: `${fileBytesMax}B`, rotate: oldFilesMax });
}
