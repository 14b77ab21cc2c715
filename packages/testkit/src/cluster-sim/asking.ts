// How the operator of a simulated cluster asks for something: by the same calls as anybody, of whoever leads at the moment, and
// again, as a person would.

import type { NodeId } from '@waldb/core';
import { type RaftServer, RuntimeError } from '@waldb/runtime';
import type { ClusterServer } from './cluster-server.js';
import { type ClusterWorld, leaderOf } from './cluster-world.js';
import { codesOf } from './ending-errors.js';
import { isRuntimeError, isSnapshotError } from './release.js';

const TRIES_MAX = 6;

export class Asking {
  readonly #world: ClusterWorld;

  constructor(world: ClusterWorld) {
    this.#world = world;
  }

  /** Asks whoever leads, until it is done, is not right any more, or patience ends. */
  async keepAsking(
    ask: (leader: RaftServer<unknown>) => Promise<void>,
    isStillRight: () => boolean = () => true,
  ): Promise<boolean> {
    const world = this.#world;
    for (let tries = 0; tries < TRIES_MAX && isStillRight(); tries++) {
      const server = leaderOf(world);
      const leader = server?.running?.server;
      if (server !== undefined && leader !== undefined) {
        world.isReshaping = true;
        const isDone = await this.asks(server, ask(leader));
        world.isReshaping = false;
        if (isDone) return true;
      }
      await world.simulation.wait(300);
    }
    return false;
  }

  /** Whether what was asked of a server was done; a server that is gone has done nothing that anybody knows of. */
  async asks(server: ClusterServer, asked: Promise<unknown>): Promise<boolean> {
    let forget = (): boolean => false;
    const gone = new Promise<boolean>((resolve) => {
      forget = server.whenGone(() => resolve(false));
    });
    const isDone = await Promise.race([this.#succeeds(asked), gone]);
    forget();
    return isDone;
  }

  async #succeeds(asked: Promise<unknown>): Promise<boolean> {
    try {
      await asked;
      return true;
    } catch (error) {
      if (!isRuntimeError(error) && !isSnapshotError(error)) throw error;
      this.#world.log?.(`operator: ${codesOf(error).join(' < ')}: ${String(error)}`);
      return false;
    }
  }
}

/**
 * Resolves when what `leader` says of its members cannot be taken back: it leads, and its configuration is committed. An
 * operator who believed less would throw away the disk of a server that is a member yet.
 */
export async function membershipIsCertain(leader: RaftServer<unknown>): Promise<void> {
  await leader.read('linearizable');
  const { configurationIndex, commitIndex } = leader.status();
  if (configurationIndex <= commitIndex) return;
  throw new RuntimeError(
    'CONFIG_IN_PROGRESS',
    `The configuration at ${configurationIndex} is not committed yet.`,
  );
}

export function votersOf(leader: RaftServer<unknown>): readonly NodeId[] {
  return leader.status().configuration.voters;
}

export function membersOf(leader: RaftServer<unknown>): readonly NodeId[] {
  const { voters, learners, votersOutgoing, learnersNext } = leader.status().configuration;
  return [...voters, ...learners, ...votersOutgoing, ...learnersNext];
}
