// The public face of the simulator.

export { type Coverage, coverageOf } from './coverage.ts';
export { type FaultKind, faultKinds } from './faults.ts';
export type { StoreKind } from './profile.ts';
export { type RunOptions, type RunResult, runSeed } from './run.ts';
export { shrink } from './shrink.ts';
export { type Story, storyOf } from './story.ts';
export type { Failure } from './world.ts';
