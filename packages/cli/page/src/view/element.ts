// Elements, made and changed in few words. Text is always set as text: nothing that a server says becomes markup.

type Child = Node | string;

const SVG = 'http://www.w3.org/2000/svg';

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function drawn<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Node[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** The element of the page with this id. Errors: where there is none, the page and its script are not of one build. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as Kind; // index.html has it so
}

/** Untouched where it says so already: selections and readers of the screen are left alone. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: string): void {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function setHidden(node: HTMLElement, isHidden: boolean): void {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

/** `0` to `1` as SVG and styles take it. */
export function percent(share: number): string {
  return `${Math.round(share * 100_000) / 1000}%`;
}

/** A list of term and value whose values change and whose terms do not. */
export class Facts {
  readonly list: HTMLElement;
  readonly #values = new Map<string, HTMLElement>();
  readonly #boxes = new Map<string, HTMLElement>();

  constructor(list: HTMLElement) {
    this.list = list;
  }

  set(term: string, value: string | undefined, title?: string): void {
    let box = this.#boxes.get(term);
    if (box === undefined) {
      const place = element('dd');
      box = element('div', {}, element('dt', {}, term), place);
      this.list.append(box);
      this.#boxes.set(term, box);
      this.#values.set(term, place);
    }
    setHidden(box, value === undefined);
    const place = this.#values.get(term);
    if (place === undefined) return;
    setText(place, value ?? '');
    if (title !== undefined) setAttribute(place, 'title', title);
  }
}
