// The machine: its Node, SQLite, clock and port.

import { createServer } from 'node:net';
import type { Config } from '../../config.ts';
import { timeText } from '../terminal.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

const nodeMajorMin = 24;
/** Before it, a log could be damaged when two connections wrote at once. */
const sqliteMin = [3, 51, 3] as const;

export function checkVersions(versions: { holdfast: string; node: string; sqlite: string }): Finding[] {
  const { holdfast, node, sqlite } = versions;
  const said = ok('versions', `holdfast ${holdfast}, Node ${node}, SQLite ${sqlite}`);
  if (Number.parseInt(node, 10) < nodeMajorMin)
    return [problem('versions', `Node ${node} is too old.`, `Install Node ${nodeMajorMin} or newer.`)];
  if (isBelow(sqlite, sqliteMin))
    return [
      problem(
        'versions',
        `SQLite ${sqlite} can damage its log.`,
        'Install a newer Node, which brings a newer SQLite.',
      ),
    ];
  return [said];
}

function isBelow(version: string, least: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  const place = least.findIndex((part, index) => (parts[index] ?? 0) !== part);
  return place !== -1 && (parts[place] ?? 0) < (least[place] ?? 0);
}

// This version was made later than this, so a clock that says otherwise is wrong.
const builtMs = Date.UTC(2026, 0, 1);
const driftMsMax = 5 * 60_000;
// Devices keep years; a machine whose battery failed starts in 1970, 2000 or 2099.
const plausibleMs = 20 * 365 * 24 * 3_600_000;

/** `newestMs`: when the newest commit was made; 0 when there is none. */
export function checkClock(nowMs: number, newestMs: number): Finding {
  const help =
    'Set the clock, and let a time service keep it (NTP). Times decide between concurrent changes.';
  const shown = timeText(nowMs);
  if (nowMs < builtMs)
    return problem('clock', `The clock shows ${shown}, which is before this version was made.`, help);
  if (nowMs > builtMs + plausibleMs)
    return problem('clock', `The clock shows ${shown}, which is far ahead.`, help);
  if (newestMs > nowMs + driftMsMax)
    return problem(
      'clock',
      `The clock shows ${shown}, and the newest commit was made at ${timeText(newestMs)}.`,
      help,
    );
  return ok('clock', shown);
}

/** Tries to listen where the server would. */
export function checkPort({ host, port }: Pick<Config, 'host' | 'port'>): Promise<Finding> {
  if (port === 0) return Promise.resolve(ok('port', 'any free one'));
  return new Promise((resolve) => {
    const trial = createServer();
    trial.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(unusable(code ?? 'unknown', { host, port })),
    );
    trial.listen({ host, port, exclusive: true }, () =>
      trial.close(() => resolve(ok('port', `${port} on ${host} is free`))),
    );
  });
}

function unusable(code: string, { host, port }: { host: string; port: number }): Finding {
  if (code === 'EADDRINUSE')
    return problem(
      'port',
      `Another program listens on port ${port} of ${host}.`,
      'End it, or give another port in the config or with --port.',
    );
  if (code === 'EACCES')
    return problem('port', `This user may not listen on port ${port}.`, 'Give a port from 1024.');
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return problem(
      'port',
      `${host} is no address of this machine.`,
      'Give 127.0.0.1, or 0.0.0.0 for the local network.',
    );
  return warning(
    'port',
    `Whether port ${port} is free could not be told (${code}).`,
    'See what the server says when it starts.',
  );
}
