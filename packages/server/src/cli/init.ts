// `holdfast init`: a config file to begin with.

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type AddCommand, answer, type CommonFlags, describeCommand } from './command.ts';
import { CommandError } from './failure.ts';

export const addInit: AddCommand = (program, context) => {
  describeCommand(program, {
    usage: 'init',
    summary: 'write a commented holdfast.config.ts',
    description:
      'Writes a commented holdfast.config.ts into this folder. A file that is there stays as it is.',
    examples: ['holdfast init', 'holdfast init --config shop/holdfast.config.ts'],
  })
    .option('--config <file>', 'where to write it', 'holdfast.config.ts')
    .option('--json', 'answer with one JSON value on standard output')
    .action(async (flags: CommonFlags & { config: string }) => {
      const file = resolve(context.terminal.cwd, flags.config);
      await writeFile(file, template, { flag: 'wx' }).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        throw new CommandError('config_exists', {
          message: `${flags.config} is there already; nothing was written.`,
          help: 'Edit it, or name another file with --config.',
          cause: error,
        });
      });
      answer(context, flags, {
        json: { file },
        text: `Wrote ${flags.config}. Now describe your records in it, then run: npx holdfast serve`,
      });
    });
};

const template = `// What this Holdfast server keeps and how. See docs/guide.md; every option is optional but the schema.

import { defineConfig, defineSchema, z } from 'holdfast';

const schema = defineSchema({
  // Raise it whenever the fields change, and keep the former schema in \`former\` as long as devices still use it.
  version: 1,
  collections: {
    // A request may be rejected: a product's number is taken, the stock would fall below zero.
    products: {
      kind: 'request',
      // The fields of a record besides its id.
      fields: z.object({
        name: z.string().min(1),
        price: z.number().min(0),
        stock: z.number().optional(),
        barcode: z.string().optional(),
      }),
      // Two devices changed one product: field by field, the newest wins where they meet.
      policy: 'merge',
      // Changes by increments alone, so that nobody's sale is lost.
      counters: { stock: { minimum: 0 } },
      // No two products share a barcode.
      unique: ['barcode'],
    },
    // A fact has happened and is never refused; what is odd about it is flagged.
    sales: {
      kind: 'fact',
      fields: z.object({
        product: z.string(),
        amount: z.number(),
        soldAt: z.string(),
      }),
      parents: { product: 'products' },
      // Sales go to the server before everything else. 1 is last, 10 is first.
      priority: 9,
      history: { days: 'forever' },
    },
  },
});

export default defineConfig({
  schema,
  // Who is served: 'none' is this machine and the private network without keys; 'keys' asks every device for its key
  // (npx holdfast keys add, or npx holdfast devices enrol).
  auth: 'none',
  // 127.0.0.1 serves this machine alone, 0.0.0.0 the local network too.
  host: '127.0.0.1',
  port: 4870,
  // Where the database lies, from this file's folder. It must be on a local disk.
  data: './data',
  // Names under which devices reach this server, besides its addresses.
  // hosts: ['shop.example.com'],
  // Web pages that may call it.
  // corsOrigins: ['https://app.example.com'],
  // The database grows no larger than this.
  // sizeBytesMax: 10_000_000_000,
});
`;
