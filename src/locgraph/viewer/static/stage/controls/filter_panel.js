/** Filters: each column of numbers with its distribution and two handles, each column of categories with boxes. */

import { button, el, replace, short } from "../../dom.js";
import { state } from "../../state.js";
import { chosenColumn, unitOf } from "../colours.js";
import { Histogram } from "./histogram.js";
import { numberText, valueText } from "../numbers.js";
import { RangeSlider } from "./range_slider.js";
import { countText } from "../reading.js";
import { setFilter } from "./toolbar.js";

const MOST_BOXES = 64;

/** Return the section of filters of a stage; it lives until the FOV changes. */
export function mountFilters(stage, follow, offs) {
  const { scene } = stage;
  const section = el("section", { "aria-label": "Filters" });
  const count = el("p", { class: "count", role: "status" });
  const how = el("p", { class: "note" });
  const clear = button("clear all", () => state.set({ filters: {} }), { class: "quiet" });
  const first = chosenColumn(scene, state.get("colour").by);
  const columns = [...scene.columns.values()].filter((column) => column.min !== null && usable(column));
  const rows = columns.sort((a, b) => (b.name === first) - (a.name === first)).map(makeRow);
  const draw = () => {
    clear.disabled = Object.keys(state.get("filters")).length === 0;
    rows.forEach((row) => row.refresh(state.get("filters")[row.name]));
  };
  const write = () => {
    if (!stage.scene) return;
    count.textContent = countText(stage.count, stage.scene);
    how.textContent = howCounted(stage.count);
  };
  follow(["filters"], draw);
  offs(stage.onChange(write));
  draw();
  write();
  section.append(el("h3", {}, "Filters", clear), count, how, ...rows.map((row) => row.element));
  return section;
}

function howCounted(count) {
  return count?.here === false ? "Exact: the server counted all, drawn or not." : "Exact: counted from all localisations.";
}

/** A column with one value has nothing to choose from. */
function usable(column) {
  return column.kind === "continuous" ? column.max > column.min : (column.labels?.length ?? 0) > 1;
}

function makeRow(column) {
  return column.kind === "continuous" ? rangeRow(column) : choiceRow(column);
}

function head(column, text) {
  const reset = button("×", () => setFilter(column.name, null), { class: "quiet", "aria-label": `Clear the filter of ${column.name}`, hidden: true });
  const title = el("strong", { title: column.meaning || column.name }, column.name);
  return { reset, element: el("div", { class: "filter-head" }, title, text, reset) };
}

/** The line of a column of numbers: its handles stand at the ends of the histogram where nothing is filtered. */
function rangeRow(column) {
  const unit = unitOf(column);
  const { edges } = column.histogram;
  const [low, high] = [edges[0], edges[edges.length - 1]];
  const text = el("span", { class: "range-text" });
  const { reset, element: title } = head(column, text);
  const histogram = new Histogram(column.histogram);
  // what lies beyond the histogram, which leaves out the most extreme values, belongs to its ends
  const open = ([from, to]) => [from <= low ? column.min : from, to >= high ? column.max : to];
  const slider = new RangeSlider({
    ...{ label: column.name, unit, low, high, values: [low, high] },
    onChange: (values) => {
      const range = open(values);
      setFilter(column.name, range[0] <= column.min && range[1] >= column.max ? null : range);
    },
  });
  const element = el("div", { class: "filter", dataset: { column: column.name } }, title, histogram.element, slider.element);
  const refresh = (range) => {
    const shown = [range?.[0] ?? column.min, range?.[1] ?? column.max];
    slider.set([Math.max(shown[0], low), Math.min(shown[1], high)]);
    histogram.mark(shown);
    text.textContent = `${numberText(shown[0], 3)} to ${valueText(shown[1], unit, 3)}`;
    reset.hidden = !range;
    element.toggleAttribute("data-active", Boolean(range));
  };
  return { name: column.name, element, refresh };
}

function choiceRow(column) {
  const counts = column.histogram.counts;
  const first = column.first ?? 0;
  const present = column.labels.map((label, code) => ({ label, value: code + first, n: counts[code] })).filter((one) => one.n > 0);
  const all = present.map((one) => one.value);
  const text = el("span", { class: "range-text" });
  const { reset, element: title } = head(column, text);
  const boxes = present.slice(0, MOST_BOXES).map(({ label, value, n }) => {
    const input = el("input", { type: "checkbox", onchange: () => change(value, input.checked) });
    const row = el("label", { class: "check" }, input, label, el("span", { class: "number" }, short(n)));
    return { value, input, row };
  });
  const change = (value, on) => {
    const shown = new Set(state.get("filters")[column.name] ?? all);
    if (on) shown.add(value);
    else shown.delete(value);
    setFilter(column.name, shown.size === all.length ? null : [...shown].sort((a, b) => a - b));
  };
  const more = present.length > MOST_BOXES ? el("p", { class: "note" }, `and ${present.length - MOST_BOXES} more, which stay shown`) : null;
  const none = button("hide all", () => setFilter(column.name, all.slice(MOST_BOXES)), { class: "quiet", "aria-label": `Hide all of ${column.name}` });
  reset.before(none);
  const list = el("div", { class: "choices", role: "group", "aria-label": column.name });
  replace(list, boxes.map((box) => box.row), more);
  const element = el("div", { class: "filter", dataset: { column: column.name } }, title, list);
  const refresh = (values) => {
    const shown = new Set(values ?? all);
    boxes.forEach(({ value, input }) => { input.checked = shown.has(value); });
    text.textContent = values ? `${shown.size} of ${all.length}` : `${all.length}`;
    reset.hidden = !values;
    element.toggleAttribute("data-active", Boolean(values));
  };
  return { name: column.name, element, refresh };
}
