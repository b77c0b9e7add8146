// Sockets of a test: it opens them, speaks for the server, and ends them.

import {
  type DeviceFrame,
  type LivePage,
  protocolMarker,
  type ServerFrame,
  splitFrame,
} from '@holdfast/core';
import type { OpenSocket, SocketHandlers } from './socket.ts';

export class FakeSocket {
  readonly url: string;
  readonly sent: { head: DeviceFrame; body: string | undefined }[] = [];
  /** The code with which the device closed it. */
  closedWith: number | undefined;
  readonly #events: SocketHandlers;
  #over = false;

  constructor(url: string, events: SocketHandlers) {
    this.url = url;
    this.#events = events;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Opens it and lets the server greet. */
  greet(pingMs = 25_000): void {
    this.#events.opened();
    this.say({ type: 'welcome', protocol: protocolMarker, pingMs });
  }

  say(head: ServerFrame, body?: object | string): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    this.#events.message(body === undefined ? JSON.stringify(head) : `${JSON.stringify(head)}\n${text}`);
  }

  page(scope: string, page: Omit<LivePage, 'protocol'>): void {
    this.say({ type: 'page', scope }, { protocol: protocolMarker, ...page });
  }

  end(code = 1006, reason = ''): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.closed({ code, reason });
  }

  /** Heads of this type that the device has sent. */
  heads<Type extends DeviceFrame['type']>(type: Type): Extract<DeviceFrame, { type: Type }>[] {
    return this.sent
      .map(({ head }) => head)
      .filter((head): head is Extract<DeviceFrame, { type: Type }> => head.type === type);
  }
}

/** `taken` is called with what a device sends, behind it having been noted. */
export function fakeSockets(
  taken?: (socket: FakeSocket, head: DeviceFrame, body: string | undefined) => void,
): {
  open: OpenSocket;
  all: FakeSocket[];
} {
  const all: FakeSocket[] = [];
  return {
    all,
    open: (url, events) => {
      const socket = new FakeSocket(url, events);
      all.push(socket);
      return {
        send(text) {
          const { head, body } = splitFrame(text);
          const frame = { head: JSON.parse(head), body };
          socket.sent.push(frame);
          taken?.(socket, frame.head, body);
        },
        close(code) {
          socket.closedWith ??= code;
        },
      };
    },
  };
}
