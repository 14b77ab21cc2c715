// `waldb snapshot ...`: the options of its commands, and nothing of what they do.

import { type Command, Option } from 'commander';
import { DEFAULT_PORT } from '../cluster-layout.js';
import type { CommandContext } from '../commands.js';
import { EXIT } from '../exit.js';
import { caOption, serverOption, tokenOption } from '../members/server-option.js';
import { parseNodes, parsePeers, parsePort } from '../option-values.js';
import { type LookFlags, runList, runVerify } from './look-commands.js';
import { type RestoreFlags, runRestore } from './restore-command.js';
import { runSave, type SaveFlags } from './save-command.js';
import { runTake, type TakeFlags } from './take-command.js';

export function addSnapshot(snapshot: Command, { run }: CommandContext): void {
  snapshot.addHelpText('after', HELP);
  snapshot
    .command('save')
    .description('Save the state of a running cluster in a file.')
    .argument('<file>', 'made when all of it is there, and not before')
    .addOption(serverOption())
    .addOption(caOption())
    .addOption(tokenOption())
    .addOption(new Option('--force', 'replace the file, if there is one'))
    .addOption(
      new Option(
        '--stale',
        'what that one server has, without asking whether it is all that was acknowledged',
      ),
    )
    .addOption(new Option('--json', 'the facts as one JSON object'))
    .addHelpText('after', SAVE_HELP)
    .action((file: string, flags: SaveFlags) => run(() => runSave(file, flags)));
  snapshot
    .command('take')
    .description('Have a server save its state in its own directory now, and give up the log before it.')
    .addOption(serverOption())
    .addOption(caOption())
    .addOption(tokenOption())
    .addOption(new Option('--json', 'who took it and at which index, as one JSON object'))
    .addHelpText('after', TAKE_HELP)
    .action((flags: TakeFlags) => run(() => runTake(flags)));
  snapshot
    .command('verify')
    .description('Read all of a backup and say by the exit code whether it is sound.')
    .argument('<file>', 'a backup, or a snapshot out of the directory of a server')
    .addOption(new Option('--json', 'the facts as one JSON object'))
    .addHelpText('after', VERIFY_HELP)
    .action((file: string, flags: LookFlags) => run(() => runVerify(file, flags), EXIT.refused));
  snapshot
    .command('list')
    .description('Show the backups in a directory, or the snapshots of a server, newest first.')
    .argument('[directory]', 'with backups, or that of a server', '.')
    .addOption(new Option('--json', 'a JSON array'))
    .action((directory: string, flags: LookFlags) => run(() => runList(directory, flags)));
  snapshot
    .command('restore')
    .description('Make the directories of a new cluster from a backup.')
    .argument('<file>', 'the backup')
    .addOption(new Option('--directory <path>', 'where; has to be empty').makeOptionMandatory())
    .addOption(
      new Option(
        '--nodes <count>',
        'for so many servers on this machine, as waldb cluster has them',
      ).argParser(parseNodes),
    )
    .addOption(
      new Option(
        '--members <list>',
        'for these servers: id=host:port[/clientHost:clientPort],... (default: one, alone on this machine)',
      )
        .argParser(parsePeers)
        .conflicts('nodes'),
    )
    .addOption(
      new Option('--port <port>', 'port for clients of the first server on this machine')
        .argParser(parsePort)
        .default(DEFAULT_PORT),
    )
    .addOption(new Option('--cluster-name <name>', 'as the servers will be started with').default('waldb'))
    .addOption(new Option('--json', 'the facts as one JSON object'))
    .addHelpText('after', RESTORE_HELP)
    .action((file: string, flags: RestoreFlags) => run(() => runRestore(file, flags)));
}

const HELP = `
Examples:
  waldb snapshot save monday.backup                a running cluster, through 127.0.0.1:7301
  waldb snapshot verify monday.backup              sound or damaged? exit code 0 or 1
  waldb snapshot restore monday.backup --directory ./restored --nodes 3
  waldb cluster --directory ./restored             a new cluster with the state of monday`;

const SAVE_HELP = `
Clients are served meanwhile. The backup has everything that was acknowledged before it was asked for.

Exit codes:
  0  saved, and on the disk
  1  nobody answered, or the connection broke off: nothing was saved
  2  refused

Examples:
  waldb snapshot save /backups/$(date +%F).backup
  waldb snapshot save store.backup --server 10.0.0.1:7301 --server 10.0.0.2:7301`;

const TAKE_HELP = `
Servers do so by themselves (--snapshot-entries); before a restart it makes the start quick. Only the server that is
named does it, and clients are served meanwhile. It is no backup: that is waldb snapshot save.

Examples:
  waldb snapshot take --server 10.0.0.2:7301`;

const VERIFY_HELP = `
Exit codes:
  0  sound: every checksum is right
  1  damaged
  2  could not be judged: no such file, a newer version`;

const RESTORE_HELP = `
The new cluster has an id of its own, and no server of the old one can mix with it. Each directory goes to one server,
and never to two. Why that is safe is in docs/backup.md.

Exit codes:
  0  restored: the servers can be started
  1  failed: remove what was made, and restore again
  2  refused; nothing was made

Examples:
  waldb snapshot restore store.backup --directory ./restored                alone; waldb members add makes it more
  waldb snapshot restore store.backup --directory ./restored --nodes 3
  waldb snapshot restore store.backup --directory ./restored \\
    --members 1=10.0.0.1:7201/10.0.0.1:7101,2=10.0.0.2:7201/10.0.0.2:7101,3=10.0.0.3:7201/10.0.0.3:7101`;
