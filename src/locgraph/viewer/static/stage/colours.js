/** What colours localisations and clusters: a column, scores of an explanation, or nothing. */

import { DIVERGING, SEQUENTIAL, STEPS, categoryColour, lookUpTable, neutral, plain } from "./palettes.js";
import { ROW } from "./scene.js";

const LOG = "log";
const MOST_IN_LEGEND = 9;
const DIMMED = 70;

/**
 * Return how the localisations of a scene are coloured.
 *
 * @param {Scene} scene
 * @param {{by: string|null, palette: string|null, range: number[]|null}} colour by "" is one colour for all; null takes
 *   the cluster where there is one.
 * @param {boolean} dark
 * @param {object|null} scores {level, values, name, unit, threshold} of an explanation, instead of a column.
 * @param {Scene[]} peers the scenes beside it, whose colours must mean the same.
 * @returns {object} {key, columns, paint(entry, alpha), legend}: key changes with the colours; columns that `paint`
 *   needs; paint returns (N, 4) RGBA of a node; legend is what a reader needs.
 */
export function makeColouring(scene, colour, dark, scores, peers = [scene]) {
  if (scores && (scores.level === "localisation" || scores.level === "cluster")) {
    return byScores(scene, colour, dark, scores);
  }
  const by = chosenColumn(scene, colour.by);
  const column = scene.columns.get(by);
  if (!column) return oneColour(dark);
  return column.kind === "categorical" ? byCategory(scene, column, dark) : byNumber(column, colour, dark, peers);
}

/** The column that colours: one that is not there, or null, is the cluster, or the channel where there are several. */
export function chosenColumn(scene, by) {
  if (by === "" || scene.columns.has(by)) return by;
  const channel = scene.columns.get("channel");
  const several = channel && (channel.labels?.length ?? 0) > 1;
  return scene.clusterColumn ?? (several ? "channel" : "");
}

/** The range that the ends of a palette stand for: that of all scenes, without outliers, unless the user chose one. */
export function rangeOf(column, colour, peers) {
  const robust = peers.map((scene) => scene.columns.get(column.name)?.robust).filter((range) => range);
  if (colour.range || robust.length === 0) return colour.range ?? [0, 1];
  return [Math.min(...robust.map((range) => range[0])), Math.max(...robust.map((range) => range[1]))];
}

function oneColour(dark) {
  const rgb = plain(dark);
  return {
    key: `plain ${dark}`,
    columns: [],
    paint: (entry, alpha) => fill(entry.rows, alpha, () => rgb),
    legend: null,
  };
}

function byNumber(column, colour, dark, peers) {
  const palette = SEQUENTIAL.includes(colour.palette) || DIVERGING.includes(colour.palette) ? colour.palette : "viridis";
  const table = lookUpTable(palette, dark);
  const [low, high] = rangeOf(column, colour, peers);
  const log = column.scale === LOG && low > 0;
  const step = stepper(low, high, log);
  const missing = neutral(dark);
  return {
    key: `${column.name} ${palette} ${low} ${high} ${log} ${dark}`,
    columns: [column.name],
    paint: (entry, alpha) => fillTable(entry.columns.get(column.name), alpha, step, table, missing),
    legend: { kind: "number", title: column.name, meaning: column.meaning, unit: unitOf(column), low, high, log, table },
  };
}

/** Return a function from values to entries of a look-up table; -1 where there is no value. */
function stepper(low, high, log) {
  const from = log ? Math.log(low) : low;
  const width = Math.max((log ? Math.log(high) : high) - from, 1e-30);
  return (value) => {
    if (Number.isNaN(value)) return -1;
    const share = ((log ? Math.log(Math.max(value, 1e-30)) : value) - from) / width;
    return Math.round(Math.min(Math.max(share, 0), 1) * (STEPS - 1));
  };
}

function byCategory(scene, column, dark) {
  const first = column.first ?? 0;
  const colourOf = (code) => (code + first < 0 ? neutral(dark) : categoryColour(code + first, dark));
  const known = new Map();
  const cached = (code) => known.get(code) ?? known.set(code, colourOf(code)).get(code);
  const counts = column.histogram?.counts ?? [];
  const present = (column.labels ?? [])
    .map((label, code) => ({ label, rgb: colourOf(code), code }))
    .filter(({ code }) => counts[code] > 0);
  // more than these have colours in turn: a list of them would name nothing
  const entries = present.length > MOST_IN_LEGEND ? present.filter(({ code }) => code + first < 0) : present;
  const values = column.labels ? present.length : column.max - column.min + 1;
  return {
    key: `${column.name} ${dark}`,
    columns: [column.name],
    paint: (entry, alpha) => {
      const codes = entry.columns.get(column.name);
      return fill(codes.length, alpha, (row) => cached(codes[row]));
    },
    legend: { kind: "category", title: column.name, entries, values: values - entries.length },
  };
}

function byScores(scene, colour, dark, scores) {
  const column = scores.level === "cluster" ? scene.clusterColumn : ROW;
  if (!column) return oneColour(dark);
  const painted = scoreScale(scores, colour, dark);
  const lookUp = scores.level === "cluster" ? clusterScores(scene, scores.values) : (row) => scores.values[row];
  return {
    key: `scores ${scores.version} ${painted.key} ${dark}`,
    columns: [column],
    paint: (entry, alpha) => {
      const codes = entry.columns.get(column);
      return fill(codes.length, alpha, (row) => painted.rgb(lookUp(codes[row])));
    },
    legend: painted.legend,
  };
}

function clusterScores(scene, values) {
  const first = scene.columns.get(scene.clusterColumn)?.first ?? 0;
  return (code) => values[scene.clusters?.index.get(code + first)];
}

/** Return the colours of scores: 0 in the middle of the palette, below the threshold neutral. */
export function scoreScale(scores, colour, dark) {
  const palette = DIVERGING.includes(colour.palette) ? colour.palette : DIVERGING[0];
  const table = lookUpTable(palette, dark);
  const end = (scores.range ?? (scores.largest ??= largest(scores.values))) || 1;
  const threshold = scores.threshold ?? 0;
  const step = stepper(-end, end, false);
  const below = neutral(dark);
  const legend = { kind: "number", title: scores.name, unit: scores.unit, low: -end, high: end, log: false, table };
  return {
    key: `${palette} ${end} ${threshold}`,
    legend,
    rgb: (value) => {
      if (value === undefined || Number.isNaN(value) || Math.abs(value) < threshold) return below;
      return Array.from(table.subarray(3 * step(value), 3 * step(value) + 3));
    },
  };
}

function largest(values) {
  return values.reduce((most, value) => (Math.abs(value) > most ? Math.abs(value) : most), 0);
}

/** A unit as it is written behind numbers: none for pure numbers, nor where it repeats the name. */
export function unitOf(column) {
  return column.unit === "1" || column.unit === undefined || column.unit === column.name ? "" : column.unit;
}

function fill(rows, alpha, rgbOf) {
  const colours = new Uint8Array(4 * rows);
  for (let row = 0; row < rows; row += 1) {
    const rgb = rgbOf(row);
    colours[4 * row] = rgb[0];
    colours[4 * row + 1] = rgb[1];
    colours[4 * row + 2] = rgb[2];
    colours[4 * row + 3] = alpha;
  }
  return colours;
}

function fillTable(values, alpha, step, table, missing) {
  const colours = new Uint8Array(4 * values.length);
  for (let row = 0; row < values.length; row += 1) {
    const at = 3 * step(values[row]);
    colours[4 * row] = at < 0 ? missing[0] : table[at];
    colours[4 * row + 1] = at < 0 ? missing[1] : table[at + 1];
    colours[4 * row + 2] = at < 0 ? missing[2] : table[at + 2];
    colours[4 * row + 3] = at < 0 ? Math.min(alpha, DIMMED) : alpha;
  }
  return colours;
}
