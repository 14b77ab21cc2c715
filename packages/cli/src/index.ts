// The public names of waldb, one by one. The command line is the product; this is for those who start it from code.

export { runCommandLine } from './command-line.js';
export { EXIT, type ExitCode } from './exit.js';
