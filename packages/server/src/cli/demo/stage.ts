// Where the story is played: a server and three devices, processes of their own with files of their own, each device behind a line that
// can be cut. Whatever happens, `close` ends them all.

import { join } from 'node:path';
import type { StoredConflict } from '@holdfast/core';
import { systemClock } from '../../clock.ts';
import { databaseFile } from '../../data-folder.ts';
import type { Acknowledged } from './account.ts';
import { type Started, startProcess } from './calls.ts';
import { readJudged } from './databases.ts';
import type { DeviceCalls, DeviceTask } from './device.ts';
import type { Happening, Judged, Refused } from './happening.ts';
import { createLine, type Line } from './line.ts';
import type { ServerCalls, ServerTask } from './server.ts';
import { type DeviceName, deviceNames, people, type Step } from './story.ts';

export interface Stage {
  perform(step: Step): Promise<Happening>;
  readonly ledger: readonly Acknowledged[];
  readonly shown: ReadonlySet<string>;
  conflicts(): Promise<readonly StoredConflict[]>;
  /** Ends everything in good order, so that the files are whole; answers where they lie. */
  finish(): Promise<{ server: string; devices: ReadonlyMap<DeviceName, string> }>;
  /** Ends everything at once. */
  close(): Promise<void>;
}

interface Device {
  line: Line;
  process: Started<DeviceCalls>;
}

// More than it takes to say hello, and less than the work of any device in the story.
const bytesOfHalfPush = 1_200;
const roundsMax = 10;

export async function openStage(folder: string): Promise<Stage> {
  const stage = new OpenStage(folder);
  try {
    await stage.start();
  } catch (error) {
    await stage.close();
    throw error;
  }
  return stage;
}

class OpenStage implements Stage {
  readonly ledger: Acknowledged[] = [];
  readonly shown = new Set<string>();
  readonly #folder: string;
  readonly #devices = new Map<DeviceName, Device>();
  /** Mutations of which it was told what the server said. */
  readonly #told = new Set<string>();
  #server: Started<ServerCalls> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async start(): Promise<void> {
    const task: ServerTask = { data: join(this.#folder, 'server') };
    this.#server = await startProcess<ServerCalls>(new URL('./server.ts', import.meta.url), task);
    const url = await this.#server.call('url');
    await Promise.all(
      deviceNames.map(async (name) => {
        const line = await createLine(url);
        const process = await this.#startDevice(name, line);
        this.#devices.set(name, { line, process });
        await process.call('live');
      }),
    );
  }

  async perform(step: Step): Promise<Happening> {
    switch (step.do) {
      case 'say':
        return { type: 'said', text: step.text };
      case 'write':
        return this.#write(step);
      case 'show':
        return this.#show(step);
      case 'unplug':
        return this.#unplug(step.devices);
      case 'plug':
        return this.#plug(step.device);
      case 'killInPush':
        return this.#killInPush(step.device);
      case 'restart':
        return this.#restart(step.device);
      case 'cutAnswer':
        return this.#cutAnswer(step.device);
      case 'agree':
        return this.#agree();
      case 'conflicts':
        return { type: 'conflicts', conflicts: await this.conflicts() };
      case 'decide':
        return this.#decide(step);
      case 'correct':
        return this.#correct(step);
    }
  }

  conflicts(): Promise<readonly StoredConflict[]> {
    return this.#running().call('conflicts');
  }

  async finish(): Promise<{ server: string; devices: ReadonlyMap<DeviceName, string> }> {
    for (const { process } of this.#devices.values()) await process.call('close');
    await this.#running().call('stop');
    await this.close();
    return {
      server: this.#serverFile(),
      devices: new Map(deviceNames.map((name) => [name, this.#fileOf(name)])),
    };
  }

  async close(): Promise<void> {
    const devices = [...this.#devices.values()];
    this.#devices.clear();
    await Promise.all(devices.map(({ process }) => process.kill()));
    await Promise.all(devices.map(({ line }) => line.close()));
    await this.#server?.kill();
  }

  async #write({ device, says, writes }: Extract<Step, { do: 'write' }>): Promise<Happening> {
    const mutation = await this.#device(device).process.call('write', { writes });
    this.ledger.push({ mutation, device, says, writes });
    return { type: 'wrote', device, says };
  }

  async #show({ devices, id, fields }: Extract<Step, { do: 'show' }>): Promise<Happening> {
    const beginMs = systemClock.monoMs();
    await Promise.all(devices.map((device) => this.#device(device).process.call('shows', { id, fields })));
    return { type: 'showed', devices, ms: systemClock.monoMs() - beginMs };
  }

  #unplug(devices: readonly DeviceName[]): Happening {
    for (const device of devices) {
      this.#device(device).line.unplug();
      this.#tell(device);
    }
    return { type: 'unplugged', devices };
  }

  async #plug(name: DeviceName): Promise<Happening> {
    const { line, process } = this.#device(name);
    line.plug();
    await process.call('online');
    await process.call('sync');
    const refused = await this.#showQuarantine(name);
    return { type: 'plugged', device: name, judged: this.#tell(name), refused };
  }

  async #killInPush(name: DeviceName): Promise<Happening> {
    const unsent = this.#unjudged(name);
    const { line, process } = this.#device(name);
    const swallowed = line.swallow('requests', bytesOfHalfPush);
    line.plug();
    await process.call('online');
    await swallowed;
    await process.kill();
    line.unplug();
    return { type: 'killed', device: name, sent: unsent.length, arrived: this.#countJudged(unsent) };
  }

  async #restart(name: DeviceName): Promise<Happening> {
    const { line } = this.#device(name);
    const process = await this.#startDevice(name, line);
    this.#devices.set(name, { line, process });
    const { pending } = await process.call('status');
    line.plug();
    await process.call('online');
    await process.call('sync');
    return { type: 'restarted', device: name, pending, judged: this.#tell(name) };
  }

  async #cutAnswer(name: DeviceName): Promise<Happening> {
    const unsent = this.#unjudged(name);
    const { line, process } = this.#device(name);
    for (;;) {
      const swallowed = line.swallow('answers', bytesOfHalfPush);
      line.plug();
      await process.call('online');
      await swallowed;
      const arrived = this.#countJudged(unsent);
      const { pending } = await process.call('status');
      // What was swallowed may be news for the device. It is its answer when the server has what the device counts as open.
      if (pending <= unsent.length - arrived) continue;
      line.unplug();
      return { type: 'cut', device: name, sent: unsent.length, arrived, open: pending };
    }
  }

  async #agree(): Promise<Happening> {
    for (let round = 0; round < roundsMax; round += 1) {
      for (const name of deviceNames) await this.#device(name).process.call('sync');
      const all = await Promise.all(deviceNames.map((name) => this.#device(name).process.call('status')));
      const seq = Math.max(...all.map(({ head }) => head));
      if (all.every((status) => status.seq === seq && status.pending === status.conflicts))
        return { type: 'agreed', seq };
    }
    throw new Error('The devices do not come to agree.');
  }

  async #decide({ device, side, says }: Extract<Step, { do: 'decide' }>): Promise<Happening> {
    const conflict = (await this.conflicts()).find(({ state }) => state === 'open');
    if (!conflict) throw new Error('There is no open conflict to decide.');
    const { line, process } = this.#device(device);
    line.unplug();
    const mutation = await process.call('decide', { conflict: conflict.id, side });
    this.ledger.push({ mutation, device, says, writes: [] });
    await this.#plug(device);
    const settled = (await this.conflicts()).find(({ id }) => id === conflict.id) ?? conflict;
    return { type: 'decided', device, says, conflict: settled };
  }

  async #correct({ device, says, writes }: Extract<Step, { do: 'correct' }>): Promise<Happening> {
    const { process } = this.#device(device);
    const [refused] = await process.call('quarantine');
    if (!refused) throw new Error(`Nothing lies in the quarantine of the ${device}.`);
    const mutation = await process.call('correct', { place: refused.place, writes });
    this.ledger.push({ mutation, device, says, writes });
    return { type: 'wrote', device, says };
  }

  async #showQuarantine(name: DeviceName): Promise<Refused[]> {
    const items = await this.#device(name).process.call('quarantine');
    return items.map(({ mutation, message = '', help = '' }) => {
      this.shown.add(mutation.id);
      return { says: this.#saying(mutation.id), message, help };
    });
  }

  /** What the device has acknowledged and the server has not judged. */
  #unjudged(name: DeviceName): string[] {
    const judged = readJudged(this.#serverFile());
    return this.ledger
      .filter(({ device, mutation }) => device === name && !judged.has(mutation))
      .map(({ mutation }) => mutation);
  }

  #countJudged(mutations: readonly string[]): number {
    const judged = readJudged(this.#serverFile());
    return mutations.filter((mutation) => judged.has(mutation)).length;
  }

  /** What the server has said of the device's work since it was last told. */
  #tell(name: DeviceName): Judged[] {
    const judged = readJudged(this.#serverFile());
    return this.ledger.flatMap(({ device, mutation, says }) => {
      const found = judged.get(mutation);
      if (device !== name || !found || this.#told.has(mutation)) return [];
      this.#told.add(mutation);
      return [{ says, verdict: found.verdict, reasons: found.reasons }];
    });
  }

  #saying(mutation: string): string {
    return this.ledger.find((entry) => entry.mutation === mutation)?.says ?? '';
  }

  #startDevice(name: DeviceName, line: Line): Promise<Started<DeviceCalls>> {
    const aheadMs = people[name].clock === 'right' ? 0 : Date.UTC(2099, 0, 1) - systemClock.wallMs();
    const task: DeviceTask = { device: name, path: this.#fileOf(name), url: line.url, aheadMs };
    return startProcess<DeviceCalls>(new URL('./device.ts', import.meta.url), task);
  }

  #fileOf(name: DeviceName): string {
    return join(this.#folder, `${name}.db`);
  }

  #serverFile(): string {
    return databaseFile({ data: join(this.#folder, 'server') });
  }

  #device(name: DeviceName): Device {
    const device = this.#devices.get(name);
    if (!device) throw new Error(`The ${name} is not on the stage.`);
    return device;
  }

  #running(): Started<ServerCalls> {
    if (!this.#server) throw new Error('The server is not on the stage.');
    return this.#server;
  }
}
