// Links that work one way, or for some, or now and then, and servers that come back: a quorum that can talk keeps or
// gets a leader, and whoever cannot hear it disturbs nobody.

import { describe, expect, it } from 'vitest';
import type { NodeId } from '../src/index.js';
import { Cluster } from './support/cluster.js';

describe('links that work one way, or for some', () => {
  /** Ticks everybody; fails when a leader other than `leader` shows up. */
  function reignsThrough(cluster: Cluster, leader: NodeId, ticks: number): void {
    for (let i = 0; i < ticks; i++) {
      cluster.tickAll();
      expect(cluster.leader).toBe(leader);
    }
  }

  it('P65: a bridge: one follower sees both others, who do not see each other; the leader stays and commits', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    const { term } = cluster.node(1);
    cluster.cut(1, 2);
    cluster.cut(2, 1);
    reignsThrough(cluster, 1, 300);
    cluster.propose(1, 'a');
    cluster.tickAll(3);
    expect([1, 2, 3].map((id) => cluster.node(id).term)).toEqual([term, term, term]);
    expect(cluster.appliedTexts(3)).toEqual(['a']);
    expect(cluster.appliedTexts(2)).toEqual([]);
  });

  it('P65: a leader whom everybody hears and who hears nobody steps down, and stays out of the way', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.cut(2, 1);
    cluster.cut(3, 1);
    for (let i = 0; i < 200 && cluster.leader === 1; i++) cluster.tickAll();
    const leader = cluster.awaitLeader();
    expect([2, 3]).toContain(leader);
    const { term } = cluster.node(leader);
    reignsThrough(cluster, leader, 200);
    expect(cluster.node(leader).term).toBe(term);
  });

  it('P65: a leader who hears everybody and whom nobody hears is followed by another, and follows it', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    for (let i = 0; i < 200 && cluster.leader === 1; i++) cluster.tickAll();
    const leader = cluster.awaitLeader();
    expect([2, 3]).toContain(leader);
    reignsThrough(cluster, leader, 200);
    expect(cluster.node(1).leader).toBe(leader);
  });

  it('P65: a star: only the hub reaches a quorum; a leader at its edge loses leadership to the hub', () => {
    const cluster = new Cluster({ voters: 5 });
    cluster.elect(1);
    for (const a of [1, 2, 4, 5]) for (const b of [1, 2, 4, 5]) if (a !== b) cluster.cut(a, b);
    for (let i = 0; i < 500 && cluster.leader !== 3; i++) cluster.tickAll();
    reignsThrough(cluster, 3, 200);
    cluster.propose(3, 'a');
    cluster.tickAll(3);
    for (const id of cluster.ids) expect(cluster.appliedTexts(id)).toEqual(['a']);
  });

  it('P65: a link that flaps between two of three servers changes neither leader nor term, and commits go on', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    const { term } = cluster.node(1);
    const texts: string[] = [];
    for (let i = 0; i < 60; i++) {
      if (i % 2 === 0) {
        cluster.cut(1, 2);
        if (i % 4 === 0) cluster.cut(2, 1);
      } else {
        cluster.heal();
      }
      texts.push(`c${i}`);
      cluster.propose(1, `c${i}`);
      reignsThrough(cluster, 1, 7);
    }
    cluster.tickAll(5);
    expect(cluster.node(1).term).toBe(term);
    for (const id of cluster.ids) expect(cluster.appliedTexts(id)).toEqual(texts);
  });

  it('P65: with every link between the leader and one follower gone for good, the third is no kingmaker', () => {
    // Cloudflare, 2020: without check-quorum and pre-vote such a cluster elected for hours.
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(3);
    cluster.cut(3, 1);
    cluster.cut(1, 3);
    const { term } = cluster.node(3);
    for (let i = 0; i < 20; i++) {
      cluster.tick(1, 30); // its timeouts come at any moment
      cluster.settle();
      reignsThrough(cluster, 3, 5);
    }
    expect(cluster.node(3).term).toBe(term);
  });
});

describe('coming back', () => {
  it('P67: a server that was cut off for long returns without a change of leader or term, and catches up', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    const { term } = cluster.node(1);
    cluster.isolate(3);
    for (let i = 0; i < 50; i++) {
      cluster.propose(1, `c${i}`);
      cluster.tickAll(10);
    }
    cluster.heal();
    cluster.tickAll(10);
    expect(cluster.ids.map((id) => [cluster.node(id).term, cluster.node(id).leader])).toEqual([
      [term, 1],
      [term, 1],
      [term, 1],
    ]);
    expect(cluster.appliedTexts(3)).toEqual(cluster.appliedTexts(1));
    expect(cluster.appliedTexts(3)).toHaveLength(50);
  });

  it('P67: nor does one that was restarted, with pre-vote or without, as long as it is reached in time', () => {
    for (const preVote of [true, false]) {
      const cluster = new Cluster({ voters: 3, config: { preVote } });
      cluster.elect(1);
      const { term } = cluster.node(1);
      cluster.propose(1, 'a');
      cluster.tickAll(3);
      cluster.restart(3);
      cluster.tickAll(100);
      expect([cluster.leader, cluster.node(1).term, cluster.node(3).leader]).toEqual([1, term, 1]);
      expect(cluster.appliedTexts(3)).toEqual(['a']);
    }
  });
});
