// `holdfast doctor`: looks at everything that the server stands on, and says what is wrong and what to do.

import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { ConfigError } from '../config-error.ts';
import { databaseFile } from '../data-folder.ts';
import { version } from '../version.ts';
import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  describeCommand,
  keepFilesPrivate,
  readWhole,
  withCommonFlags,
} from './command.ts';
import { createSettings, findServer, type Settings } from './connect.ts';
import { checkLog, checkSchema, lookAtDatabase } from './doctor/database.ts';
import { type Finding, ok, problem } from './doctor/finding.ts';
import { checkFolder, folderProbe } from './doctor/folder.ts';
import { checkClock, checkPort, checkVersions } from './doctor/machine.ts';
import { countText, exitCodes, printable } from './terminal.ts';

type DoctorFlags = CommonFlags & { port?: number; host?: string };

export const addDoctor: AddCommand = (program, context) => {
  withCommonFlags(
    describeCommand(program, {
      usage: 'doctor',
      summary: 'say what is wrong, and what to do',
      description:
        'Looks at versions, config and schema, data folder, disk, file system, clock, port, server and database. Exits with 1 if it found a problem.',
      examples: ['holdfast doctor', 'holdfast doctor --data /var/lib/holdfast --json'],
    }),
  )
    .option('--port <port>', 'the port that the server would get', readWhole({ min: 0, max: 65_535 }))
    .option('--host <address>', 'the address that it would listen on')
    .action((flags: DoctorFlags) => examine(context, flags));
};

async function examine(context: CommandContext, flags: DoctorFlags): Promise<void> {
  const { terminal } = context;
  keepFilesPrivate();
  terminal.progress('Looking…');
  const findings = await findAll(createSettings(terminal, flags), flags);
  terminal.progress('');
  const count = (state: Finding['state']): number => findings.filter((found) => found.state === state).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (problems > 0) context.exit = exitCodes.failed;
  answer(context, flags, {
    json: { problems, warnings, findings },
    text: [
      ...findings.map(findingText),
      '',
      problems + warnings === 0
        ? 'Nothing is wrong.'
        : `${countText(problems, 'problem')}, ${countText(warnings, 'warning')}.`,
    ].join('\n'),
  });
}

async function findAll(settings: Settings, flags: DoctorFlags): Promise<Finding[]> {
  const findings = checkVersions({
    holdfast: version,
    node: process.versions.node,
    sqlite: process.versions.sqlite ?? '0',
  });
  const config = await settings.config().catch((error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    findings.push(problem('config', error.message, error.help));
    return undefined;
  });
  const data = config?.data ?? (flags.data === undefined ? undefined : await settings.data());
  if (data === undefined) return [...findings, checkClock(systemClock.wallMs(), 0)];
  findings.push(...(await checkFolder(data, folderProbe)));
  const server = await findServer(data);
  const place = { data, database: databaseFile(config ?? { data }) };
  const look = await lookAtDatabase(place, server, version);
  findings.push(...look.findings, await checkLog(place), checkClock(systemClock.wallMs(), look.newestMs));
  if (config) {
    findings.push(checkSchema(config.schema, look));
    findings.push(
      server.type === 'found' ? ok('port', `ours: ${server.file.url}`) : await portOf(config, flags),
    );
  }
  return findings;
}

function portOf(config: Config, flags: DoctorFlags): Promise<Finding> {
  return checkPort({ host: flags.host ?? config.host, port: flags.port ?? config.port });
}

const marks: Readonly<Record<Finding['state'], string>> = {
  ok: 'ok     ',
  warning: 'warning',
  problem: 'PROBLEM',
};

function findingText({ check, state, message, help }: Finding): string {
  const line = `${marks[state]}  ${check.padEnd(11)}  ${printable(message)}`;
  return help === undefined ? line : `${line}\n${' '.repeat(22)}${printable(help)}`;
}
