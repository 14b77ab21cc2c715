// One server: who it is, how it is, its log as a strip, how far it is behind, and what can be done with it.

import type { DashboardState, PeerReport, Sample, ServerView } from '../../../src/dashboard/report.js';
import { type Offer, offersFor } from '../model/actions.js';
import type { StripScale } from '../model/strip-scale.js';
import { bytes, clockTime, duration, milliseconds, whole } from '../model/words.js';
import { element, Facts, setAttribute, setHidden, setText } from './element.js';
import { LogStrip } from './log-strip.js';

export interface RowSight {
  readonly view: ServerView;
  readonly state: DashboardState;
  readonly scale: StripScale;
  readonly sample: Sample | undefined;
  /** By the clock of the server that tells it. */
  readonly now: number;
  /** Whether the page may change anything. */
  readonly mayAct: boolean;
  readonly onOffer: (offer: Offer) => void;
}

/** A shape for each role: colours are not seen by everybody. */
const SHAPES = {
  leader: '◆',
  voter: '●',
  candidate: '▲',
  learner: '○',
  leaving: '◐',
  outside: '□',
  away: '✕',
} as const;

type Shape = keyof typeof SHAPES;

export class ServerRow {
  readonly item: HTMLLIElement;
  readonly #shape = element('span', { class: 'shape', 'aria-hidden': 'true' });
  readonly #role = element('span', { class: 'role' });
  readonly #where = element('p', { class: 'where' });
  readonly #state = element('p', { class: 'state' });
  readonly #strip = new LogStrip();
  readonly #places = new Facts(element('dl', { class: 'places' }));
  readonly #gauges = new Facts(element('dl', { class: 'gauges' }));
  readonly #menu = element('details', { class: 'menu' });
  readonly #list = element('ul');
  #offered = '';

  constructor(id: number) {
    const title = element(
      'h3',
      { id: `server-${id}` },
      this.#shape,
      element('span', { class: 'name' }, `Server ${id}`),
      ' ',
      this.#role,
    );
    const summary = element('summary', { 'aria-label': `Actions on server ${id}` }, 'Actions');
    this.#menu.append(summary, this.#list);
    this.#menu.addEventListener('keydown', ({ key }) => {
      if (key !== 'Escape' || !this.#menu.open) return;
      this.#menu.open = false;
      summary.focus();
    });
    this.#menu.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !this.#menu.contains(relatedTarget)) this.#menu.open = false;
    });
    this.item = element(
      'li',
      { class: 'row', 'aria-labelledby': `server-${id}`, 'data-server': String(id) },
      element('div', { class: 'who' }, title, this.#state, this.#where),
      element('div', { class: 'log' }, this.#strip.svg, this.#places.list),
      element('div', { class: 'side' }, this.#gauges.list, this.#menu),
    );
  }

  show(sight: RowSight): void {
    const { view, state, scale, now } = sight;
    const { id, report, client, reach } = view;
    const shape = shapeOf(view, state);
    setAttribute(this.item, 'data-shape', shape);
    setText(this.#shape, SHAPES[shape]);
    setText(this.#role, roleWords(view, state));
    setText(this.#state, stateWords(view, now));
    setText(this.#where, [client, reach === 'self' ? 'this page' : ''].filter(Boolean).join(' · '));
    this.#strip.svg.classList.toggle('unknown', report === undefined);
    if (report !== undefined) this.#strip.show(id, report.log, scale);
    else setAttribute(this.#strip.svg, 'aria-label', `Nothing is known of the log of server ${id}.`);
    this.#showPlaces(view);
    this.#showGauges(sight);
    this.#showOffers(sight);
  }

  #showPlaces({ report, progress }: ServerView): void {
    const log = report?.log;
    const index = (value: number | undefined): string | undefined =>
      value === undefined ? undefined : whole(value);
    this.#places.set(
      'snapshot',
      log === undefined || log.snapshotIndex === 0 ? undefined : whole(log.snapshotIndex),
    );
    this.#places.set('kept from', index(log?.firstIndex));
    this.#places.set('applied', index(log?.appliedIndex));
    this.#places.set('committed', index(log?.commitIndex));
    this.#places.set('durable', index(log?.durableIndex));
    this.#places.set('last', index(log?.lastIndex));
    this.#places.set('known to the leader', log === undefined ? index(progress?.matchIndex) : undefined);
  }

  #showGauges({ view, state, sample }: RowSight): void {
    const { progress, report, id } = view;
    const behind = id === state.leader ? undefined : progress;
    this.#gauges.set('term', report === undefined ? undefined : String(report.term));
    this.#gauges.set(
      'behind',
      behind === undefined ? undefined : behindWords(behind),
      'Entries of the leader’s log that it is not known to hold, and about how many bytes they are',
    );
    const isFresh = sample !== undefined && (view.reach === 'self' || view.reach === 'answers');
    const latency =
      sample?.syncs === 0 ? 'idle' : `${milliseconds(sample?.p50 ?? 0)} · ${milliseconds(sample?.p99 ?? 0)}`;
    this.#gauges.set(
      'sync p50 · p99',
      isFresh ? latency : undefined,
      'Writes to stable storage in the last second',
    );
    this.#gauges.set(
      'log',
      report === undefined ? undefined : bytes(report.log.bytes),
      'Disk space of the log',
    );
  }

  #showOffers({ view, state, mayAct, onOffer }: RowSight): void {
    setHidden(this.#menu, !mayAct);
    const offers = mayAct ? offersFor(view, state) : [];
    // Made anew only where something else is offered: whoever is at a button stays there.
    const offered = JSON.stringify(offers);
    if (offered === this.#offered) return;
    this.#offered = offered;
    this.#list.replaceChildren(
      ...offers.map((offer) => {
        const button = element(
          'button',
          { type: 'button', ...(offer.isGrave && { class: 'grave' }) },
          offer.label,
        );
        button.addEventListener('click', () => {
          this.#menu.open = false;
          onOffer(offer);
        });
        return element('li', {}, button);
      }),
    );
  }
}

/** A leader that is new does not know yet how far a server is that it has not heard. */
function behindWords({ lag, lagBytes, matchIndex }: PeerReport): string {
  if (lag === 0) return 'nothing';
  return matchIndex === 0 ? 'not known' : `${whole(lag)} · ≈ ${bytes(lagBytes)}`;
}

function shapeOf({ id, kind, reach, report }: ServerView, { leader }: DashboardState): Shape {
  if (reach === 'away') return 'away';
  if (id === leader) return 'leader';
  if (kind !== 'voter') return kind;
  return report?.role === 'candidate' ? 'candidate' : 'voter';
}

function roleWords({ id, kind, reach, report }: ServerView, { leader }: DashboardState): string {
  if (id === leader) return reach === 'away' ? 'led when last heard' : 'leader';
  if (kind === 'outside') return 'no member';
  if (kind === 'leaving') return 'leaving';
  if (kind === 'learner') return 'learner';
  if (reach === 'away' || report === undefined) return 'voter';
  return report.role === 'candidate' ? 'candidate' : 'follower';
}

function stateWords({ reach, why, report, reportedAt, progress }: ServerView, now: number): string {
  if (reach === 'away') {
    const heard =
      reportedAt === undefined
        ? 'never heard'
        : `last heard ${duration(now - reportedAt)} ago, at ${clockTime(reportedAt)}`;
    return `away: ${why}; ${heard}`;
  }
  if (reach === 'unasked') {
    const contact = progress?.lastContactMs;
    const heard = contact === undefined ? '' : `; its leader heard it ${duration(contact)} ago`;
    return `no admin port that is known${heard}`;
  }
  return report?.trouble ?? `well, up ${duration(report?.uptimeMs ?? 0)}`;
}
