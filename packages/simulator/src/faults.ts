// The faults there are, which of them a seed switches on, and how often each then strikes.

import { type Excerpt, hasAll, nameOf, type Strike, strikesOf } from './excerpt.ts';
import type { Stream } from './random.ts';

/** Kind → the probability with which it strikes where it could, when it is on. */
const rates = {
  // Network, per exchange.
  lose_request: 0.08,
  lose_reply: 0.1,
  duplicate: 0.08,
  delay: 0.12,
  truncate: 0.06,
  portal: 0.04,
  status_401: 0.015,
  status_403: 0.025,
  status_413: 0.03,
  status_429: 0.04,
  status_503: 0.04,
  // Live sockets: when one is opened, and per message.
  refuse_socket: 0.2,
  drop_socket: 0.02,
  slow_socket: 0.03,
  // Network, per tick of the nemesis.
  partition: 0.06,
  // Processes, per call of a port; aimed at calls that write.
  crash_device: 0.001,
  crash_server: 0.01,
  power_cut: 0.001,
  // The answer to a batch that was taken does not come, because the device is gone, or its grant is; per such answer.
  die_in_doubt: 0.03,
  end_in_doubt: 0.03,
  // Disks, per call of a port or transaction.
  disk_full: 0.004,
  disk_busy: 0.004,
  store_full: 0.006,
  store_busy: 0.008,
  store_fsync: 0.008,
  disk_failed: 0.002,
  // Clocks: when a device is made, and per tick.
  clock_wrong: 0.5,
  clock_jump: 0.05,
  clock_drift: 0.5,
  // Rights, per tick.
  revoke_key: 0.02,
  end_scope: 0.03,
  read_only: 0.03,
  // A device that stands still, per tick; a peer that is none of ours, per tick.
  freeze: 0.03,
  stranger: 0.3,
  // Versions of the schema: when a device or the servers are made, and per tick.
  old_device: 0.4,
  upgrade_device: 0.06,
  old_server: 0.4,
  upgrade_server: 0.1,
  // A device whose storage is set back to an older copy, per tick; oftener when what that holds has been sent since.
  set_back: 0.02,
  // A device that gets the storage of another, per tick.
  clone: 0.01,
} as const;

const perCall: ReadonlySet<string> = new Set([
  'crash_device',
  'crash_server',
  'power_cut',
  'disk_full',
  'disk_busy',
  'disk_failed',
  'store_full',
  'store_busy',
  'store_fsync',
]);

export type FaultKind = keyof typeof rates;
export const faultKinds = Object.keys(rates) as FaultKind[];

/** Where faults strike that are aimed at no single server. */
export const allServers = 'servers';

export interface Faults {
  /** Those that strike one device, one server or all servers. */
  on(who: string): Aim;
  isOn(kind: FaultKind): boolean;
  /** All of them end. */
  heal(): void;
  readonly healed: boolean;
  /** What struck, in order. */
  readonly strikes: readonly string[];
  /** `kind state` → how often it struck there. */
  readonly struck: ReadonlyMap<string, number>;
}

export interface Aim {
  /**
   * Whether this kind strikes now. Each kind draws from a stream of its own on each device and server, so that leaving one out
   * moves no other.
   */
  strikes(kind: FaultKind, state: string): boolean;
  /** For calls that there are millions of: most cost one comparison. Strikes are told of `who.place`. */
  gate(place: string, kinds: readonly FaultKind[]): Gate;
}

/** Which of several kinds strikes now; where two meet, the second strikes at the next call. `state` is asked only for one that does. */
export type Gate = (state: (kind: FaultKind) => string) => FaultKind | undefined;

/** Each kind is off with a third's chance, and milder or harsher than usual otherwise. */
export function createFaults(options: {
  stream: (label: string) => Stream;
  excerpt: Excerpt;
  /** Virtual time in milliseconds. */
  nowMs: () => number;
  /** How much of their usual rate those have that may strike at any call of a port. */
  faultiness: number;
  told: (strike: Strike, state: string) => void;
}): Faults {
  const { stream, excerpt, nowMs, faultiness, told } = options;
  const rateOf = drawRates(stream, faultiness);
  const aims = new Map<string, Aim>();
  const strikes: string[] = [];
  const struck = new Map<string, number>();
  let healed = false;
  const turnsOf = (who: string, kinds: readonly FaultKind[]): Turn[] =>
    kinds.flatMap((kind) => {
      const strike = { kind, who };
      if (hasAll(excerpt, strike))
        return drawnTurn(kind, createPass(rateOf[kind], stream(`fault ${kind} ${who}`)));
      return timedTurn(kind, strikesOf(excerpt, strike));
    });
  const gateOf = (who: string, kinds: readonly FaultKind[]): Gate => {
    const next = createGate(turnsOf(who, kinds), nowMs);
    return (state) => {
      const due = next();
      if (due === undefined || healed) return undefined;
      const { kind } = due;
      const at = state(kind);
      const strike = { ...due, who };
      const cell = `${kind} ${at}`;
      struck.set(cell, (struck.get(cell) ?? 0) + 1);
      strikes.push(nameOf(strike));
      told(strike, at);
      return kind;
    };
  };
  const createAim = (who: string): Aim => {
    const gates: Partial<Record<FaultKind, Gate>> = {};
    return {
      strikes(kind, state) {
        gates[kind] ??= gateOf(who, [kind]);
        return gates[kind](() => state) !== undefined;
      },
      gate: (place, kinds) => gateOf(`${who}.${place}`, kinds),
    };
  };
  return {
    on(who) {
      const aim = aims.get(who) ?? createAim(who);
      aims.set(who, aim);
      return aim;
    },
    isOn: (kind) => rateOf[kind] > 0,
    heal() {
      healed = true;
    },
    get healed() {
      return healed;
    },
    strikes,
    struck,
  };
}

function drawRates(stream: (label: string) => Stream, faultiness: number): Record<FaultKind, number> {
  const drawn = faultKinds.map((kind) => {
    const draw = stream(`fault ${kind}`);
    const on = draw.chance(0.65);
    const factor = 0.3 + draw.fraction() * 1.4;
    return [kind, on ? rates[kind] * factor * (perCall.has(kind) ? faultiness : 1) : 0] as const;
  });
  return Object.fromEntries(drawn) as Record<FaultKind, number>;
}

/** Whether one of several chances is taken: for the right moment. */
export function strikesIn(chances: number, strikes: () => boolean): boolean {
  return chances > 0 && (strikes() || strikesIn(chances - 1, strikes));
}

/** How many opportunities pass before the next that is taken: there are millions, and few are. */
function createPass(rate: number, stream: Stream): () => number {
  if (rate === 0) return () => Number.POSITIVE_INFINITY;
  return () => Math.floor(Math.log(1 - stream.fraction()) / Math.log(1 - rate));
}

/** A kind that strikes now, and which opportunity of the moment it takes. */
type Due = Pick<Strike, 'atUs' | 'nth'> & { kind: FaultKind };

/** When a kind is next to strike: at an opportunity by its number, or at a time. */
interface Turn {
  kind: FaultKind;
  /** The number of its next opportunity, as drawn; infinite: it goes by time. */
  at: number;
  /** The time of its next strike in microseconds, as given; infinite: it goes by numbers. */
  atUs: number;
  nth: number;
  took(): void;
}

function drawnTurn(kind: FaultKind, pass: () => number): Turn {
  const turn: Turn = {
    kind,
    at: pass(),
    atUs: Number.POSITIVE_INFINITY,
    nth: 0,
    took() {
      turn.at += 1 + pass();
    },
  };
  return turn;
}

function timedTurn(kind: FaultKind, strikes: Strike[]): Turn {
  const none = { atUs: Number.POSITIVE_INFINITY, nth: 0 };
  const turn: Turn = {
    kind,
    at: Number.POSITIVE_INFINITY,
    ...none,
    took() {
      const { atUs, nth } = strikes.shift() ?? none;
      Object.assign(turn, { atUs, nth });
    },
  };
  turn.took();
  return turn;
}

function createGate(turns: readonly Turn[], nowMs: () => number): () => Due | undefined {
  let soonest = 0;
  let soonestUs = 0;
  const look = (): void => {
    soonest = Math.min(...turns.map(({ at }) => at));
    soonestUs = Math.min(...turns.map(({ atUs }) => atUs));
  };
  look();
  let now = -1;
  let lastUs = -1;
  let nth = 0;
  return () => {
    now += 1;
    const atUs = Math.floor(nowMs() * 1_000);
    nth = atUs === lastUs ? nth + 1 : 0;
    lastUs = atUs;
    if (now < soonest && atUs < soonestUs) return undefined;
    const turn = turns.find(
      (one) => one.at <= now || one.atUs < atUs || (one.atUs === atUs && one.nth <= nth),
    );
    if (!turn) return undefined;
    turn.took();
    look();
    return { kind: turn.kind, atUs, nth };
  };
}
