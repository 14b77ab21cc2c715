// Settings: where they may be said, what wins, and how a wrong one is told.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandsFor, parseConfigFile } from '../src/config/config-file.js';
import { effectiveSettings, valuesOf, withoutSettings } from '../src/config/effective.js';
import { configurationPage } from '../src/config/explain.js';
import { SETTINGS } from '../src/config/settings.js';
import { similarWord } from '../src/config/similar-word.js';
import { cleanUp, makeDirectory, runWaldb } from './support/run-waldb.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'waldb-config-'));
});
afterEach(async () => {
  rmSync(directory, { recursive: true });
  await cleanUp();
});

function fileWith(text: string): string {
  const path = join(directory, 'waldb.yaml');
  writeFileSync(path, text);
  return path;
}

describe('settings', () => {
  it('a flag wins over a variable, a variable over the file, the file over the default, one by one', () => {
    const config = fileWith('port: 1003\nid: 3\nhost: 10.0.0.3\n');
    const find = (flags: object, variables: object) => {
      const found = effectiveSettings('serve', { config, ...flags }, { ...variables });
      return found.filter(({ setting }) => ['port', 'id', 'host', 'log-level'].includes(setting.key));
    };
    expect(find({ port: '1001' }, { WALDB_PORT: '1002', WALDB_ID: '2', WALDB_HOST: '' })).toMatchObject([
      { setting: { key: 'id' }, value: 2, from: 'environment', where: 'WALDB_ID' },
      { setting: { key: 'host' }, value: '10.0.0.3', from: 'file', where: `${config}, line 3` },
      { setting: { key: 'port' }, value: 1001, from: 'flag', where: '--port' },
      { setting: { key: 'log-level' }, value: 'warn', from: 'default', where: '' },
    ]);
    expect(find({}, { WALDB_CONFIG: 'nowhere' })[2]).toMatchObject({ value: 1003, from: 'file' });
    expect(valuesOf(find({}, {}))).toEqual({ id: 3, host: '10.0.0.3', port: 1003, logLevel: 'warn' });
  });

  it('a wrong value is told where it was said', () => {
    const said = (flags: object, variables: object) => () =>
      effectiveSettings('serve', { ...flags }, { ...variables });
    expect(said({}, { WALDB_PORT: 'x' })).toThrow('WALDB_PORT cannot be "x". A port is a whole number');
    expect(said({ config: fileWith('id: 1\nport: 0\n') }, {})).toThrow(
      /waldb\.yaml, line 2: port cannot be "0"\. A port is/,
    );
    expect(said({ config: fileWith('nodes: 3\n') }, {})).toThrow(
      'line 1: nodes is a setting of waldb cluster, not of waldb serve.',
    );
    expect(said({ config: fileWith('a: 1\nb: 1\nc: 1\n') }, {})).toThrow(/\(2 more: waldb config check /);
  });

  it('a child is told nothing that was meant for its parent', () => {
    const environment = { PATH: '/bin', WALDB_PORT: '1', WALDB_CONFIG: 'x', WALDB_SUPERVISED: '1' };
    expect(withoutSettings(environment)).toEqual({ PATH: '/bin', WALDB_SUPERVISED: '1' });
  });

  it('every example and every default is one that is taken', () => {
    for (const { key, example, parse, of } of SETTINGS) {
      expect(() => parse(example), key).not.toThrow();
      for (const { fallback } of Object.values(of)) if (fallback !== undefined) parse(fallback);
    }
    expect(new Set(SETTINGS.map(({ key }) => key)).size).toBe(SETTINGS.length);
  });

  it('docs/configuration.md is what the table says (npx vitest run packages/cli/test/config.test.ts -u)', async () => {
    await expect(configurationPage()).toMatchFileSnapshot('../../../docs/configuration.md');
  });
});

describe('a configuration file', () => {
  const texts = (text: string) =>
    Object.fromEntries(
      [...parseConfigFile('f', text).values].map(([{ key }, { text: value, line }]) => [key, [value, line]]),
    );

  it('is YAML or JSON; values are taken as they were typed', () => {
    const wanted = { port: ['7101', 1], 'cluster-name': ['007', 2] };
    expect(texts('port: 7101\ncluster-name: 007\n')).toEqual(wanted);
    expect(texts('{"port": 7101,\n "cluster-name": "007"}')).toEqual(wanted);
    expect(texts('peers:\n  1: 10.0.0.1:7201/10.0.0.1:7101\n  2: "[::1]:7201"\n')).toEqual({
      peers: ['1=10.0.0.1:7201/10.0.0.1:7101,2=[::1]:7201', 1],
    });
    expect(texts('# nothing\n')).toEqual({});
    expect(commandsFor(parseConfigFile('f', 'port: 1\n'))).toEqual(['serve', 'cluster']);
    expect(commandsFor(parseConfigFile('f', 'nodes: 1\nid: 1\n'))).toEqual([]);
  });

  it.each([
    ['prot: 7101', 'line 1: "prot" is no setting (did you mean port?).'],
    ['clusterName: x', 'line 1: "clusterName" is no setting (did you mean cluster-name?).'],
    ['id: 1\nzzzzzzzzzz: 1', 'line 2: "zzzzzzzzzz" is no setting; waldb config --explain lists them.'],
    ['port:', 'line 1: port has to be one value, like 6379.'],
    ['port: [1, 2]', 'line 1: port has to be one value, like 6379.'],
    ['peers: {1: {a: 1}}', expect.stringMatching(/^line 1: peers has to be one value/)],
    ['id: 1\nid: 2', 'line 2: Map keys must be unique.'],
    ['id: "1', expect.stringMatching(/^line 1: Missing closing/)],
    ['- 1', 'It has to be a list of settings, like `port: 7101`, one on each line.'],
    ['id: x\nport: y', 'line 1: id cannot be "x". An id is a whole number from 1.'],
  ])('%j is told with its line', (text, problem) => {
    const { problems } = parseConfigFile('f', text);
    expect(problems[0]).toEqual(problem);
  });

  it('a bomb of aliases is no list of settings', () => {
    const bomb = 'a: &a [x,x]\nb: &b [*a,*a]\nport: *b\n';
    expect(parseConfigFile('f', bomb).problems).toHaveLength(3);
  });
});

it('a word that is near is suggested, and no other', () => {
  expect(similarWord('prot', ['id', 'port', 'host'])).toBe('port');
  expect(similarWord('snapshotEntry', ['snapshot-entries', 'nodes'])).toBe('snapshot-entries');
  expect(similarWord('elephant', ['id', 'port'])).toBe(undefined);
  expect(similarWord('x', [])).toBe(undefined);
});

describe('waldb config', () => {
  it('checks a file, shows what would hold, and explains, without starting anything', async () => {
    const good = fileWith('id: 2\nport: 7102\n');
    expect(await runWaldb(['config', 'check', good])).toEqual({
      exitCode: 0,
      stdout: `${good} can be used: 2 settings, for waldb serve.\n`,
      stderr: '',
    });
    const bad = join(makeDirectory(), 'bad.yaml');
    writeFileSync(bad, 'prot: 1\nport: x\n');
    expect(await runWaldb(['config', 'check', bad])).toEqual({
      exitCode: 2,
      stdout: `${bad} cannot be used:\n  line 1: "prot" is no setting (did you mean port?).\n  line 2: port cannot be "x". A port is a whole number from 1 to 65535.\n`,
      stderr: '',
    });
    const shown = await runWaldb(['config', 'print', 'serve', '--config', good, '--log-level', 'info']);
    expect(shown.stdout).toMatch(/^SETTING +VALUE +FROM\nid +2 +\S+waldb\.yaml, line 1\n/);
    expect(shown.stdout).toMatch(/\nlog-level +info +--log-level\n/);
    expect(shown.stdout).toMatch(/\ncluster-name +waldb +default\n/);
    expect((await runWaldb(['config', '--explain', 'prot'])).stderr).toBe(
      'waldb: "prot" is no setting (did you mean port?).\n',
    );
    expect((await runWaldb(['config', '--explain', 'WALDB_PORT'])).stdout).toMatch(/^Setting +port\n/);
  }, 60_000);
});
