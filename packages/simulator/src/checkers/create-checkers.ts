// Every checker there is, each watching the same world.

import type { Limits } from '@holdfast/core';
import type { Checker, MakeChecker, Watched } from '../checker.ts';
import { acknowledgedSurvives } from './01-acknowledged-survives.ts';
import { appliedOnce } from './02-applied-once.ts';
import { sentInOrder } from './02-sent-in-order.ts';
import { wholeOrNot } from './03-whole-or-not.ts';
import { nothingMissed } from './04-nothing-missed.ts';
import { replicasAgree } from './05-replicas-agree.ts';
import { eachAccounted } from './06-each-accounted.ts';
import { notTaken } from './06-not-taken.ts';
import { nothingLost } from './06-nothing-lost.ts';
import { seenOnce } from './06-seen-once.ts';
import { grantsHold } from './07-grants-hold.ts';
import { nothingOfOthers } from './07-nothing-of-others.ts';
import { clocksDecideNothing } from './08-clocks-decide-nothing.ts';
import { noneWithOneself } from './09-none-with-oneself.ts';
import { resolutionsRecorded } from './09-resolutions-recorded.ts';
import { countersExact } from './10-counters-exact.ts';
import { bounded } from './11-bounded.ts';
import { countsTrue } from './11-counts-true.ts';
import { storedAsWritten } from './stored-as-written.ts';
import { uniqueClaims } from './unique-claims.ts';

export function createCheckers(watched: Watched, limits: Limits): Checker[] {
  const makers: readonly MakeChecker[] = [
    acknowledgedSurvives,
    appliedOnce,
    sentInOrder,
    wholeOrNot,
    nothingMissed,
    replicasAgree,
    eachAccounted,
    nothingLost,
    seenOnce,
    notTaken,
    grantsHold,
    nothingOfOthers,
    clocksDecideNothing,
    resolutionsRecorded,
    noneWithOneself,
    countersExact,
    bounded(limits),
    countsTrue(limits),
    storedAsWritten,
    uniqueClaims,
  ];
  return makers.map((make) => make(watched));
}
