/**
 * Colours of numbers and of categories, told apart by colour-blind readers.
 *
 * viridis, magma: S. van der Walt and N. Smith (2015, CC0, https://bids.github.io/colormap); cividis: J. R. Nuñez,
 * C. R. Anderton, R. S. Renslow (2018, doi:10.1371/journal.pone.0199239); RdBu: C. Brewer (2002,
 * https://colorbrewer2.org). Sixteen (eleven) of their colours each, between them straight lines in RGB: at most 10 of
 * 255 steps from the published tables. Categories: M. Okabe and K. Ito (2008, https://jfly.uni-koeln.de/color/).
 */

/** Entries of a look-up table. */
export const STEPS = 256;

const TABLES = {
  viridis: "440154481a6c472f7d41448739568c31688e2a788e23888e1f988b22a88435b77954c5687ad151a5db36d2e21bfde725",
  cividis: "00224e002e6c1e3a6f35456c47516c575d6d666970757575848279948e77a59c74b7a96ec8b866dbc75aeed649fee838",
  magma: "0000040b092420114b3b0f7057157e721f818c2981a8327dc43c75de4968f1605dfa7f5efe9f6dfebf84fddea0fcfdbf",
  "blue-orange": "0072b27fb8d8d6d6d6eaaf80d55e00",
  RdBu: "0530612065ab4393c390c4ddd1e5f0f6f7f7fddbc7f3a481d6604db1182b67001f",
};

/** Palettes of numbers that grow from little to much. */
export const SEQUENTIAL = ["viridis", "cividis", "magma"];

/** Palettes of scores: against (blue), nothing (pale), for (orange or red). */
export const DIVERGING = ["blue-orange", "RdBu"];

/** Okabe and Ito without black and yellow, which vanish on one of the two backgrounds, and grey: as in the report. */
const CATEGORIES = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#6E6E6E"].map(fromHex);

/** Brighter ones for a dark background, in the same order. */
const CATEGORIES_DARK = ["#4BA3E3", "#F0B429", "#2BC79B", "#E59AC2", "#8FD0F5", "#F5813F", "#B9BCC3"].map(fromHex);

/** Noise, missing values. */
const NEUTRAL = { light: fromHex("#A9ABB0"), dark: fromHex("#6C717B") };

/** Colour of localisations where none is asked for. */
const PLAIN = { light: fromHex("#0072B2"), dark: fromHex("#7CC4F0") };

// where a table starts and ends on a background, so that neither end vanishes in it
const WINDOW = { light: [0, 0.9], dark: [0.14, 1] };

/**
 * Return the colours of a palette.
 *
 * @param {string} name one of SEQUENTIAL or DIVERGING.
 * @param {boolean} dark whether the background is dark; a sequential palette leaves out the end that vanishes in it.
 * @returns {Uint8Array} (STEPS, 3) RGB.
 */
export function lookUpTable(name, dark) {
  const hex = TABLES[name] ?? TABLES.viridis;
  const knots = Array.from({ length: hex.length / 6 }, (_, index) => fromHex(`#${hex.slice(6 * index, 6 * index + 6)}`));
  const [start, end] = DIVERGING.includes(name) ? [0, 1] : WINDOW[dark ? "dark" : "light"];
  const table = new Uint8Array(3 * STEPS);
  for (let step = 0; step < STEPS; step += 1) {
    const at = (start + ((end - start) * step) / (STEPS - 1)) * (knots.length - 1);
    const low = Math.min(Math.floor(at), knots.length - 2);
    for (let c = 0; c < 3; c += 1) {
      table[3 * step + c] = Math.round(knots[low][c] + (at - low) * (knots[low + 1][c] - knots[low][c]));
    }
  }
  return table;
}

/** Return the RGB of a category: seven colours, then paler and darker ones of the same. */
export function categoryColour(code, dark) {
  const base = (dark ? CATEGORIES_DARK : CATEGORIES)[code % CATEGORIES.length];
  const round = Math.floor(code / CATEGORIES.length) % 3;
  const towards = round === 1 ? 255 : 0;
  const share = [0, 0.4, 0.35][round];
  return base.map((value) => Math.round(value + share * (towards - value)));
}

/** Return the RGB of noise and of missing values. */
export function neutral(dark) {
  return NEUTRAL[dark ? "dark" : "light"];
}

/** Return the RGB of localisations that are not coloured by anything. */
export function plain(dark) {
  return PLAIN[dark ? "dark" : "light"];
}

/** Return an RGB triple as CSS text. */
export function css([r, g, b]) {
  return `rgb(${r}, ${g}, ${b})`;
}

/** Return [r, g, b] of `#rrggbb`. */
export function fromHex(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}
