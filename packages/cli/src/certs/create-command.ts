// `waldb certs create`: an authority, and a certificate for each server, as files. For development, and for small
// clusters without an authority of their own. A key is never readable by others, not for a moment, and never replaced
// unless that was asked for.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority, CertificateFiles, Validity } from '@waldb/certs';
import { formatCertifiedName } from '@waldb/transport';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { certificatePaths } from './certificate-paths.js';

export interface CreateFlags {
  readonly directory: string;
  readonly cluster: string;
  readonly ids: readonly number[];
  readonly hosts: readonly string[];
  readonly days: number;
  readonly caDays: number;
  /** Makes certificates of servers that have one already. */
  readonly renew?: boolean;
  readonly json?: boolean;
}

const DAY_MS = 86_400_000;
/** Clocks differ: a certificate holds from a little before it was made. */
const LEEWAY_MS = 3_600_000;
const PRIVATE = 0o600;
const PUBLIC = 0o644;

/** Errors: `ExitError`, and what the file system says. */
export async function runCertsCreate(flags: CreateFlags): Promise<ExitCode> {
  const { directory, ids } = flags;
  const names = ids.map((id) => ({ id, uri: uriOf(flags.cluster, id) }));
  refuseToReplace(flags);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Loaded here: every other command starts sooner without it.
  const { createAuthority, issueCertificate } = await import('@waldb/certs');
  const validity = (days: number): Validity => validFor(days, Date.now());
  let authority = readAuthority(directory);
  if (authority === undefined) {
    authority = await createAuthority({ ...validity(flags.caDays), commonName: `waldb ${flags.cluster} CA` });
    write(directory, 'ca', authority);
  }
  for (const { id, uri } of names) {
    const commonName = `waldb ${flags.cluster} ${id}`;
    const request = { ...validity(flags.days), commonName, uris: [uri], hosts: flags.hosts };
    write(directory, `node-${id}`, await issueCertificate(request, authority));
  }
  process.stdout.write(flags.json === true ? `${JSON.stringify(facts(flags))}\n` : summary(flags));
  return EXIT.ok;
}

function uriOf(cluster: string, id: number): string {
  const uri = formatCertifiedName({ cluster, id });
  if (uri !== undefined) return uri;
  throw new ExitError(
    EXIT.refused,
    `${JSON.stringify(cluster)} cannot stand in a certificate: 1 to 64 letters, digits, dots, hyphens and underscores can.`,
  );
}

function refuseToReplace({ directory, ids, renew }: CreateFlags): void {
  if (renew === true) return;
  const present = ids.filter((id) => existsSync(join(directory, `node-${id}.key`)));
  if (present.length === 0) return;
  throw new ExitError(
    EXIT.refused,
    `${directory} has a certificate of server ${present.join(', ')} already; --renew makes a new one.`,
    { code: 'FILE_UNUSABLE' },
  );
}

/** Undefined where there is none yet. Errors: `ExitError` when only half of it is there. */
function readAuthority(directory: string): Authority | undefined {
  const paths = { cert: join(directory, 'ca.crt'), key: join(directory, 'ca.key') };
  const hasCert = existsSync(paths.cert);
  const hasKey = existsSync(paths.key);
  if (hasCert && hasKey) {
    return { cert: readFileSync(paths.cert, 'latin1'), key: readFileSync(paths.key, 'latin1') };
  }
  if (!hasCert && !hasKey) return undefined;
  const [there, missing] = hasCert ? [paths.cert, paths.key] : [paths.key, paths.cert];
  throw new ExitError(
    EXIT.refused,
    `${there} is there and ${missing} is not: nothing can be signed. Bring it back, or use another directory.`,
    { code: 'FILE_UNUSABLE' },
  );
}

function validFor(days: number, now: number): Validity {
  return { notBefore: new Date(now - LEEWAY_MS), notAfter: new Date(now + days * DAY_MS) };
}

/** The key first: a certificate that is there has its key. */
function write(directory: string, name: string, files: CertificateFiles): void {
  publish(join(directory, `${name}.key`), files.key, PRIVATE);
  publish(join(directory, `${name}.crt`), files.cert, PUBLIC);
}

/** Made under another name with its final mode, so that nobody ever sees half a file or an open key. */
function publish(path: string, text: string, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode, flag: 'wx' });
  renameSync(temporary, path);
}

function facts({ directory, cluster, ids, hosts, days }: CreateFlags): object {
  const servers = ids.map((id) => ({ id, ...certificatePaths(directory, id) }));
  return { directory, cluster, hosts, days, servers };
}

function summary({ directory, cluster, ids, days }: CreateFlags): string {
  const [id = 1] = ids;
  const { ca, cert, key } = certificatePaths(directory, id);
  return (
    `Certificates of cluster ${cluster} for ${ids.length === 1 ? 'server' : 'servers'} ${ids.join(', ')}, valid for ${days} days, in ${directory}.\n` +
    `Each server gets ca.crt and its own two files; ca.key signs more of them and belongs on none of the servers.\n` +
    `  waldb serve --id ${id} --tls-ca ${ca} --tls-cert ${cert} --tls-key ${key} ...\n`
  );
}
