// The network between devices and servers. Each exchange passes it twice, and may meet a fault on either way.

import type { LoopbackAnswer } from '@holdfast/client';
import type { FaultKind } from './faults.ts';
import type { Stream } from './random.ts';
import type { ServerProcess } from './server-process.ts';
import { numberOf } from './trace.ts';
import type { World } from './world.ts';

export interface Sender {
  name: string;
  body: string;
  headers: Readonly<Record<string, string>>;
  /** What the request is about, for the table of coverage. */
  state: string;
  answered(answer: LoopbackAnswer, takenUpMs: number): void;
}

/** How long a device waits for an answer. */
const patienceMs = 8_000;

const proxied: readonly { kind: FaultKind; status: number; headers?: Record<string, string> }[] = [
  { kind: 'status_401', status: 401 },
  { kind: 'status_403', status: 403 },
  { kind: 'status_413', status: 413 },
  { kind: 'status_429', status: 429, headers: { 'retry-after': '2' } },
  { kind: 'status_503', status: 503 },
];

export class Network {
  readonly #world: World;
  readonly #servers: readonly ServerProcess[];
  readonly #draw: Stream;
  /** `device server` → the end of its partition. */
  readonly #cut = new Map<string, number>();

  constructor(world: World, servers: readonly ServerProcess[]) {
    this.#world = world;
    this.#servers = servers;
    this.#draw = world.stream('network');
  }

  /** Cuts a device off from some of the servers for a while. */
  partition(device: string): void {
    const { timeline } = this.#world;
    for (const { name } of this.#servers)
      if (this.#draw.chance(0.7))
        this.#cut.set(`${device} ${name}`, timeline.nowMs + this.#draw.around(6_000));
  }

  /** No server can be reached from a device until then. */
  cutOff(device: string, untilMs: number): void {
    for (const { name } of this.#servers) this.#cut.set(`${device} ${name}`, untilMs);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** One exchange. Rejects when no answer came; whether the server got the request is then unknown. */
  send(sender: Sender): Promise<LoopbackAnswer> {
    return new Promise((resolve, reject) => {
      const { timeline, faults } = this.#world;
      const timeout = timeline.after(patienceMs, () => reject(new Error('No answer came in time.')));
      const settle = (finish: () => void): void => {
        timeout.cancel();
        finish();
      };
      const fail = (text: string): void => settle(() => reject(new Error(text)));
      const server = this.#draw.pick(this.#servers);
      const upMs = this.#latency(sender.state);
      const refused = this.#refusedOnTheWay(sender.state);
      if (this.#isCut(sender.name, server.name) || faults.strikes('lose_request', sender.state)) {
        this.#note(sender, 'is lost on the way');
        if (this.#draw.chance(0.5)) timeline.after(upMs, () => fail('The connection was refused.'));
        return;
      }
      if (refused) {
        this.#note(sender, `is answered ${refused.status} on the way`);
        timeline.after(upMs, () => settle(() => resolve(refused)));
        return;
      }
      timeline.after(upMs, () =>
        this.#deliver(server, sender, { resolve: (answer) => settle(() => resolve(answer)), fail }),
      );
      if (faults.strikes('duplicate', sender.state)) {
        const again = this.#draw.pick(this.#servers);
        timeline.after(upMs + this.#draw.around(1_500), () => {
          this.#note(sender, `arrives again at ${again.name}`);
          const takenUpMs = timeline.nowMs;
          again
            .handle(sender.body, sender.headers)
            .then((answer) => sender.answered(answer, takenUpMs), ignore);
        });
      }
    });
  }

  #deliver(
    server: ServerProcess,
    sender: Sender,
    { resolve, fail }: { resolve: (answer: LoopbackAnswer) => void; fail: (text: string) => void },
  ): void {
    const { timeline, faults } = this.#world;
    const takenUpMs = timeline.nowMs;
    this.#note(sender, `reaches ${server.name}`);
    server.handle(sender.body, sender.headers).then(
      (answer) => {
        sender.answered(answer, takenUpMs);
        if (this.#isCut(sender.name, server.name) || faults.strikes('lose_reply', sender.state)) {
          this.#note(sender, 'was answered, and the answer is lost');
          if (this.#draw.chance(0.5)) fail('The connection was reset.');
          return;
        }
        const cut = faults.strikes('truncate', sender.state)
          ? answer.body.slice(0, this.#draw.below(answer.body.length))
          : answer.body;
        timeline.after(this.#latency(sender.state), () => {
          this.#note(sender, `gets ${answer.status}`);
          resolve({ ...answer, body: cut });
        });
      },
      (error: Error) => timeline.after(1, () => fail(error.message)),
    );
  }

  #refusedOnTheWay(state: string): LoopbackAnswer | undefined {
    const { faults } = this.#world;
    let refused: LoopbackAnswer | undefined;
    for (const { kind, status, headers } of proxied)
      if (faults.strikes(kind, state)) refused ??= { status, headers: headers ?? {}, body: '<h1>Proxy</h1>' };
    if (faults.strikes('portal', state))
      refused ??= { status: 200, body: '<html>Welcome to our wireless network</html>' };
    return refused;
  }

  #latency(state: string): number {
    const slow = this.#world.faults.strikes('delay', state) ? this.#draw.around(5_000) : 0;
    return 2 + this.#draw.around(20) + slow;
  }

  #isCut(device: string, server: string): boolean {
    return (this.#cut.get(`${device} ${server}`) ?? 0) > this.#world.timeline.nowMs;
  }

  #note({ name, state }: Sender, what: string): void {
    const { timeline, trace } = this.#world;
    trace.note(
      timeline.nowMs,
      [3, numberOf(name), numberOf(what)],
      () => `${name}: its ${state} exchange ${what}`,
    );
  }
}

function ignore(): void {}
