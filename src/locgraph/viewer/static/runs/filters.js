/** What the list can be narrowed by: values or a range of each column, with how often they occur. */

import { button, el, redraw, short } from "../dom.js";
import { Histogram } from "../stage/controls/histogram.js";
import { state } from "../state.js";
import { columnsOf, titleOf } from "./cells.js";
import { listing, setFilter } from "./listing.js";
import { extentOf, valueCounts } from "./rows.js";

const MOST_VALUES = 40;
const BINS = 24;

/** The sheet with all columns: which are shown, and which FOVs. */
export function filterSheet(shownColumns, onColumns) {
  const sheet = el("div", { class: "filter-sheet", role: "group", "aria-label": "Columns and filters" });
  const fovs = state.get("fovs");
  const correct = fovs.columns.filter((each) => each.name === "correct").map(() => ({ name: "correct", title: "correct", type: "flag" }));
  for (const column of [...columnsOf(fovs), ...correct]) {
    const shown = el("input", { type: "checkbox", "aria-label": `Show the column ${column.title}` });
    shown.checked = shownColumns.includes(column.name);
    shown.disabled = column.name === "fov_id" || column.name === "correct";
    shown.addEventListener("change", () => onColumns(column.name, shown.checked));
    const control = filterControl(fovs, column);
    if (!control) {
      sheet.append(el("div", { class: "filter-item" }, el("label", {}, shown, ` ${column.title}`)));
      continue;
    }
    const details = el("details", {}, el("summary", {}, shown, el("span", {}, ` ${column.title}`)), control);
    details.open = column.name in listing().filters;
    sheet.append(el("div", { class: "filter-item" }, details));
  }
  return sheet;
}

function filterControl(fovs, column) {
  if (column.name === "fov_id") return null; // the search finds names
  const values = fovs.rows[column.name];
  if (column.type === "number") return rangeControl(column, values);
  const counts = valueCounts(values);
  return counts.length > 1 && counts.length <= MOST_VALUES ? choiceControl(column, counts) : null;
}

function choiceControl(column, counts) {
  const boxes = counts.map(([value, count]) => {
    const box = el("input", { type: "checkbox" });
    const chosen = listing().filters[column.name];
    box.checked = !chosen || chosen.includes(value);
    box.addEventListener("change", () => {
      const kept = boxes.filter((each) => each.box.checked).map((each) => each.value);
      setFilter(column.name, kept.length === counts.length ? null : kept);
    });
    return { value, box, label: el("label", { class: "choice" }, box, el("span", {}, wordOf(value, column)), el("span", { class: "note number" }, short(count))) };
  });
  return el("div", { class: "choices" }, boxes.map((each) => each.label));
}

function wordOf(value, column) {
  if (value === null) return "none";
  return column.type === "flag" ? (value ? "yes" : "no") : value;
}

function rangeControl(column, values) {
  const extent = extentOf(values);
  if (!extent || extent[0] === extent[1]) return null;
  const now = listing().filters[column.name];
  const inputs = ["low", "high"].map((end, index) => {
    const input = el("input", { type: "number", step: "any", placeholder: short(extent[index]), "aria-label": `${column.title}, ${end === "low" ? "at least" : "at most"}` });
    input.value = now?.[end] ?? "";
    input.addEventListener("change", apply);
    return input;
  });
  const chart = histogram(values, extent);
  const mark = () => {
    const { low, high } = listing().filters[column.name] ?? { low: null, high: null };
    chart.mark([low ?? extent[0], high ?? extent[1]]);
  };
  function apply() {
    const [low, high] = inputs.map((input) => (input.value === "" ? null : Number(input.value)));
    setFilter(column.name, low === null && high === null ? null : { low, high });
    mark();
  }
  mark();
  return el("div", { class: "range-control" }, chart.element, el("div", { class: "row" }, inputs[0], "to", inputs[1]));
}

function histogram(values, [low, high]) {
  const counts = new Array(BINS).fill(0);
  for (const value of values) {
    if (value !== null) counts[Math.min(BINS - 1, Math.floor(((value - low) / (high - low)) * BINS))] += 1;
  }
  const edges = Array.from({ length: BINS + 1 }, (_, bin) => low + ((high - low) * bin) / BINS);
  return new Histogram({ edges, counts });
}

/** Filters that are set, each with a button that takes it away. */
export function showActiveFilters(element) {
  const chips = Object.entries(listing().filters).map(([name, filter]) => {
    const text = `${titleOf(name)}: ${Array.isArray(filter) ? filter.map((value) => wordOf(value, { type: typeof value === "boolean" ? "flag" : "text" })).join(", ") : rangeText(filter)}`;
    return button(`${text} ×`, () => setFilter(name, null), { class: "filter-chip", title: text, "aria-label": `Take away the filter ${text}` });
  });
  redraw(element, chips);
}

function rangeText({ low, high }) {
  if (low === null) return `≤ ${short(high)}`;
  return high === null ? `≥ ${short(low)}` : `${short(low)} to ${short(high)}`;
}
