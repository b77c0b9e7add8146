// All live sockets of this process: how many there may be, and the one timer that looks after them. It pings, ends who is late,
// silent or behind, and, when a credential or device has changed, asks again what each of them may do.

import { type Clock, RequestError, type Timer, type TimerHandle } from '@holdfast/core';
import type { Caller, Engine, Standing } from '../engine/engine.ts';
import type { LiveBounds } from './bounds.ts';
import type { Line } from './line.ts';
import { createTokens } from './tokens.ts';

export interface HubDeps {
  engine: Pick<Engine, 'standings' | 'identityMark'>;
  clock: Clock;
  timer: Timer;
  /** Resolves when whatever else waits in the process had its turn. */
  turn: () => Promise<void>;
  bounds: LiveBounds;
  /** A look at credentials failed; it is taken again. */
  failed: (error: unknown) => void;
}

/** A socket as the hub knows it. */
export interface Member {
  readonly line: Line;
  /** Null: the socket's own. */
  readonly ping: Uint8Array | null;
  readonly tooLate: { code: number; reason: string };
  /** Its credential or device is good for nothing now. */
  refused(error: RequestError): void;
}

export interface Hub {
  /** Throws RequestError `stopping` or `overloaded` when no socket is let in now. What it lets in is to be added. */
  admit(): void;
  add(member: Member): void;
  /** Counts it as its device's and key's. Throws RequestError `too_many`. */
  identify(member: Member, caller: Caller, standing: Standing): void;
  remove(member: Member): void;
  /** Lets nobody in any more, and tells all to come back later. */
  stop(): void;
  count(): number;
}

/** What a peer reads in the reason of a close: seconds. */
export function retryReason(seconds: number): string {
  return `retry-after=${seconds}`;
}

const restartSeconds = 2;
const serviceRestart = 1012;
const standingsChunk = 500;

export function createHub(deps: HubDeps): Hub {
  return new LiveHub(deps);
}

interface Identified {
  caller: Caller;
  expiresAt: number | null;
}

class LiveHub implements Hub {
  readonly #deps: HubDeps;
  readonly #members = new Map<Member, Identified | undefined>();
  readonly #byDevice = new Map<string, number>();
  readonly #byKey = new Map<string, number>();
  readonly #admission;
  #strangers = 0;
  #tick: TimerHandle | undefined;
  #mark: number | undefined;
  #looking = false;
  #stopping = false;

  constructor(deps: HubDeps) {
    this.#deps = deps;
    const { admittedPerSecond, admittedAtOnce } = deps.bounds;
    this.#admission = createTokens({ perSecond: admittedPerSecond, atOnce: admittedAtOnce });
  }

  count(): number {
    return this.#members.size;
  }

  admit(): void {
    const { bounds, clock } = this.#deps;
    if (this.#stopping) throw new RequestError('stopping');
    const full = this.#members.size >= bounds.socketsMax || this.#strangers >= bounds.strangersMax;
    if (full || !this.#admission.take(clock.monoMs()))
      throw new RequestError('overloaded', { details: { retryAfter: this.#admission.waitSeconds() } });
  }

  add(member: Member): void {
    this.#members.set(member, undefined);
    this.#strangers += 1;
    this.#tick ??= this.#nextTick();
  }

  identify(member: Member, caller: Caller, { expiresAt }: Standing): void {
    const { bounds } = this.#deps;
    // It went while its credential was read.
    if (!this.#members.has(member)) return;
    const { device, key } = caller;
    const ofKey = key === null ? 0 : (this.#byKey.get(key) ?? 0);
    if ((this.#byDevice.get(device) ?? 0) >= bounds.socketsPerDeviceMax)
      throw new RequestError('too_many', { field: 'device', message: 'The device has enough sockets.' });
    if (ofKey >= bounds.socketsPerKeyMax)
      throw new RequestError('too_many', { field: 'authorization', message: 'The key has enough sockets.' });
    count(this.#byDevice, device, 1);
    if (key !== null) count(this.#byKey, key, 1);
    this.#strangers -= 1;
    this.#members.set(member, { caller, expiresAt });
  }

  remove(member: Member): void {
    if (!this.#members.has(member)) return;
    const identified = this.#members.get(member);
    this.#members.delete(member);
    if (!identified) this.#strangers -= 1;
    else {
      const { device, key } = identified.caller;
      count(this.#byDevice, device, -1);
      if (key !== null) count(this.#byKey, key, -1);
    }
    if (this.#members.size > 0) return;
    this.#tick?.cancel();
    this.#tick = undefined;
    this.#mark = undefined;
  }

  stop(): void {
    this.#stopping = true;
    for (const { line } of [...this.#members.keys()]) line.close(serviceRestart, retryReason(restartSeconds));
  }

  #nextTick(): TimerHandle {
    const { timer, bounds } = this.#deps;
    return timer.after(bounds.tickMs, () => {
      this.#tick = this.#nextTick();
      for (const { line, ping, tooLate } of [...this.#members.keys()]) line.tick(ping, tooLate);
      this.#endExpired();
      if (!this.#looking) void this.#look();
    });
  }

  #endExpired(): void {
    const nowMs = this.#deps.clock.wallMs();
    for (const [member, identified] of this.#members) {
      const { expiresAt = null } = identified ?? {};
      if (expiresAt !== null && expiresAt <= nowMs) member.refused(new RequestError('unauthenticated'));
    }
  }

  /** Whether credentials or devices have changed since the last look. */
  async #look(): Promise<void> {
    const { engine, failed } = this.#deps;
    this.#looking = true;
    try {
      const mark = await engine.identityMark();
      if (mark !== this.#mark) await this.#checkAll();
      this.#mark = mark;
    } catch (error) {
      failed(error);
    }
    this.#looking = false;
  }

  async #checkAll(): Promise<void> {
    const known = [...this.#members].flatMap(([member, identified]) =>
      identified ? [{ member, caller: identified.caller }] : [],
    );
    for (let at = 0; at < known.length; at += standingsChunk) {
      if (at > 0) await this.#deps.turn();
      const chunk = known.slice(at, at + standingsChunk);
      const standings = await this.#deps.engine.standings(chunk.map(({ caller }) => caller));
      for (const [place, { member }] of chunk.entries()) {
        const standing = standings[place];
        if (standing instanceof RequestError) member.refused(standing);
      }
    }
  }
}

function count(counts: Map<string, number>, name: string, by: number): void {
  const next = (counts.get(name) ?? 0) + by;
  if (next > 0) counts.set(name, next);
  else counts.delete(name);
}
