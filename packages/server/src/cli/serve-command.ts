// `holdfast serve`: the flags of the server; serve.ts is what it does.

import { Option } from 'commander';
import type { ConfigFlags } from '../config.ts';
import {
  type AddCommand,
  type CommonFlags,
  describeCommand,
  keepFilesPrivate,
  readWhole,
  withCommonFlags,
} from './command.ts';

export const addServe: AddCommand = (program, context) => {
  withCommonFlags(
    describeCommand(program, {
      usage: 'serve',
      summary: 'serve until it is told to end',
      description: 'Serves until Ctrl-C or SIGTERM; then answers what it has taken, and ends.',
      examples: [
        'holdfast serve',
        'holdfast serve --host 0.0.0.0 --port 8080  # for the local network',
        'holdfast serve --config shop/holdfast.config.ts --data /var/lib/holdfast',
        'holdfast serve --preset hims  # for the clients of an existing system',
      ],
    }),
  )
    .option('--port <port>', 'the port; 0 takes any free one', readWhole({ min: 0, max: 65_535 }))
    .option('--host <address>', 'the address to listen on')
    .addOption(
      new Option('--auth <kind>', 'who is served: near peers, keys, or bearers of a token').choices([
        'none',
        'keys',
        'jwt',
      ]),
    )
    .option(
      '--discovery-port <port>',
      'tell devices on the network of this server by datagrams to this UDP port',
      readWhole({ min: 1, max: 65_535 }),
    )
    .option('--no-discovery', 'tell no device on the network')
    .action(async (flags: CommonFlags & ConfigFlags) => {
      keepFilesPrivate();
      // The server is loaded when it is wanted: other commands need none of it and begin sooner.
      const { serve } = await import('./serve.ts');
      context.exit = await serve(flags, context.terminal);
    });
};
