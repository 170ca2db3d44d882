/** What cells of the list hold, and which columns it shows at first. */

import { el, short } from "../dom.js";
import { classColour, css } from "./colours.js";
import { picture } from "./pictures.js";
import { cell, classesOf } from "./rows.js";

const PICTURE = "picture";
const CHECK = "check";
const HIDDEN = new Set(["correct", "unlike_reasons", "problem"]);
const FIRST = ["fov_id", "label", "prediction", "probability", "typicality", "unlike", "n_localisations"];
const NAMES_PX = [98, 170];
const WIDTHS = { label: 66, prediction: 92, probability: 76, split: 76, fold: 56, unlike_reasons: 200, path: 200 };
const TITLES = {
  fov_id: "FOV",
  label: "class",
  n_localisations: "localisations",
  n_clusters: "clusters",
  typicality_p: "typicality p",
  prediction_set: "prediction set",
  parent_fov: "parent FOV",
};

/** Title of a column for people. */
export function titleOf(name) {
  if (name.startsWith("p_")) return `p(${name.slice(2)})`;
  return TITLES[name] ?? name.replaceAll("_", " ");
}

/** The columns that a user can choose from, as the grid takes them. */
export function columnsOf(fovs) {
  return fovs.columns
    .filter((each) => !HIDDEN.has(each.name))
    .map((each) => ({
      name: each.name,
      title: titleOf(each.name),
      width: each.name === "fov_id" ? nameWidth(fovs) : WIDTHS[each.name] ?? (each.type === "number" ? 88 : 110),
      hint: [each.meaning, each.unit && each.unit !== "1" ? `in ${each.unit}` : ""].filter(Boolean).join(", ") || null,
      number: each.type === "number",
      type: each.type,
      unit: each.unit,
      sortable: true,
    }));
}

/** Pixels that most names fit into. */
function nameWidth(fovs) {
  const longest = fovs.rows.fov_id.reduce((most, name) => Math.max(most, name.length), 0);
  return Math.min(Math.max(longest * 7 + 14, NAMES_PX[0]), NAMES_PX[1]);
}

/** Names of the columns that are shown at first. */
export function firstColumns(fovs) {
  const names = columnsOf(fovs).map((each) => each.name);
  const known = FIRST.filter((name) => names.includes(name));
  return known.length > 2 ? known : [...known, ...names.filter((name) => !known.includes(name))].slice(0, 6);
}

/** The columns before those that a user chooses. */
export const LEADING = [
  { name: CHECK, title: "", width: 28, hint: "selected", number: false, sortable: false },
  { name: PICTURE, title: "", width: 40, hint: "picture", number: false, sortable: false },
];

/** A class with its colour. */
export function classChip(name, classes) {
  if (name === null) return el("span", { class: "note" }, "–");
  return el("span", { class: "chip class-chip", title: name, style: { "--chip": css(classColour(name, classes)) } }, el("span", {}, name));
}

/** A mark that says with a sign, a colour and a word whether a prediction is correct; null where that is not known. */
export function correctMark(correct) {
  if (correct === null || correct === undefined) return null;
  const word = correct ? "correct" : "wrong";
  return el("span", { class: `mark ${word}`, role: "img", "aria-label": word, title: word }, correct ? "✓" : "✗");
}

/** A class as a bar of its probability. */
export function probabilityBar(name, value, classes) {
  const style = { width: `${Math.max(value * 100, 0.5)}%`, background: css(classColour(name, classes)) };
  return el("div", { class: "probability" }, el("span", { class: "clipped", title: name }, name), el("span", { class: "probability-bar" }, el("span", { style })), el("span", { class: "number" }, value.toFixed(2)));
}

function bar(value) {
  const filled = el("span", { class: "bar-filled", style: { width: `${Math.round(Math.min(Math.max(value, 0), 1) * 100)}%` } });
  return el("span", { class: "bar-value" }, el("span", {}, value.toFixed(2)), el("span", { class: "bar", "aria-hidden": "true" }, filled));
}

const CONTENT = {
  fov_id: (fovs, row) => nameCell(fovs, row),
  label: (fovs, row) => classChip(cell(fovs, "label", row), classesOf(fovs)),
  prediction: (fovs, row) => {
    const name = cell(fovs, "prediction", row);
    return name === null ? "" : el("span", { class: "predicted" }, correctMark(cell(fovs, "correct", row)), classChip(name, classesOf(fovs)));
  },
  probability: (fovs, row) => {
    const value = cell(fovs, "probability", row);
    return value === null ? "" : bar(value);
  },
  unlike: (fovs, row) => {
    if (!cell(fovs, "unlike", row)) return "";
    const why = cell(fovs, "unlike_reasons", row) || "unlike the FOVs of training";
    return el("span", { class: "mark unlike", title: why, role: "img", "aria-label": `unlike: ${why}` }, "△");
  },
};

function nameCell(fovs, row) {
  const name = cell(fovs, "fov_id", row);
  const end = name.lastIndexOf("/") + 1;
  const folder = end ? el("span", { class: "fov-folder" }, name.slice(0, end)) : null;
  const beside = el("button", { type: "button", class: "quiet beside", tabindex: "-1", title: "Show beside (b)", dataset: { action: "b" } }, "◫");
  return el("span", { class: "fov-name", title: cell(fovs, "problem", row) ?? name }, el("span", { class: "fov-text" }, folder, el("span", { class: "fov-own" }, name.slice(end))), beside);
}

/** Content of a cell of the list. */
export function listCell(source, fovs, row, column) {
  if (column.name === CHECK) return el("span", { class: "check", dataset: { action: " " }, "aria-hidden": "true" });
  if (column.name === PICTURE) return picture(source, fovs, row);
  const special = CONTENT[column.name];
  if (special) return special(fovs, row);
  const value = cell(fovs, column.name, row);
  if (value === null) return "";
  if (column.type === "number") return short(value);
  if (column.type === "flag") return value ? "yes" : "no";
  return el("span", { class: "clipped", title: String(value) }, String(value));
}
