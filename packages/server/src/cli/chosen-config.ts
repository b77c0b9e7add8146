// Where a command has its config from: a file, or a preset as the environment wants it.

import { resolve } from 'node:path';
import { type Config, defineConfig, loadConfig } from '../config.ts';
import { CommandError } from './failure.ts';
import { exitCodes } from './terminal.ts';

export interface ChosenFlags {
  store?: string;
  config?: string;
  preset?: string;
}

export interface Chosen {
  config: Config;
  /** `preset hims`, or the path of the file. */
  from: string;
  /** The file; undefined for a preset. */
  file?: string;
}

const fileDefault = 'holdfast.config.ts';

/** Throws a ConfigError for a preset that nobody knows and for whatever is wrong with the file or the environment. */
export async function chooseConfig(flags: ChosenFlags, cwd: string): Promise<Chosen> {
  const { config: named, preset } = flags;
  if (preset === undefined) {
    const file = resolve(cwd, named ?? fileDefault);
    return { config: await loadConfig(file), from: file, file };
  }
  if (named !== undefined) {
    throw new CommandError('usage', {
      message: 'There are --preset and --config.',
      help: 'A preset needs no config file. To change more of one than flags do, begin a config file with presetOptions.',
      exit: exitCodes.usage,
    });
  }
  // Loaded when one is wanted: most commands begin sooner without.
  const { presetOptions } = await import('../presets/presets.ts');
  // A flag goes before the variable, also before one that this version cannot follow.
  const environment = flags.store === undefined ? process.env : { ...process.env, DATABASE_URL: undefined };
  const config = defineConfig(presetOptions(preset, environment));
  return { config: { ...config, data: resolve(cwd, config.data) }, from: `preset ${preset}` };
}
