// Light or dark: as the system has it, unless somebody said otherwise; kept in this browser.

import { setText } from './element.js';

const KEY = 'waldb-theme';
const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const DARK = matchMedia('(prefers-color-scheme: dark)');

/** To be called before anything is drawn. */
export function applyTheme(): void {
  const theme = storedTheme();
  document.documentElement.dataset.theme = theme === 'system' ? (DARK.matches ? 'dark' : 'light') : theme;
}

/** `onChange`: colours are others from now on. */
export function offerThemes(button: HTMLElement, onChange: () => void): void {
  const show = (): void => setText(button, `Theme: ${storedTheme()}`);
  button.addEventListener('click', () => {
    const next = THEMES[(THEMES.indexOf(storedTheme()) + 1) % THEMES.length] ?? 'system';
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // A browser that keeps nothing shows it as long as the page is open.
    }
    current = next;
    applyTheme();
    show();
    onChange();
  });
  DARK.addEventListener('change', () => {
    applyTheme();
    onChange();
  });
  show();
}

let current: Theme | undefined;

function storedTheme(): Theme {
  if (current !== undefined) return current;
  try {
    const stored = localStorage.getItem(KEY);
    current = THEMES.find((theme) => theme === stored) ?? 'system';
  } catch {
    current = 'system';
  }
  return current;
}
