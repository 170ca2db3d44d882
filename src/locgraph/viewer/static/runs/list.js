/** The list of FOVs, of every kind of source: pictures, classes, predictions; searched, sorted, filtered, selected. */

import { button, el, redraw, replace, short } from "../dom.js";
import { registerPanel } from "../panels.js";
import { sourceOf, state } from "../state.js";
import { LEADING, columnsOf, firstColumns, listCell } from "./cells.js";
import { filterSheet, showActiveFilters } from "./filters.js";
import { Grid } from "./grid.js";
import { followListing, listedRows, listing, setFilter, setListing } from "./listing.js";
import { cell, column, rowCount } from "./rows.js";

const chosenColumns = new Map(); // kind of source -> names
const SEARCH_MS = 120;

/** Select rows as the list, the map and the confusion matrix do. */
export function selectRows(rows, { add = false } = {}) {
  state.set({ selection: new Set(add ? [...state.get("selection"), ...rows] : rows) });
}

/** Show a FOV beside the one that is open. */
function showBeside(source, fov) {
  state.set({ second: { source, fov } });
}

function mount(element) {
  element.classList.add("flush");
  const search = el("input", { type: "search", placeholder: "Search name, class, …", "aria-label": "Search the FOVs" });
  const more = button("Filters ▾", toggleSheet, { "aria-expanded": "false", class: "quiet", title: "Columns that are shown, and filters" });
  const quick = el("div", { class: "list-quick", role: "group", "aria-label": "Show" });
  const active = el("div", { class: "list-active" });
  const count = el("p", { class: "note list-count", role: "status" });
  const sheet = el("div", { class: "sheet-place" });
  const grid = new Grid({
    label: "Fields of view",
    cell: (row, each) => listCell(state.get("source"), state.get("fovs"), row, each),
    onSort: sortBy,
    onOpen: (row) => state.set({ fov: row }),
    onSelect: select,
    onKey,
    about: (row) => ({
      selected: state.get("selection").has(row),
      opened: row === state.get("fov"),
      dimmed: cell(state.get("fovs"), "problem", row) !== null,
    }),
  });
  replace(element, el("div", { class: "fov-list" }, el("div", { class: "list-tools" }, search, more), quick, active, sheet, grid.element, count));
  let waiting = null;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => setListing({ search: search.value }), SEARCH_MS);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    grid.element.focus();
    grid.moveTo(0);
    event.preventDefault();
  });

  function names() {
    return chosenColumns.get(sourceOf()?.kind) ?? firstColumns(state.get("fovs"));
  }

  function toggleSheet() {
    const open = more.getAttribute("aria-expanded") !== "true";
    more.setAttribute("aria-expanded", String(open));
    replace(sheet, open && state.get("fovs") ? filterSheet(names(), chooseColumn) : null);
  }

  function chooseColumn(name, shown) {
    const kept = names().filter((each) => each !== name);
    const all = columnsOf(state.get("fovs")).map((each) => each.name);
    chosenColumns.set(sourceOf().kind, all.filter((each) => kept.includes(each) || (shown && each === name)));
    show();
  }

  function show() {
    const fovs = state.get("fovs");
    if (search.value !== listing().search && document.activeElement !== search) search.value = listing().search;
    showActiveFilters(active);
    if (!fovs) {
      replace(count, "Reading …");
      grid.show([], [], listing().sort);
      return;
    }
    const columns = columnsOf(fovs).filter((each) => names().includes(each.name));
    columns.sort((one, other) => names().indexOf(one.name) - names().indexOf(other.name));
    const rows = listedRows();
    grid.show(rows, [...LEADING, ...columns], listing().sort);
    showQuick(quick, fovs);
    showCount(count, fovs, rows);
  }

  function followSelection() {
    if (listing().selectedOnly) return show();
    grid.mark();
    showQuick(quick, state.get("fovs"));
  }

  function followFov() {
    grid.mark();
    if (state.get("fov") !== null) grid.reveal(state.get("fov"));
  }

  show();
  followFov();
  const offs = [
    state.on(["fovs"], () => {
      more.setAttribute("aria-expanded", "false");
      replace(sheet);
      show();
    }),
    state.on(["selection"], followSelection),
    state.on(["fov"], followFov),
    followListing(show),
  ];
  return () => {
    clearTimeout(waiting);
    offs.forEach((off) => off());
    grid.remove();
    element.classList.remove("flush");
  };
}

/** Sort upwards, downwards, and not at all. */
function sortBy({ name }) {
  const { column: now, descending } = listing().sort;
  if (now !== name) setListing({ sort: { column: name, descending: false } });
  else setListing({ sort: descending ? { column: null, descending: false } : { column: name, descending: true } });
}

function select(row, how, range) {
  const selection = new Set(state.get("selection"));
  if (how === "range") range.forEach((each) => selection.add(each));
  else if (selection.has(row)) selection.delete(row);
  else selection.add(row);
  state.set({ selection });
}

/** Keys beside those of every grid; returns whether one was used. */
function onKey(key, row) {
  if (key === " ") select(row, "toggle");
  else if (key === "b" && row !== undefined) showBeside(state.get("source"), row);
  else if (key === "Escape" && state.get("selection").size) state.set({ selection: new Set() });
  else return false;
  return true;
}

function showQuick(element, fovs) {
  const { filters, selectedOnly } = listing();
  const selected = state.get("selection").size;
  const of = (name, value) => column(fovs, name)?.filter((each) => each === value).length ?? 0;
  const press = (text, pressed, onclick, hint) => button(text, onclick, { class: "quiet quick", "aria-pressed": String(pressed), title: hint });
  const toggle = (name, value, text, hint) => {
    const pressed = filters[name]?.length === 1 && filters[name][0] === value;
    const total = of(name, value);
    return total || pressed ? press(`${text} ${short(total)}`, pressed, () => setFilter(name, pressed ? null : [value]), hint) : null;
  };
  const sides = new Set(column(fovs, "split") ?? []);
  redraw(
    element,
    sides.has("test") && sides.size > 1 ? toggle("split", "test", "test", "FOVs that no network was trained or chosen on") : null,
    toggle("correct", false, "✗ wrong", "FOVs whose prediction is not their class"),
    toggle("explained", true, "explained", "FOVs of which there are explanations"),
    toggle("unlike", true, "△ unlike", "FOVs unlike those of the training"),
    selected || selectedOnly
      ? press(`☑ selected ${short(selected)}`, selectedOnly, () => setListing({ selectedOnly: !selectedOnly }), "List the selected FOVs alone")
      : null,
    selected ? button("Clear", () => state.set({ selection: new Set() }), { class: "quiet quick", title: "Select nothing (Escape)" }) : null,
  );
}

function showCount(element, fovs, rows) {
  const total = rowCount(fovs);
  const fov = total === 1 ? "FOV" : "FOVs";
  element.textContent = rows.length === total ? `${short(total)} ${fov}` : `${short(rows.length)} of ${short(total)} ${fov}`;
}

registerPanel({ id: "fovs", title: "Fields of view", place: "left", order: 0, mount });
