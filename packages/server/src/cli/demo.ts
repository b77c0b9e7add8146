// `holdfast demo`: what the product does, in a minute, with real processes, files and sockets.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemTimer } from '../clock.ts';
import { type AddCommand, type CommandContext, describeCommand } from './command.ts';
import { colours, noColours } from './demo/narrate.ts';
import { runDemo } from './demo/run-demo.ts';
import { CommandError } from './failure.ts';
import { exitCodes } from './terminal.ts';

interface Flags {
  fast?: boolean;
  json?: boolean;
}

const pauseMs = 1_200;

export const addDemo: AddCommand = (program, context) => {
  describeCommand(program, {
    usage: 'demo',
    summary: 'see in a minute what this is: three devices, no network, and an account that adds up',
    description: [
      'Starts a server and three devices as processes of their own, with their databases in a temporary folder. They lose the network,',
      'change the same things, are killed and cut off, come back, and agree. At the end all databases are compared, and every change that',
      'a device has acknowledged is accounted for. Exits with 1 if anything does not add up.',
    ].join(' '),
    examples: ['holdfast demo', 'holdfast demo --fast', 'holdfast demo --fast --json'],
  })
    .option('--fast', 'without pauses')
    .option('--json', 'answer with one JSON value on standard output, and tell nothing')
    .action((flags: Flags) => demo(context, flags));
};

async function demo(context: CommandContext, flags: Flags): Promise<void> {
  const { terminal } = context;
  const interrupt = terminal.catchInterrupt();
  const isShown = terminal.columns !== undefined;
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
  try {
    const result = await runDemo({
      folder,
      interrupt,
      ink: isShown && !process.env.NO_COLOR ? colours : noColours,
      print: (line) => {
        if (!flags.json) terminal.print(line);
      },
      pause: () => (isShown && !flags.fast && !flags.json ? pause(pauseMs, interrupt) : Promise.resolve()),
    });
    if (flags.json) terminal.print(JSON.stringify(result, null, 2));
    if (!result.ok) context.exit = exitCodes.failed;
  } catch (error) {
    if (!interrupt.aborted) throw error;
    throw new CommandError('interrupted', {
      message: 'It was interrupted. Its processes have ended, and its files are gone.',
      help: '',
      exit: exitCodes.interrupted,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function pause(ms: number, interrupt: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = systemTimer.after(ms, resolve);
    const stop = (): void => {
      timer.cancel();
      resolve();
    };
    if (interrupt.aborted) stop();
    interrupt.addEventListener('abort', stop, { once: true });
  });
}
