/** Two FOVs side by side, of one source or two, with what is predicted of each. */

import { json } from "../api.js";
import { button, el, replace } from "../dom.js";
import { complain } from "../notice.js";
import { registerPanel } from "../panels.js";
import { sourceOf, state } from "../state.js";
import { onTheme } from "../theme.js";
import { classChip, correctMark, probabilityBar } from "./cells.js";
import { picture } from "./pictures.js";
import { cell, classesOf, probabilities } from "./rows.js";

const MOST_BARS = 4;
const MOST_NAMES = 500;
const tables = new Map(); // source -> promise of its table of FOVs
let following = true; // whether the second FOV is always that of the same name
let pending = null; // {name, second}: what is shown once the table of another source is here

/** The table of FOVs of a source. */
export function tableOf(source) {
  if (source === state.get("source") && state.get("fovs")) return Promise.resolve(state.get("fovs"));
  if (!tables.has(source)) {
    const table = json(`api/s/${source}/fovs`);
    table.catch(() => tables.delete(source)); // it is asked for again
    tables.set(source, table);
  }
  return tables.get(source);
}

/** Row of the FOV of the same name in another source; null where it has none. */
async function sameFov(source, name) {
  const row = (await tableOf(source)).rows.fov_id.indexOf(name);
  return row < 0 ? null : row;
}

function mount(element) {
  const sources = state.get("session").sources;
  const other = el("select", { "aria-label": "Source of the second FOV", onchange: () => offerNames().catch(complain) }, sources.map((each) => el("option", { value: each.id }, each.title)));
  const names = el("datalist", { id: "beside-names" });
  const name = el("input", { type: "text", list: "beside-names", placeholder: "Name of a FOV", "aria-label": "Second FOV", onchange: () => choose().catch(complain) });
  const same = button("Same FOV", () => showSame().catch(complain), { title: "Show the FOV of the same name in the other source" });
  const swap = button("Swap", () => swapBoth().catch(complain), { title: "Exchange both" });
  const close = button("One alone", () => state.set({ second: null }), { title: "Close the second FOV" });
  const note = el("p", { class: "note" });
  const cards = el("div", { class: "beside-cards" });
  const follow = el("input", { type: "checkbox" });
  other.value = String(sources.length > 1 ? sources.find((each) => each.id !== state.get("source")).id : state.get("source"));
  replace(
    element,
    el("div", { class: "beside-panel" }, el("label", { hidden: sources.length < 2 }, "beside it, from ", other), el("label", {}, "second FOV", name), names, el("div", { class: "row" }, sources.length > 1 ? same : null, swap, close), el("label", { hidden: sources.length < 2, class: "row" }, follow, "always the same FOV of both"), note, cards),
  );
  follow.checked = following;
  follow.addEventListener("change", () => {
    following = follow.checked;
    if (following && state.get("second")) showSame().catch(complain);
  });

  async function offerNames() {
    const fovs = await tableOf(Number(other.value));
    replace(names, fovs.rows.fov_id.slice(0, MOST_NAMES).map((each) => el("option", { value: each })));
    if (following && sources.length > 1 && state.get("second")) await showSame();
  }

  async function choose() {
    const row = await sameFov(Number(other.value), name.value.trim());
    note.textContent = row === null ? `There is no FOV ${name.value.trim()} in ${sourceOf(Number(other.value)).title}.` : "";
    if (row !== null) state.set({ second: { source: Number(other.value), fov: row } });
  }

  async function showSame() {
    const fov = state.get("fov");
    if (fov === null) return;
    const source = Number(other.value);
    const own = cell(state.get("fovs"), "fov_id", fov);
    const row = await sameFov(source, own);
    if (state.get("fov") !== fov || Number(other.value) !== source) return;
    note.textContent = row === null ? `${sourceOf(source).title} has no FOV ${own}.` : "";
    state.set({ second: row === null ? null : { source, fov: row } });
  }

  async function swapBoth() {
    const [fov, second] = [state.get("fov"), state.get("second")];
    if (fov === null || !second) return;
    const first = { source: state.get("source"), fov };
    if (second.source === first.source) return state.set({ fov: second.fov, second: first });
    const name = cell(await tableOf(second.source), "fov_id", second.fov);
    following = following && name === cell(state.get("fovs"), "fov_id", fov);
    pending = { name, second: first };
    state.set({ second: null, source: second.source });
  }

  async function show() {
    const [fov, second] = [state.get("fov"), state.get("second")];
    close.disabled = swap.disabled = second === null;
    try {
      const first = fov === null || !state.get("fovs") ? null : card(state.get("source"), state.get("fovs"), fov);
      replace(cards, first, second ? card(second.source, await tableOf(second.source), second.fov) : el("p", { class: "note" }, "Press b in the list to show a FOV beside this one."));
    } catch (error) {
      complain(error);
    }
  }

  offerNames().catch(complain);
  show();
  const offs = [
    state.on(["fov"], () => (following && state.get("second") && sources.length > 1 ? showSame().catch(complain) : null)),
    state.on(["fov", "fovs", "second"], show),
    onTheme(show),
  ];
  return () => offs.forEach((off) => off());
}

/** What is known of a FOV: picture, class, prediction, probabilities as bars. */
export function card(source, fovs, row) {
  const classes = classesOf(fovs);
  const prediction = cell(fovs, "prediction", row);
  const bars = probabilities(fovs, row).slice(0, MOST_BARS).map(([name, value]) => probabilityBar(name, value, classes));
  const several = state.get("session").sources.length > 1;
  return el(
    "article",
    { class: "card" },
    picture(source, fovs, row),
    el("div", { class: "card-text" }, el("strong", { class: "clipped", title: cell(fovs, "fov_id", row) }, cell(fovs, "fov_id", row)), several ? el("div", { class: "note clipped" }, sourceOf(source).title) : null, el("div", { class: "row" }, classChip(cell(fovs, "label", row), classes), prediction === null ? null : el("span", { class: "predicted" }, "→", correctMark(cell(fovs, "correct", row)), classChip(prediction, classes)))),
    bars.length ? el("div", { class: "card-bars" }, bars) : null,
  );
}

state.on(["session"], () => tables.clear());
state.on(["fovs"], () => {
  const fovs = state.get("fovs");
  if (!pending || !fovs) return;
  const { name, second } = pending;
  pending = null;
  const row = fovs.rows.fov_id.indexOf(name);
  setTimeout(() => state.set({ fov: row < 0 ? null : row, second })); // after the page has chosen its first FOV
});
registerPanel({ id: "beside", title: "Beside", place: "right", order: 60, mount });
