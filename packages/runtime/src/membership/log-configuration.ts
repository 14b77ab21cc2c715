// The configuration that a log holds, for who looks at it without running a server.

import { type Configuration, decodeConfiguration, type RaftLog } from '@waldb/core';

/** The newest one, committed or not; undefined where neither entries nor the snapshot have one. */
export function configurationInLog(log: RaftLog): Configuration | undefined {
  const at = log.configIndexBefore(log.lastIndex());
  const entry = at > log.snapshotIndex() ? log.entry(at) : undefined;
  return entry === undefined ? log.snapshot()?.configuration : decodeConfiguration(entry.command);
}
