/** What the colours of a picture stand for: a colour bar with numbers and unit, or names of categories. */

import { css, STEPS } from "../palettes.js";
import { numberText, ticks } from "../numbers.js";

const WIDE = 11;
const TALL = 132;
const RIGHT = 18;
const TOP = 18;
const ROW = 17;
const LETTER = 6.3;

/** Return the marks of a legend at the upper right; none where everything has one colour. */
export function legendMarks(legend, size) {
  if (!legend) return [];
  const marks = legend.kind === "number" ? colourBar(legend, size) : names(legend, size);
  return [backdrop(marks, size), ...marks];
}

/** A rectangle of the colour of the background behind a legend, so that it is read over anything. */
function backdrop(marks, size) {
  const texts = marks.filter((mark) => mark.kind === "text");
  const wide = Math.max(...texts.map(({ at, text }) => size[0] - at[0] + LETTER * text.length));
  const tall = Math.max(...marks.map(({ at, size: own }) => (at ? at[1] + (own?.[1] ?? 0) : 0)));
  return { kind: "rect", at: [size[0] - wide - 8, 3], size: [wide + 4, tall + 5], colour: "paper", opacity: 0.78, round: 5 };
}

function colourBar({ title, unit, low, high, log, table }, size) {
  const [right, top] = [size[0] - RIGHT, TOP + 12];
  const marks = [heading(unit ? `${title} (${unit})` : title, right)];
  const count = 66;
  for (let k = 0; k < count; k += 1) {
    const step = Math.round(((count - 1 - k) / (count - 1)) * (STEPS - 1));
    const colour = css(table.subarray(3 * step, 3 * step + 3));
    marks.push({ kind: "rect", at: [right - WIDE, top + (k * TALL) / count], size: [WIDE, TALL / count + 0.6], colour });
  }
  for (const value of barTicks(low, high, log)) {
    const share = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    const y = top + TALL * (1 - share);
    marks.push({ kind: "line", points: [[right - WIDE - 4, y], [right - WIDE, y]], colour: "soft" });
    marks.push({ kind: "text", at: [right - WIDE - 7, y + 3.5], text: numberText(value, 3), anchor: "end", size: 10.5 });
  }
  return marks;
}

/** Round values on a colour bar; on a logarithmic one 1, 2, 5 times powers of ten. */
function barTicks(low, high, log) {
  if (!(high > low)) return [low];
  if (!log) return ticks(low, high, 5);
  const powers = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) powers.push(10 ** power);
  const fine = powers.flatMap((power) => [1, 2, 5].map((factor) => factor * power));
  const inside = fine.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  if (inside.length > 6) return inside.filter((value) => powers.some((power) => Math.abs(value / power - 1) < 1e-9));
  return inside.length > 1 ? inside : ticks(low, high, 4);
}

function names({ title, entries, values }, size) {
  const right = size[0] - RIGHT;
  const marks = [heading(title, right)];
  entries.forEach(({ label, rgb }, row) => {
    const y = TOP + ROW * (row + 1);
    marks.push({ kind: "dot", at: [right - 5, y - 1], radius: 4.5, colour: css(rgb) });
    marks.push({ kind: "text", at: [right - 15, y + 3], text: cut(label), anchor: "end", size: 11 });
  });
  if (values > 0) {
    const y = TOP + ROW * (entries.length + 1) + 3;
    const text = `${numberText(values, 6)} ${entries.length ? "other " : ""}values, colours in turn`;
    marks.push({ kind: "text", at: [right, y], text, anchor: "end", size: 10.5, colour: "soft" });
  }
  return marks;
}

function heading(text, right) {
  return { kind: "text", at: [right, TOP], text: cut(text, 34), anchor: "end", size: 11, weight: 600 };
}

function cut(text, most = 22) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
