// The public face of core: what client, server, console and simulator import.

export { type Admission, admit, invalidIn, type Misfit, misfit } from './admit.ts';
export type { BaseJudge, DeclaredBase } from './base-question.ts';
export { canonicalJson, equalJson } from './canonical.ts';
export type {
  AddChange,
  Change,
  DeleteChange,
  Made,
  Mutation,
  PatchChange,
  PutChange,
  RecordChange,
  ResolveChange,
} from './change.ts';
export { hashedPart, recordKey, resolveIn } from './change.ts';
export { type Arrival, madeAtMs, type SendingClock } from './clock.ts';
export { compareScalar, compareText, type Scalar } from './collate.ts';
export {
  addDecimal,
  compareDecimal,
  isHeld,
  negate,
  parseDecimal,
  subtractDecimal,
  sumDecimals,
} from './decimal.ts';
export type { Judge, TimeJudge, TimePolicy, VersionJudge } from './declared.ts';
export { declaredVersion } from './declared.ts';
export { type DeclaredWrite, declaredMutations, uuidOf } from './declared-mutation.ts';
export type { PlanContext } from './draft.ts';
export { counterIn, editOf } from './edit.ts';
export type { ErrorEntry, MutationErrorCode, Problem, RequestErrorCode, VerdictCode } from './errors.ts';
export { mutationErrors, RequestError, requestErrors, verdictCodes } from './errors.ts';
export { foresee, hiddenReplica, ownReplicas } from './foresee.ts';
export { holdersCut, holdersMaxOf } from './holders.ts';
export type { Json, JsonBounds, JsonObject, JsonProblem, JsonProblemCode, JsonResult } from './json.ts';
export { checkJson, parseJson } from './json.ts';
export { type ItemPaths, type ItemsResult, parseItems, SpoiledItem } from './json-items.ts';
export { assertLimits, defaultLimits, integerMax, type Limits } from './limits.ts';
export type { DeviceFrame, LivePage, ServerFrame } from './live-messages.ts';
export {
  deviceFrameMessage,
  liveCloseCodes,
  livePageMessage,
  serverFrameMessage,
  splitFrame,
} from './live-messages.ts';
export type {
  Batch,
  ChangedRecord,
  ConflictEntry,
  ErrorAnswer,
  ExchangeAnswer,
  ExchangeRequest,
  Grants,
  VerdictEntry,
} from './messages.ts';
export {
  answerMessage,
  batchMessage,
  changeMessage,
  clockMessage,
  collectionsMax,
  enrolledMessage,
  enrolMessage,
  errorMessage,
  exchangeMessage,
  formerMax,
  mergesMax,
  mutationMessage,
  protocolMarker,
} from './messages.ts';
export type { ItemOutcome, Plan, PushOutcome } from './plan.ts';
export { plan } from './plan.ts';
export type { Declared, DeclaredOutcome } from './plan-declared.ts';
export type {
  Arrived,
  DeclaredItem,
  ExpireItem,
  PlanItem,
  PushItem,
  Resolution,
  ResolutionAnswer,
} from './plan-item.ts';
export type { ResolveOutcome } from './plan-resolve.ts';
export type { Clock, Random, Sha256, Timer, TimerHandle } from './ports.ts';
export { whyNotReplica } from './replica-use.ts';
export type { DeclaredChange, Ruling } from './ruled.ts';
export type {
  AnyCollections,
  Collection,
  CollectionKind,
  CollectionName,
  CollectionOptions,
  CounterOptions,
  FieldPolicyName,
  FieldsOf,
  HistoryOptions,
  PolicyFunction,
  PolicyQuestion,
  RecordOf,
  RecordPolicy,
  RecordPolicyName,
  Schema,
} from './schema.ts';
export { collectionIn, defineSchema, priorityOf } from './schema.ts';
export type {
  Commit,
  HeldMutation,
  LoggedVerdict,
  Quarantined,
  ReplicaState,
  ScopeState,
  Settlement,
  StoredConflict,
  StoredMutation,
  StoredRecord,
  UniqueHolder,
  WriterCopy,
} from './stored.ts';
export { bodyOf } from './stored.ts';
export { type Former, type Own, serverWriter, wroteSince } from './touched.ts';
export { uniqueValue } from './unique.ts';
export type { Exception, Merge, Verdict, VerdictName } from './verdict.ts';
export { isFinal } from './verdict.ts';
export type { KeptPayloads, Needs, WorkingSet, Writes } from './working-set.ts';
export {
  copyKey,
  editionKey,
  emptyScope,
  emptyWorkingSet,
  needsAnything,
  noNeeds,
  uniqueKey,
  versionKey,
} from './working-set.ts';
