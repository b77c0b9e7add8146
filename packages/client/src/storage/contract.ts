// What every storage must do, as one suite. A storage's test is one call of it.

import type { Json } from '@holdfast/core';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type Storage,
  type StorageEntry,
  StorageError,
  type StorageKey,
  type StorageScan,
  storageTables,
} from './port.ts';

export interface StorageContract {
  name: string;
  /** A new, empty storage. */
  open: () => Promise<Storage>;
  /** The data of a storage that was closed. Absent: it keeps nothing. */
  reopen?: () => Promise<Storage>;
  /** Makes the next commit fail. Absent: none can. */
  failCommit?: () => void;
}

// Texts whose order by code point is this one, and no other order gives it: U+FFFD and U+FF5E come behind the emoji in UTF-16.
const ordered = [
  '',
  '\u0001',
  '\u0002',
  ' ',
  '"',
  '%',
  '/',
  'A',
  'Z',
  '\\',
  '_',
  'a',
  'a\u0001',
  'a"',
  'a/',
  'ab',
  'b',
  'é',
  '～',
  '\ufffd',
  '😀',
  '😁',
];

export function storageContract({ name, open, reopen, failCommit }: StorageContract): void {
  describe(name, () => {
    const opened: Storage[] = [];
    afterEach(async () => {
      for (const storage of opened.splice(0)) await storage.close();
    });
    const use = async (from: () => Promise<Storage> = open): Promise<Storage> => {
      const storage = await from();
      opened.push(storage);
      return storage;
    };

    readsAndWrites(use);
    scans(use);
    transactions(use);
    ends(use);
    if (reopen) outlives(use, reopen);
    if (failCommit) failsAtCommit(use, failCommit);
  });
}

type Use = (from?: () => Promise<Storage>) => Promise<Storage>;

function readsAndWrites(use: Use): void {
  test('a transaction sees its own writes, and so does the next', async () => {
    const storage = await use();
    const seen = await storage.transaction('write', async (tx) => {
      await tx.put('records', ['s', 'items', 'a'], { version: 1 });
      await tx.put('records', ['s', 'items', 'a'], { version: 2 });
      await tx.putMany('records', [
        { key: ['s', 'items', 'b'], value: 1 },
        { key: ['s', 'items', 'c'], value: 2 },
      ]);
      await tx.delete('records', ['s', 'items', 'b']);
      await tx.delete('records', ['s', 'items', 'never there']);
      const found = await tx.scan('records', { prefix: ['s'], limit: 9 });
      return [await tx.get('records', ['s', 'items', 'a']), found.map(({ key }) => key[2])];
    });
    expect(seen).toEqual([{ version: 2 }, ['a', 'c']]);
    expect(await everything(storage, 'records')).toEqual([
      ['s/items/a', { version: 2 }],
      ['s/items/c', 2],
    ]);
  });

  test('values come back equal, and are not shared with whoever put or got them', async () => {
    const storage = await use();
    const values: Json[] = [
      null,
      true,
      false,
      0,
      -1.5,
      1e300,
      Number.MAX_SAFE_INTEGER,
      '',
      'a"\\\n\u0001😀',
      [],
      {},
    ];
    const value = { list: [...values], 'odd "key"': { '': 1, constructorOf: null } };
    for (const [at, each] of [...values, value].entries()) await put(storage, [`v${at}`], each);
    for (const [at, each] of [...values, value].entries())
      expect(await get(storage, [`v${at}`])).toEqual(each);
    const changed: { n: number } = { n: 1 };
    await put(storage, ['changed'], changed);
    changed.n = 2;
    const got = (await get(storage, ['changed'])) as { n: number };
    expect(got).toEqual({ n: 1 });
    // A storage may as well hand out what cannot be changed.
    Reflect.set(got, 'n', 3);
    expect(await get(storage, ['changed'])).toEqual({ n: 1 });
  });

  test('getMany answers in the order of its keys, undefined where there is nothing', async () => {
    const storage = await use();
    await put(storage, ['a'], 1);
    await put(storage, ['b'], null);
    const found = await storage.transaction('read', (tx) =>
      tx.getMany('meta', [['b'], ['nothing'], ['a'], ['b']]),
    );
    expect(found).toEqual([null, undefined, 1, null]);
    expect(await storage.transaction('read', (tx) => tx.getMany('meta', []))).toEqual([]);
  });

  test('deleteAll deletes what begins with the prefix, part by part, and nothing else', async () => {
    const storage = await use();
    const keys = [
      ['a', '1'],
      ['a', '2'],
      ['ab', '1'],
      ['b', '1'],
      ['a\u0001', '1'],
      ['', '1'],
    ];
    const fill = (): Promise<void> =>
      storage.transaction('write', (tx) =>
        tx.putMany(
          'scopes',
          keys.map((key) => ({ key, value: 1 })),
        ),
      );
    const left = async (prefix: StorageKey): Promise<number> => {
      await fill();
      await storage.transaction('write', (tx) => tx.deleteAll('scopes', prefix));
      return (await everything(storage, 'scopes')).length;
    };
    expect(await left(['a'])).toBe(4);
    expect(await left(['a', '2'])).toBe(5);
    expect(await left(['nothing'])).toBe(6);
    expect(await left([''])).toBe(5);
    expect(await left([])).toBe(0);
  });

  test('the tables are apart, and each has keys of its own length', async () => {
    const storage = await use();
    const tables = Object.entries(storageTables) as [keyof typeof storageTables, number][];
    await storage.transaction('write', async (tx) => {
      for (const [table, parts] of tables) await tx.put(table, Array(parts).fill('x'), table);
    });
    for (const [table, parts] of tables) {
      expect(await everything(storage, table)).toEqual([[Array(parts).fill('x').join('/'), table]]);
      const short = storage.transaction('read', (tx) => tx.get(table, Array(parts - 1).fill('x')));
      await expect(short).rejects.toThrow(TypeError);
    }
  });
}

function scans(use: Use): void {
  const filled = async (): Promise<Storage> => {
    const storage = await use();
    // In another order than that of the keys.
    const keys = ordered.flatMap((first) => ordered.map((second) => ['s', first, second]));
    const entries = keys
      .map((key, at) => ({ key, value: at }))
      .sort((a, b) => ((a.value * 7919) % 997) - ((b.value * 7919) % 997));
    await storage.transaction('write', (tx) => tx.putMany('records', entries));
    return storage;
  };

  test('keys are in order of Unicode code points, part by part', async () => {
    const storage = await filled();
    const found = await scan(storage, { prefix: ['s'], limit: 10_000 });
    const expected = ordered.flatMap((first) => ordered.map((second) => ['s', first, second]));
    expect(found.map(({ key }) => key)).toEqual(expected);
    expect(found.map(({ value }) => value)).toEqual(expected.map((_, at) => at));
  });

  test('a scan answers, and a count counts, what a filter of all keys would, whatever its prefix, bounds and direction', async () => {
    const storage = await filled();
    const all = await scan(storage, { prefix: [], limit: 10_000 });
    const places = ['', 'a', 'a/', '😀', '～'];
    const bounds: (StorageKey | undefined)[] = [
      undefined,
      [],
      ...places.map((part) => [part]),
      ['a', 'b'],
      ['é', '😀'],
    ];
    for (const prefix of [[], ['s'], ['s', 'a'], ['s', '😀'], ['t'], ['s', 'a', 'b']]) {
      const fits = bounds.filter((bound) => prefix.length + (bound?.length ?? 0) <= 3);
      for (const from of fits) {
        for (const to of fits) {
          for (const after of [
            undefined,
            ['s', 'a', 'a/'],
            ['s', 'é', 'missing'],
            ['r', 'a', 'a'],
            ['t', 'a', 'a'],
          ]) {
            for (const reverse of [false, true]) {
              const wanted = {
                prefix,
                ...(from && { from }),
                ...(to && { to }),
                ...(after && { after }),
                reverse,
              };
              const expected = naive(all, wanted);
              const found = await scan(storage, { ...wanted, limit: 7 });
              expect(found, JSON.stringify(wanted)).toEqual(expected.slice(0, 7));
              const counted = { ...wanted, limit: 9 };
              expect(await count(storage, counted), JSON.stringify(counted)).toBe(
                Math.min(expected.length, 9),
              );
            }
          }
        }
      }
    }
  });

  test('pages that go on after the last key hold each entry once', async () => {
    const storage = await filled();
    for (const reverse of [false, true]) {
      const seen: StorageEntry[] = [];
      for (let page = await scan(storage, { prefix: ['s'], reverse, limit: 50 }); page.length > 0; ) {
        seen.push(...page);
        const after = page.at(-1)!.key;
        page = await scan(storage, { prefix: ['s'], after, reverse, limit: 50 });
      }
      const all = await scan(storage, { prefix: ['s'], reverse, limit: 10_000 });
      expect(seen).toEqual(all);
    }
  });

  test('a limit of 0 answers nothing, one beyond the end answers what there is', async () => {
    const storage = await filled();
    expect(await scan(storage, { prefix: ['s'], limit: 0 })).toEqual([]);
    expect(await scan(storage, { prefix: ['s', 'a'], limit: Number.POSITIVE_INFINITY })).toHaveLength(
      ordered.length,
    );
  });
}

function transactions(use: Use): void {
  test('work that throws undoes all, and its error comes back unchanged', async () => {
    const storage = await use();
    await put(storage, ['replaced'], 1);
    await put(storage, ['deleted'], 1);
    const thrown = { not: 'even an Error' };
    const failing = storage.transaction('write', async (tx) => {
      await tx.put('meta', ['replaced'], 2);
      await tx.put('meta', ['replaced'], 3);
      await tx.delete('meta', ['deleted']);
      await tx.put('meta', ['new'], 1);
      await tx.put('scopes', ['s', 'new'], 1);
      await tx.deleteAll('meta', []);
      await tx.put('meta', ['deleted'], 4);
      throw thrown;
    });
    await expect(failing).rejects.toBe(thrown);
    expect(await everything(storage, 'meta')).toEqual([
      ['deleted', 1],
      ['replaced', 1],
    ]);
    expect(await everything(storage, 'scopes')).toEqual([]);
  });

  test('writers run one after the other, in the order in which they came', async () => {
    const storage = await use();
    await put(storage, ['n'], 0);
    const add = (by: number): Promise<void> =>
      storage.transaction(by % 2 === 0 ? 'write' : 'durable', async (tx) => {
        const before = (await tx.get('meta', ['n'])) as number;
        await tx.get('meta', ['something else']);
        await tx.put('meta', ['n'], before * 10 + by);
      });
    await Promise.all([1, 2, 3, 4, 5].map(add));
    expect(await get(storage, ['n'])).toBe(12345);
  });

  test('a reader sees one state, never a part of a write', async () => {
    const storage = await use();
    const write = (value: number): Promise<void> =>
      storage.transaction('write', async (tx) => {
        await tx.put('meta', ['a'], value);
        await tx.get('meta', ['a']);
        await tx.put('meta', ['b'], value);
      });
    const read = (): Promise<unknown[]> =>
      storage.transaction('read', async (tx) => {
        const first = await tx.get('meta', ['a']);
        await tx.scan('meta', { prefix: [], limit: 9 });
        return [first, await tx.get('meta', ['b']), await tx.get('meta', ['a'])];
      });
    await write(0);
    const written: Promise<void>[] = [];
    const reads = Array.from({ length: 40 }, (_, at) => {
      if (at % 2 === 0) written.push(write(at));
      return read();
    });
    for (const seen of await Promise.all(reads)) expect(new Set(seen).size).toBe(1);
    await Promise.all(written);
  });

  test('a transaction that was waited for in a transaction’s own time comes after it', async () => {
    const storage = await use();
    let later: Promise<Json | undefined> | undefined;
    await storage.transaction('write', async (tx) => {
      later = storage.transaction('read', (inner) => inner.get('meta', ['a']));
      await tx.put('meta', ['a'], 1);
    });
    expect(await later).toBe(1);
  });

  test('a call that failed spoils its transaction, also when its error was caught', async () => {
    const storage = await use();
    const failing = storage.transaction('write', async (tx) => {
      await tx.put('meta', ['a'], 1);
      await tx.put('meta', ['too', 'long'], 1).catch(() => undefined);
    });
    await expect(failing).rejects.toThrow(TypeError);
    expect(await get(storage, ['a'])).toBeUndefined();
  });

  test('a read transaction cannot write', async () => {
    const storage = await use();
    await expect(storage.transaction('read', (tx) => tx.put('meta', ['a'], 1))).rejects.toThrow(TypeError);
    expect(await get(storage, ['a'])).toBeUndefined();
  });

  test('a call after the end of its transaction is refused', async () => {
    const storage = await use();
    const leaked = await storage.transaction('write', async (tx) => ({ tx }));
    await expect(leaked.tx.put('meta', ['a'], 1)).rejects.toThrow();
    await expect(leaked.tx.get('meta', ['a'])).rejects.toThrow();
    expect(await get(storage, ['a'])).toBeUndefined();
  });
}

function outlives(use: Use, reopen: () => Promise<Storage>): void {
  test('what was written is there after a close', async () => {
    const storage = await use();
    await put(storage, ['plain'], 1, 'write');
    await put(storage, ['durable'], { n: 2 }, 'durable');
    await storage.close();
    const again = await use(reopen);
    expect(await everything(again, 'meta')).toEqual([
      ['durable', { n: 2 }],
      ['plain', 1],
    ]);
  });
}

function failsAtCommit(use: Use, failCommit: () => void): void {
  test('a failed commit rejects with a StorageError and has changed nothing', async () => {
    const storage = await use();
    await put(storage, ['kept'], 1);
    failCommit();
    const failing = storage.transaction('durable', async (tx) => {
      await tx.put('meta', ['kept'], 2);
      await tx.put('meta', ['new'], 2);
    });
    await expect(failing).rejects.toThrow(StorageError);
    expect(await everything(storage, 'meta')).toEqual([['kept', 1]]);
    await put(storage, ['kept'], 3);
    expect(await get(storage, ['kept'])).toBe(3);
  });
}

function ends(use: Use): void {
  test('close lets what has begun come to its end, and refuses what comes later', async () => {
    const storage = await use();
    const begun = put(storage, ['a'], 1);
    const closed = storage.close();
    await expect(put(storage, ['b'], 1)).rejects.toMatchObject({ name: 'StorageError', code: 'closed' });
    await expect(begun).resolves.toBeUndefined();
    await closed;
    await expect(get(storage, ['a'])).rejects.toMatchObject({ code: 'closed' });
    await expect(storage.close()).resolves.toBeUndefined();
  });
}

function put(
  storage: Storage,
  key: StorageKey,
  value: Json,
  mode: 'write' | 'durable' = 'write',
): Promise<void> {
  return storage.transaction(mode, (tx) => tx.put('meta', key, value));
}

function get(storage: Storage, key: StorageKey): Promise<Json | undefined> {
  return storage.transaction('read', (tx) => tx.get('meta', key));
}

function scan(storage: Storage, wanted: StorageScan): Promise<readonly StorageEntry[]> {
  return storage.transaction('read', (tx) => tx.scan('records', wanted));
}

function count(storage: Storage, wanted: StorageScan): Promise<number> {
  return storage.transaction('read', (tx) => tx.count('records', wanted));
}

async function everything(storage: Storage, table: keyof typeof storageTables): Promise<[string, Json][]> {
  const found = await storage.transaction('read', (tx) => tx.scan(table, { prefix: [], limit: 10_000 }));
  return found.map(({ key, value }) => [key.join('/'), value]);
}

/** The scan as its comment in port.ts says it, over all entries in order. */
function naive(
  all: readonly StorageEntry[],
  { prefix, from, to, after, reverse }: Omit<StorageScan, 'limit'>,
): StorageEntry[] {
  const fits = all.filter(({ key }) => {
    const rest = key.slice(prefix.length);
    if (!prefix.every((part, at) => key[at] === part)) return false;
    if (from && compareKeys(rest, from) < 0) return false;
    if (to && compareKeys(rest, to) >= 0) return false;
    return !after || (reverse ? compareKeys(key, after) < 0 : compareKeys(key, after) > 0);
  });
  return reverse ? fits.reverse() : fits;
}

function compareKeys(a: StorageKey, b: StorageKey): number {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const order = compareCodePoints([...a[at]!], [...b[at]!]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareCodePoints(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const order = a[at]!.codePointAt(0)! - b[at]!.codePointAt(0)!;
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
