import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isOpenToOthers, readToken, tokenRefusal } from '../../src/dashboard/admin-token.js';
import { cleanUp, makeDirectory } from '../support/run-waldb.js';

afterEach(cleanUp);

const SECRET = 'a-secret-of-22-letters';

function fileWith(text: string): string {
  const path = join(makeDirectory(), 'token');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function codeOf(headers: Record<string, string>, path: string | undefined): string | undefined {
  return tokenRefusal(headers, path)?.code;
}

describe('the admin token', () => {
  it('without one, tools may change things and pages may not', () => {
    expect(codeOf({}, undefined)).toBeUndefined();
    expect(codeOf({ origin: 'http://127.0.0.1:7301' }, undefined)).toBe('READ_ONLY');
    expect(codeOf({ 'sec-fetch-site': 'same-origin' }, undefined)).toBe('READ_ONLY');
  });

  it('with one, everybody needs it', () => {
    const path = fileWith(`${SECRET}\n`);
    expect(codeOf({}, path)).toBe('TOKEN_WANTED');
    expect(codeOf({ authorization: `Basic ${SECRET}` }, path)).toBe('TOKEN_WANTED');
    expect(codeOf({ authorization: `Bearer ${SECRET}x` }, path)).toBe('TOKEN_WRONG');
    expect(codeOf({ authorization: `Bearer ${SECRET.slice(1)}` }, path)).toBe('TOKEN_WRONG');
    expect(codeOf({ authorization: `Bearer ${SECRET}` }, path)).toBeUndefined();
    expect(codeOf({ authorization: `bearer  ${SECRET}`, origin: 'http://x' }, path)).toBeUndefined();
  });

  it('a new one counts from the moment that it is there', () => {
    const path = fileWith(SECRET);
    writeFileSync(path, 'another-secret-of-some-length');
    expect(codeOf({ authorization: `Bearer ${SECRET}` }, path)).toBe('TOKEN_WRONG');
    writeFileSync(path, '');
    expect(codeOf({ authorization: 'Bearer ' }, path)).toBe('TOKEN_WANTED');
    expect(codeOf({ authorization: `Bearer ${SECRET}` }, path)).toBe('TOKEN_UNREADABLE');
  });

  it.each([
    ['fifteen-letters', /16 to 1024/],
    ['two words of some length', /without spaces/],
    ['', /16 to 1024/],
    ['x'.repeat(1025), /16 to 1024/],
  ])('%j is none', (text, why) => {
    expect(() => readToken(fileWith(text))).toThrow(why);
  });

  it('is never in a message', () => {
    const path = fileWith('se cret-se cret-se cret');
    expect(() => readToken(path)).toThrow(/^(?!.*cret-).*$/s);
  });

  it('is known to be open to others', () => {
    const path = fileWith(SECRET);
    expect(isOpenToOthers(path)).toBe(false);
    chmodSync(path, 0o640);
    expect(isOpenToOthers(path)).toBe(process.platform !== 'win32');
  });
});
