// `waldb wal inspect` and `waldb wal verify`: both read a whole log; one shows everything, the other judges.

import { type Inspection, inspectLog } from '@waldb/wal';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { Output } from '../terminal/output.js';
import { paletteFor } from '../terminal/palette.js';
import { ProgressLine } from '../terminal/progress-line.js';
import { count, formatBytes } from '../terminal/quantities.js';
import { describeDamage, describeInspection, describeVerdict } from './describe-inspection.js';
import { findLogDirectory } from './log-directory.js';

export interface InspectFlags {
  readonly json?: boolean;
}

export interface VerifyFlags extends InspectFlags {
  readonly quiet?: boolean;
}

export async function runInspect(path: string, flags: InspectFlags): Promise<ExitCode> {
  const inspection = await look(path);
  const output = new Output();
  if (flags.json === true) await output.line(JSON.stringify(inspection));
  else {
    await output.lines(describeInspection(inspection, paletteFor(process.stdout)));
    if (inspection.verdict === 'damaged') await output.lines(['', ...advice(inspection.directory)]);
  }
  await output.flush();
  return EXIT.ok;
}

/** 0: sound. 1: damaged. What cannot be judged is an error. */
export async function runVerify(path: string, flags: VerifyFlags): Promise<ExitCode> {
  const inspection = await look(path);
  const output = new Output();
  if (flags.json === true) await output.line(JSON.stringify(verdictFacts(inspection)));
  else if (flags.quiet !== true) await output.lines(describeJudgement(inspection));
  await output.flush();
  return inspection.verdict === 'damaged' ? EXIT.failed : EXIT.ok;
}

async function look(path: string): Promise<Inspection> {
  const directory = findLogDirectory(path);
  const progress = new ProgressLine('reading');
  try {
    const inspection = await inspectLog(directory, { onProgress: progress.update });
    if (inspection.problem === undefined) return inspection;
    throw new ExitError(EXIT.refused, inspection.problem.message);
  } finally {
    progress.clear();
  }
}

function describeJudgement(inspection: Inspection): string[] {
  const palette = paletteFor(process.stdout);
  const { directory, segments, damages, damagesOmitted, notes, kind } = inspection;
  const read = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const frames = segments.reduce((sum, one) => sum + one.frames, 0);
  return [
    ...damages.map((damage) => `${palette.red('damage')}  ${describeDamage(damage, kind)}`),
    ...(damagesOmitted > 0 ? [`damage  and ${count(damagesOmitted, 'more place', 'more places')}`] : []),
    ...notes.map(({ file, message }) => `${palette.yellow('note')}    ${file}: ${message}`),
    `${directory} is ${describeVerdict(inspection, palette).join('; ')} (${count(segments.length, 'segment')}, ${count(frames, 'frame')}, ${formatBytes(read)} read)`,
    ...(damages.length > 0 ? advice(directory) : []),
  ];
}

function verdictFacts(inspection: Inspection): object {
  const { directory, verdict, logId, kind, entries, durableSeq, damages, damagesOmitted, notes } = inspection;
  return { directory, verdict, logId, kind, entries, durableSeq, damages, damagesOmitted, notes };
}

function advice(directory: string): string[] {
  return [
    'Nothing was changed. One server of several: remove it from the cluster and add a new one in its place.',
    `A server that is alone: \`waldb wal repair ${directory} --dry-run\` says what can be kept.`,
  ];
}
