/** Means with intervals and folds, a row for each method. */

import { el, short, svg } from "../dom.js";

const NARROWEST = 420;
const WIDEST = 760;
const ROW = 25;
const NAMES = 164;
const NUMBERS = 162;
const TICKS = 5;

/**
 * @param {object[]} rows {source, mean, low, high, no_interval, folds: [{fold, value}]}
 * @param {{name: string, meaning: string}[]} sources
 * @param {string} words Name of the metric.
 * @param {number} space Pixels across.
 */
export function intervalPlot(rows, sources, words, space) {
  const values = rows.flatMap((row) => [row.mean, row.low, row.high, ...row.folds.map((each) => each.value)]).filter((value) => Number.isFinite(value));
  if (!values.length) return el("p", { class: "note" }, "There is no number.");
  const [low, high] = range(values);
  const width = Math.min(Math.max(space, NARROWEST), WIDEST);
  const right = width - NUMBERS;
  const x = (value) => NAMES + ((value - low) / (high - low)) * (right - NAMES);
  const height = rows.length * ROW + 30;
  const lines = axis(low, high, x, height - 26);
  rows.forEach((row, index) => lines.push(line(row, index * ROW + ROW / 2 + 2, { x, width }, sources.find((each) => each.name === row.source)?.meaning)));
  const about = rows.map((row) => `${row.source} ${numbers(row)}`).join("; ");
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "intervals", role: "img", "aria-label": `${words}: ${about}` }, lines);
}

function range(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const inUnit = low >= 0 && high <= 1;
  const step = 10 ** Math.floor(Math.log10(Math.max(high - low, 1e-3)));
  const start = Math.floor(low / step) * step;
  const end = Math.ceil(high / step) * step;
  return [inUnit ? Math.max(0, start) : start, inUnit ? Math.min(1, end) : end === start ? start + step : end];
}

function axis(low, high, x, bottom) {
  return Array.from({ length: TICKS }, (_, index) => {
    const value = low + ((high - low) * index) / (TICKS - 1);
    return svg("g", {}, svg("line", { x1: x(value), x2: x(value), y1: 0, y2: bottom, class: "grid-line" }), svg("text", { x: x(value), y: bottom + 16, class: "tick", "text-anchor": "middle" }, short(Number(value.toPrecision(3)))));
  });
}

function line(row, y, { x, width }, meaning) {
  const own = row.source === "model";
  const name = own ? "the network" : row.source.replaceAll("_", " ");
  const parts = [svg("title", {}, [meaning, row.no_interval].filter(Boolean).join(". ")), svg("text", { x: NAMES - 10, y: y + 4, "text-anchor": "end", class: own ? "method own" : "method" }, name)];
  if (Number.isFinite(row.low) && Number.isFinite(row.high)) parts.push(svg("line", { x1: x(row.low), x2: x(row.high), y1: y, y2: y, class: "interval" }));
  row.folds.filter((each) => Number.isFinite(each.value)).forEach((each) => {
    parts.push(svg("circle", { cx: x(each.value), cy: y, r: 2.6, class: "fold-point" }, svg("title", {}, `fold ${each.fold}: ${short(each.value)}`)));
  });
  if (Number.isFinite(row.mean)) parts.push(svg("rect", { x: x(row.mean) - 1.75, y: y - 7, width: 3.5, height: 14, rx: 1.5, class: "mean" }));
  parts.push(svg("text", { x: width, y: y + 4, "text-anchor": "end", class: "numbers" }, numbers(row)));
  return svg("g", { class: own ? "method-row own" : "method-row" }, parts);
}

function numbers(row) {
  const text = (value) => (Math.abs(value) < 10 ? value.toFixed(3) : short(value));
  if (!Number.isFinite(row.mean)) return "–";
  return Number.isFinite(row.low) && Number.isFinite(row.high) ? `${text(row.mean)} (${text(row.low)} to ${text(row.high)})` : text(row.mean);
}
