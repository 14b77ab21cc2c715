// An empty project outside of this checkout, with one packed package installed by npm, as somebody has it who found it on
// the registry: what that package needs of ours comes from the other tarballs, everything else from the registry.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export interface Packed {
  readonly name: string;
  readonly folder: string;
  readonly tarball: string;
}

const ROOT = join(import.meta.dirname, '../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const INSTALL_MS_MAX = 600_000;
const RUN_MS_MAX = 600_000;
const run = promisify(execFile);

/** Strict in everything that a user may turn on, and without a look away from our declarations. */
const COMPILER_OPTIONS = {
  target: 'ES2023',
  lib: ['ES2023', 'ESNext.Disposable'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
};

export class EmptyProject {
  readonly directory: string;

  /** Installs `name` and what `besides` names; `tarballs` are all of ours. */
  static async with(
    name: string,
    tarballs: readonly Packed[],
    besides: readonly string[] = [],
  ): Promise<EmptyProject> {
    const project = new EmptyProject(mkdtempSync(join(tmpdir(), 'waldb-project-')));
    const file = ({ tarball }: Packed): string => `file:${tarball}`;
    const wanted = tarballs.filter((one) => one.name === name || besides.includes(one.name));
    const others = tarballs.filter((one) => !wanted.includes(one));
    const outside = besides.filter((one) => !wanted.some((ours) => ours.name === one));
    project.write(
      'package.json',
      JSON.stringify({
        name: 'empty-project',
        private: true,
        type: 'module',
        dependencies: {
          ...Object.fromEntries(wanted.map((one) => [one.name, file(one)])),
          ...Object.fromEntries(outside.map((one) => [one, versionHere(one)])),
          '@types/node': versionHere('@types/node'),
        },
        overrides: Object.fromEntries(others.map((one) => [one.name, file(one)])),
      }),
    );
    await project.run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], INSTALL_MS_MAX);
    return project;
  }

  private constructor(directory: string) {
    this.directory = directory;
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text);
  }

  read(name: string): string {
    return readFileSync(join(this.directory, name), 'utf8');
  }

  /** Its stdout. Errors: that of `execFile`, with what the command printed in its message. */
  async run(file: string, args: readonly string[], timeout: number = RUN_MS_MAX): Promise<string> {
    const isScript = process.platform === 'win32' && (file === 'npm' || file === 'npx');
    try {
      const { stdout } = await run(file, args, { cwd: this.directory, timeout, shell: isScript });
      return stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }; // as execFile rejects
      throw new Error(`${file} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
    }
  }

  /** Compiles a program of one file as its user would; the module it becomes. */
  async compile(name: string, text: string, module: 'node16' | 'nodenext'): Promise<string> {
    this.write(`${name}.ts`, text);
    const config = `tsconfig.${module}.json`;
    this.write(
      config,
      JSON.stringify({
        compilerOptions: { ...COMPILER_OPTIONS, module, outDir: module },
        files: [`${name}.ts`],
      }),
    );
    await this.run(process.execPath, [TSC, '-p', config]);
    return join(module, `${name}.js`);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The version of an outside package that this checkout is tested with. */
function versionHere(name: string): string {
  for (const from of ['.', 'packages/runtime']) {
    try {
      const require = createRequire(join(ROOT, from, 'package.json'));
      const manifest = name.startsWith('@types/')
        ? require.resolve(`${name}/package.json`)
        : join(dirname(require.resolve(name)), 'package.json');
      return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version; // every manifest has one
    } catch {
      // Not a dependency of this one.
    }
  }
  throw new Error(`${name} is not installed here`);
}
