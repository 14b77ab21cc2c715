// What a metric for Prometheus is: name, type, help, and how its values are read out of a sample, which is whatever a package
// has counted at the moment of a scrape. Base units throughout: seconds, bytes. Names begin with `waldb_`.

import type { HistogramData } from '@waldb/io';

export type Labels = Readonly<Record<string, string>>;

export interface NumberValue {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramValue {
  readonly labels: Labels;
  readonly data: HistogramData;
}

export type Family<Sample> =
  | {
      readonly type: 'counter' | 'gauge';
      readonly name: string;
      readonly help: string;
      readonly read: (sample: Sample) => readonly NumberValue[];
    }
  | {
      readonly type: 'histogram';
      readonly name: string;
      readonly help: string;
      /** What one recorded unit is in base units. */
      readonly scale: number;
      readonly read: (sample: Sample) => readonly HistogramValue[];
    };

/** The scale of what is recorded in milliseconds. */
export const MILLISECONDS: number = 1 / 1000;

/** A value that goes up and down. */
export function gauge<Sample>(name: string, help: string, read: (sample: Sample) => number): Family<Sample> {
  return labelled('gauge', name, help, (sample) => [{ labels: {}, value: read(sample) }]);
}

/** A value that only rises, from 0 at the start of the process. */
export function counter<Sample>(
  name: string,
  help: string,
  read: (sample: Sample) => number,
): Family<Sample> {
  return labelled('counter', name, help, (sample) => [{ labels: {}, value: read(sample) }]);
}

/** One value for each set of labels. */
export function labelled<Sample>(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (sample: Sample) => readonly NumberValue[],
): Family<Sample> {
  return { type, name: `waldb_${name}`, help, read };
}

export function histogram<Sample>(
  name: string,
  help: string,
  scale: number,
  read: (sample: Sample) => HistogramData,
): Family<Sample> {
  return labelledHistogram(name, help, scale, (sample) => [{ labels: {}, data: read(sample) }]);
}

/** One histogram for each set of labels. */
export function labelledHistogram<Sample>(
  name: string,
  help: string,
  scale: number,
  read: (sample: Sample) => readonly HistogramValue[],
): Family<Sample> {
  return { type: 'histogram', name: `waldb_${name}`, help, scale, read };
}
