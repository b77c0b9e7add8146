// The part of the store's port about what protocols keep of devices: of each name the last word alone.

import type { Json } from '@holdfast/core';

/** Which devices a protocol knows in a scope, and what of each. */
export interface DeviceNote {
  protocol: string;
  scope: string;
  device: string;
  /** What it is about, such as `heartbeat`. */
  name: string;
  at: number;
  /** Short, and nothing of a record. Null: it is forgotten. */
  value: Json;
}

export interface DeviceNoteQuery {
  protocol: string;
  scope: string;
  device?: string;
}
