// Takes a lock, says so, and holds it until it is killed: hold-lock.ts PATH WAY

import { byModule, byProgram, LOCK_PROGRAMS } from '../../src/flock.js';
import { lockFile } from '../../src/node-lock.js';

const [path = '', way = ''] = process.argv.slice(2);
const programs = LOCK_PROGRAMS.filter(([program]) => program === way);
lockFile(path, way === 'fs-ext' ? byModule() : byProgram(programs));
process.stdout.write('locked\n');
setInterval(() => {}, 60_000);
