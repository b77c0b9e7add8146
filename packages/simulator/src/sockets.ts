// Live sockets between a device and the servers. Messages keep their order, as on a real connection; but it may be refused, break,
// hang without a word on either side, or be taken so slowly that the server has to let it fall behind.

import { createWebSocketTransport, type Socket, type SocketHandlers, type Transport } from '@holdfast/client';
import type { Clock, ExchangeRequest, Timer } from '@holdfast/core';
import type { Wire, WireEvents } from 'holdfast/realtime/wire';
import type { Network } from './network.ts';
import type { ServerProcess } from './server-process.ts';
import { SocketWatch, type Watcher } from './socket-watch.ts';
import { numberOf } from './trace.ts';
import type { World } from './world.ts';

/** The process that opens sockets. */
export interface SocketOwner extends Watcher {
  clock: Clock;
  timer: Timer;
  /** How its exchanges go without a socket. */
  fallback: Transport;
  isAlive: () => boolean;
  /** At once, or when the process stands still no more. */
  whenAwake: (run: () => void) => void;
  /** See Sender. */
  isInDoubt: (request: ExchangeRequest, state: string) => boolean;
}

export function socketTransport(world: World, network: Network, owner: SocketOwner): Transport {
  const { device, key, clock, timer, fallback } = owner;
  return createWebSocketTransport({
    url: 'http://server',
    device: device.enrolledAs,
    key,
    clock,
    timer,
    fallback,
    random: world.random(`line ${device.name}`),
    timeLimitMs: 8_000,
    delayMsMin: 200,
    delayMsMax: 5_000,
    openSocket: (_, handlers) => new Link({ world, network, owner }, handlers),
  });
}

interface LinkDeps {
  world: World;
  network: Network;
  owner: SocketOwner;
}

/** All that is drawn for one socket, whatever strikes it then. */
interface Route {
  server: ServerProcess;
  upMs: number;
  downMs: number;
  /** How long the system of a slow peer takes nothing. */
  slowMs: number;
  /** Whether a side learns at once that the other is gone; else it has to notice. */
  isTold: boolean;
}

class Link implements Socket {
  readonly #deps: LinkDeps;
  readonly #handlers: SocketHandlers;
  readonly #route: Route;
  readonly #watch: SocketWatch;
  #events: WireEvents | undefined;
  /** Nothing passes any more, and nobody is told. */
  #hangs = false;
  #deviceOver = false;
  #upAtMs = 0;
  #takenAtMs = 0;
  #downAtMs = 0;
  #unsentBytes = 0;
  readonly #unsent = new Set<() => void>();
  #paused = false;
  #waiting: Uint8Array[] = [];

  constructor(deps: LinkDeps, handlers: SocketHandlers) {
    const { world, network, owner } = deps;
    const draw = world.stream(`sockets ${owner.device.name}`);
    this.#deps = deps;
    this.#handlers = handlers;
    this.#watch = new SocketWatch(world, owner);
    this.#route = {
      server: draw.pick(network.servers),
      upMs: 2 + draw.around(20),
      downMs: 2 + draw.around(20),
      slowMs: draw.around(4_000),
      isTold: draw.chance(0.6),
    };
    this.#open();
  }

  /** What the device says. */
  send(text: string): void {
    if (this.#deviceOver) return;
    const { world } = this.#deps;
    this.#watch.sent(text);
    this.#upAtMs = Math.max(this.#upAtMs, world.timeline.nowMs + this.#route.upMs);
    this.#at(this.#upAtMs, () => this.#arrive(Buffer.from(text)));
  }

  /** The device has enough. */
  close(): void {
    if (this.#deviceOver) return;
    this.#deviceOver = true;
    this.#after(this.#route.upMs, () => this.#endServer());
  }

  #open(): void {
    const { world, network, owner } = this.#deps;
    const { server, upMs, downMs, isTold } = this.#route;
    const { name } = owner.device;
    const refused = world.faults.on(name).strikes('refuse_socket', 'open');
    if (refused || network.isCut(name, server.name)) {
      this.#note('gets no socket');
      if (isTold) this.#after(upMs, () => this.#endDevice(1006, ''));
      return;
    }
    this.#after(upMs, () => {
      server
        .takeSocket(() => this.#serverDied())
        .then(
          (open) => {
            this.#note(`has a socket to ${server.name}`);
            this.#events = open(this.#wire());
            this.#after(downMs, () => this.#tellDevice(() => this.#handlers.opened()));
          },
          () => this.#after(downMs, () => this.#endDevice(1006, '')),
        );
    });
  }

  #wire(): Wire {
    return {
      send: (bytes, sent) => this.#sendDown(bytes, sent),
      // The native protocol's pings are messages.
      ping: () => {},
      bufferedBytes: () => this.#unsentBytes,
      pause: () => {
        this.#paused = true;
      },
      resume: () => {
        this.#paused = false;
        for (const bytes of this.#waiting.splice(0)) this.#events?.message(bytes);
      },
      close: (code, reason) => this.#after(this.#route.downMs, () => this.#closeBoth(code, reason)),
      destroy: () => {
        this.#endServer();
        if (this.#route.isTold) this.#after(this.#route.downMs, () => this.#endDevice(1006, ''));
      },
    };
  }

  /** A message reaches the server. */
  #arrive(bytes: Uint8Array): void {
    if (!this.#passes('up') || !this.#events) return;
    this.#watch.taken(Buffer.from(bytes).toString());
    if (this.#paused) this.#waiting.push(bytes);
    else this.#events.message(bytes);
  }

  #sendDown(bytes: Uint8Array, sent: () => void): void {
    const { world, owner } = this.#deps;
    const text = Buffer.from(bytes).toString();
    const { kind, answered } = this.#watch.said(text, this.#unsentBytes);
    if (answered && owner.isInDoubt(answered, 'live')) this.#lose();
    if (this.#hangs || !this.#events) {
      sent();
      return;
    }
    this.#unsentBytes += bytes.length;
    const slow = world.faults.on(owner.device.name).strikes('slow_socket', 'down') ? this.#route.slowMs : 0;
    this.#takenAtMs = Math.max(this.#takenAtMs, world.timeline.nowMs) + slow;
    const settle = (): void => {
      if (!this.#unsent.delete(settle)) return;
      this.#unsentBytes -= bytes.length;
      sent();
    };
    this.#unsent.add(settle);
    this.#at(this.#takenAtMs, settle);
    this.#downAtMs = Math.max(this.#downAtMs, this.#takenAtMs + this.#route.downMs);
    this.#at(this.#downAtMs, () => {
      if (!this.#passes('down')) return;
      this.#tellDevice(() => {
        world.operations[kind] += 1;
        this.#handlers.message(text);
      });
    });
  }

  /** Whether a message goes through. Once one does not, none does any more. */
  #passes(way: 'up' | 'down'): boolean {
    const { world, network, owner } = this.#deps;
    const { name } = owner.device;
    if (network.isCut(name, this.#route.server.name)) this.#hangs = true;
    if (!this.#hangs && world.faults.on(name).strikes('drop_socket', way)) this.#lose();
    if (this.#hangs && this.#unsent.size > 0) for (const settle of [...this.#unsent]) settle();
    return !this.#hangs;
  }

  #lose(): void {
    this.#note('loses its socket');
    this.#hangs = true;
    if (this.#route.isTold) this.#closeBoth(1006, '');
  }

  #tellDevice(run: () => void): void {
    const { isAlive, whenAwake } = this.#deps.owner;
    if (isAlive()) {
      whenAwake(() => {
        if (isAlive() && !this.#deviceOver) run();
      });
      return;
    }
    // Its system says that there is no such process.
    this.#after(this.#route.upMs, () => this.#endServer());
  }

  #closeBoth(code: number, reason: string): void {
    this.#endDevice(code, reason);
    this.#after(this.#route.upMs, () => this.#endServer());
  }

  #endDevice(code: number, reason: string): void {
    if (this.#hangs && !this.#route.isTold) return;
    this.#tellDevice(() => {
      this.#deviceOver = true;
      this.#handlers.closed({ code, reason });
    });
  }

  #endServer(): void {
    const events = this.#events;
    this.#events = undefined;
    for (const settle of [...this.#unsent]) settle();
    events?.closed();
  }

  #serverDied(): void {
    this.#events = undefined;
    this.#unsent.clear();
    if (this.#route.isTold) this.#after(this.#route.downMs, () => this.#endDevice(1006, ''));
  }

  #at(atMs: number, run: () => void): void {
    this.#after(atMs - this.#deps.world.timeline.nowMs, run);
  }

  #after(delayMs: number, run: () => void): void {
    this.#deps.world.timeline.after(delayMs, run);
  }

  #note(what: string): void {
    const { world, owner } = this.#deps;
    const { name } = owner.device;
    world.trace.note(world.timeline.nowMs, [9, numberOf(name), numberOf(what)], () => `${name} ${what}`);
  }
}
