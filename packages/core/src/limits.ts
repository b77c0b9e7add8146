// Every bound in one place, with the relations that must hold between them.
// A peer can make nothing larger than what stands here; an operator may lower or raise them in the config.

export interface Limits {
  /** Depth of nesting of a request's JSON text (an envelope of six levels around a record included). */
  jsonDepthMax: number;
  /** Members of one JSON object. */
  jsonKeysMax: number;
  /** Values in one JSON text. */
  jsonValuesMax: number;
  /** A request's body as it arrives, compressed or not. */
  bodyBytesMax: number;
  /** The same after decompression. */
  bodyInflatedBytesMax: number;
  /** One record's JSON text, in UTF-16 code units. */
  recordCharsMax: number;
  /** Depth of nesting inside a record. */
  recordDepthMax: number;
  /** Collection, scope, device, replica and record ids, in UTF-16 code units. */
  idCharsMax: number;
  mutationChangesMax: number;
  batchMutationsMax: number;
  /** Records of one page, and what a page gets when the peer names no limit. */
  pageRecordsMax: number;
  pageRecordsDefault: number;
  /**
   * JSON text of the records of one page; a page holds at least one record. And of the conflicts that an answer tells beside them; it
   * tells those of one verdict at least.
   */
  pageCharsMax: number;
  /** Verdicts in one answer. */
  answerVerdictsMax: number;
  /** Named entries in a record's `touched`; the rest folds into `*`. */
  touchedFieldsMax: number;
  /** Mutations of one replica that the server holds while a parent is missing, and for how long. */
  waitingPerReplicaMax: number;
  waitingMsMax: number;
  /** Mutations folded into one open conflict. */
  conflictMutationsMax: number;
  /** Open conflicts of one scope; beyond it a request is rejected instead of asked about. */
  conflictsOpenMax: number;
  /** Payloads of one device kept in the server's quarantine, and their JSON text; beyond either only hash and size are kept. */
  quarantinePerDeviceMax: number;
  quarantineCharsPerDeviceMax: number;
  devicesMax: number;
  /** Devices that register with one key which was issued to none of them. */
  devicesPerKeyMax: number;
  /** Mutations that a device sent without the right to write and that are remembered as refused; beyond it a push is refused whole. */
  refusalsPerDeviceMax: number;
  /** Replicas by which one device is known in a scope that it may not write. */
  replicasPerDeviceMax: number;
  /** Commits of which is kept that a replica repeated their mutations, which came under another id; older ones count as another's. */
  repeatedMax: number;
  /** Collections of one scope that no schema declares: those that clients name themselves. */
  collectionsNamedMax: number;
  /** Devices of one scope whose reading position is kept. */
  readersPerScopeMax: number;
  /** Entries that the sync log keeps. */
  syncLogMax: number;
  /** A device's clock may be this far ahead of the server's before its times are cut to the arrival. */
  clockDriftMsMax: number;
  /** Pushes of one group commit, those that may wait for one, and the changes in one group. */
  groupPushesMax: number;
  groupChangesMax: number;
  waitingPushesMax: number;
}

export const defaultLimits: Limits = {
  jsonDepthMax: 40,
  jsonKeysMax: 1_000,
  jsonValuesMax: 200_000,
  bodyBytesMax: 1_048_576,
  bodyInflatedBytesMax: 4_194_304,
  recordCharsMax: 262_144,
  recordDepthMax: 32,
  idCharsMax: 200,
  mutationChangesMax: 1_000,
  batchMutationsMax: 1_000,
  pageRecordsMax: 5_000,
  pageRecordsDefault: 1_000,
  pageCharsMax: 2_097_152,
  answerVerdictsMax: 2_000,
  touchedFieldsMax: 1_000,
  waitingPerReplicaMax: 1_000,
  waitingMsMax: 30 * 24 * 3_600_000,
  conflictMutationsMax: 100,
  conflictsOpenMax: 10_000,
  quarantinePerDeviceMax: 1_000,
  quarantineCharsPerDeviceMax: 16_777_216,
  devicesMax: 10_000,
  devicesPerKeyMax: 1_000,
  refusalsPerDeviceMax: 5_000,
  replicasPerDeviceMax: 20,
  repeatedMax: 1_000,
  collectionsNamedMax: 100,
  readersPerScopeMax: 10_000,
  syncLogMax: 20_000,
  clockDriftMsMax: 5 * 60_000,
  groupPushesMax: 256,
  groupChangesMax: 10_000,
  waitingPushesMax: 4_096,
};

/** The largest integer that every store, wire and runtime of ours holds exactly. */
export const integerMax = Number.MAX_SAFE_INTEGER;

/** Throws a RangeError that names the two limits that contradict each other. */
export function assertLimits(limits: Limits): Limits {
  const require = (holds: boolean, relation: string): void => {
    if (!holds) throw new RangeError(`These limits contradict each other: ${relation}.`);
  };
  for (const [name, value] of Object.entries(limits)) {
    require(Number.isSafeInteger(value) && value > 0, `${name} must be a whole number above 0`);
  }
  require(limits.recordDepthMax + 6 <= limits.jsonDepthMax, 'recordDepthMax + 6 ≤ jsonDepthMax');
  require(limits.recordCharsMax <= limits.bodyBytesMax, 'recordCharsMax ≤ bodyBytesMax');
  require(limits.bodyBytesMax <= limits.bodyInflatedBytesMax, 'bodyBytesMax ≤ bodyInflatedBytesMax');
  require(limits.recordCharsMax <=
    limits.quarantineCharsPerDeviceMax, 'recordCharsMax ≤ quarantineCharsPerDeviceMax');
  require(limits.recordCharsMax <= limits.pageCharsMax, 'recordCharsMax ≤ pageCharsMax');
  require(limits.pageRecordsDefault <= limits.pageRecordsMax, 'pageRecordsDefault ≤ pageRecordsMax');
  require(limits.batchMutationsMax <= limits.answerVerdictsMax, 'batchMutationsMax ≤ answerVerdictsMax');
  require(limits.batchMutationsMax <=
    limits.refusalsPerDeviceMax, 'batchMutationsMax ≤ refusalsPerDeviceMax');
  require(limits.devicesPerKeyMax <= limits.devicesMax, 'devicesPerKeyMax ≤ devicesMax');
  require(limits.mutationChangesMax <= limits.groupChangesMax, 'mutationChangesMax ≤ groupChangesMax');
  require(limits.groupPushesMax <= limits.waitingPushesMax, 'groupPushesMax ≤ waitingPushesMax');
  return limits;
}
