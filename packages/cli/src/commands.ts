// All commands by name, in the order in which people meet them. What a command stands on is loaded when it is asked for and
// not before: a table of servers needs no store, and `waldb --version` needs nothing.

import type { Command } from 'commander';
import type { ExitCode } from './exit.js';

export interface CommandContext {
  /** What a supervisor starts its servers with. */
  readonly entryFile: string;
  readonly run: RunCommand;
}

/**
 * Runs a command to its end; its exit code becomes that of the process, and a failure is told. Where `meaning` is given,
 * every failure has that exit code.
 */
export type RunCommand = (command: () => Promise<ExitCode>, meaning?: ExitCode) => Promise<void>;

/** Adds its options, its subcommands, and what it does, to a command that has its name already. */
export type AddCommand = (command: Command, context: CommandContext) => void;

export const COMMANDS: readonly {
  readonly name: string;
  readonly description: string;
  readonly load: () => Promise<AddCommand>;
}[] = [
  {
    name: 'cluster',
    description: 'Run a whole cluster on this machine, each server a process of its own.',
    load: async () => (await import('./cluster-command.js')).addCluster,
  },
  {
    name: 'serve',
    description: 'Run one server, alone or as a member of a cluster.',
    load: async () => (await import('./serve-command.js')).addServe,
  },
  {
    name: 'status',
    description: 'Show all servers of a running cluster: who leads, how far each one is.',
    load: async () => (await import('./status/status-command.js')).addStatus,
  },
  {
    name: 'members',
    description: 'Show the members of a running cluster, and change them.',
    load: async () => (await import('./members/members-commands.js')).addMembers,
  },
  {
    name: 'snapshot',
    description: 'Back a running cluster up, check backups, and make a new cluster of one.',
    load: async () => (await import('./snapshot/snapshot-commands.js')).addSnapshot,
  },
  {
    name: 'recover',
    description:
      'After the majority is lost for good: make a new cluster of a survivor. Its server has to be stopped.',
    load: async () => (await import('./recover-command.js')).addRecover,
  },
  {
    name: 'wal',
    description: 'Look into a write-ahead log, check it, and repair it.',
    load: async () => (await import('./wal/wal-commands.js')).addWal,
  },
  {
    name: 'certs',
    description: 'Make certificates for TLS between servers.',
    load: async () => (await import('./certs/certs-commands.js')).addCerts,
  },
  {
    name: 'users',
    description: 'Make what a file of users needs, and check it.',
    load: async () => (await import('./users/users-commands.js')).addUsers,
  },
  {
    name: 'config',
    description: 'Explain the settings of waldb serve and waldb cluster, and check configuration files.',
    load: async () => (await import('./config/config-commands.js')).addConfig,
  },
  {
    name: 'bench',
    description: 'Measure a running store as its clients see it: throughput and latency.',
    load: async () => (await import('./bench/bench-command.js')).addBench,
  },
  {
    name: 'completion',
    description: 'Print a script that completes commands and flags of waldb in a shell.',
    load: async () => (await import('./completion/completion-command.js')).addCompletion,
  },
];
