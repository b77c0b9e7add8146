// What the machine allows a device: an HTTP stream of JSON lines into SQLite, POSTs out of it, and a bare socket.

import { Agent, get, request } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { WebSocket } from 'ws';
import { performTasks } from '../child.ts';
import { type Item, itemOf, machineMs, peakBytes, untilMs } from '../item.ts';

let db: DatabaseSync | undefined;
let seen = 0;
const agent = new Agent({ keepAlive: true });

performTasks({
  async bootstrap({ path, url }: { path: string; url: string }) {
    const from = machineMs();
    db = openItems(path);
    const records = await read(db, url);
    return { ms: machineMs() - from, records, peakBytes: peakBytes() };
  },

  async sync({ url }: { url: string }) {
    if (!db) throw new Error('There was no bootstrap.');
    const from = machineMs();
    const records = await read(db, url);
    return { ok: true, records, ms: machineMs() - from };
  },

  async drain({ path, url, records }: { path: string; url: string; records: number }) {
    const outbox = openItems(path);
    const insert = outbox.prepare('INSERT INTO items VALUES (?, ?)');
    outbox.exec('BEGIN');
    for (let n = 0; n < records; n += 1) insert.run(itemOf(n).id, JSON.stringify(itemOf(n)));
    outbox.exec('COMMIT');
    const from = machineMs();
    const rows = outbox.prepare('SELECT body FROM items ORDER BY id LIMIT 500 OFFSET ?');
    for (let at = 0; at < records; at += 500)
      await post(
        url,
        `[${rows
          .all(at)
          .map(({ body }) => body)
          .join(',')}]`,
      );
    return { ms: machineMs() - from, applied: records };
  },

  async write({ url, records, everyMs }: { url: string; records: number; everyMs: number }) {
    const socket = new WebSocket(url.replace('http', 'ws'));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    let answered = 0;
    const done = new Promise<void>((resolve) => {
      socket.on('message', () => {
        answered += 1;
        if (answered === records) resolve();
      });
    });
    const begin = machineMs();
    for (let n = 0; n < records; n += 1) {
      await untilMs(begin + n * everyMs);
      socket.send(JSON.stringify(itemOf(n, machineMs())));
    }
    await done;
    socket.terminate();
  },
});

function openItems(path: string): DatabaseSync {
  const opened = new DatabaseSync(path);
  opened.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  opened.exec('CREATE TABLE items (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID');
  return opened;
}

/** Each part of the stream is one transaction. */
function read(into: DatabaseSync, url: string): Promise<number> {
  const insert = into.prepare('INSERT OR REPLACE INTO items VALUES (?, ?)');
  return new Promise((resolve, reject) => {
    get(`${url}/?after=${seen}`, { agent }, (response) => {
      let rest = '';
      let records = 0;
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        into.exec('BEGIN');
        for (const line of lines) {
          const at = line.indexOf(' ');
          const item = JSON.parse(line.slice(at + 1)) as Item;
          seen = Number(line.slice(0, at));
          insert.run(item.id, line.slice(at + 1));
        }
        into.exec('COMMIT');
        records += lines.length;
      });
      response.on('end', () => resolve(records));
      response.on('error', reject);
    }).on('error', reject);
  });
}

function post(url: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent }, (response) => {
      response.resume();
      response.on('end', resolve);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
