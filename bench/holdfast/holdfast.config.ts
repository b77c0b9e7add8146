// What the measured server serves: everything else is as an operator gets it.

import { defineConfig } from 'holdfast';
import { schema } from '../item.ts';

export default defineConfig({ schema, auth: 'none' });
