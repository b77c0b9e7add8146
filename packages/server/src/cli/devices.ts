// `holdfast devices`: who takes part. A device enrols with a one-time code and can be shut out at once.

import type { Grants } from '@holdfast/core';
import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  collectScope,
  describeCommand,
  grantsText,
  withCommonFlags,
} from './command.ts';
import { withAdmin } from './connect.ts';
import { CommandError } from './failure.ts';
import { countText, durationText, exitCodes, table, timeText } from './terminal.ts';

export const addDevices: AddCommand = (program, context) => {
  const devices = describeCommand(program, {
    usage: 'devices',
    summary: 'list, enrol and revoke devices',
    examples: [
      'holdfast devices list',
      'holdfast devices enrol --name till-1 --scope shop-1  # prints a one-time code',
      'holdfast devices enrol --name board --scope shop-1:read',
      'holdfast devices revoke till-1-8f3a',
    ],
  });
  withCommonFlags(
    describeCommand(devices, {
      usage: 'list',
      summary: 'list the devices that ever came',
      examples: ['holdfast devices list', 'holdfast devices list --json'],
    }),
  ).action((flags: CommonFlags) => listDevices(context, flags));
  withCommonFlags(
    describeCommand(devices, {
      usage: 'enrol',
      summary: 'make a one-time code by which one device enrols',
      examples: [
        'holdfast devices enrol --name till-1  # may write in the scope main',
        'holdfast devices enrol --name till-1 --scope shop-1 --scope prices:read',
        'holdfast devices enrol --name office --all-scopes',
        'holdfast devices enrol --name till-1 --device till-1-8f3a  # one that was wiped or revoked comes back',
      ],
    }),
  )
    .requiredOption('--name <name>', 'what people call the device')
    .option(
      '--scope <scope>',
      'a scope that it may write, or read with :read behind; repeatable (default: main)',
      collectScope,
    )
    .option('--all-scopes', 'it may write in every scope')
    .option('--device <device>', 'the id of a device that enrolled before and shall come back with a new key')
    .action((flags: EnrolFlags) => enrolDevice(context, flags));
  withCommonFlags(
    describeCommand(devices, {
      usage: 'revoke <device>',
      summary: 'shut a device out at once, and end its keys; its id, or a name that no other has',
      examples: ['holdfast devices revoke till-1-8f3a', 'holdfast devices revoke "Till at the bar"'],
    }),
  ).action((device: string, flags: CommonFlags) => revokeDevice(context, device, flags));
};

export interface GrantFlags {
  scope?: Exclude<Grants, 'all'>;
  allScopes?: boolean;
}

/** Without a word about scopes it is the one that `import` fills, too: all scopes must be asked for by name. */
export function grantsOf({ scope, allScopes }: GrantFlags): Grants {
  if (allScopes && scope)
    throw new CommandError('usage', {
      message: '--all-scopes and --scope exclude each other.',
      help: 'Give one of them.',
      exit: exitCodes.usage,
    });
  return allScopes ? 'all' : (scope ?? [{ scope: 'main', right: 'write' }]);
}

type EnrolFlags = CommonFlags & GrantFlags & { name: string; device?: string };

async function listDevices(context: CommandContext, flags: CommonFlags): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { devices } = await admin.devices({});
    const rows = devices.map(({ device, name, seenAt, revokedAt }) => [
      device,
      name === '' ? '–' : name,
      timeText(seenAt),
      revokedAt === null ? 'may come' : `revoked ${timeText(revokedAt)}`,
    ]);
    const text =
      rows.length === 0
        ? 'No device has come yet. Enrol one with: npx holdfast devices enrol --name <name>'
        : `${table(['DEVICE', 'NAME', 'SEEN', 'STATE'], rows)}\n${countText(rows.length, 'device')}`;
    answer(context, flags, { json: { devices }, text });
  });
}

async function enrolDevice(context: CommandContext, flags: EnrolFlags): Promise<void> {
  const grants = grantsOf(flags);
  await withAdmin(context.terminal, flags, { create: true }, async ({ admin, server }) => {
    const { code, expiresAt } = await admin.enrol({
      name: flags.name,
      grants,
      ...(flags.device === undefined ? {} : { device: flags.device }),
    });
    const { now } = await admin.status({});
    answer(context, flags, {
      json: { code, expiresAt, name: flags.name, grants },
      text: [
        `Code: ${code}`,
        `Type it on the device within ${durationText(expiresAt - now)}. It works once, for ${grantsText(grants)}.`,
        ...(server ? [] : ['No server runs on this folder now; start it first: npx holdfast serve']),
      ].join('\n'),
    });
  });
}

async function revokeDevice(context: CommandContext, device: string, flags: CommonFlags): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { revoked, device: found } = await admin.revoke({ device });
    if (!revoked)
      throw new CommandError('device_unknown', {
        message: `There is no device ${device} that could be revoked.`,
        help: 'See npx holdfast devices list.',
      });
    answer(context, flags, {
      json: { device: found, revoked },
      text: `Revoked ${found}. Its keys have ended.`,
    });
  });
}
