// Colours come from the style sheet, which knows light, dark and print. SVG follows it by itself;
// canvases ask here and are told when to draw anew.

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Calls back when the colours have changed. */
export function onThemeChange(callback) {
  for (const query of ['(prefers-color-scheme: dark)', 'print']) {
    matchMedia(query).addEventListener('change', callback);
  }
}

/** Widths on paper: A4 with usual margins at 96 px per inch. */
export const kPaper = 700;

export const isPrinting = () => matchMedia('print').matches;

/** Calls back before the page is laid out for paper (true), and afterwards (false). */
export function onPrint(callback) {
  addEventListener('beforeprint', () => callback(true));
  addEventListener('afterprint', () => callback(false));
  matchMedia('print').addEventListener('change', (event) => callback(event.matches));
}

/** The colour and dash of the number-th policy: eight that colour-blind people tell apart. */
export function policyStroke(number) {
  return { colour: `policy-${number % 8}`, dash: [[], [7, 4], [2, 3], [9, 3, 2, 3]][number % 4] };
}
