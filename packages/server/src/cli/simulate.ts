// `holdfast simulate`: a simulated fleet tries to break every promise. It opens no port and no file. The simulator is a process
// of its own: it knows the replica too, which the server does not.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../clock.ts';
import { type AddCommand, answer, type CommandContext, describeCommand, readWhole } from './command.ts';
import { CommandError } from './failure.ts';
import { jsonOf, type Result, summaryOf } from './simulate-result.ts';
import { countText, exitCodes, numberText } from './terminal.ts';

interface Flags extends ExcerptFlags {
  seed?: number;
  seeds?: number;
  minutes?: number;
  store?: string;
  complete?: boolean;
  json?: boolean;
}

/** What of one seed is played. */
interface ExcerptFlags {
  until?: number;
  devices?: string;
  servers?: number;
  acts?: string;
  faults?: string;
}

type Message =
  | { type: 'progress'; seeds: number; operations: number; failures: number; shortening: number | null }
  | { type: 'refused'; message: string }
  | { type: 'result'; result: Result };

const seedMax = 4_294_967_295;

export const addSimulate: AddCommand = (program, context) => {
  describeCommand(program, {
    usage: 'simulate',
    summary: 'let a simulated fleet try to break every promise',
    description:
      'Runs the real replica and the real engine under a virtual clock, with a network, disks and processes that fail as a seed says. The same seed is the same history. The first failure is shortened, told step by step, and ends with the command that plays just those steps again.',
    examples: [
      'holdfast simulate --minutes 1',
      'holdfast simulate --seed 42 --seeds 1  # one seed',
      'holdfast simulate --seed 42 --until 7163 --devices d0,d2 --acts d0:3,d2:5-9 --faults delay,lose_reply:d0@4711.204  # a part of it',
      'holdfast simulate --minutes 10 --store sqlite --json',
    ],
  })
    .option('--seed <n>', 'the first seed (default: 1)', readWhole({ min: 0, max: seedMax }))
    .option('--seeds <n>', 'how many seeds at most', readWhole({ min: 1, max: 1_000_000_000 }))
    .option(
      '--minutes <n>',
      'begin no seed after so many (default: 1, without --seeds)',
      readWhole({ min: 1, max: 30_000 }),
    )
    .option('--store <kind>', 'memory, sqlite or file (default: as each seed says)')
    .option('--complete', 'fail when a fault or a state was never met, also in a short run')
    .option(
      '--until <ms>',
      'of one seed: end the faults so early, in virtual milliseconds',
      readWhole({ min: 0, max: 10_000_000 }),
    )
    .option('--devices <names>', 'of one seed: these devices alone, such as d0,d2')
    .option('--servers <n>', 'of one seed: no more servers', readWhole({ min: 1, max: 100 }))
    .option('--acts <names>', 'of one seed: these acts of people alone, such as d0:3,d2:5-9, or none')
    .option(
      '--faults <names>',
      'of one seed: these faults alone, such as delay,lose_reply:d0,crash_server:s0@4711.204, or none',
    )
    .option('--json', 'answer with one JSON value on standard output')
    .action((flags: Flags) => simulate(context, flags));
};

async function simulate(context: CommandContext, flags: Flags): Promise<void> {
  const task = taskOf(flags);
  const { terminal } = context;
  const beginMs = systemClock.monoMs();
  const result = await runSimulator(task, {
    interrupt: terminal.catchInterrupt(),
    progress: (message) => {
      if (!flags.json) terminal.progress(progressText(message));
    },
  });
  terminal.progress('');
  const run = { firstSeed: task.seed, store: task.store, ms: systemClock.monoMs() - beginMs };
  const { failures, completeness, interrupted } = result;
  if (failures.length > 0 || (completeness.required && completeness.unmet.length > 0))
    context.exit = exitCodes.failed;
  else if (interrupted) context.exit = exitCodes.interrupted;
  answer(context, flags, { json: jsonOf(result, run), text: summaryOf(result, run) });
}

function taskOf({ seed, seeds, minutes, store, complete, ...rest }: Flags) {
  if (store !== undefined && !['memory', 'sqlite', 'file'].includes(store))
    throw wrong(`There is no store ${store}.`, 'Say memory, sqlite or file.');
  const { json: _, ...excerpt } = rest;
  const isPart = Object.keys(excerpt).length > 0;
  if (isPart && seed === undefined)
    throw wrong(`--${Object.keys(excerpt)[0]} is about one seed.`, 'Name it with --seed.');
  if (isPart && ((seeds ?? 1) > 1 || minutes !== undefined || complete))
    throw wrong(
      `--${Object.keys(excerpt)[0]} is about one seed, which is played once.`,
      'Leave out --seeds, --minutes and --complete.',
    );
  const first = seed ?? 1;
  return {
    seed: first,
    seeds: Math.min(isPart ? 1 : (seeds ?? seedMax), seedMax + 1 - first),
    minutes: minutes ?? (seeds === undefined && !isPart ? 1 : null),
    processes: availableParallelism(),
    complete: complete === true,
    ...(store === undefined ? {} : { store }),
    ...(isPart ? { excerpt } : {}),
  };
}

function progressText({ seeds, operations, failures, shortening }: Message & { type: 'progress' }): string {
  if (shortening !== null) return `shortening the first failure: ${countText(shortening, 'run')}`;
  return `${countText(seeds, 'seed')}, ${numberText(operations)} operations, ${countText(failures, 'failure')}`;
}

function interrupted(): CommandError {
  return new CommandError('interrupted', {
    message: 'It was interrupted before the first seed.',
    help: '',
    exit: exitCodes.interrupted,
  });
}

function wrong(message: string, help: string): CommandError {
  return new CommandError('usage', { message, help, exit: exitCodes.usage });
}

/** Asked to stop, it answers with what it has. */
function runSimulator(
  task: object,
  {
    interrupt,
    progress,
  }: { interrupt: AbortSignal; progress(message: Message & { type: 'progress' }): void },
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const file = fileURLToPath(import.meta.resolve('@holdfast/simulator/main'));
    const child = spawn(process.execPath, [file, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // Ctrl-C would reach it as well: what it means is said here.
      detached: true,
    });
    const stop = (): void => void child.kill('SIGTERM');
    if (interrupt.aborted) stop();
    interrupt.addEventListener('abort', stop);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Message;
      if (message.type === 'progress') progress(message);
      else if (message.type === 'result') resolve(message.result);
      else reject(wrong(message.message, 'See holdfast simulate --help.'));
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      interrupt.removeEventListener('abort', stop);
      if (interrupt.aborted) reject(interrupted());
      else reject(new Error(`The simulator ended with ${signal ?? code}, and without a result.`));
    });
  });
}
