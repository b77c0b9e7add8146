// `holdfast keys`: credentials for what does not enrol by itself, such as a script or a fleet with its own set-up.

import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  collectScope,
  describeCommand,
  grantsText,
  readWhole,
  withCommonFlags,
} from './command.ts';
import { withAdmin } from './connect.ts';
import { type GrantFlags, grantsOf } from './devices.ts';
import { CommandError } from './failure.ts';
import { countText, table, timeText } from './terminal.ts';

export const addKeys: AddCommand = (program, context) => {
  const keys = describeCommand(program, {
    usage: 'keys',
    summary: 'add, list and remove keys',
    examples: [
      'holdfast keys add nightly-export --scope shop-1:read',
      'holdfast keys list',
      'holdfast keys remove 7qwm3xz9p4aa',
    ],
  });
  withCommonFlags(
    describeCommand(keys, {
      usage: 'add <name>',
      summary: 'make a key; it is shown once',
      examples: [
        'holdfast keys add fleet  # may write in the scope main',
        'holdfast keys add nightly-export --scope shop-1:read --expires 90',
        'holdfast keys add office --all-scopes',
      ],
    }),
  )
    .option(
      '--scope <scope>',
      'a scope that it may write, or read with :read behind; repeatable (default: main)',
      collectScope,
    )
    .option('--all-scopes', 'it may write in every scope')
    .option('--expires <days>', 'it ends after so many days', readWhole({ min: 1, max: 36_500 }))
    .action((name: string, flags: AddFlags) => addKey(context, name, flags));
  withCommonFlags(
    describeCommand(keys, {
      usage: 'list',
      summary: 'list all keys, ended ones too',
      examples: ['holdfast keys list', 'holdfast keys list --json'],
    }),
  ).action((flags: CommonFlags) => listKeys(context, flags));
  withCommonFlags(
    describeCommand(keys, {
      usage: 'remove <key>',
      summary: 'end a key at once; its id, or a name that no other key has',
      examples: ['holdfast keys remove 7qwm3xz9p4aa', 'holdfast keys remove nightly-export'],
    }),
  ).action((key: string, flags: CommonFlags) => removeKey(context, key, flags));
};

type AddFlags = CommonFlags & GrantFlags & { expires?: number };

async function addKey(context: CommandContext, name: string, flags: AddFlags): Promise<void> {
  const grants = grantsOf(flags);
  await withAdmin(context.terminal, flags, { create: true }, async ({ admin }) => {
    const { expires } = flags;
    const expiresDays = expires === undefined ? {} : { expiresDays: expires };
    const { key, text } = await admin.addKey({ name, grants, ...expiresDays });
    const ends = key.expiresAt === null ? '' : ` until ${timeText(key.expiresAt)}`;
    answer(context, flags, {
      json: { key, text },
      text: `${text}\nThis is the only time that the key is shown. It works for ${grantsText(grants)}${ends}; its id is ${key.key}.`,
    });
  });
}

async function listKeys(context: CommandContext, flags: CommonFlags): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { keys } = await admin.keys({});
    const { now } = await admin.status({});
    const rows = keys.map(({ key, name, device, grants, createdAt, expiresAt, revokedAt }) => [
      key,
      name,
      grantsText(grants),
      device ?? '–',
      timeText(createdAt),
      stateOf({ expiresAt, revokedAt, now }),
    ]);
    const text =
      rows.length === 0
        ? 'There is no key yet. Make one with: npx holdfast keys add <name>'
        : `${table(['KEY', 'NAME', 'SCOPES', 'DEVICE', 'MADE', 'STATE'], rows)}\n${countText(rows.length, 'key')}`;
    answer(context, flags, { json: { keys }, text });
  });
}

function stateOf(key: { expiresAt: number | null; revokedAt: number | null; now: number }): string {
  if (key.revokedAt !== null) return `removed ${timeText(key.revokedAt)}`;
  if (key.expiresAt === null) return 'valid';
  return key.expiresAt <= key.now
    ? `ended ${timeText(key.expiresAt)}`
    : `valid until ${timeText(key.expiresAt)}`;
}

async function removeKey(context: CommandContext, key: string, flags: CommonFlags): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    // Who pastes the whole key means its id; the secret goes no further.
    const id = /^hf_([0-9a-z]{12})_/.exec(key)?.[1] ?? key;
    const { removed, key: found } = await admin.removeKey({ key: id });
    if (!removed)
      throw new CommandError('key_unknown', {
        message: `There is no key ${id} that could be removed.`,
        help: 'See npx holdfast keys list.',
      });
    answer(context, flags, {
      json: { key: found, removed },
      text: `Removed ${found}. Nobody gets in with it any more.`,
    });
  });
}
