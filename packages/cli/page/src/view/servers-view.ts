// All servers, by rising id, on one scale.

import type { DashboardState } from '../../../src/dashboard/report.js';
import type { Offer } from '../model/actions.js';
import type { SampleStore } from '../model/series.js';
import { headOf, stripScale } from '../model/strip-scale.js';
import { short } from '../model/words.js';
import { byId, element, percent } from './element.js';
import { ServerRow } from './server-row.js';

export interface ServersSight {
  readonly state: DashboardState;
  readonly samples: SampleStore;
  readonly now: number;
  readonly mayAct: boolean;
}

export class ServersView {
  readonly #list = byId('rows');
  readonly #axis = byId('axis');
  readonly #rows = new Map<number, ServerRow>();
  readonly #onOffer: (offer: Offer) => void;
  #ticks = '';

  constructor(onOffer: (offer: Offer) => void) {
    this.#onOffer = onOffer;
  }

  show({ state, samples, now, mayAct }: ServersSight): void {
    const logs = state.servers.flatMap(({ report }) => (report === undefined ? [] : [report.log]));
    const scale = stripScale(headOf(logs));
    this.#showAxis(scale.ticks);
    this.#keep(state.servers.map(({ id }) => id));
    for (const view of state.servers)
      this.#rows
        .get(view.id)
        ?.show({ view, state, scale, now, mayAct, sample: samples.latest(view.id), onOffer: this.#onOffer });
  }

  #keep(ids: readonly number[]): void {
    for (const [id, row] of this.#rows) {
      if (ids.includes(id)) continue;
      row.item.remove();
      this.#rows.delete(id);
    }
    for (const [nth, id] of ids.entries()) {
      if (this.#rows.has(id)) continue;
      const row = new ServerRow(id);
      this.#rows.set(id, row);
      this.#list.insertBefore(row.item, this.#list.children[nth] ?? null);
    }
  }

  #showAxis(ticks: readonly { readonly distance: number; readonly at: number }[]): void {
    // In half percents: a head that moves on does not move the words every second.
    const rounded = ticks.map(({ distance, at }) => ({ distance, at: Math.round(at * 200) / 200 }));
    const key = JSON.stringify(rounded);
    if (key === this.#ticks) return;
    this.#ticks = key;
    const marks = rounded.map(({ distance, at }) => {
      const mark = element('span', { class: 'tick' }, `−${short(distance)}`);
      mark.style.left = percent(at);
      return mark;
    });
    this.#axis.replaceChildren(...marks, element('span', { class: 'tick head' }, 'newest'));
  }
}
