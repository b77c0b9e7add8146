// `holdfast conflicts`: what two devices did to one record, side by side, and a person's answer to it.

import type { JsonObject } from '@holdfast/core';
import { Option } from 'commander';
import {
  type Admin,
  type AdminInput,
  type ConflictFacts,
  listMax,
  type ShownConflict,
} from '../admin/admin.ts';
import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  describeCommand,
  readWhole,
  wholeArgument,
  withCommonFlags,
} from './command.ts';
import { compareSides, sidesText } from './conflicts/sides.ts';
import { withAdmin } from './connect.ts';
import { CommandError } from './failure.ts';
import { readGiven } from './given-json.ts';
import { countText, exitCodes, facts, table, timeText } from './terminal.ts';

interface ScopeFlags extends CommonFlags {
  scope: string;
}

interface ListFlags extends ScopeFlags {
  state: 'open' | 'settled' | 'all';
  device?: string;
  after?: number;
  max: number;
}

interface AnswerFlags extends ScopeFlags {
  seen?: number;
  yes?: boolean;
}

interface ResolveFlags extends AnswerFlags {
  server?: boolean;
  device?: boolean;
  value?: string;
  file?: string;
}

const readId = readWhole({ min: 1, max: Number.MAX_SAFE_INTEGER });

export const addConflicts: AddCommand = (program, context) => {
  const conflicts = describeCommand(program, {
    usage: 'conflicts',
    summary: 'list, show, resolve and undo conflicts',
    examples: [
      'holdfast conflicts list',
      'holdfast conflicts show 3  # base, device and server side by side',
      'holdfast conflicts resolve 3 --device',
      'holdfast conflicts undo 3',
    ],
  });
  const inScope = (about: Parameters<typeof describeCommand>[1]) =>
    withCommonFlags(describeCommand(conflicts, about)).option(
      '--scope <scope>',
      'the scope that it is in (default: main)',
      'main',
    );
  inScope({
    usage: 'list',
    summary: 'list the conflicts of a scope; the open ones unless asked otherwise',
    examples: [
      'holdfast conflicts list --scope shop-1',
      'holdfast conflicts list --state all --device till-1',
    ],
  })
    .addOption(new Option('--state <state>', 'which').choices(['open', 'settled', 'all']).default('open'))
    .option('--device <device>', 'those in which this device’s changes are')
    .option('--after <id>', 'behind this one', readId)
    .option('--max <count>', 'how many', readWhole({ min: 1, max: listMax }), 50)
    .action((flags: ListFlags) => listConflicts(context, flags));
  inScope({
    usage: 'show <id>',
    summary: 'show one: what the writer saw, what the device wants, what the server had',
    examples: ['holdfast conflicts show 3', 'holdfast conflicts show 3 --scope shop-1 --json'],
  }).action((id: string, flags: ScopeFlags) => showConflict(context, wholeArgument('An id', id), flags));
  const answers = (about: Parameters<typeof describeCommand>[1]) =>
    inScope(about)
      .option(
        '--seen <version>',
        'refuse if the record is not at this version any more',
        readWhole({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      )
      .option('--yes', 'do not ask before a record is written');
  answers({
    usage: 'resolve <id>',
    summary: 'decide: the server’s side, the device’s, or a record of your own',
    examples: [
      'holdfast conflicts resolve 3 --server',
      'holdfast conflicts resolve 3 --device --seen 41',
      `holdfast conflicts resolve 3 --value '{"name":"Acme"}'`,
      'holdfast conflicts resolve 3 --file acme.json',
    ],
  })
    .option('--server', 'the server’s values stay')
    .option('--device', 'the device’s changes are applied')
    .option('--value <json>', 'the record becomes this, without its id; counters move by the difference')
    .option('--file <file>', 'the same from a file')
    .action((id: string, flags: ResolveFlags) => resolveConflict(context, wholeArgument('An id', id), flags));
  answers({
    usage: 'undo <id>',
    summary: 'take back how a conflict was settled, by a person or by a policy',
    examples: ['holdfast conflicts undo 3'],
  }).action((id: string, flags: AnswerFlags) => undoConflict(context, wholeArgument('An id', id), flags));
};

async function listConflicts(context: CommandContext, flags: ListFlags): Promise<void> {
  const { scope, state, device, after, max } = flags;
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { conflicts } = await admin.conflicts({
      scope,
      max,
      ...(state === 'all' ? {} : { state }),
      ...(device === undefined ? {} : { device }),
      ...(after === undefined ? {} : { after }),
    });
    answer(context, flags, { json: { conflicts }, text: listText(conflicts, flags) });
  });
}

function listText(conflicts: readonly ConflictFacts[], { scope, state, max }: ListFlags): string {
  if (conflicts.length === 0)
    return `There is no ${state === 'all' ? '' : `${state} `}conflict here in ${scope}. npx holdfast status counts those of every scope.`;
  const rows = conflicts.map((one) => [
    String(one.id),
    `${one.collection}/${one.record}`,
    one.fields.join(', '),
    one.device === '' ? '–' : one.device,
    timeText(one.at),
    one.state === 'open' ? 'open' : settledText(one.settlement),
  ]);
  const more = conflicts.length === max ? ` There may be more: --after ${conflicts.at(-1)?.id}.` : '';
  return `${table(['ID', 'RECORD', 'FIELDS', 'DEVICE', 'SINCE', 'STATE'], rows)}\n${countText(rows.length, 'conflict')}.${more}`;
}

function settledText(settlement: ConflictFacts['settlement']): string {
  if (!settlement) return 'settled';
  const { by, resolution, actor, device, at } = settlement;
  const who = by === 'policy' ? 'the policy' : actor === '' ? 'a person' : actor;
  const where = device === undefined || device === '' ? '' : ` on ${device}`;
  return `settled by ${who}${where}: ${resolution}, ${timeText(at)}`;
}

async function showConflict(context: CommandContext, id: number, flags: ScopeFlags): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const shown = await admin.conflict({ scope: flags.scope, id });
    answer(context, flags, { json: shownJson(shown), text: shownText(context, flags.scope, shown) });
  });
}

function shownJson({ conflict, version, body }: ShownConflict) {
  return { conflict, record: { version, body } };
}

function shownText({ terminal }: CommandContext, scope: string, shown: ShownConflict): string {
  const { conflict, version, body } = shown;
  const { id, collection, record, device, at, policy, state, settlement } = conflict;
  const about = facts([
    ['conflict', `${id} in ${scope}`],
    ['record', `${collection}/${record}, now at version ${version}${body === null ? ', deleted' : ''}`],
    ['device', device === '' ? '–' : device],
    ['since', timeText(at)],
    ['policy', policy],
    [
      'state',
      state === 'open'
        ? 'open'
        : settledText(settlement && { ...settlement, device: settlement.device ?? '' }),
    ],
  ]);
  const compared = compareSides({ ...conflict, now: body });
  const moved = version !== conflict.serverVersion;
  const sides = sidesText(compared, { columns: terminal.columns, moved });
  const command = `npx holdfast conflicts ${state === 'open' ? 'resolve' : 'undo'} ${id}${scope === 'main' ? '' : ` --scope ${scope}`} --seen ${version}`;
  const how =
    state === 'open' ? `Decide: ${command} --server | --device | --value JSON` : `Take it back: ${command}`;
  return `${about}\n\n${sides}\n\n${how}`;
}

async function resolveConflict(context: CommandContext, id: number, flags: ResolveFlags): Promise<void> {
  const given = await givenAnswer(context, flags);
  await decide(context, id, { flags, ...given });
}

async function undoConflict(context: CommandContext, id: number, flags: AnswerFlags): Promise<void> {
  await decide(context, id, { flags, answer: 'undo' });
}

interface Decision {
  flags: AnswerFlags;
  answer: AdminInput<'resolve'>['answer'];
  body?: JsonObject;
}

async function givenAnswer(
  { terminal }: CommandContext,
  { server, device, value, file }: ResolveFlags,
): Promise<Omit<Decision, 'flags'>> {
  const named = [server, device, value, file].filter((one) => one !== undefined).length;
  if (named !== 1)
    throw new CommandError('usage', {
      message: 'Say how to decide.',
      help: 'Give one of --server, --device, --value and --file.',
      exit: exitCodes.usage,
    });
  if (server) return { answer: 'server' };
  if (device) return { answer: 'device' };
  const body = await readGiven(terminal, { text: value, file, flag: '--value' });
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new CommandError('usage', {
      message: 'A record is a JSON object.',
      help: 'Such as {"name":"Acme"}, without the id.',
      exit: exitCodes.usage,
    });
  return { answer: 'value', body: body as JsonObject };
}

async function decide(
  context: CommandContext,
  id: number,
  { flags, answer: type, body }: Decision,
): Promise<void> {
  const { scope } = flags;
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const before = await admin.conflict({ scope, id });
    if (!(await mayWrite(context, { flags, type, before })))
      throw new CommandError('not_confirmed', { message: 'Nothing was changed.', help: '' });
    const after = await admin.resolve({
      scope,
      id,
      // What the person saw: named, or read a moment ago.
      seen: flags.seen ?? before.version,
      open: before.conflict.state === 'open',
      answer: type,
      ...(body === undefined ? {} : { body }),
    });
    const { conflict, version } = after;
    const now = after.body === null ? 'is deleted' : `is at version ${version}`;
    answer(context, flags, {
      json: shownJson(after),
      text: `Conflict ${id} is settled: ${type}. ${conflict.collection}/${conflict.record} ${now}.`,
    });
  });
}

/** The server's side of an open conflict overwrites nothing. */
async function mayWrite(
  { terminal }: CommandContext,
  {
    flags,
    type,
    before,
  }: { flags: AnswerFlags; type: Decision['answer']; before: Awaited<ReturnType<Admin['conflict']>> },
): Promise<boolean> {
  const { collection, record, state } = before.conflict;
  if (flags.yes || (type === 'server' && state === 'open')) return true;
  return terminal.confirm(`This writes ${collection}/${record} in ${flags.scope}.`);
}
