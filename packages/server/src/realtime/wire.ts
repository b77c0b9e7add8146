// A socket as those behind it see it. http/ makes one of a real socket, tests and the simulator of nothing.

import type { Json, Timer } from '@holdfast/core';

/**
 * Guarantees: messages leave in the order of `send`; `sent` is called once for each, when the system has taken it or when the
 * socket has ended; after `closed` of its events nothing is heard of it any more.
 */
export interface Wire {
  /** One text message in UTF-8. The bytes are not copied: the same may go to many. */
  send(bytes: Uint8Array, sent: () => void): void;
  /** A ping of the socket's own protocol; its answer is a `beat`. */
  ping(): void;
  /** Bytes given to `send` that the system has not taken. */
  bufferedBytes(): number;
  /** Reads no more from the peer, until `resume`. What has arrived already may still be heard. */
  pause(): void;
  resume(): void;
  /** Tells the peer why, and waits for its word. One that does not answer is to be ended by `destroy`. */
  close(code: number, reason: string): void;
  destroy(): void;
}

/** Who hears a wire. */
export interface WireEvents {
  /** Larger messages than this are not to be collected. */
  messageBytesMax(): number;
  message(text: Uint8Array): void;
  /** A message that its peer did not send as text. */
  binary(bytes: Uint8Array): void;
  /** A ping or pong of the socket's own protocol. */
  beat(): void;
  closed(): void;
}

/** Who asks for a socket. */
export interface Peer {
  /** Names in lower case. */
  headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it was asked for: path and query. */
  url: string;
  address: string;
}

/** A place where sockets are taken. */
export interface SocketRoute {
  path: string;
  /** A socket that sends a larger message is closed with 1009. Default: as large as a body. */
  messageBytesMax?: number;
  /** Before the upgrade: rejects with a RequestError for a peer that gets no socket now. */
  admit(peer: Peer): Promise<(wire: Wire) => WireEvents>;
  /** Takes no more sockets, and tells those that are open to come back later. */
  stop(): void;
}

/** What all sockets take of memory together. */
export interface Room {
  /** False: there is none left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** What a protocol needs of the layer that has the sockets. */
export interface SocketTools {
  timer: Timer;
  /** Resolves when whatever else waits in the process had its turn. */
  turn(): Promise<void>;
  /** Reads a body within the bounds of content. Throws RequestError. */
  parse(body: Uint8Array): Json;
  /** The same of a message that is judged by itself: a SpoiledItem where it may not be kept. */
  parseItem(body: Uint8Array): unknown;
  /** An error as HTTP answers it; what nobody expected goes to the log. */
  errorReply(error: unknown): { status: number; code: string; retryAfter?: number; text: string };
  /** Of work that nobody waits for. */
  failed(error: unknown): void;
  /** Messages that are not answered. */
  incoming: Room;
  /** Large messages that are not sent. */
  outgoing: Room;
}
