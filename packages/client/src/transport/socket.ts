// A WebSocket as the live transport uses it: the platform's own, or one of a test's or the simulator's.

/** Calls come in order: `opened` once or never, then messages, then `closed` once; none of them before `open` has returned. */
export interface SocketHandlers {
  opened(): void;
  message(text: string): void;
  /** Also when it never opened. */
  closed(end: { code: number; reason: string }): void;
}

export interface Socket {
  /** Nothing happens when it is not open. */
  send(text: string): void;
  /** `closed` follows, at the latest when the platform gives up waiting for the peer. */
  close(code: number, reason: string): void;
}

export type OpenSocket = (url: string, events: SocketHandlers) => Socket;

/** The platform's own, in browsers and in Node alike. */
export const openPlatformSocket: OpenSocket = (url, events) => {
  let socket: WebSocket;
  try {
    socket = new WebSocket(url);
  } catch {
    // A page may be forbidden to open it at all; then it is as if nobody were there.
    queueMicrotask(() => events.closed({ code: abnormal, reason: '' }));
    return { send: () => undefined, close: () => undefined };
  }
  socket.addEventListener('open', () => events.opened());
  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') events.message(data);
    else socket.close(unwelcome, 'text only');
  });
  socket.addEventListener('close', ({ code, reason }) => events.closed({ code, reason }));
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: (code, reason) => socket.close(code, reason),
  };
};

/** The only codes that a page may give are 1000 and those from 3000 on. */
const unwelcome = 4400;
const abnormal = 1006;
