// `holdfast quarantine`: what the server did not take of the devices, and what becomes of it.

import { listMax, type QuarantineFacts } from '../admin/admin.ts';
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
import { withAdmin } from './connect.ts';
import { CommandError } from './failure.ts';
import { readGiven } from './given-json.ts';
import { bytesText, countText, exitCodes, facts, table, timeText } from './terminal.ts';

interface ListFlags extends CommonFlags {
  scope?: string;
  device?: string;
  after?: number;
  max: number;
}

interface ResendFlags extends CommonFlags {
  scope?: string;
  changes?: string;
  file?: string;
}

const readPlace = readWhole({ min: 1, max: Number.MAX_SAFE_INTEGER });

const aboutDevices =
  'The device keeps its own entry of it: tell its person what was done here, so that it is not done twice.';

export const addQuarantine: AddCommand = (program, context) => {
  const quarantine = describeCommand(program, {
    usage: 'quarantine',
    summary: 'list, show, resend and discard what was not taken',
    description: `What the server did not take of the devices, with the reason. ${aboutDevices}`,
    examples: [
      'holdfast quarantine list',
      'holdfast quarantine show 12',
      'holdfast quarantine resend 12 --file corrected.json',
      'holdfast quarantine discard 12 --reason "The customer left"',
    ],
  });
  const command = (about: Parameters<typeof describeCommand>[1]) =>
    withCommonFlags(describeCommand(quarantine, about));
  command({
    usage: 'list',
    summary: 'list what lies there, the oldest first',
    examples: ['holdfast quarantine list', 'holdfast quarantine list --scope shop-1 --device till-1 --json'],
  })
    .option('--scope <scope>', 'of this scope (default: of all, and what came without a right to any)')
    .option('--device <device>', 'of this device')
    .option('--after <place>', 'behind this place', readPlace)
    .option('--max <count>', 'how many', readWhole({ min: 1, max: listMax }), 50)
    .action((flags: ListFlags) => listQuarantine(context, flags));
  command({
    usage: 'show <place>',
    summary: 'show one with its content',
    examples: ['holdfast quarantine show 12'],
  }).action((place: string, flags: CommonFlags) => showItem(context, wholeArgument('A place', place), flags));
  command({
    usage: 'resend <place>',
    summary: 'make its changes, or corrected ones, on the records as they are now',
    description: `Makes its changes, or those given in their place, as the operator's, on the records as they are now. What is rejected again stays. ${aboutDevices}`,
    examples: [
      'holdfast quarantine resend 12',
      'holdfast quarantine resend 12 --file corrected.json  # a list of changes, as show prints them',
    ],
  })
    .option('--changes <json>', 'these changes instead, as a JSON list')
    .option('--file <file>', 'the same from a file')
    .option('--scope <scope>', 'where to, for what came without a right to any scope')
    .action((place: string, flags: ResendFlags) =>
      resendItem(context, wholeArgument('A place', place), flags),
    );
  command({
    usage: 'discard <place>',
    summary: 'drop one for good; the reason stays in the audit log',
    examples: ['holdfast quarantine discard 12 --reason "Entered twice"'],
  })
    .requiredOption('--reason <text>', 'why it is not needed')
    .action((place: string, flags: CommonFlags & { reason: string }) =>
      discardItem(context, wholeArgument('A place', place), flags),
    );
};

async function listQuarantine(context: CommandContext, flags: ListFlags): Promise<void> {
  const { scope, device, after, max } = flags;
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { items } = await admin.quarantine({
      max,
      ...(scope === undefined ? {} : { scope }),
      ...(device === undefined ? {} : { device }),
      ...(after === undefined ? {} : { after }),
    });
    answer(context, flags, { json: { items }, text: listText(items, max) });
  });
}

function listText(items: readonly QuarantineFacts[], max: number): string {
  if (items.length === 0) return 'Nothing lies in the quarantine.';
  const rows = items.map(({ place, scope, device, code, at, chars, kept }) => [
    String(place),
    scope === '' ? '–' : scope,
    device === '' ? '–' : device,
    code,
    timeText(at),
    kept ? bytesText(chars) : 'not kept',
  ]);
  const more = items.length === max ? ` There may be more: --after ${items.at(-1)?.place}.` : '';
  return `${table(['PLACE', 'SCOPE', 'DEVICE', 'REASON', 'SINCE', 'CONTENT'], rows)}\n${countText(rows.length, 'item')}.${more}`;
}

async function showItem(context: CommandContext, place: number, flags: CommonFlags): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { item } = await admin.quarantined({ place });
    const about = facts([
      ['place', String(place)],
      ['scope', item.scope === '' ? '–' : item.scope],
      ['device', item.device === '' ? '–' : item.device],
      ['mutation', item.mutation],
      ['reason', item.code],
      ['since', timeText(item.at)],
    ]);
    const { payload } = item;
    const changes =
      payload && typeof payload === 'object' && 'changes' in payload ? payload.changes : payload;
    const content = payload === null ? 'Its content was not kept.' : JSON.stringify(changes, null, 2);
    answer(context, flags, { json: { item }, text: `${about}\n\n${content}` });
  });
}

async function resendItem(context: CommandContext, place: number, flags: ResendFlags): Promise<void> {
  const { changes: text, file, scope } = flags;
  if (text !== undefined && file !== undefined) throw usage('--changes and --file exclude each other.');
  const isGiven = text !== undefined || file !== undefined;
  const changes = isGiven ? await readGiven(context.terminal, { text, file, flag: '--changes' }) : undefined;
  if (isGiven && (!Array.isArray(changes) || changes.length === 0))
    throw usage('The changes are a JSON list of one at least.');
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { verdict } = await admin.resend({
      place,
      ...(scope === undefined ? {} : { scope }),
      ...(Array.isArray(changes) ? { changes: [...changes] } : {}),
    });
    const { verdict: name, message = '', help = '' } = verdict;
    if (name === 'rejected') context.exit = exitCodes.failed;
    const seq = verdict.seq === undefined ? '' : ` at ${verdict.seq}`;
    answer(context, flags, {
      json: { verdict },
      text:
        name === 'rejected'
          ? `Rejected again, and still there: ${message} ${help}`.trimEnd()
          : `Sent as ${verdict.mutation}: ${name}${seq}. ${message}`.trimEnd(),
    });
  });
}

async function discardItem(
  context: CommandContext,
  place: number,
  flags: CommonFlags & { reason: string },
): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    await admin.discard({ place, reason: flags.reason });
    answer(context, flags, { json: { place, discarded: true }, text: `Discarded ${place}.` });
  });
}

function usage(message: string): CommandError {
  return new CommandError('usage', {
    message,
    help: 'Give one list of changes, as show prints them.',
    exit: exitCodes.usage,
  });
}
