// Acting on the cluster: the token is asked for, kept as long as this tab lives and nowhere else, and sent in a header,
// never in an address. Everything that is done is confirmed first, in words that say what it will do.

import type { Action } from '../../../src/dashboard/report.js';
import type { Offer } from '../model/actions.js';
import { byId, setHidden, setText } from './element.js';

const KEY = 'waldb-admin-token';

interface Answer {
  readonly ok?: boolean;
  readonly index?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

export class Admin {
  readonly #lock = byId<HTMLButtonElement>('lock');
  readonly #dialog = byId<HTMLDialogElement>('token');
  readonly #input = byId<HTMLInputElement>('token-input');
  readonly #confirm = byId<HTMLDialogElement>('confirm');
  readonly #onChange: () => void;
  #takesToken = false;
  #token = sessionStorage.getItem(KEY) ?? undefined;
  #offer: Offer | undefined;

  /** `onChange`: the page may act now, or may not any more. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#lock.addEventListener('click', () => this.#toggle());
    byId('token-close').addEventListener('click', () => this.#dialog.close());
    byId('token-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#unlock(this.#input.value.trim());
    });
    byId('confirm-close').addEventListener('click', () => this.#confirm.close());
    byId('confirm-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#act();
    });
    this.#show();
  }

  get mayAct(): boolean {
    return this.#takesToken && this.#token !== undefined;
  }

  set takesToken(takesToken: boolean) {
    if (takesToken === this.#takesToken) return;
    this.#takesToken = takesToken;
    this.#show();
  }

  ask(offer: Offer): void {
    this.#offer = offer;
    setText(byId('confirm-title'), offer.title);
    setText(byId('confirm-text'), offer.text);
    setText(byId('confirm-error'), '');
    const button = byId<HTMLButtonElement>('confirm-do');
    setText(button, offer.label);
    button.classList.toggle('grave', offer.isGrave);
    button.disabled = false;
    this.#confirm.showModal();
    // What cannot be taken back should not be one careless key away.
    byId(offer.isGrave ? 'confirm-close' : 'confirm-do').focus();
  }

  #toggle(): void {
    if (this.mayAct) {
      this.#keep(undefined);
      return;
    }
    setText(byId('token-error'), '');
    setText(byId('token-why'), this.#takesToken ? WHY_TOKEN : WHY_NONE);
    setHidden(byId('token-field'), !this.#takesToken);
    setHidden(byId('token-give'), !this.#takesToken);
    this.#input.value = '';
    this.#dialog.showModal();
    (this.#takesToken ? this.#input : byId('token-close')).focus();
  }

  async #unlock(token: string): Promise<void> {
    const { error } = await post('/dashboard/token', {}, token);
    if (error !== undefined) {
      setText(byId('token-error'), error.message);
      this.#input.select();
      return;
    }
    this.#keep(token);
    this.#dialog.close();
  }

  async #act(): Promise<void> {
    const offer = this.#offer;
    const button = byId<HTMLButtonElement>('confirm-do');
    if (offer === undefined || this.#token === undefined || button.disabled) return;
    const { action, id } = offer;
    button.disabled = true;
    setText(byId('confirm-error'), '');
    note(`${offer.label}, server ${id}: under way.`);
    const answer = await post('/dashboard/act', { action, id }, this.#token);
    button.disabled = false;
    if (answer.error === undefined) {
      note(doneWords(action, id, answer));
      if (this.#offer === offer) this.#confirm.close();
      return;
    }
    const { code, message } = answer.error;
    note(`${offer.label}, server ${id}: ${message}`);
    setText(byId('confirm-error'), message);
    if (code !== 'TOKEN_WRONG' && code !== 'TOKEN_WANTED') return;
    // The token was changed meanwhile.
    this.#keep(undefined);
  }

  #keep(token: string | undefined): void {
    this.#token = token;
    if (token === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
    this.#show();
    this.#onChange();
  }

  #show(): void {
    setText(this.#lock, this.mayAct ? 'Admin: lock' : 'Read-only: unlock');
    document.documentElement.dataset.admin = this.mayAct ? 'yes' : 'no';
  }
}

async function post(path: string, fields: object, token: string): Promise<Answer> {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(fields),
    });
    return (await response.json()) as Answer; // of the server that this page is of
  } catch {
    // A token with letters that no header takes ends here, too.
    return {
      error: {
        code: 'NOT_REACHED',
        message: 'The server did not answer, or the token has letters that none has.',
      },
    };
  }
}

/** Shown and said. */
function note(text: string): void {
  const place = byId('note');
  setText(place, text);
  setHidden(place, false);
  setText(byId('said'), text);
}

function doneWords(action: Action, id: number, { index }: Answer): string {
  switch (action) {
    case 'transfer':
      return `Server ${id} leads now.`;
    case 'snapshot':
      return `Server ${id} has saved its state through entry ${index}.`;
    case 'promote':
      return `Server ${id} is a voter now.`;
    case 'demote':
      return `Server ${id} is a learner now.`;
    case 'remove':
      return `Server ${id} is removed. It can be stopped; wipe its directory before it joins again.`;
  }
}

const WHY_TOKEN =
  'Looking needs none. To change the cluster from this page, give the token that the servers were started with. It is kept until this tab is closed, and nowhere else.';
const WHY_NONE =
  'This server was started without an admin token, so this page only looks. Start the servers with --admin-token-file to act from here; the command line has everything, too: waldb members --help.';
