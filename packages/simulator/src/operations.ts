// What is counted as an operation: work that somebody asked for and that was done, at the devices and at the servers.

export const operationKinds = [
  'made',
  'refused',
  'judged',
  'received',
  'requests',
  'answers',
  'frames',
] as const;

/**
 * `made`: mutations that a device stored for its application. `refused`: those that it judged and did not take, for a reason that it
 * gave. `judged`: verdicts that a server gave and committed. `received`: committed mutations that a device had not and now shows; a
 * first sync, which brings records, counts none.
 * `requests`: exchanges that a server took up. `answers`: answers of servers and proxies that a device took up. `frames`: what either
 * end of a live socket took up besides.
 */
export type OperationKind = (typeof operationKinds)[number];
export type Operations = Record<OperationKind, number>;

export function noOperations(): Operations {
  return { made: 0, refused: 0, judged: 0, received: 0, requests: 0, answers: 0, frames: 0 };
}

export function addOperations(total: Operations, more: Operations): void {
  for (const kind of operationKinds) total[kind] += more[kind];
}
