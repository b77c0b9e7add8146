// `holdfast audit`: who did what with keys, devices, imports, backups, conflicts and the quarantine, and when.

import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  describeCommand,
  readWhole,
  withCommonFlags,
} from './command.ts';
import { withAdmin } from './connect.ts';
import { countText, table, timeText } from './terminal.ts';

const lastDefault = 50;
const lastMax = 1_000;

export const addAudit: AddCommand = (program, context) => {
  withCommonFlags(
    describeCommand(program, {
      usage: 'audit',
      summary: 'tell who did what: keys, devices, imports, backups, conflicts, quarantine',
      description:
        'Tells what was done with keys, devices, imports, backups, restores, conflicts and the quarantine, the newest first. It names no contents of records.',
      examples: ['holdfast audit', 'holdfast audit --last 500 --json'],
    }),
  )
    .option(
      '--last <count>',
      `how many entries (default: ${lastDefault})`,
      readWhole({ min: 1, max: lastMax }),
    )
    .action((flags: CommonFlags & { last?: number }) => showAudit(context, flags));
};

async function showAudit(context: CommandContext, flags: CommonFlags & { last?: number }): Promise<void> {
  const max = flags.last ?? lastDefault;
  await withAdmin(context.terminal, flags, { create: false }, async ({ admin }) => {
    const { entries } = await admin.audit({ max });
    const rows = entries.map(({ at, actor, action, subject }) => [timeText(at), actor, action, subject]);
    const more = rows.length === max ? ' There may be more: --last.' : '';
    answer(context, flags, {
      json: { entries },
      text:
        rows.length === 0
          ? 'Nothing was done yet.'
          : `${table(['WHEN', 'WHO', 'WHAT', 'TO'], rows)}\n${countText(rows.length, 'entry', 'entries')}.${more}`,
    });
  });
}
