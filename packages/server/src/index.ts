// The public face of `holdfast`: what a config file imports. Inside the package nobody imports it.

export type {
  CollectionOptions,
  FieldPolicyName,
  Limits,
  PolicyQuestion,
  RecordOf,
  RecordPolicyName,
  Schema,
} from '@holdfast/core';
export { defineSchema } from '@holdfast/core';
export { z } from 'zod';
export { type Config, type ConfigOptions, defineConfig } from './config.ts';
export { ConfigError } from './config-error.ts';
export type { LogLevel } from './log.ts';
export { presetOptions } from './presets/presets.ts';
