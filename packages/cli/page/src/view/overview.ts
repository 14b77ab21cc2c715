// The top of the page: how the cluster is, the figures that say how well, where else one can look, and what is said aloud.

import type { DashboardState, PeerReport } from '../../../src/dashboard/report.js';
import type { SampleStore } from '../model/series.js';
import { type Link, verdictOf } from '../model/verdict.js';
import { duration, milliseconds, short, whole } from '../model/words.js';
import { byId, element, Facts, setAttribute, setHidden, setText } from './element.js';

const ICONS = { well: '✓', warned: '!', down: '✕', unknown: '?' } as const;
const LINK_WORDS = { connecting: 'Connecting', live: 'Live', lost: 'Not live' } as const;

/** A leader that is new does not know yet how far a server is that it has not heard. */
function behindWords({ id, lag, matchIndex }: PeerReport & { readonly id: number }): string {
  if (lag === 0) return 'nobody';
  return `${matchIndex === 0 ? 'not known' : short(lag)} · server ${id}`;
}

export class Overview {
  readonly #figures = new Facts(byId('figures'));
  readonly #said = byId('said');
  #spoken: string | undefined;
  #elsewhere = '';

  show(state: DashboardState | undefined, link: Link, samples: SampleStore, now: number): void {
    const { mood, title, more } = verdictOf(state, link, performance.now());
    setAttribute(byId('verdict-box'), 'data-mood', mood);
    setText(byId('verdict-icon'), ICONS[mood]);
    setText(byId('verdict-text'), title);
    setText(byId('verdict-more'), more);
    setAttribute(byId('link'), 'data-link', link.kind);
    setText(byId('link-words'), LINK_WORDS[link.kind]);
    setAttribute(document.documentElement, 'data-link', link.kind);
    document.title = state === undefined ? 'waldb' : `${title} · waldb`;
    this.#showElsewhere(state, link);
    this.#speak(state, link, title);
    if (state === undefined) return;
    setText(byId('cluster'), `cluster ${state.cluster.slice(0, 8)} · seen by server ${state.id}`);
    setAttribute(byId('cluster'), 'title', `cluster ${state.cluster}`);
    const { open, cut } = state.pages;
    const cuts = cut === 0 ? '' : `, ${cut} ${cut === 1 ? 'was' : 'were'} cut off for reading too slowly`;
    setText(
      byId('foot'),
      `waldb ${state.version} · ${open} ${open === 1 ? 'page looks' : 'pages look'} at server ${state.id}${cuts}`,
    );
    this.#showFigures(state, samples, now);
  }

  #showFigures(state: DashboardState, samples: SampleStore, now: number): void {
    const { leader, servers, term, spells } = state;
    const leading = servers.find(({ id }) => id === leader);
    const isHere = leading?.reach === 'self' || leading?.reach === 'answers';
    const sample = isHere && leader !== undefined ? samples.latest(leader) : undefined;
    const behind = servers
      .flatMap(({ id, progress }) => (progress === undefined || id === leader ? [] : [{ id, ...progress }]))
      .sort((a, b) => b.lag - a.lag)[0];
    const spell = spells.at(-1);
    this.#figures.set('Commits per second', sample === undefined ? '–' : short(sample.commits));
    this.#figures.set(
      'Sync p99, leader',
      sample === undefined ? '–' : sample.syncs === 0 ? 'idle' : milliseconds(sample.p99),
    );
    this.#figures.set('Furthest behind', behind === undefined ? '–' : behindWords(behind));
    this.#figures.set(
      'Committed through',
      whole(Math.max(0, ...servers.map(({ report }) => report?.log.commitIndex ?? 0))),
    );
    this.#figures.set('Term', String(term));
    this.#figures.set(
      'Leader since',
      spell === undefined || spell.to !== undefined ? '–' : duration(now - spell.from),
    );
  }

  /** Where nothing comes any more, the other servers have the same page. */
  #showElsewhere(state: DashboardState | undefined, link: Link): void {
    const others =
      link.kind === 'lost'
        ? (state?.servers.filter(({ id, admin }) => id !== state.id && admin !== undefined) ?? [])
        : [];
    const key = others.map(({ admin }) => admin).join();
    const box = byId('elsewhere');
    setHidden(box, others.length === 0);
    if (key === this.#elsewhere) return;
    this.#elsewhere = key;
    const links = others.flatMap(({ id, admin }) => [
      ' ',
      element('a', { href: `${location.protocol}//${admin}/` }, `server ${id}`),
    ]);
    box.replaceChildren('The same page is at', ...links);
  }

  /** Changes only: nobody wants to hear the same every second. */
  #speak(state: DashboardState | undefined, link: Link, title: string): void {
    const { leader, term, isServing } = state ?? {};
    const words =
      link.kind === 'live' && isServing === true ? `Server ${leader} leads in term ${term}.` : `${title}.`;
    if (words === this.#spoken) return;
    this.#spoken = words;
    setText(this.#said, words);
  }
}
