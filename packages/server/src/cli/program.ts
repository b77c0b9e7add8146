// The command line as a whole: which commands there are, and what becomes of their errors.

import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { addAudit } from './audit.ts';
import { addBackup } from './backup.ts';
import type { AddCommand, CommandContext } from './command.ts';
import { addConflicts } from './conflicts.ts';
import { addDemo } from './demo.ts';
import { addDevices } from './devices.ts';
import { addDoctor } from './doctor.ts';
import { addExport } from './export-file.ts';
import { type Failure, failureOf } from './failure.ts';
import { addImport } from './import-file.ts';
import { addInit } from './init.ts';
import { addKeys } from './keys.ts';
import { addQuarantine } from './quarantine.ts';
import { addRestore } from './restore.ts';
import { addServe } from './serve-command.ts';
import { addSimulate } from './simulate.ts';
import { addStatus } from './status.ts';
import { exitCodes, printable, type Terminal } from './terminal.ts';
import { addUsers } from './users.ts';

const commands: readonly AddCommand[] = [
  addDemo,
  addInit,
  addServe,
  addImport,
  addExport,
  addStatus,
  addConflicts,
  addQuarantine,
  addDevices,
  addKeys,
  addUsers,
  addAudit,
  addBackup,
  addRestore,
  addDoctor,
  addSimulate,
];

/** Runs one command line. Answers the exit code; throws nothing. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const context: CommandContext = { terminal, exit: exitCodes.ok };
  const json = args.includes('--json');
  const program = createProgram(context);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return context.exit;
  } catch (error) {
    // Help and version were asked for, and printed.
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    const failure = failureOf(error);
    report(terminal, failure, { json, told: error instanceof CommanderError });
    return failure.exit;
  }
}

function createProgram(context: CommandContext): Command {
  const { terminal } = context;
  const program = new Command('holdfast')
    .description('The server of record for replicas that work offline, and the commands around it.')
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .exitOverride()
    .showHelpAfterError('See holdfast --help.')
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'holdfast: ')),
    })
    .addHelpText('after', exitHelp);
  for (const add of commands) add(program, context);
  return program;
}

const exitHelp = `
Exit codes: 0 done; 1 it failed, or found a problem; 2 the command line is wrong; 130 interrupted.
Commands reach the server that runs on the data folder; when none runs, they work on the folder themselves.`;

/** `told`: commander has written the mistake already. */
function report(
  terminal: Terminal,
  failure: Failure,
  { json, told }: { json: boolean; told: boolean },
): void {
  const { code, message, help, field, stack } = failure;
  if (json) {
    const error = { code, message, ...(field === undefined ? {} : { field }), help };
    terminal.print(JSON.stringify({ error }, null, 2));
  }
  if (told) return;
  terminal.note(`holdfast: ${printable(message)}`);
  if (help !== '') terminal.note(`  ${printable(help)}`);
  if (stack !== undefined && process.env.HOLDFAST_TRACE !== undefined) terminal.note(stack);
}
