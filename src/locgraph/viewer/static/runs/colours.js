/** Colours of classes, numbers and scores: those of the stage, so that a class looks the same in every panel. */

import { categoryColour, css, lookUpTable, neutral, STEPS } from "../stage/palettes.js";
import { theme } from "../theme.js";

export { css };

const dark = () => theme() === "dark";

/** [r, g, b] of what has no value. */
export function noColour() {
  return neutral(dark());
}

/** [r, g, b] of a class among all classes. */
export function classColour(name, classes) {
  const place = classes.indexOf(name);
  return place < 0 ? noColour() : categoryColour(place, dark());
}

/** A function that returns [r, g, b] of a number between 0 and 1 on a palette. */
export function paletteOf(name) {
  const table = lookUpTable(name, dark());
  return (part) => {
    if (!Number.isFinite(part)) return noColour();
    const step = Math.round(Math.min(Math.max(part, 0), 1) * (STEPS - 1));
    return [...table.slice(3 * step, 3 * step + 3)];
  };
}

/** CSS gradient of a palette, from one part of it to another. */
export function gradient(name, from = 0, to = 1) {
  const colour = paletteOf(name);
  const stops = Array.from({ length: 12 }, (_, index) => css(colour(from + ((to - from) * index) / 11)));
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
