// Serves the store room on this machine. `npm start` in the workspace's root uses it.

import { defineConfig } from 'holdfast';
import { schema } from './schema.ts';

export default defineConfig({
  schema,
  // Only loopback and private addresses are served. With 'keys', every device enrols and has its own.
  auth: 'none',
});
