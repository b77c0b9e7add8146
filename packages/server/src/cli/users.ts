// `holdfast users`: who logs in to this server. A password is typed unseen or comes from standard input; it is shown nowhere.

import { Option } from 'commander';
import { type Role, roleNames, roles } from '../identity/users.ts';
import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  describeCommand,
  grantsText,
  withCommonFlags,
} from './command.ts';
import { withAdmin } from './connect.ts';
import { CommandError } from './failure.ts';
import { readPassword } from './password.ts';
import { countText, table, timeText } from './terminal.ts';

export const addUsers: AddCommand = (program, context) => {
  const users = describeCommand(program, {
    usage: 'users',
    summary: 'add, list and remove users, who log in by name and password',
    examples: [
      'holdfast users add ann --role admin',
      'holdfast users list --preset crm',
      'holdfast users password ann < new-password.txt',
      'holdfast users remove ann',
    ],
  });
  const command = (about: Parameters<typeof describeCommand>[1]) =>
    withCommonFlags(describeCommand(users, about));
  withRole(
    command({
      usage: 'add <name>',
      summary: 'add a user; the password is asked for, or read from standard input',
      examples: [
        'holdfast users add ann  # may write in the scope main',
        'holdfast users add kim --role viewer --scope shop-1',
        'holdfast users add root --role admin < password.txt',
      ],
    }).addOption(roleOption().default('user')),
  ).action((name: string, flags: RoleFlags) => addOne(context, name, flags));
  command({
    usage: 'list',
    summary: 'list all users',
    examples: ['holdfast users list', 'holdfast users list --json'],
  }).action((flags: CommonFlags) => listAll(context, flags));
  command({
    usage: 'remove <name>',
    summary: 'remove a user; whoever is logged in as this one is out at once',
    examples: ['holdfast users remove ann'],
  }).action((name: string, flags: CommonFlags) => removeOne(context, name, flags));
  command({
    usage: 'password <name>',
    summary: 'set a new password; whoever is logged in as this one is out at once',
    examples: ['holdfast users password ann', 'holdfast users password ann < new-password.txt'],
  }).action((name: string, flags: CommonFlags) => changePassword(context, name, flags));
  withRole(
    command({
      usage: 'role <name>',
      summary: 'give a user another role, or other scopes; it holds at once',
      examples: [
        'holdfast users role ann --role viewer',
        'holdfast users role ann --role user --scope shop-1',
      ],
    }).addOption(roleOption().makeOptionMandatory()),
  ).action((name: string, flags: RoleFlags) => changeRole(context, name, flags));
  command({
    usage: 'rotate',
    summary: 'sign tokens by a new key from now on; the server does so every 30 days by itself',
    examples: [
      'holdfast users rotate',
      'holdfast users rotate --end-all  # everybody logs in again: when the database may be in other hands',
    ],
  })
    .option('--end-all', 'end every token that was given out')
    .action((flags: RotateFlags) => rotate(context, flags));
};

type RoleFlags = CommonFlags & { role: Role; scope?: readonly string[] };
type RotateFlags = CommonFlags & { endAll?: boolean };

function roleOption(): Option {
  const words = Object.entries(roles).map(([role, may]) => `${role} ${may}`);
  return new Option('--role <role>', words.join(', ')).choices(roleNames);
}

function withRole<Command extends ReturnType<typeof withCommonFlags>>(command: Command): Command {
  return command.option(
    '--scope <scope>',
    'a scope of the user; repeatable (default: main; an admin has all)',
    (scope: string, before: readonly string[] | undefined) => [...(before ?? []), scope],
  );
}

async function addOne(context: CommandContext, name: string, flags: RoleFlags): Promise<void> {
  const password = await readPassword(context.terminal, name);
  const { role, scope } = flags;
  await withAdmin(context.terminal, flags, { create: true }, async ({ admin }) => {
    const { user } = await admin.addUser({
      ...{ name, password, role },
      ...(scope === undefined ? {} : { scopes: [...scope] }),
    });
    if (!user)
      throw new CommandError('user_exists', {
        message: `There is a user ${name} already.`,
        help: 'Case does not tell names apart. See npx holdfast users list.',
      });
    answer(context, flags, {
      json: { user },
      text: `Added ${user.name}, ${user.role}, for ${grantsText(user.grants)}.`,
    });
  });
}

async function listAll(context: CommandContext, flags: CommonFlags): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { users } = await admin.users({});
    const rows = users.map(({ name, role, grants, createdAt, passwordAt }) => [
      ...[name, role, grantsText(grants), timeText(createdAt), timeText(passwordAt)],
    ]);
    const text =
      rows.length === 0
        ? 'There is no user yet. Add one with: npx holdfast users add <name>'
        : `${table(['NAME', 'ROLE', 'SCOPES', 'ADDED', 'PASSWORD SET'], rows)}\n${countText(rows.length, 'user')}`;
    answer(context, flags, { json: { users }, text });
  });
}

async function removeOne(context: CommandContext, name: string, flags: CommonFlags): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { done } = await admin.removeUser({ name });
    if (!done) throw unknown(name);
    answer(context, flags, {
      json: { name, removed: true },
      text: `Removed ${name}. The tokens of this user have ended.`,
    });
  });
}

async function changePassword(context: CommandContext, name: string, flags: CommonFlags): Promise<void> {
  const password = await readPassword(context.terminal, name);
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { done } = await admin.setPassword({ name, password });
    if (!done) throw unknown(name);
    answer(context, flags, {
      json: { name, changed: true },
      text: `The password of ${name} is set. The tokens of this user have ended.`,
    });
  });
}

async function changeRole(context: CommandContext, name: string, flags: RoleFlags): Promise<void> {
  const { role, scope } = flags;
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { done } = await admin.setRole({
      ...{ name, role },
      ...(scope === undefined ? {} : { scopes: [...scope] }),
    });
    if (!done) throw unknown(name);
    answer(context, flags, { json: { name, role }, text: `The role of ${name} is ${role} from now on.` });
  });
}

async function rotate(context: CommandContext, flags: RotateFlags): Promise<void> {
  const { endAll = false } = flags;
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { kid } = await admin.rotateTokens({ endAll });
    answer(context, flags, {
      json: { kid, endAll },
      text: endAll
        ? 'Every token has ended: all users log in again.'
        : 'Tokens are signed by a new key from now on. Those that were given out stay good until they end.',
    });
  });
}

function unknown(name: string): CommandError {
  return new CommandError('user_unknown', {
    message: `There is no user ${name}.`,
    help: 'See npx holdfast users list.',
  });
}
