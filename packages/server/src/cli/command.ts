// What all commands share: their flags, how they answer, and how they say what they may be asked.

import type { Grants } from '@holdfast/core';
import { Command, InvalidArgumentError } from 'commander';
import { readGrant } from '../identity/grant-text.ts';
import { CommandError } from './failure.ts';
import { exitCodes, type Terminal } from './terminal.ts';

export interface CommandContext {
  terminal: Terminal;
  /** The exit code when nothing is thrown. */
  exit: number;
}

/** Adds one command to the program. */
export type AddCommand = (program: Command, context: CommandContext) => void;

export interface CommonFlags {
  data?: string;
  config?: string;
  preset?: string;
  store?: string;
  json?: boolean;
}

export function describeCommand(
  program: Command,
  about: { usage: string; summary: string; description?: string; examples: readonly string[] },
): Command {
  const examples = about.examples.map((example) =>
    example.replace(/^holdfast|(?<=\| )holdfast/, 'npx holdfast'),
  );
  const width = Math.max(...examples.map((example) => example.split('  #')[0]?.length ?? 0));
  const lines = examples.map((example) => {
    const [line = '', note] = example.split('  #');
    return note === undefined ? `  ${line}` : `  ${line.padEnd(width)}  #${note}`;
  });
  const command = new Command(about.usage.split(' ')[0] ?? '');
  for (const argument of about.usage.split(' ').slice(1)) command.argument(argument);
  command
    .copyInheritedSettings(program)
    .summary(about.summary)
    .description(about.description ?? `${about.summary}.`)
    .addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
  program.addCommand(command);
  return command;
}

export function withCommonFlags(command: Command): Command {
  return command
    .option('--data <folder>', 'the data folder (default: as the config says)')
    .option('--config <file>', 'the config file (default: holdfast.config.ts here)')
    .option('--preset <name>', 'a ready config, instead of a file')
    .option('--store <url>', 'where the database is: sqlite:PATH (default: in the data folder)')
    .option('--json', 'answer with one JSON value on standard output');
}

/** The command's answer: one JSON value, or text for people. */
export function answer(
  { terminal }: CommandContext,
  flags: CommonFlags,
  result: { json: unknown; text: string },
): void {
  if (flags.json) terminal.print(JSON.stringify(result.json, null, 2));
  else terminal.print(result.text);
}

/** Collects `--scope shop-1 --scope shop-2:read` into grants. */
export function collectScope(
  text: string,
  before: Exclude<Grants, 'all'> | undefined,
): Exclude<Grants, 'all'> {
  const grant = readGrant(text);
  if (!grant)
    throw new InvalidArgumentError('A scope has 1 to 200 characters; add :read for a right to read only.');
  return [...(before ?? []), grant];
}

/** From here on this process makes files for their owner alone: databases and backups hold everybody's records. */
export function keepFilesPrivate(): void {
  process.umask(0o077);
}

export function grantsText(grants: Grants): string {
  if (grants === 'all') return 'all scopes';
  return grants.map(({ scope, right }) => (right === 'write' ? scope : `${scope}:read`)).join(', ');
}

export function readWhole(bounds: { min: number; max: number }): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= bounds.min && value <= bounds.max) return value;
    throw new InvalidArgumentError(`Give a whole number from ${bounds.min} to ${bounds.max}.`);
  };
}

/** The same for an argument, which commander hands on as it is. */
export function wholeArgument(name: string, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new CommandError('usage', {
    message: `${name} is a whole number from 1, not ${text}.`,
    help: 'The lists show it in their first column.',
    exit: exitCodes.usage,
  });
}
