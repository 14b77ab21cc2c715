// A server's protocol trace (docs/trace-format.md): the lines of each step are made while the step is taken. They go to
// whoever asked for them before any of its messages leaves and before what it staged is written (trace-buffer.ts). A
// process that is killed at any moment has then told everything that others may have heard of.

import { initialTraceLine, type RaftNode, type TraceHook, type TraceLine, traceLines } from '@waldb/core';

/** Takes the lines of one step or of several. Called within a step or before a write: it must neither throw nor wait. */
export type ProtocolTraceSink = (lines: readonly TraceLine[]) => void;

/** The node's hook: whoever watches steps already goes on doing so. */
export function protocolTraceHook(sink: ProtocolTraceSink, next: TraceHook | undefined): TraceHook {
  return (record) => {
    const lines = traceLines(record);
    if (lines.length > 0) sink(lines);
    next?.(record);
  };
}

/** A life begins. */
export function tellInitialState(sink: ProtocolTraceSink, node: RaftNode): void {
  sink([initialTraceLine(node.id, node.status(), node.log)]);
}
