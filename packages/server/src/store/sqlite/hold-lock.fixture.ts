// A process that takes the lock of the data folder named by its argument, says so, and holds it until it is killed.

import { lockDataFolder } from './lock.ts';

const [folder = ''] = process.argv.slice(2);
lockDataFolder(folder);
process.stdout.write('held\n');
process.stdin.resume();
setInterval(() => undefined, 60_000);
