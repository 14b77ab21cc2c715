// The edges of the session table's rules, which random histories seldom meet.

import { describe, expect, it } from 'vitest';
import { LoggedClock } from '../../src/session/logged-clock.js';
import { SessionTable } from '../../src/session/session-table.js';
import { ManualClock } from '../support/manual-clock.js';

function open(table: SessionTable, index: number, ttlMs: number): void {
  table.open(index, { type: 'openSession', time: table.time, ttlMs, sessionsMax: 10, sessionResultsMax: 10 });
}

describe('a session', () => {
  it('lives through the last millisecond of its time, also when another one expires then', () => {
    const table = new SessionTable();
    table.advance(1000);
    open(table, 1, 50);
    open(table, 2, 100);
    table.advance(1100);
    expect(table.sessions).toBe(1);
    table.advance(1101);
    expect(table.sessions).toBe(0);
  });
});

describe("the leader's clock", () => {
  it('follows the date forward, keeps its own pace when the date goes back, and never falls behind the log', () => {
    const clock = new ManualClock();
    clock.dateOffset = 1_000_000;
    const logged = new LoggedClock(clock);
    expect(logged.read(0)).toBe(1_000_000);
    clock.sleep(10);
    expect(logged.read(0)).toBe(1_000_010);
    clock.dateOffset += 500_000;
    expect(logged.read(0)).toBe(1_500_010);
    clock.dateOffset = 0;
    clock.sleep(25);
    expect(logged.read(0)).toBe(1_500_035);
    expect(logged.read(2_000_000)).toBe(2_000_000);
    clock.sleep(5);
    expect(logged.read(0)).toBe(2_000_005);
  });
});
