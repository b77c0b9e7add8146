// A real replica that reaches the real engine of a test without a network, and whose next exchanges a test may lose.

import {
  createLoopbackTransport,
  createMemoryStorage,
  createReplica,
  type LoopbackAnswer,
  type Replica,
  type ReplicaScope,
  type Storage,
} from '@holdfast/client';
import { schema, type TestServer } from './protocols/native/native.fixture.ts';

export interface Till {
  replica: Replica<typeof schema>;
  shop: ReplicaScope<typeof schema>;
  storage: Storage;
  /** What is lost of each of its next exchanges; beyond them all are answered. */
  losses: ('request' | 'reply' | 'nothing')[];
}

let opened = 0;

/** Opens the replica that the storage holds; a second one on the same storage is another process. */
export async function openTill(
  server: TestServer,
  options: { device: string; storage?: Storage; actor?: string; batchMutationsMax?: number },
): Promise<Till> {
  const { device, storage = createMemoryStorage(), actor, batchMutationsMax } = options;
  opened += 1;
  let drawn = opened * 7_919;
  const fraction = (): number => {
    drawn = (Math.imul(drawn, 1_664_525) + 1_013_904_223) >>> 0;
    return drawn / 2 ** 32;
  };
  const losses: Till['losses'] = [];
  const handler = async (body: string): Promise<LoopbackAnswer> => {
    const loss = losses.shift();
    if (loss === 'request') throw new Error('The request is lost.');
    const { status, text } = await server.post('/v1/exchange', body);
    if (loss === 'reply') throw new Error('The reply is lost.');
    return { status, body: text };
  };
  const replica = await createReplica({
    schema,
    storage,
    device,
    ...(actor === undefined ? {} : { actor }),
    ...(batchMutationsMax === undefined ? {} : { limits: { batchMutationsMax } }),
    transport: createLoopbackTransport({ handler }),
    clock: { wallMs: () => server.clock.wall, monoMs: () => server.clock.mono },
    timer: { after: () => ({ cancel: () => {} }) },
    random: { fraction, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(fraction() * 256)) },
  });
  return { replica, shop: replica.scope('shop-1'), storage, losses };
}
