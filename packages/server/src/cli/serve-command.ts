// `holdfast serve`: the flags of the server; serve.ts is what it does.

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
      ],
    }),
  )
    .option('--port <port>', 'the port; 0 takes any free one', readWhole({ min: 0, max: 65_535 }))
    .option('--host <address>', 'the address to listen on')
    .action(async (flags: CommonFlags & { port?: number; host?: string }) => {
      keepFilesPrivate();
      // The server is loaded when it is wanted: other commands need none of it and begin sooner.
      const { serve } = await import('./serve.ts');
      context.exit = await serve(flags, context.terminal);
    });
};
