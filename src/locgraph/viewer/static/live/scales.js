/** Scales and paths of curves: pure functions, apart from the page. */

import { ticks } from "../stage/numbers.js";

/** Limits of an axis with some room: {low, high, logarithmic}; values that are null do not count. */
export function scaleOf(values, logarithmic = false) {
  const finite = values.filter((value) => value !== null && Number.isFinite(value) && (!logarithmic || value > 0));
  if (finite.length === 0) return { low: logarithmic ? 0.1 : 0, high: 1, logarithmic };
  const [low, high] = [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))];
  if (logarithmic) {
    const room = high > low ? (high / low) ** 0.06 : 2;
    return { low: low / room, high: high * room, logarithmic };
  }
  const room = high > low ? 0.06 * (high - low) : Math.abs(low) * 0.1 || 0.5;
  return { low: low - room, high: high + room, logarithmic };
}

/** Round numbers between two limits, about `count` of them. */
export function niceTicks(low, high, count, logarithmic = false) {
  if (!(high > low)) return [low];
  if (logarithmic) {
    const decades = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      for (const digit of [1, 2, 5]) decades.push(Number((digit * 10 ** power).toPrecision(1)));
    }
    const within = decades.filter((value) => value >= low && value <= high);
    const every = Math.ceil(within.length / (count + 1));
    if (within.length >= 2) return within.filter((_, index) => index % every === 0);
  }
  return ticks(low, high, count);
}

/** Functions from epochs and values to pixels, and back. */
export function coordinates(inner, across, up) {
  const level = up.logarithmic ? Math.log : (value) => value;
  const [width, height] = [inner.right - inner.left, inner.bottom - inner.top];
  const span = level(up.high) - level(up.low);
  return {
    x: (epoch) => inner.left + (width * (epoch - across.low)) / (across.high - across.low),
    y: (value) => inner.bottom - (height * (level(value) - level(up.low))) / span,
    epoch: (x) => across.low + ((x - inner.left) * (across.high - across.low)) / width,
    ends: [inner.top, inner.bottom],
  };
}

/** An SVG path through the values; gaps stay open. */
export function pathOf(epochs, values, place) {
  let path = "";
  let open = false;
  values.forEach((value, row) => {
    const y = value === null ? NaN : place.y(value);
    if (!Number.isFinite(y)) {
      open = false;
      return;
    }
    path += `${open ? "L" : "M"}${place.x(epochs[row]).toFixed(1)} ${y.toFixed(1)}`;
    open = true;
  });
  return path;
}
