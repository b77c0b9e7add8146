// The storage in memory passes the suite of the port.

import { storageContract } from './contract.ts';
import { createMemoryStorage } from './memory.ts';

storageContract({ name: 'memory', open: async () => createMemoryStorage() });
