// The presets, by the names under which `serve --preset` knows them.

import type { ConfigOptions } from '../config.ts';
import { ConfigError } from '../config-error.ts';
import { crm } from './crm.ts';
import { documents } from './documents.ts';
import { hims } from './hims.ts';
import { pos } from './pos.ts';
import { type Environment, type Preset, presetConfig } from './preset.ts';
import { terminal } from './terminal.ts';

export const presets = { hims, documents, pos, crm, terminal } as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;

export const presetNames = Object.keys(presets) as PresetName[];

/** What a preset says, as the environment wants it: to begin a config file with. Throws a ConfigError for an unknown name. */
export function presetOptions(name: string, environment: Environment = process.env): ConfigOptions {
  return presetConfig(findPreset(name), environment);
}

/** Throws a ConfigError with the list for a name that none has. */
function findPreset(name: string): Preset {
  const found = presetNames.find((known) => known === name);
  if (found !== undefined) return presets[found];
  throw new ConfigError('config_invalid', {
    field: 'preset',
    message: `There is no preset ${name.slice(0, 40)}.`,
    help: `Known are ${presetNames.map((known) => `${known} (${presets[known].about})`).join('; ')}.`,
  });
}
