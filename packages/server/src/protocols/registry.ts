// The protocols that a config may mount, by the names that it knows them by.

import { crm } from './crm/protocol.ts';
import { documents } from './documents/documents.ts';
import { hims } from './hims/protocol.ts';
import type { Protocol } from './mount.ts';
import { pos } from './pos/protocol.ts';
import { terminal } from './terminal/protocol.ts';

export type Registry = Readonly<Record<string, Protocol>>;

export const registry: Registry = { crm, documents, hims, pos, terminal };
