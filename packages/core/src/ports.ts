// What core, engine and replica need from outside, as arguments: time, randomness, timers, a digest.
// Production gives the real ones (one file each); the simulator gives its own.

export interface Clock {
  /** Wall time in milliseconds since 1970. May jump in either direction. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start of this session. Never goes back; may stop during suspend. */
  monoMs(): number;
}

export interface Random {
  /** `length` bytes that nobody can predict. */
  bytes(length: number): Uint8Array;
  /** A number in [0, 1), for jitter; no secret rests on it. */
  fraction(): number;
}

export interface TimerHandle {
  cancel(): void;
}

export interface Timer {
  /** Calls `run` once, not before `delayMs` have passed. A negative delay counts as 0. */
  after(delayMs: number, run: () => void): TimerHandle;
}

/** SHA-256 of the UTF-8 bytes of `text`, as 64 lower-case hex digits. A pure function. */
export type Sha256 = (text: string) => string;
