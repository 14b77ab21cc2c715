import { describe, expect, it } from 'vitest';
import {
  certifiedClusters,
  checkIdentity,
  formatCertifiedName,
  parseCertifiedName,
} from '../src/certified-name.js';

describe('the name in a certificate', () => {
  it.each([
    ['waldb://prod/1', { cluster: 'prod', id: 1 }],
    ['waldb://a.b-c_D9/9007199254740991', { cluster: 'a.b-c_D9', id: Number.MAX_SAFE_INTEGER }],
  ])('%s is read and written the same', (uri, name) => {
    expect(parseCertifiedName(uri)).toEqual(name);
    expect(formatCertifiedName(name)).toBe(uri);
  });

  it.each([
    'waldb://prod/0',
    'waldb://prod/01',
    'waldb://prod/-1',
    'waldb://prod/1.5',
    'waldb://prod/9007199254740992',
    'waldb://prod/1/2',
    'waldb://prod/1?x',
    'waldb://prod/1\nwaldb://prod/2',
    'waldb://prod/',
    'waldb:///1',
    'waldb://prod',
    'waldb://pr od/1',
    'WALDB://prod/1',
    ' waldb://prod/1',
    'spiffe://prod/1',
    `waldb://${'x'.repeat(65)}/1`,
    '',
  ])('%j names no server', (uri) => {
    expect(parseCertifiedName(uri)).toBeUndefined();
    expect(certifiedClusters([uri], 1)).toEqual(new Set());
  });

  it('what cannot be a name is not made one', () => {
    expect(formatCertifiedName({ cluster: 'a/b', id: 1 })).toBeUndefined();
    expect(formatCertifiedName({ cluster: 'a', id: 0 })).toBeUndefined();
  });
});

describe('two ends belong together', () => {
  const check = (ours: string[], theirs: string[]) => () => checkIdentity({ ours, theirs }, 1, 2);

  it.each<[string, string[], string[]]>([
    ['both are certified for one cluster, by the ids that they say', ['waldb://c/1'], ['waldb://c/2']],
    ['one of several names is right', ['waldb://old/1', 'waldb://new/1'], ['urn:x', 'waldb://new/2']],
  ])('when %s', (_, ours, theirs) => {
    expect(check(ours, theirs)).not.toThrow();
  });

  it.each<[string, string[], string[]]>([
    ['the other is another server', ['waldb://c/1'], ['waldb://c/3']],
    ['the other is certified for another cluster', ['waldb://c/1'], ['waldb://d/2']],
    ['the other names nobody', ['waldb://c/1'], ['urn:x']],
    ['the other names nothing', ['waldb://c/1'], []],
    ['we are certified as somebody else', ['waldb://c/3'], ['waldb://c/2']],
    ['cluster and id come from different names', ['waldb://c/1'], ['waldb://c/3', 'waldb://d/2']],
  ])('not when %s', (_, ours, theirs) => {
    expect(check(ours, theirs)).toThrow(expect.objectContaining({ code: 'CERTIFICATE_MISMATCH' }));
  });

  it('nothing is asked of a network on which nobody proves anything', () => {
    expect(() => checkIdentity(undefined, 1, 2)).not.toThrow();
  });
});
