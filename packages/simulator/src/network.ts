// The network between devices and servers. Each exchange passes it twice, and may meet a fault on either way.

import type { LoopbackAnswer } from '@holdfast/client';
import type { Aim, FaultKind } from './faults.ts';
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
  /** The server has taken a batch, and nobody else knows it yet. Whether something strikes that keeps its answer from coming. */
  isInDoubt(): boolean;
}

/** The way of one exchange, and what becomes of it if a fault strikes. */
interface Route {
  server: ServerProcess;
  /** Where it arrives again when it is doubled. */
  again: ServerProcess;
  upMs: number;
  upLateMs: number;
  downMs: number;
  downLateMs: number;
  againMs: number;
  /** Which part of the answer is left when it is cut off. */
  cutAt: number;
  /** How the device learns that the answer was lost: from a gateway, by the end of the connection, or not at all. */
  loss: 'gateway' | 'reset' | 'silence';
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

/** Says nothing of what the server did. */
const gatewayFailure: LoopbackAnswer = { status: 504, headers: {}, body: '<h1>Gateway</h1>' };

export class Network {
  readonly #world: World;
  readonly servers: readonly ServerProcess[];
  /** `device server` → the end of its partition. */
  readonly #cut = new Map<string, number>();

  constructor(world: World, servers: readonly ServerProcess[]) {
    this.#world = world;
    this.servers = servers;
  }

  /** Cuts a device off from some of the servers for a while. */
  partition(device: string): void {
    const { timeline } = this.#world;
    const draw = this.#world.stream(`partition ${device}`);
    for (const { name } of this.servers)
      if (draw.chance(0.7)) this.#cut.set(`${device} ${name}`, timeline.nowMs + draw.around(6_000));
  }

  /** No server can be reached from a device until then. */
  cutOff(device: string, untilMs: number): void {
    for (const { name } of this.servers) {
      const link = `${device} ${name}`;
      this.#cut.set(link, Math.max(this.#cut.get(link) ?? 0, untilMs));
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** One exchange. Rejects when no answer came; whether the server got the request is then unknown. */
  send(sender: Sender): Promise<LoopbackAnswer> {
    return new Promise((resolve, reject) => {
      const { timeline } = this.#world;
      const aim = this.#world.faults.on(sender.name);
      const route = this.#route(sender.name);
      const timeout = timeline.after(patienceMs, () => reject(new Error('No answer came in time.')));
      const settle = (finish: () => void): void => {
        timeout.cancel();
        finish();
      };
      const fail = (text: string): void => settle(() => reject(new Error(text)));
      const { server } = route;
      const upMs = route.upMs + (aim.strikes('delay', sender.state) ? route.upLateMs : 0);
      const refused = refusedOnTheWay(aim, sender.state);
      if (this.isCut(sender.name, server.name) || aim.strikes('lose_request', sender.state)) {
        this.#note(sender, 'is lost on the way');
        if (route.loss !== 'silence') timeline.after(upMs, () => fail('The connection was refused.'));
        return;
      }
      if (refused) {
        this.#note(sender, `is answered ${refused.status} on the way`);
        timeline.after(upMs, () => settle(() => resolve(refused)));
        return;
      }
      timeline.after(upMs, () =>
        this.#deliver(route, sender, { resolve: (answer) => settle(() => resolve(answer)), fail }),
      );
      if (aim.strikes('duplicate', sender.state)) {
        const { again } = route;
        timeline.after(upMs + route.againMs, () => {
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
    route: Route,
    sender: Sender,
    { resolve, fail }: { resolve: (answer: LoopbackAnswer) => void; fail: (text: string) => void },
  ): void {
    const { timeline, faults } = this.#world;
    const { server } = route;
    const aim = faults.on(sender.name);
    const takenUpMs = timeline.nowMs;
    this.#note(sender, `reaches ${server.name}`);
    server.handle(sender.body, sender.headers).then(
      (answer) => {
        sender.answered(answer, takenUpMs);
        const lost = answer.status === 200 && sender.isInDoubt();
        if (lost || this.isCut(sender.name, server.name) || aim.strikes('lose_reply', sender.state)) {
          this.#note(sender, `was answered, and the answer is lost: ${route.loss}`);
          if (route.loss === 'gateway') timeline.after(route.downMs, () => resolve(gatewayFailure));
          else if (route.loss === 'reset') fail('The connection was reset.');
          return;
        }
        const cut = aim.strikes('truncate', sender.state)
          ? answer.body.slice(0, Math.floor(route.cutAt * answer.body.length))
          : answer.body;
        const downMs = route.downMs + (aim.strikes('delay', sender.state) ? route.downLateMs : 0);
        timeline.after(downMs, () => {
          this.#note(sender, `gets ${answer.status}`);
          resolve({ ...answer, body: cut });
        });
      },
      (error: Error) => timeline.after(1, () => fail(error.message)),
    );
  }

  /** All draws at once, whatever strikes then: an exchange that is spared a fault moves no later one. */
  #route(device: string): Route {
    const draw = this.#world.stream(`network ${device}`);
    return {
      server: draw.pick(this.servers),
      again: draw.pick(this.servers),
      upMs: 2 + draw.around(20),
      upLateMs: draw.around(5_000),
      downMs: 2 + draw.around(20),
      downLateMs: draw.around(5_000),
      againMs: draw.around(1_500),
      cutAt: draw.fraction(),
      loss: draw.pick(['gateway', 'reset', 'silence', 'silence'] as const),
    };
  }

  isCut(device: string, server: string): boolean {
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

function refusedOnTheWay(aim: Aim, state: string): LoopbackAnswer | undefined {
  let refused: LoopbackAnswer | undefined;
  for (const { kind, status, headers } of proxied)
    if (aim.strikes(kind, state)) refused ??= { status, headers: headers ?? {}, body: '<h1>Proxy</h1>' };
  if (aim.strikes('portal', state))
    refused ??= { status: 200, body: '<html>Welcome to our wireless network</html>' };
  return refused;
}

function ignore(): void {}
