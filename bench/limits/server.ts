// What the machine allows a server: the smallest code that does the job, with no conflicts, rights or schema.
// SQLite in WAL mode with an fsync for each commit, as the real server has it.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { type WebSocket, WebSocketServer } from 'ws';
import { performTasks } from '../child.ts';
import { type Item, itemOf } from '../item.ts';

let db: DatabaseSync | undefined;
let insert: (item: Item) => void = () => undefined;
let seq = 0;
/** Writes of this turn of the event loop, which are one transaction. */
let turn: { item: Item; done: () => void }[] = [];

performTasks({
  async listen({ path }: { path: string }) {
    db = new DatabaseSync(path);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    db.exec(
      'CREATE TABLE items (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID',
    );
    db.exec('CREATE INDEX items_by_seq ON items (seq)');
    const statement = db.prepare('INSERT OR REPLACE INTO items VALUES (?, ?, ?)');
    insert = (item) => {
      seq += 1;
      statement.run(item.id, seq, JSON.stringify(item));
    };
    const server = createServer(answer);
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => serve(sockets, socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },

  async fill({ from, to }: { from: number; to: number }) {
    together(() => {
      for (let n = from; n < to; n += 1) insert(itemOf(n, Date.now()));
    });
  },
});

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'POST') take(request, response);
  else send(Number(new URL(`http://localhost${request.url}`).searchParams.get('after')), response);
}

/** Everything behind a seq, as lines of JSON. */
function send(after: number, response: ServerResponse): void {
  const rows = db?.prepare('SELECT seq, body FROM items WHERE seq > ? ORDER BY seq').iterate(after) ?? [];
  const parts = (function* () {
    let part = '';
    for (const { seq: at, body } of rows) {
      part += `${at} ${body}\n`;
      if (part.length > 65_536) {
        yield part;
        part = '';
      }
    }
    if (part !== '') yield part;
  })();
  const more = (): void => {
    for (let next = parts.next(); !next.done; next = parts.next())
      if (!response.write(next.value)) {
        response.once('drain', more);
        return;
      }
    response.end();
  };
  more();
}

function take(request: IncomingMessage, response: ServerResponse): void {
  let text = '';
  request.setEncoding('utf8');
  request.on('data', (part: string) => {
    text += part;
  });
  request.on('end', () => {
    together(() => {
      for (const item of JSON.parse(text) as Item[]) insert(item);
    });
    response.end('ok');
  });
}

function serve(sockets: WebSocketServer, socket: WebSocket): void {
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    if (turn.length === 0) setImmediate(commit);
    turn.push({
      item: JSON.parse(text) as Item,
      done: () => {
        socket.send('ok');
        for (const other of sockets.clients)
          if (other !== socket && other.protocol === 'listen') other.send(text);
      },
    });
  });
}

function commit(): void {
  const written = turn;
  turn = [];
  together(() => {
    for (const { item } of written) insert(item);
  });
  for (const { done } of written) done();
}

function together(work: () => void): void {
  db?.exec('BEGIN IMMEDIATE');
  work();
  db?.exec('COMMIT');
}
