// Documents of users, each user's apart from all others, in realtime.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';
import { largeBodies, type Preset, port } from './preset.ts';

const documentsOfUsers = { kind: 'request', fields: z.looseObject({}), policy: 'newest' } as const;

const messageBytesMax = 1_048_576;

export const documents: Preset = {
  about: 'documents of users in realtime, over WebSocket and HTTP',
  config: {
    schema: defineSchema({
      version: 1,
      collections: {
        appointments: documentsOfUsers,
        consultations: documentsOfUsers,
        prescriptions: documentsOfUsers,
        medicalRecords: documentsOfUsers,
      },
      // Clients name further collections as they need them.
      named: { kind: 'request', policy: 'newest' },
    }),
    protocols: { documents: '' },
    // What fits into a message is taken.
    limits: { ...largeBodies, recordCharsMax: messageBytesMax },
    port: 3001,
    host: '0.0.0.0',
    discovery: true,
  },
  variables: { PORT: port },
};
