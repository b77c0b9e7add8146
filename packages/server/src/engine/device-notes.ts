// What protocols keep of devices: of each name the last word, in memory until it is written in the background. A crash may lose the last
// second of it, if nobody waited for `written`.

import type { Json, Limits, Timer, TimerHandle } from '@holdfast/core';
import type { DeviceNote, DeviceNoteQuery } from '../store/device-notes.ts';
import type { Store } from '../store/port.ts';

export interface DeviceNotes {
  /** Returns at once. A value of null forgets it. Values are short, and nothing of a record stands in them. */
  put(note: Omit<DeviceNote, 'at'>): void;
  /** Also what was put and is not written yet. Of one device, or of all that the protocol knows in the scope. */
  list(query: DeviceNoteQuery): Promise<readonly (DeviceNote & { value: NonNullable<Json> })[]>;
  /** Resolves when everything that was put is durable. */
  written(): Promise<void>;
}

export interface DeviceNotesDeps {
  store: Pick<Store, 'commit' | 'read'>;
  timer: Timer;
  limits: Pick<Limits, 'readersPerScopeMax' | 'idCharsMax'>;
  nowMs: () => number;
  failed: (error: unknown) => void;
}

const writeEveryMs = 1_000;
/** After a failure: the store is given time, and the log of the server is not flooded. */
const againMs = 30_000;
/** Notes between two writes; of devices that come then, nothing is kept until the next. */
const notedMax = 20_000;

export function createDeviceNotes(deps: DeviceNotesDeps): DeviceNotes & { stop(): Promise<void> } {
  const { store, timer, limits } = deps;
  let noted = new Map<string, DeviceNote>();
  // Perhaps not durable yet.
  let taken: ReadonlyMap<string, DeviceNote> = new Map();
  let armed: TimerHandle | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    if (noted.size === 0) return;
    taken = noted;
    noted = new Map();
    try {
      const notes = [...taken.values()];
      await store.commit((transaction) => transaction.putDeviceNotes(notes, limits.readersPerScopeMax));
      taken = new Map();
    } catch (error) {
      noted = new Map([...taken, ...noted]);
      throw error;
    }
  }

  /** One write at a time. */
  function flush(): Promise<void> {
    writing = writing.catch(() => undefined).then(write);
    return writing;
  }

  function arm(delayMs: number): void {
    armed ??= timer.after(delayMs, () => {
      armed = undefined;
      flush().catch((error: unknown) => {
        deps.failed(error);
        arm(againMs);
      });
    });
  }

  return {
    put(note) {
      const device = note.device.slice(0, limits.idCharsMax);
      const key = keyOf({ ...note, device });
      if (!noted.has(key) && noted.size >= notedMax) return;
      noted.set(key, { ...note, device, at: deps.nowMs() });
      arm(writeEveryMs);
    },
    async list(query) {
      // What is written while this is read stands in both.
      const late = [...taken.values(), ...noted.values()];
      const stored = await store.read((snapshot) => snapshot.deviceNotes(query));
      const all = new Map<string, DeviceNote>();
      for (const note of [...stored, ...late].filter(isOf(query))) {
        const key = keyOf(note);
        if (note.at >= (all.get(key)?.at ?? 0)) all.set(key, note);
      }
      return [...all.values()].flatMap(({ value, ...rest }) => (value === null ? [] : [{ ...rest, value }]));
    },
    written: flush,
    async stop() {
      armed?.cancel();
      await flush().catch(deps.failed);
    },
  };
}

function isOf({ protocol, scope, device }: DeviceNoteQuery): (note: DeviceNote) => boolean {
  return (note) =>
    note.protocol === protocol && note.scope === scope && (device === undefined || note.device === device);
}

function keyOf({ protocol, scope, name, device }: Omit<DeviceNote, 'at' | 'value'>): string {
  return JSON.stringify([protocol, scope, name, device]);
}
