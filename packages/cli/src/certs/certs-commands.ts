// `waldb certs ...`: the options of its commands, and nothing of what they do.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from '../commands.js';
import { parseHost, parseId } from '../option-values.js';
import { type CreateFlags, runCertsCreate } from './create-command.js';

const DAYS_MAX = 36_500;
const IDS_MAX = 99;

export function addCerts(certs: Command, { run }: CommandContext): void {
  certs
    .command('create')
    .description('Make an authority, unless it is there, and a certificate for each server.')
    .addOption(
      new Option('--directory <path>', 'where the files go; made if it is not there').default('./certs'),
    )
    .addOption(
      new Option(
        '--cluster <name>',
        'stands in each certificate: servers of other names are refused',
      ).default('waldb'),
    )
    .addOption(
      new Option('--ids <list>', 'the servers, like 1,2,3').argParser(parseIds).makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--hosts <list>',
        "names and IP addresses that clients connect to: the certificates serve the clients' port, too",
      )
        .argParser(parseHosts)
        .default([], 'none'),
    )
    .addOption(
      new Option('--days <count>', 'how long a certificate is valid').argParser(parseDays).default(365),
    )
    .addOption(
      new Option('--ca-days <count>', 'how long a new authority is valid').argParser(parseDays).default(3650),
    )
    .addOption(new Option('--renew', 'replace the certificates of these servers; the authority stays'))
    .addOption(new Option('--json', 'what was made, as one JSON object'))
    .addHelpText('after', CREATE_HELP)
    .action((flags: CreateFlags) => run(() => runCertsCreate(flags)));
}

function parseIds(text: string): number[] {
  const ids = [...new Set(text.split(',').map((item) => parseId(item.trim())))];
  if (ids.length > IDS_MAX) throw new InvalidArgumentError(`At most ${IDS_MAX} at a time.`);
  return ids;
}

function parseHosts(text: string): string[] {
  return [...new Set(text.split(',').map((item) => parseHost(item.trim())))];
}

function parseDays(text: string): number {
  const days = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (days >= 1 && days <= DAYS_MAX) return days;
  throw new InvalidArgumentError(`A number of days is a whole number from 1 to ${DAYS_MAX}.`);
}

const CREATE_HELP = `
Examples:
  waldb certs create --ids 1,2,3                   an authority and three certificates in ./certs
  waldb certs create --ids 1 --hosts localhost,127.0.0.1
  waldb certs create --ids 4                       one more, by the same authority
  waldb certs create --ids 2 --renew               a new one for server 2; a running server takes it by itself`;
