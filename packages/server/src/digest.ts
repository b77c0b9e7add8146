// SHA-256 by Node, as core asks for it.

import { createHash } from 'node:crypto';
import type { Sha256 } from '@holdfast/core';

export const sha256: Sha256 = (text) => createHash('sha256').update(text, 'utf8').digest('hex');
