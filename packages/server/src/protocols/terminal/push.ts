// A push to the engine: each change is a write of its own, so that one that is bad stops no other.

import type { Declared, StoredRecord } from '@holdfast/core';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps } from '../mount.ts';
import type { Result } from './answers.ts';
import type { Entities } from './entities.ts';
import { badResult, judgeOf, resultOf, versionOf, writeOf, writerOf } from './translate.ts';
import type { BadChange, GivenChange } from './wire.ts';

export type PushDeps = Pick<MountDeps, 'engine' | 'scope' | 'limits'> & { entities: Entities };

/** A result for each change, in order. */
export async function push(
  deps: PushDeps,
  caller: Caller,
  given: readonly (GivenChange | BadChange)[],
): Promise<readonly Result[]> {
  const { engine, scope, entities } = deps;
  const read = given.map((change) => {
    const write = 'error' in change ? change : writeOf(change, entities);
    return { change, write };
  });
  const writes = read.flatMap(({ write }) => ('error' in write ? [] : [write]));
  const answers = await engine.pushDeclared(caller, scope, {
    writer: writerOf(caller.device),
    judge: judgeOf(entities, writes),
    writes,
  });
  const results: Result[] = [];
  let place = 0;
  for (const { change, write } of read) {
    if ('error' in write || 'error' in change) {
      results.push(badResult('error' in write ? write : (change as BadChange)));
      continue;
    }
    const answer = answers[place];
    place += 1;
    if (!answer) throw new Error('The engine answers each write.');
    results.push(resultOf(change, answer, await toldVersion(deps, answer)));
  }
  return results;
}

/** Versions of a record that are looked through for the one that a repeat made. */
const historyMax = 1_000;

/** The record's version when the change was judged; undefined where that is not known any more. */
async function toldVersion(
  { engine, scope }: PushDeps,
  { verdict, record }: Declared,
): Promise<number | undefined> {
  if (!record) return undefined;
  const wasThere = ({ seq }: StoredRecord): boolean => seq <= verdict.asOf;
  if (wasThere(record)) return versionOf(record);
  const versions = await engine.inspect.history(scope, record.collection, record.id, historyMax);
  const then = versions.find(wasThere);
  return then && versionOf(then);
}
