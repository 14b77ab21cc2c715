import { describe, expect, it } from 'vitest';
import { WaitingRoom } from '../src/waiting-room.js';

describe('WaitingRoom', () => {
  it('lets in up to its limit, and again when somebody has left', () => {
    const room = new WaitingRoom<number>(2);
    expect(room.enter(1, 'a')).toBeUndefined();
    expect(room.enter(2, 'a')).toBeUndefined();
    room.leave(1);
    room.leave(1);
    expect(room.enter(3, 'b')).toBeUndefined();
    expect([...room]).toEqual([2, 3]);
    expect(room.size).toBe(2);
  });

  it('a host that floods turns out only its own guests, the oldest first', () => {
    const room = new WaitingRoom<number>(4);
    room.enter(1, 'quiet');
    for (const guest of [10, 11, 12]) expect(room.enter(guest, 'loud')).toBeUndefined();
    expect(room.enter(13, 'loud')).toBe(10);
    expect(room.enter(2, 'other')).toBe(11);
    expect([...room]).toEqual([1, 12, 13, 2]);
  });

  it('with one guest from each host, the oldest of all has to go', () => {
    const room = new WaitingRoom<number>(2);
    room.enter(1, 'a');
    room.enter(2, 'b');
    expect(room.enter(3, 'c')).toBe(1);
  });

  it('with room for nobody, the one who comes has to go', () => {
    const room = new WaitingRoom<number>(0);
    expect(room.enter(1, 'a')).toBe(1);
    expect(room.size).toBe(0);
  });
});
