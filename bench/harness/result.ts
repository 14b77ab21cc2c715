// What a run of the benchmarks says: cases, each with lines. This is the shape of results/latest.json; whatever reads
// that file depends on it.

import { median, spread } from './statistics.js';

export type Unit =
  | 'entries/s'
  | 'reads/s'
  | 'commits/s'
  | 'MB/s'
  | 'ratio'
  | 'ns'
  | 'us'
  | 'ms'
  | 'bytes'
  | 'MiB'
  | '%';

/** A line of a case: one figure, and what it has to be if anything. */
export interface Line {
  readonly name: string;
  readonly unit: Unit;
  /** The median of `rounds`. */
  readonly value: number;
  readonly rounds: readonly number[];
  readonly target?: Target;
  readonly isMet?: boolean;
  /** Whose figure it is, if not the project's own: the bare disk's, or another store's. */
  readonly role?: 'floor' | 'peer';
}

export type Target =
  | { readonly type: 'atLeast'; readonly value: number }
  | { readonly type: 'atMost'; readonly value: number };

export interface CaseResult {
  readonly name: string;
  readonly title: string;
  readonly lines: readonly Line[];
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[];
}

export interface RunResult {
  readonly format: 1;
  readonly date: string;
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly machine: Readonly<Record<string, string>>;
  readonly cases: readonly CaseResult[];
}

export function line(name: string, unit: Unit, rounds: readonly number[], target?: Target): Line {
  const value = median(rounds);
  const figure: Line = { name, unit, value, rounds };
  if (target === undefined) return figure;
  return {
    ...figure,
    target,
    isMet: target.type === 'atLeast' ? value >= target.value : value <= target.value,
  };
}

export function floorLine(name: string, unit: Unit, rounds: readonly number[]): Line {
  return { ...line(name, unit, rounds), role: 'floor' };
}

export function peerLine(name: string, unit: Unit, rounds: readonly number[]): Line {
  return { ...line(name, unit, rounds), role: 'peer' };
}

export function atLeast(value: number): Target {
  return { type: 'atLeast', value };
}

export function atMost(value: number): Target {
  return { type: 'atMost', value };
}

/** How far the middle half of the rounds lies apart, as a share of the median. */
export function scatter(figure: Line): number {
  const { low, high, middle } = spread(figure.rounds);
  return middle === 0 ? 0 : (high - low) / middle;
}
