// The dashboard's page: hears the stream of the server that it came from, and draws. Loaded before the page is drawn, for
// the theme's sake; everything else waits until the page is there.

import type { DashboardState } from '../../src/dashboard/report.js';
import { SampleStore } from './model/series.js';
import type { Link } from './model/verdict.js';
import { Stream } from './stream.js';
import { Admin } from './view/admin.js';
import { byId } from './view/element.js';
import { Overview } from './view/overview.js';
import { ServersView } from './view/servers-view.js';
import { applyTheme, offerThemes } from './view/theme.js';
import { TimelineView } from './view/timeline-view.js';
import { Trends } from './view/trends.js';

class Page {
  readonly #samples = new SampleStore();
  readonly #overview = new Overview();
  readonly #admin = new Admin(() => this.#drawSoon());
  readonly #servers = new ServersView((offer) => this.#admin.ask(offer));
  readonly #timeline = new TimelineView();
  readonly #trends = new Trends();
  #state: DashboardState | undefined;
  /** When it came, by the clock of this page. */
  #stateAt = 0;
  #link: Link = { kind: 'connecting' };
  #spanSeconds = 300;
  #frame: number | undefined;

  constructor() {
    offerThemes(byId('theme'), () => {
      this.#trends.recolour();
      this.#drawSoon();
    });
    for (const choice of document.querySelectorAll<HTMLInputElement>('input[name=span]'))
      choice.addEventListener('change', () => {
        this.#spanSeconds = Number(choice.value);
        this.#drawSoon();
      });
    new Stream({
      onState: (state, isWhole) => this.#learn(state, isWhole),
      onLink: (link) => {
        this.#link = link;
        this.#drawSoon();
      },
    });
    // Ages grow, also where nothing comes.
    window.setInterval(() => this.#link.kind === 'lost' && this.#drawSoon(), 1000);
  }

  #learn(state: DashboardState, isWhole: boolean): void {
    if (isWhole) this.#samples.clear();
    this.#samples.add(state.samples);
    this.#state = state;
    this.#stateAt = performance.now();
    this.#admin.takesToken = state.takesToken;
    this.#drawSoon();
  }

  /** What comes together is drawn together. */
  #drawSoon(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#draw();
    });
  }

  #draw(): void {
    const state = this.#state;
    // The clock of the server goes on; what it told stays as of when it told it.
    const now = state === undefined ? 0 : state.date + performance.now() - this.#stateAt;
    this.#overview.show(state, this.#link, this.#samples, now);
    if (state === undefined) return;
    const ids = state.servers.map(({ id }) => id);
    this.#servers.show({
      state,
      samples: this.#samples,
      now,
      mayAct: this.#admin.mayAct && this.#link.kind === 'live',
    });
    this.#timeline.show(state, state.date, this.#spanSeconds);
    this.#trends.show(this.#samples.all, ids, state.date, this.#spanSeconds);
  }
}

applyTheme();
document.addEventListener('DOMContentLoaded', () => new Page());
